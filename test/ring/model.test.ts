import * as fc from 'fast-check'
import { Consumer } from '../../src/ring/consumer'
import {
  createRing, DROPPED_PAYLOAD_BYTES, Flag, HEADER_BYTES, LEAST_CAPACITY_BYTES, LEVEL_SLOTS, recordBytes, RingCount, type Ring
} from '../../src/ring/layout'
import { type Line, Producer } from '../../src/ring/producer'
import { droppedLines, noticeOf, starts, takeBytes, usedBytes } from './support'

const CAPACITY = LEAST_CAPACITY_BYTES
const RESERVE_LIMIT = CAPACITY * 7 / 8
const NOTICE_BYTES = recordBytes(DROPPED_PAYLOAD_BYTES)

/** A record as a plain queue keeps it: the room it takes, and what comes out of it. */
interface Entry { room: number, output: Buffer, lines: number, skipped: number }

/** What a ring must do, with a plain queue: every byte, every count. */
class Model {
  readonly queue: Entry[] = []
  readonly untold = new Float64Array(LEVEL_SLOTS + 1)
  readonly dropped = new Array<number>(LEVEL_SLOTS).fill(0)
  droppedBytes = 0
  accepted = 0
  readonly hasNotices: boolean
  #isInsideLine = false
  #isInsideText = false

  constructor (hasNotices: boolean) { this.hasNotices = hasNotices }

  get used (): number { return this.queue.reduce((sum, { room }) => sum + room, 0) }
  get hasUntold (): boolean { return this.untold.some((count) => count > 0) }
  get noticeRoom (): number { return this.hasUntold ? NOTICE_BYTES : 0 }

  line (text: Line, flags: number = Flag.First | Flag.Last): void {
    const bytes = Buffer.from(text as string)
    if ((flags & Flag.First) !== 0) this.tell()
    this.#put(recordBytes(bytes.length), bytes, (flags & Flag.First) !== 0 && this.#isInsideLine, false, (flags & Flag.Last) !== 0 ? 1 : 0)
    this.#isInsideLine = (flags & Flag.Last) === 0
    if (!this.#isInsideLine) this.accepted++
  }

  drop (slot: number, size: number): void {
    this.dropped[slot]! += 1
    this.droppedBytes += size
    this.untold[slot]! += 1
    this.untold[LEVEL_SLOTS]! += size
  }

  tell (): void {
    if (!this.hasUntold) return
    if (this.hasNotices) {
      this.#put(NOTICE_BYTES, Buffer.from(noticeOf(this.untold)!), this.#isInsideLine, true, 0)
      this.#isInsideLine = false
    } else {
      this.queue.push({ room: NOTICE_BYTES, output: Buffer.alloc(0), lines: 0, skipped: 0 })
    }
    this.untold.fill(0)
  }

  #put (room: number, bytes: Buffer, closes: boolean, beginsLine: boolean, lines: number): void {
    const output = (closes || beginsLine) && this.#isInsideText ? Buffer.concat([Buffer.from('\n'), bytes]) : bytes
    if (output.length > 0) this.#isInsideText = output.at(-1) !== 10
    this.queue.push({ room, output, lines, skipped: closes ? 1 : 0 })
  }

  /** Takes entries that make up so much room. */
  take (room: number): Entry {
    const sum = { room: 0, output: Buffer.alloc(0), lines: 0, skipped: 0 }
    while (sum.room < room) {
      const entry = this.queue.shift()!
      sum.room += entry.room
      sum.output = Buffer.concat([sum.output, entry.output])
      sum.lines += entry.lines
      sum.skipped += entry.skipped
    }
    expect(sum.room).toBe(room)
    return sum
  }
}

/** A ring under test beside its model. */
class Pair {
  readonly ring: Ring
  readonly model: Model
  producer: Producer
  consumer: Consumer
  lines = 0
  bytes = 0
  skipped = 0

  constructor (start: number, hasNotices: boolean) {
    this.ring = createRing(CAPACITY, start)
    this.model = new Model(hasNotices)
    this.producer = new Producer(this.ring)
    this.consumer = this.newConsumer()
  }

  newConsumer (): Consumer { return new Consumer(this.ring, this.model.hasNotices ? noticeOf : () => null) }

  write (line: Line, limit: number, slot: number): void {
    const { model, producer } = this
    if (typeof line === 'string' && producer.tryPublish(line)) {
      expect(model.hasUntold).toBe(false)
      expect(model.used).toBeLessThanOrEqual(CAPACITY / 2)
      model.line(line)
      return
    }
    const parts = this.#partsOf(line)
    const room = parts.reduce((sum, part) => sum + recordBytes(Buffer.byteLength(part)), 0)
    const isAccepted = producer.tryPublishWithin(line, limit)
    // One record is measured exactly; of several, the producer knows what they take at most.
    const most = parts.length > 1 ? room + parts.length * (HEADER_BYTES + 8) * 3 : room
    if (isAccepted) expect(model.used + model.noticeRoom + room).toBeLessThanOrEqual(limit)
    else expect(model.used + model.noticeRoom + most).toBeGreaterThan(limit)
    if (isAccepted) parts.forEach((part, i) => { model.line(part, flagsOf(i, parts.length)) })
    else this.drop(slot, Buffer.byteLength(line))
  }

  drop (slot: number, size: number): void {
    this.producer.drop(slot, size)
    this.model.drop(slot, size)
  }

