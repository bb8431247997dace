import { Consumer } from '../../src/ring/consumer'
import { createRing, DATA_START, Flag, HEADER_BYTES, LEAST_CAPACITY_BYTES, recordBytes, RingCount, type Ring } from '../../src/ring/layout'
import { type Line, Producer } from '../../src/ring/producer'
import { contents, drain, noticeOf, noticeText, starts, usedBytes } from './support'

const MIB = 1024 * 1024

/** Text of `length` UTF-16 units made of `unit`, with marks in it that show when bytes are out of place. */
function textOf (unit: string, length: number): string {
  let text = ''
  for (let i = 0; text.length < length; i++) text += unit.repeat(97) + i
  return text.slice(0, length - 1) + '\n'
}

/** The records between two positions of a ring that starts at 0 and has not wrapped. */
function records (ring: Ring): Array<{ size: number, flags: number }> {
  const found: Array<{ size: number, flags: number }> = []
  for (let at = 0; at < usedBytes(ring);) {
    const size = ring.words[(DATA_START + at) / 4]!
    found.push({ size, flags: ring.bytes.readUInt16LE(DATA_START + at + 6) })
    at += recordBytes(size)
  }
  return found
}

/** Publishes a line in parts, while the consumer takes a batch whenever there is no room. */
function stream (producer: Producer, consumer: Consumer, line: Line): Buffer {
  const output: Buffer[] = []
  for (let from = 0; from < line.length;) {
    const to = producer.partEnd(line, from)
    const flags = (from === 0 ? Flag.First : 0) | (to === line.length ? Flag.Last : 0)
    while (!producer.tryPublishPart(line.slice(from, to), flags)) output.push(drain(consumer))
    from = to
  }
  return Buffer.concat([...output, drain(consumer)])
}

const alphabets: Array<[name: string, unit: string]> = [
  ['1 byte', 'a'],
  ['2 bytes', 'ä'],
  ['3 bytes', '€'],
  ['4 bytes', '😀'],
  ['1 to 4 bytes', 'aä€😀'],
  ['lone high surrogates', '\uD83D'],
  ['lone low surrogates', '\uDE00'],
  ['surrogates the wrong way round', '\uDE00\uD83D']
]

describe.each(alphabets)('a line of characters of %s', (_, unit) => {
  test('is published whole, as several records', () => {
    const ring = createRing(MIB)
    const producer = new Producer(ring)
    const line = textOf(unit, 200_000)
    expect(producer.tryPublish(line)).toBe(false)
    expect(producer.tryPublishWithin(line, ring.capacity)).toBe(true)
    const parts = records(ring)
    expect(parts.length).toBeGreaterThan(1)
    expect(parts.map(({ flags }) => flags)).toEqual(parts.map((_, i) => (i === 0 ? Flag.First : 0) | (i === parts.length - 1 ? Flag.Last : 0)))
    expect(Math.max(...parts.map(({ size }) => size))).toBeLessThanOrEqual(ring.mostPayload)
    expect(drain(new Consumer(ring, noticeOf)).equals(Buffer.from(line))).toBe(true)
    expect([ring.counts[RingCount.LinesAccepted], ring.counts[RingCount.LinesWritten]]).toEqual([1, 1])
  })

  test.each(starts)('streams through a ring that is smaller, from position %s', (_, start) => {
    const ring = createRing(LEAST_CAPACITY_BYTES, start)
    const line = textOf(unit, 300_000)
    const output = stream(new Producer(ring), new Consumer(ring, noticeOf), line)
    expect(output.equals(Buffer.from(line))).toBe(true)
    expect([ring.counts[RingCount.LinesAccepted], ring.counts[RingCount.LinesWritten], ring.counts[RingCount.LinesSkipped]]).toEqual([1, 1, 0])
  })

  test('is as long as can be in one record, one unit less and one more', () => {
    const ring = createRing(LEAST_CAPACITY_BYTES)
    const bytesAUnit = Buffer.byteLength(unit) / unit.length
    for (const extra of [-2, -1, 0, 1, 2]) {
      const line = unit.repeat(ring.mostPayload / unit.length).slice(0, Math.floor(ring.mostPayload / bytesAUnit) + extra)
      const one = createRing(LEAST_CAPACITY_BYTES)
      expect(new Producer(one).tryPublishWithin(line, one.capacity)).toBe(true)
      expect(records(one).length === 1).toBe(Buffer.byteLength(line) <= one.mostPayload)
      expect(drain(new Consumer(one, noticeOf)).equals(Buffer.from(line))).toBe(true)
    }
  })
})

