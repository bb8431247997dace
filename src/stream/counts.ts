import { LEVEL_NAMES, type LevelName } from '../levels'
import { LEVEL_SLOTS, RingCount, RingWord, type Ring } from '../ring/layout'
import { isClosed, leftBehind } from './left-behind'

/** Lines dropped, by level; levels without any are left out. */
export type DroppedByLevel = Partial<Record<LevelName, number>>

/** What producers have done, together. */
export interface Totals {
  /** Lines that the sink has taken. */
  linesWritten: number
  /** Bytes that the sink has taken, drop notices included. */
  bytesWritten: number
  /** Lines that the ring has taken, for the sink to have unless they are skipped. */
  linesAccepted: number
  /**
   * Lines refused because the ring was full, closed, or without a writer; and lines that another thread had in its ring when
   * the writer's owner ended it, which were accepted until then.
   */
  linesDropped: number
  droppedByLevel: DroppedByLevel
  /** UTF-8 bytes of the lines dropped. */
  bytesDropped: number
  /** Lines given up by the writer: each killed its target twice, or its producer died inside it. */
  linesSkipped: number
}

export function noTotals (): Totals {
  return { linesWritten: 0, bytesWritten: 0, linesAccepted: 0, linesDropped: 0, droppedByLevel: {}, bytesDropped: 0, linesSkipped: 0 }
}

/** The counts of a ring. */
export function totalsOf (ring: Ring): Totals {
  const { counts } = ring
  // Before the counts: pairs with the store in WriterThread.ended, which comes after the last of them.
  const isFinal = isClosed(ring)
  const linesWritten = counts[RingCount.LinesWritten]!
  const linesSkipped = counts[RingCount.LinesSkipped]!
  const totals = {
    linesWritten,
    bytesWritten: counts[RingCount.BytesWritten]!,
    linesAccepted: counts[RingCount.LinesAccepted]!,
    ...dropsOf(counts, RingCount.LinesDropped, RingCount.BytesDropped),
    linesSkipped
  }
  if (!isFinal) return totals
  // The writer's word is the last: what it did not take was not accepted after all.
  totals.linesAccepted = linesWritten + linesSkipped
  const behind = leftBehind(ring)
  addTotals(totals, dropsOf([...behind.lines, behind.bytes], 0, LEVEL_SLOTS))
  return totals
}

/** Drops, counted in `LEVEL_SLOTS` words from `linesAt` on and their bytes in the word `bytesAt`. */
export function dropsOf (counts: ArrayLike<number>, linesAt: number, bytesAt: number): Pick<Totals, 'linesDropped' | 'droppedByLevel' | 'bytesDropped'> {
  const droppedByLevel: DroppedByLevel = {}
  let linesDropped = 0
  for (let slot = 0; slot < LEVEL_SLOTS; slot++) {
    const count = counts[linesAt + slot]!
    linesDropped += count
    if (count > 0) droppedByLevel[LEVEL_NAMES[slot]!] = count
  }
  return { linesDropped, droppedByLevel, bytesDropped: counts[bytesAt]! }
}

/** Adds up, name by name. */
export function addTotals (sum: Totals, more: Partial<Totals>): void {
  const { droppedByLevel = {}, ...numbers } = more
  for (const [name, count] of Object.entries(numbers)) sum[name as keyof typeof numbers] += count
  for (const [name, count] of Object.entries(droppedByLevel)) {
    sum.droppedByLevel[name as LevelName] = (sum.droppedByLevel[name as LevelName] ?? 0) + count
  }
}

/** Most bytes ever seen waiting in a ring. */
export function highWaterOf ({ words }: Ring): number {
  const used = (Atomics.load(words, RingWord.Published) - Atomics.load(words, RingWord.Released)) | 0
  return Math.max(words[RingWord.HighWater]!, used)
}
