import { hostname } from 'node:os'
import { Consumer, type FormatNotice } from '../ring/consumer'
import { LEVEL_SLOTS, openRing, RingWord } from '../ring/layout'
import { LEVEL_NAMES } from '../levels'

const WARN = 40

/** The line that stands in the log where lines were dropped. */
const noticeOf: FormatNotice = (counts) => {
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
    name: 'pino-pinned',
    dropped,
    droppedByLevel,
    droppedBytes: counts[LEVEL_SLOTS],
    msg: `${dropped} ${dropped === 1 ? 'line' : 'lines'} dropped here: the ring was full`
  }) + '\n'
}

const host = hostname()
const noNotice: FormatNotice = () => null

/** A ring as the writer sees it: its consumer, and the flush that its producer waits for. */
export class RingOutlet {
  readonly consumer: Consumer
  readonly #words: Int32Array
  /** The flush under way: its number, and the position that must be released first. */
  #flush = 0
  #flushUntil = 0

  constructor (shared: SharedArrayBuffer, dropNotice: boolean) {
    const ring = openRing(shared)
    this.#words = ring.words
    this.consumer = new Consumer(ring, dropNotice ? noticeOf : noNotice)
    this.#flush = Atomics.load(this.#words, RingWord.Flushed)
  }

  /** Whether nothing is published, held or asked for. */
  get isIdle (): boolean {
    return this.consumer.available === 0 && this.consumer.held === 0 && !this.wantsFlush
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
