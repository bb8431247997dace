import {
  createRing, createWriterBlock, DATA_START, HEADER_BYTES, LEAST_CAPACITY_BYTES, LEVEL_SLOTS, MOST_ATTACHED_RINGS, MOST_CAPACITY_BYTES,
  MOST_PAYLOAD_BYTES, MOST_PINNED_CORES, openRing, recordBytes, RingCount, RingWord, TOTALS_WORDS, WriterCount, WriterWord
} from '../../src/ring/layout'
import * as layout from '../../src/ring/layout'

/** Processors prefetch cache lines in pairs. */
const PAIR_BYTES = 128

interface Word { name: string, from: number, to: number, writer: string }

const i32 = (name: string, at: number, writer: string, count = 1): Word => ({ name, from: at * 4, to: (at + count) * 4, writer })
const f64 = (name: string, at: number, writer: string, count = 1): Word => ({ name, from: at * 8, to: (at + count) * 8, writer })

const ringWords: Word[] = [
  i32('Capacity', RingWord.Capacity, 'maker'),
  i32('Id', RingWord.Id, 'maker'),
  i32('Tallied', RingWord.Tallied, 'maker'), // when nobody uses the ring any more
  i32('MovesOn', RingWord.MovesOn, 'maker'), // and with Id, when the ring goes on to another writer
  i32('ThreadId', RingWord.ThreadId, 'maker'),
  i32('Published', RingWord.Published, 'producer'),
  i32('FlushWanted', RingWord.FlushWanted, 'producer'),
  i32('ProducerWaits', RingWord.ProducerWaits, 'producer'),
  i32('ProducerDone', RingWord.ProducerDone, 'producer'),
  i32('QuickEnd', RingWord.QuickEnd, 'producer'),
  f64('LinesAccepted', RingCount.LinesAccepted, 'producer'),
  f64('LinesDropped', RingCount.LinesDropped, 'producer', LEVEL_SLOTS),
  f64('BytesDropped', RingCount.BytesDropped, 'producer'),
  i32('Released', RingWord.Released, 'writer'),
  i32('BatchBase', RingWord.BatchBase, 'writer'),
  i32('BatchTaken', RingWord.BatchTaken, 'writer'),
  i32('TotalsSlot', RingWord.TotalsSlot, 'writer'),
  i32('Flushed', RingWord.Flushed, 'writer'),
  i32('HighWater', RingWord.HighWater, 'writer'),
  i32('Fed', RingWord.Fed, 'writer'),
  i32('Adopted', RingWord.Adopted, 'writer'),
  i32('Closed', RingWord.Closed, 'writer'),
  f64('LinesWritten', RingCount.LinesWritten, 'writer'),
  f64('BytesWritten', RingCount.BytesWritten, 'writer'),
  f64('LinesSkipped', RingCount.LinesSkipped, 'writer'),
  f64('Totals', RingCount.Totals, 'writer', 2 * TOTALS_WORDS)
]

const blockWords: Word[] = [
  i32('Wake', WriterWord.Wake, 'owner'), // and producers: everybody but the writer
  i32('Command', WriterWord.Command, 'owner'),
  i32('ReopenWanted', WriterWord.ReopenWanted, 'owner'),
  i32('Generation', WriterWord.Generation, 'owner'),
  i32('SaysIfWaiting', WriterWord.SaysIfWaiting, 'owner'),
  i32('Claim', WriterWord.Claim, 'owner'), // and once by a writer that comes up
  i32('RingsAnnounced', WriterWord.RingsAnnounced, 'owner'), // and whoever attaches a ring
  i32('RingsMade', WriterWord.RingsMade, 'owner'), // and whoever attaches a ring
  i32('OwnerGone', WriterWord.OwnerGone, 'owner'),
  i32('State', WriterWord.State, 'writer'),
  i32('Opened', WriterWord.Opened, 'writer'),
  i32('Gone', WriterWord.Gone, 'writer'),
  i32('Sleeping', WriterWord.Sleeping, 'writer'),
  i32('ThreadId', WriterWord.ThreadId, 'writer'),
  i32('Reopened', WriterWord.Reopened, 'writer'),
  i32('Stalled', WriterWord.Stalled, 'writer'),
  i32('PinnedCount', WriterWord.PinnedCount, 'writer'),
  i32('TargetWork', WriterWord.TargetWork, 'writer'),
  i32('Listening', WriterWord.Listening, 'writer'),
  i32('Ready', WriterWord.Ready, 'writer'),
  i32('Taken', WriterWord.Taken, 'writer'),
  i32('Closing', WriterWord.Closing, 'writer'),
  i32('Untold', WriterWord.Untold, 'writer'),
  i32('WarnedOf', WriterWord.WarnedOf, 'writer'),
  f64('CpuMs', WriterCount.CpuMs, 'writer'),
  i32('PinnedCores', WriterWord.PinnedCores, 'writer', MOST_PINNED_CORES),
  i32('Seats', WriterWord.Seats, 'everybody', MOST_ATTACHED_RINGS)
]