  /** Writes a line in parts, waiting for room; gives it up after so many. */
  stream (line: Line, slot: number, giveUpAfter: number): void {
    const parts = this.#partsOf(line)
    parts.slice(0, giveUpAfter).forEach((part, i) => {
      const flags = flagsOf(i, parts.length)
      while (!this.producer.tryPublishPart(part, flags)) {
        expect(this.model.used + recordBytes(Buffer.byteLength(part)) + this.model.noticeRoom).toBeGreaterThan(CAPACITY)
        this.consume([], false)
      }
      this.model.line(part, flags)
    })
    if (giveUpAfter < parts.length) this.drop(slot, Buffer.byteLength(line))
  }

  tell (): void {
    const fits = this.model.used + this.model.noticeRoom <= CAPACITY
    expect(this.producer.tryPublishNotice()).toBe(fits)
    if (fits) this.model.tell()
  }

  /** A batch, taken in bites, with a new consumer after each of them or not. */
  consume (bites: number[], isDeadly: boolean, mostLines?: number): void {
    const output: Buffer[] = []
    let hasBatch = this.consumer.gather(mostLines)
    expect(hasBatch).toBe(this.model.queue.length > 0)
    for (const bite of bites) {
      output.push(takeBytes(this.consumer, bite))
      if (isDeadly) {
        this.consumer = this.newConsumer()
        hasBatch = this.consumer.gather()
      }
    }
    if (!hasBatch) return
    output.push(takeBytes(this.consumer, Infinity))
    const expected = this.model.take(this.consumer.held)
    expect(Buffer.concat(output).equals(expected.output)).toBe(true)
    if (mostLines !== undefined) expect(expected.lines).toBeLessThanOrEqual(mostLines)
    this.consumer.release()
    this.lines += expected.lines
    this.bytes += expected.output.length
    this.skipped += expected.skipped
    this.check()
  }

  check (): void {
    const { ring: { counts }, model } = this
    expect({
      used: usedBytes(this.ring),
      accepted: counts[RingCount.LinesAccepted],
      dropped: droppedLines(this.ring),
      droppedBytes: counts[RingCount.BytesDropped],
      written: counts[RingCount.LinesWritten],
      bytes: counts[RingCount.BytesWritten],
      skipped: counts[RingCount.LinesSkipped]
    }).toEqual({
      used: model.used,
      accepted: model.accepted,
      dropped: model.dropped,
      droppedBytes: model.droppedBytes,
      written: this.lines,
      bytes: this.bytes,
      skipped: this.skipped
    })
  }

  finish (): void {
    while (this.model.queue.length > 0) this.consume([], false)
    this.tell()
    while (this.model.queue.length > 0) this.consume([], false)
    this.check()
    expect(this.lines).toBe(this.model.accepted)
  }

  #partsOf (line: Line): Line[] {
    const isOne = Buffer.byteLength(line) <= this.ring.mostPayload
    if (isOne) return [line]
    const parts: Line[] = []
    for (let from = 0; from < line.length;) {
      const to = this.producer.partEnd(line, from)
      parts.push(line.slice(from, to))
      from = to
    }
    return parts
  }
}

const flagsOf = (part: number, parts: number): number => (part === 0 ? Flag.First : 0) | (part === parts - 1 ? Flag.Last : 0)

const unit = fc.constantFrom('x', 'ä', '€', '😀', '\uD83D', '\uDE00', 'aä€😀', '\n', '{"a":"ß"}')
const length = fc.oneof(
  { weight: 6, arbitrary: fc.nat(300) },
  { weight: 3, arbitrary: fc.nat(8_000) },
  { weight: 1, arbitrary: fc.nat(30_000) }
)
const text = fc.tuple(unit, length, fc.nat(9), fc.boolean())
  .map(([unit, length, seed, isLine]) => (seed + unit.repeat(length / unit.length)).slice(0, length) + (isLine ? '\n' : ''))
const line: fc.Arbitrary<Line> = fc.oneof({ weight: 4, arbitrary: text }, { weight: 1, arbitrary: text.map((text) => new Uint8Array(Buffer.from(text))) })
const slot = fc.nat(LEVEL_SLOTS - 1)
const bites = fc.array(fc.oneof(fc.nat(20), fc.nat(20_000)), { maxLength: 4 })

const steps = fc.oneof(
  { weight: 8, arbitrary: fc.tuple(line, fc.constantFrom(RESERVE_LIMIT, CAPACITY), slot).map(([line, limit, slot]) => (pair: Pair) => { pair.write(line, limit, slot) }) },
  { weight: 2, arbitrary: fc.tuple(line, slot, fc.constantFrom(1, 2, 99)).map(([line, slot, parts]) => (pair: Pair) => { pair.stream(line, slot, parts) }) },
  { weight: 1, arbitrary: fc.constant((pair: Pair) => { pair.tell() }) },
  { weight: 2, arbitrary: fc.tuple(bites, fc.boolean()).map(([bites, isDeadly]) => (pair: Pair) => { pair.consume(bites, isDeadly) }) },
  { weight: 1, arbitrary: fc.integer({ min: 1, max: 5 }).map((mostLines) => (pair: Pair) => { pair.consume([], false, mostLines) }) },
  { weight: 1, arbitrary: fc.constant((pair: Pair) => { if (!pair.model.hasUntold) pair.producer = new Producer(pair.ring) }) }
)

describe.each([['with notices', true], ['without notices', false]])('%s, a ring does what a plain queue does', (_, hasNotices) => {
  test.each(starts)('whatever happens in whatever order, from position %s', (_, start) => {
    fc.assert(fc.property(fc.array(steps, { maxLength: 80, size: 'max' }), (steps) => {
      const pair = new Pair(start - recordBytes(100) | 0, hasNotices)
      for (const step of steps) step(pair)
      pair.finish()
    }), { seed: 20240607, numRuns: 150 })
  })
})