describe('a long line', () => {
  test('is visible whole or not at all', () => {
    const ring = createRing(LEAST_CAPACITY_BYTES)
    const positions = new Set<number>()
    const store = jest.spyOn(Atomics, 'store').mockImplementation((words: unknown, index: number, value: unknown) => {
      positions.add(value as number);
      (words as Int32Array)[index] = value as number
      return value as never
    })
    new Producer(ring).tryPublishWithin('x'.repeat(50_000), ring.capacity)
    store.mockRestore()
    expect([...positions]).toEqual([usedBytes(ring)])
    expect(records(ring).length).toBeGreaterThan(1)
  })

  test('leaves no trace when it does not fit', () => {
    const ring = createRing(LEAST_CAPACITY_BYTES)
    const producer = new Producer(ring)
    producer.tryPublish('before\n')
    const before = Buffer.from(ring.bytes)
    expect(producer.tryPublishWithin('x'.repeat(ring.capacity), ring.capacity)).toBe(false)
    expect(producer.tryPublishWithin('x'.repeat(40_000), 40_000)).toBe(false)
    expect(before.equals(ring.bytes)).toBe(true)
    expect(contents(ring)).toBe('before\n')
  })

  test('never uses more than its limit, whatever the surrogates do to its parts', () => {
    // A pair at every place where a part could end: each part is a unit shorter then.
    const ring = createRing(LEAST_CAPACITY_BYTES)
    const partUnits = Math.floor(ring.mostPayload / 3)
    for (let length = partUnits * 3 - 4; length <= partUnits * 3 + 4; length++) {
      for (const line of ['x' + '😀'.repeat(length / 2), '😀'.repeat(length / 2), ('x'.repeat(partUnits - 1) + '😀').repeat(4).slice(0, length)]) {
        for (const limit of [Buffer.byteLength(line) + 8, Buffer.byteLength(line) + 64, ring.capacity]) {
          const producer = new Producer(createRing(LEAST_CAPACITY_BYTES))
          producer.tryPublishWithin(line, limit)
          expect(producer.used).toBeLessThanOrEqual(limit)
        }
      }
    }
  })

  test('is never cut inside a surrogate pair, wherever the pair lies', () => {
    const ring = createRing(LEAST_CAPACITY_BYTES)
    const producer = new Producer(ring)
    const consumer = new Consumer(ring, noticeOf)
    const partUnits = Math.floor(ring.mostPayload / 3)
    for (let before = partUnits - 3; before <= partUnits + 1; before++) {
      for (const middle of ['😀', '\uD83D', '\uDE00', '\uD83D😀', '\uD83D\uD83D\uDE00\uDE00']) {
        const line = 'x'.repeat(before) + middle + '€'.repeat(partUnits * 2) + '\n'
        expect(producer.tryPublishWithin(line, ring.capacity)).toBe(true)
        expect(drain(consumer).equals(Buffer.from(line))).toBe(true)
        expect(stream(producer, consumer, line).equals(Buffer.from(line))).toBe(true)
      }
    }
  })

  test('may be bytes, cut anywhere', () => {
    const ring = createRing(LEAST_CAPACITY_BYTES)
    const bytes = new Uint8Array(Buffer.from(textOf('aä€😀', 50_000)))
    expect(new Producer(ring).tryPublishWithin(bytes.subarray(0, 40_000), ring.capacity)).toBe(true)
    expect(drain(new Consumer(ring, noticeOf)).equals(bytes.subarray(0, 40_000))).toBe(true)
    expect(stream(new Producer(ring), new Consumer(ring, noticeOf), bytes).equals(bytes)).toBe(true)
  })

  test('of 10 MB streams through the smallest ring', () => {
    const ring = createRing(LEAST_CAPACITY_BYTES)
    const line = textOf('aä€😀', 5_000_000)
    expect(stream(new Producer(ring), new Consumer(ring, noticeOf), line).equals(Buffer.from(line))).toBe(true)
  })

  test('counts as accepted with its last part, and as written with that', () => {
    const ring = createRing(LEAST_CAPACITY_BYTES)
    const producer = new Producer(ring)
    const consumer = new Consumer(ring, noticeOf)
    producer.tryPublishPart('first ', Flag.First)
    producer.tryPublishPart('second ', 0)
    drain(consumer)
    expect([ring.counts[RingCount.LinesAccepted], ring.counts[RingCount.LinesWritten]]).toEqual([0, 0])
    producer.tryPublishPart('last\n', Flag.Last)
    drain(consumer)
    expect([ring.counts[RingCount.LinesAccepted], ring.counts[RingCount.LinesWritten]]).toEqual([1, 1])
  })

  test('in parts has what was dropped before it told before it, never inside it', () => {
    const ring = createRing(LEAST_CAPACITY_BYTES)
    const producer = new Producer(ring)
    producer.drop(2, 7)
    producer.tryPublishPart('first ', Flag.First)
    producer.drop(3, 1)
    producer.tryPublishPart('second ', 0)
    producer.tryPublishPart('last\n', Flag.Last)
    producer.tryPublishPart('next\n', Flag.First | Flag.Last)
    expect(contents(ring)).toBe(`${noticeText(2, 1, 7)}first second last\n${noticeText(3, 1, 1)}next\n`)
  })

  test('in parts is refused a part at a time, without a trace', () => {
    const ring = createRing(LEAST_CAPACITY_BYTES)
    const producer = new Producer(ring)
    while (producer.tryPublishPart('x'.repeat(1024 - HEADER_BYTES), 0));
    expect(usedBytes(ring)).toBe(ring.capacity)
    const before = Buffer.from(ring.bytes)
    expect(producer.tryPublishPart('', Flag.Last)).toBe(false)
    expect(before.equals(ring.bytes)).toBe(true)
  })
})