describe.each([['the ring', ringWords], ['the writer block', blockWords]])('in %s', (_, words) => {
  const pairs = words.flatMap((one, i) => words.slice(i + 1).map((other) => [one, other] as const))

  test('every word has a place of its own', () => {
    const overlaps = pairs.filter(([one, other]) => one.from < other.to && other.from < one.to)
    expect(overlaps).toEqual([])
  })

  test('every word is looked at here', () => {
    const enums = layout as unknown as Record<string, object>
    const all = (words === ringWords ? ['RingWord', 'RingCount'] : ['WriterWord', 'WriterCount'])
      .flatMap((name) => Object.keys(enums[name]!).filter((word) => !/^\d/.test(word)))
    expect(words.map(({ name }) => name).sort()).toEqual(all.sort())
  })

  test('no two sides write into the same pair of cache lines', () => {
    const linePair = (byte: number): number => Math.floor(byte / PAIR_BYTES)
    const shared = pairs.filter(([one, other]) => one.writer !== other.writer &&
      linePair(one.from) <= linePair(other.to - 1) && linePair(other.from) <= linePair(one.to - 1))
    expect(shared).toEqual([])
  })

  test('every word of 8 bytes is aligned to 8', () => {
    for (const { name, from, to } of words) if (to - from === 8) expect([name, from % 8]).toEqual([name, 0])
  })
})

describe('a ring', () => {
  const ring = createRing(LEAST_CAPACITY_BYTES)

  test('keeps its words in front of the data', () => {
    for (const { name, to } of ringWords) expect([name, to <= DATA_START]).toEqual([name, true])
  })

  test('has its data and its gather space on cache lines of their own', () => {
    expect(DATA_START % PAIR_BYTES).toBe(0)
    expect(ring.gatherStart % 64).toBe(0)
  })

  test('has slack for the longest record that starts in the last 8 bytes, and a NUL behind it', () => {
    const largest = createRing(1 << 20)
    expect(DATA_START + largest.capacity - HEADER_BYTES + recordBytes(largest.mostPayload) + 1).toBeLessThanOrEqual(largest.gatherStart)
  })

  test('can gather any record together with a newline and a notice', () => {
    expect(ring.gatherEnd - ring.gatherStart).toBeGreaterThan(MOST_PAYLOAD_BYTES + 4096)
    expect(ring.gatherEnd).toBe(ring.shared.byteLength)
  })

  test('takes at least four of its longest records', () => {
    for (const capacity of [LEAST_CAPACITY_BYTES, 1 << 18, 1 << 20]) {
      expect(createRing(capacity).mostPayload * 4).toBeLessThanOrEqual(capacity)
    }
    expect(createRing(1 << 20).mostPayload).toBe(MOST_PAYLOAD_BYTES)
  })

  test('is opened by another thread with the same views', () => {
    const made = createRing(1 << 17, 4096)
    const opened = openRing(made.shared)
    expect({ ...opened, words: 0, counts: 0, bytes: 0 }).toEqual({ ...made, words: 0, counts: 0, bytes: 0 })
    expect(opened.words[RingWord.Published]).toBe(4096)
  })

  test('starts without a batch under way', () => {
    for (const start of [0, 8, 0x7FFFFFF8 | 0, -8]) {
      const { words } = createRing(LEAST_CAPACITY_BYTES, start)
      expect(words[RingWord.BatchBase]).not.toBe(words[RingWord.Released])
    }
  })

  test.each([0, -65536, 32768, 65535, 65537, 98304, 2 ** 31, NaN, Infinity])('refuses a capacity of %p and says what is allowed', (capacity) => {
    expect(() => createRing(capacity)).toThrow(new RangeError(
      `ring capacity must be a power of two from ${LEAST_CAPACITY_BYTES} to ${MOST_CAPACITY_BYTES}, not ${capacity}`))
  })
})

test('the writer block holds every word', () => {
  const block = createWriterBlock()
  for (const { name, to } of blockWords) expect([name, to <= block.byteLength]).toEqual([name, true])
})

test.each([[0, 8], [1, 16], [8, 16], [9, 24], [65536, 65544]])('a payload of %i bytes takes %i', (payload, bytes) => {
  expect(recordBytes(payload)).toBe(bytes)
})
