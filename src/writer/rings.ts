import { hostname } from 'node:os'
import { addon } from '../affinity/addon'
import { Consumer } from '../ring/consumer'
import type { FormatNotice } from '../ring/output'
import { LEVEL_SLOTS, type Ring, RingCount, RingWord } from '../ring/layout'
import { LEVEL_NAMES } from '../levels'
import { Patience } from '../patience'
import { ProducerLife } from './producer-life'

const WARN = 40
/**
 * A line that its producer publishes part by part, longer than its ring, keeps the others waiting this long from its last
 * part. Then it is closed, and its rest left out: the writer waits for nobody.
 */
export const LINE_PATIENCE_MS = 1000

/** Who tells of dropped lines. */
const NOTICE_NAME = 'pino-pinned'

/** The line that stands in the log where lines were dropped, since `why`. */
const noticeOf = (why: string): FormatNotice => (counts) => {
  const droppedByLevel: Record<string, number> = {}
  let dropped = 0
  for (let slot = 0; slot < LEVEL_SLOTS; slot++) {
    const count = counts[slot]!
    dropped += count
    if (count > 0) droppedByLevel[LEVEL_NAMES[slot]!] = count
  }
  return JSON.stringify({
    level: WARN,
    time: counts[LEVEL_SLOTS + 1],
    pid: process.pid,
    hostname: host,
    name: NOTICE_NAME,
    dropped,
    droppedByLevel,
    droppedBytes: counts[LEVEL_SLOTS],
    msg: `${dropped} ${dropped === 1 ? 'line' : 'lines'} dropped here: ${why}`
  }) + '\n'
}

/**
 * Adds what such a line tells of to counts as in a `dropped` record.
 *
 * @returns how many lines it tells of; 0 if it is another line
 */
export function addNotice (text: string, counts: Float64Array): number {
  if (!text.includes(`"name":"${NOTICE_NAME}","dropped":`)) return 0
  try {
    const { dropped, droppedByLevel, droppedBytes } = JSON.parse(text)
    const bySlot = LEVEL_NAMES.map((name) => Number(droppedByLevel[name] ?? 0))
    if (bySlot.reduce((sum, count) => sum + count) !== dropped || !Number.isFinite(droppedBytes)) return 0
    for (const [slot, count] of bySlot.entries()) counts[slot]! += count
    counts[LEVEL_SLOTS]! += droppedBytes
    return dropped
  } catch {
    return 0 // the application's own, which looks like one
  }
}

const host = hostname()
const noNotice: FormatNotice = () => null
const ringNotice = noticeOf('the ring was full')
/** The same for one of several targets. */
export const targetNotice = (dropNotice: boolean): FormatNotice => dropNotice ? noticeOf('this target took no more') : noNotice

/** A ring as the writer sees it: its consumer, and the flush that its producer waits for. */
export class RingOutlet {
  readonly consumer: Consumer
  readonly #words: Int32Array
  /** The flush under way: its number, and the position that must be released first. */
  #flush = 0
  #flushUntil = 0

  /** The thread that attached the ring; null for the owner's, which is never given back. */
  readonly #life: ProducerLife | null
  /** Position after the last record that is written before the writer ends. */
  #lastPosition: number | undefined
  #restPatience: Patience | undefined

  constructor (ring: Ring, dropNotice: boolean, thread?: SharedArrayBuffer) {
    this.#words = ring.words
    this.#life = thread === undefined ? null : new ProducerLife(thread)
    this.consumer = new Consumer(ring, dropNotice ? ringNotice : noNotice, addon?.gatherLines)
    this.#flush = Atomics.load(this.#words, RingWord.Flushed)
  }

  /** Whether nothing is published, held or asked for. */
  get isIdle (): boolean {
    return this.consumer.available === 0 && this.consumer.held === 0 && !this.wantsFlush
  }

  /** Whether its producer will publish no more, and everything is delivered. */
  get isDone (): boolean {
    if (this.#life === null) return false
    if (Atomics.load(this.#words, RingWord.ProducerDone) === 0) {
      if (!this.#life.isGone) return false
      Atomics.store(this.#words, RingWord.ProducerDone, 1)
    }
    return this.isIdle && !this.consumer.isInsideLine
  }

  /** A thread that was terminated may have died between publishing a line and counting it: all that came is known now. */
  settleCounts (): void {
    if (this.#life?.isGone !== true) return
    const { counts } = this.consumer.ring
    counts[RingCount.LinesAccepted] = counts[RingCount.LinesWritten]! + counts[RingCount.LinesSkipped]!
  }

  /** Whether everything is gathered that is to be written before the writer ends. To be asked only when it is to end. */
  get isTaken (): boolean { return this.#isPast(this.consumer.position) }

  /** As `isTaken`, and delivered, and told to who waits for it. */
  get isDrained (): boolean { return this.#isPast(this.consumer.released) && !this.wantsFlush }

  #isPast (position: number): boolean {
    // The owner has ended its stream: the little that comes yet is from its exit handlers. Others may go on and on.
    if (this.#life === null) return this.consumer.available === 0 && position === this.consumer.published
    if (this.#lastPosition === undefined) {
      this.consumer.look()
      this.#lastPosition = this.consumer.published
    }
    if (((position - this.#lastPosition) | 0) < 0) return false
    if (!this.#goesOnInsideLine) return true
    this.#lastPosition = undefined
    return false
  }

  /** The next writer of the ring must not begin inside a line: its rest is about to come. */
  get #goesOnInsideLine (): boolean {
    if (this.#words[RingWord.MovesOn] === 0 || !this.consumer.isInsideLine) return false
    this.#restPatience ??= new Patience()
    return this.#restPatience.look() < LINE_PATIENCE_MS
  }

  /** Whether the producer waits for a flush. */
  get wantsFlush (): boolean {
    return Atomics.load(this.#words, RingWord.FlushWanted) !== Atomics.load(this.#words, RingWord.Flushed)
  }

  /** Tells the producer that its flush is done, when everything published before it asked has been released. */
  answerFlush (): void {
    const wanted = Atomics.load(this.#words, RingWord.FlushWanted)
    if (wanted !== this.#flush) {
      // The number is stored after what it covers was published, so `available` now sees all of that.
      this.#flush = wanted
      this.consumer.look()
      this.#flushUntil = this.consumer.published
    }
    if (Atomics.load(this.#words, RingWord.Flushed) === this.#flush) return
    if (((this.consumer.released - this.#flushUntil) | 0) < 0) return
    Atomics.store(this.#words, RingWord.Flushed, this.#flush)
    Atomics.notify(this.#words, RingWord.Flushed)
  }
}
