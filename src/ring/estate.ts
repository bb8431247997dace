import { createRing, DATA_START, Flag, GIVEN_BACK, Kind, LEAST_CAPACITY_BYTES, recordBytes, RingCount, RingWord, type Ring, TOTALS_WORDS } from './layout'

/** Where the addon finds what it needs of a ring that it keeps. */
export interface KeptLayout {
  capacity: number
  dataStart: number
  published: number
  released: number
  adopted: number
  tallied: number
  closed: number
  givenBack: number
  totalsSlot: number
  batchBase: number
  batchTaken: number
  /** Of the first totals: where their position and how the output ends stand, in f64 words, and how far the second are from them. */
  position: number
  outputEnds: number
  totalsStride: number
  /** Kinds of record, and the flags of one that a line begins or ends with. */
  line: number
  time: number
  first: number
  last: number
}

export function keptLayoutOf ({ capacity }: Ring): KeptLayout {
  return {
    capacity,
    dataStart: DATA_START,
    published: RingWord.Published,
    released: RingWord.Released,
    adopted: RingWord.Adopted,
    tallied: RingWord.Tallied,
    closed: RingWord.Closed,
    givenBack: GIVEN_BACK,
    totalsSlot: RingWord.TotalsSlot,
    batchBase: RingWord.BatchBase,
    batchTaken: RingWord.BatchTaken,
    position: RingCount.Totals,
    outputEnds: RingCount.Totals + 4,
    totalsStride: TOTALS_WORDS,
    line: Kind.Line,
    time: Kind.Time,
    first: Flag.First,
    last: Flag.Last
  }
}

/**
 * A ring as a thread that is gone left it, with the same positions and counts, for another writer to go on with.
 *
 * @param estate its control block, and its records from the released position on
 * @param id its number among those of that writer
 */
export function restoreRing (estate: ArrayBuffer, id: number): Ring {
  const control = new Int32Array(estate, 0, DATA_START / 4)
  const records = Buffer.from(estate, DATA_START)
  let capacity = LEAST_CAPACITY_BYTES
  while (capacity < records.length) capacity *= 2
  const ring = createRing(capacity)
  const { words } = ring
  words.set(control)
  words[RingWord.Capacity] = capacity
  words[RingWord.Id] = id
  words[RingWord.ProducerDone] = words[RingWord.MovesOn] = 1
  words[RingWord.Adopted] = words[RingWord.Tallied] = words[RingWord.ProducerWaits] = 0
  const start = words[RingWord.Released]!
  for (let from = 0; from < records.length;) {
    const to = from + recordBytes(records.readUInt32LE(from))
    records.copy(ring.bytes, DATA_START + ((start + from) & (capacity - 1)), from, to)
    from = to
  }
  return ring
}
