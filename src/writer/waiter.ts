import { threadCpuMs } from '../affinity/addon'
import { WriterCount, WriterWord } from '../ring/layout'

/** Looks that find nothing before the first sleep: a burst that pauses for a microsecond should not cost a sleep. */
const LOOKS_BEFORE_SLEEP = 3
/** First sleep, at most: a batch is worth its system call then, and nobody reads a log within a millisecond. */
const FIRST_SLEEP_MS = 1
/** What a producer at full speed publishes in a millisecond, and how much of a ring it may fill in the first sleep. */
const FULL_SPEED_BYTES = 128 * 1024
const FILLED_IN_FIRST_SLEEP = 1 / 8
/** Longest sleep of an idle writer: at most this late after a quiet time, for about half a percent of a core. */
const LONGEST_SLEEP_MS = 10
/** Each sleep is this much longer than the one before. */
const SLEEP_GROWTH = 1.5
/** How long lines wait at a time that are to wait: the shortest sleep that is kept on a system that counts in milliseconds. */
const HOLD_MS = 1
/** A parked writer looks by itself so often: a producer can be terminated between publishing and waking, and a look costs 0.15 ms. */
const PARKED_LOOK_MS = 1000
/** How often the CPU time in the writer block is brought up to date. */
const CPU_TIME_EVERY_MS = 100

/** How the writer spends the time when there is nothing to write (option `wait`). */
export class Waiter {
  readonly #block: Int32Array
  readonly #counts: Float64Array
  readonly #wait: 'poll' | 'spin' | 'park'
  readonly #cpuMsBefore: number
  readonly #firstSleepMs: number
  #looks = 0
  #sleepMs: number
  /** `Wake` before the pass under way: whoever wanted the writer to look since then wants it to look again. */
  #wake = 0
  #cpuTimeDue = 0

  /** @param capacity bytes of the smallest ring: the sleeps must not be longer than it can take */
  constructor (block: SharedArrayBuffer, wait: 'poll' | 'spin' | 'park', capacity: number) {
    this.#firstSleepMs = this.#sleepMs = Math.min(FIRST_SLEEP_MS, capacity * FILLED_IN_FIRST_SLEEP / FULL_SPEED_BYTES)
    this.#block = new Int32Array(block)
    this.#counts = new Float64Array(block)
    this.#wait = wait
    this.#cpuMsBefore = this.#counts[WriterCount.CpuMs]!
    // A predecessor may have died asleep: odd must go on to mean asleep.
    if ((Atomics.load(this.#block, WriterWord.Sleeping) & 1) === 1) Atomics.add(this.#block, WriterWord.Sleeping, 1)
  }

  /** A pass over the rings and orders begins. */
  begin (): void { this.#wake = Atomics.load(this.#block, WriterWord.Wake) }

  /** There was something to do. */
  worked (): void {
    this.#looks = 0
    this.#sleepMs = this.#firstSleepMs
  }

  /**
   * Little came: sleeps (`poll`) until more is together. Without this, a writer that is as fast as its producer would
   * make a system call of every few lines.
   */
  rest (): void {
    if (this.#wait === 'poll') this.#sleep()
  }

  /**
   * There was nothing to do: returns soon (`poll`), at once (`spin`) or when woken (`park`).
   *
   * @param isIdle looks once more whether there is nothing to write; asked only before it sleeps until woken
   */
  idle (isIdle: () => boolean): void {
    if (++this.#looks <= LOOKS_BEFORE_SLEEP) return
    this.#keepCpuTime()
    if (this.#wait === 'park') this.#park(isIdle)
    else if (this.#wait === 'poll') this.#sleep()
  }

  /** Lines are to wait a little, for an earlier one to come: sleeps, unless it never does (`spin`). */
  hold (): void {
    if (this.#wait !== 'spin') this.pause(HOLD_MS)
  }

  /** How long to sleep now; each time a little longer. For a writer that sleeps in an event loop. */
  nextSleepMs (): number {
    this.#keepCpuTime()
    const sleepMs = this.#sleepMs
    this.#sleepMs = Math.min(sleepMs * SLEEP_GROWTH, LONGEST_SLEEP_MS)
    return sleepMs
  }

  /** Waits out a sink that cannot take more now. Ends early when somebody wakes the writer. */
  pause (ms: number): void {
    this.#keepCpuTime()
    Atomics.wait(this.#block, WriterWord.Wake, Atomics.load(this.#block, WriterWord.Wake), ms)
  }

  #sleep (): void {
    // Without another look: an order bumps `Wake` once it is given, and then this ends at once.
    Atomics.wait(this.#block, WriterWord.Wake, this.#wake, this.nextSleepMs())
  }

  #park (isIdle: () => boolean): void {
    const block = this.#block
    // Pairs with the load in Producer.#wakeWriter: we say that we sleep and look once more; it publishes and looks whether
    // we sleep. A wake since the pass began has changed `Wake`, so that the sleep ends at once.
    Atomics.add(block, WriterWord.Sleeping, 1)
    if (isIdle()) Atomics.wait(block, WriterWord.Wake, this.#wake, PARKED_LOOK_MS)
    Atomics.add(block, WriterWord.Sleeping, 1)
  }

  #keepCpuTime (): void {
    const now = performance.now()
    if (now < this.#cpuTimeDue) return
    this.#cpuTimeDue = now + CPU_TIME_EVERY_MS
    this.keepCpuTime()
  }

  /** Brings the CPU time in the writer block up to date. */
  keepCpuTime (): void {
    this.#counts[WriterCount.CpuMs] = this.#cpuMsBefore + threadCpuMs()
  }
}
