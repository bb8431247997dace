import { levelOfText, slotOfLevel } from '../levels'
import { DATA_START, Flag, HEADER_BYTES, Kind, LEVEL_SLOTS, recordBytes, type Ring, RingWord, WriterState, WriterWord } from '../ring/layout'

/** Enough of a line to find its level in. */
const LEVEL_BYTES = 24

/** Whether the writer has ended with this ring attached: what is published behind the released position goes nowhere. */
export function isClosed ({ words }: Ring): boolean { return Atomics.load(words, RingWord.Closed) === 1 }

/** A writer that ends closes the rings that it has taken in. One that it never heard of nobody else will close. */
export function closeIfMissed ({ words }: Ring, block: Int32Array): void {
  // In this order: a ring that is taken in is so before the writer ends.
  if (Atomics.load(block, WriterWord.State) === WriterState.Ended && Atomics.load(words, RingWord.Adopted) === 0) Atomics.store(words, RingWord.Closed, 1)
}

/**
 * What a producer published that no writer will take any more, counted as drops are: lines by level slot, and their bytes.
 * A line of which the sink has a part is not among them: that one counts as skipped.
 */
export function leftBehind ({ words, bytes, capacity }: Ring): { lines: number[], bytes: number } {
  const lines = new Array<number>(LEVEL_SLOTS).fill(0)
  let size = 0
  // Pairs with the store in Producer.#publish.
  const end = Atomics.load(words, RingWord.Published)
  for (let position = Atomics.load(words, RingWord.Released); position !== end;) {
    const place = DATA_START + (position & (capacity - 1))
    const payload = words[place >> 2]!
    const meta = words[(place >> 2) + 1]!
    if ((meta & 0xFF) === Kind.Line) {
      const from = place + HEADER_BYTES
      const isFirst = (meta >> 16 & Flag.First) !== 0
      if (isFirst) lines[slotOfLevel(levelOfText(bytes.toString('latin1', from, from + Math.min(payload, LEVEL_BYTES))) ?? NaN)]! += 1
      size += payload
    }
    position = (position + recordBytes(payload)) | 0
  }
  return { lines, bytes: size }
}
