import { isNativeError } from 'node:util/types'
import { inspect } from 'node:util'
import { parentPort, workerData } from 'node:worker_threads'
import { Command, GIVEN_BACK, letGo, RingWord, WriterState, WriterWord } from '../ring/layout'
import type { Announcement, ErrorDetails, WriterData, WriterMessage } from '../writer-data'
import { Intake } from './intake'
import { RingOutlet } from './rings'
import { Waiter } from './waiter'

/** What both kinds of sink share: the rings, the orders of the owner, and what is told to the application. */
export class WriterThread {
  readonly data: WriterData
  readonly block: Int32Array
  /** The owner's ring, then those of other threads. */
  outlets: readonly RingOutlet[]
  readonly waiter: Waiter
  readonly #intake: Intake

  constructor () {
    this.data = workerData as WriterData
    this.block = new Int32Array(this.data.block)
    this.outlets = [new RingOutlet(this.data.ring, this.data.dropNotice)]
    this.#intake = new Intake(this.block, this.data.channel)
    this.#adopt(this.data.attached.splice(0)) // what stays in the list is held for the thread's life
    this.takeRings()
    this.waiter = new Waiter(this.data.block, this.data.wait, this.outlets[0]!.consumer.ring.capacity)
  }

  /** An earlier writer had this sink open. */
  get isSuccessor (): boolean { return Atomics.load(this.block, WriterWord.Opened) > 0 }

  get isEnding (): boolean { return Atomics.load(this.block, WriterWord.Command) === Command.End }

  /** Everything is written that is to be written before the end. Other threads may go on logging: that is not waited for. */
  get isDrained (): boolean { return this.outlets.every((outlet) => outlet.isDrained) }

  /** Bound, to be handed to the waiter: nothing to write and no order. */
  readonly hasNothingToDo = (): boolean => this.outlets.every((outlet) => outlet.isIdle) && this.hasNoOrder()

  /** Bound, to be handed to the waiter: nobody waits for a flush, an end, a file to be opened or a ring to be taken in. */
  readonly hasNoOrder = (): boolean =>
    !this.isEnding && !this.wantsReopen && !this.#intake.hasNews && !this.outlets.some((outlet) => outlet.wantsFlush)

  /** Takes in the rings that other threads have attached since. */
  takeRings (): void {
    if (this.#intake.hasNews) this.#adopt(this.#intake.take())
  }

  #adopt (announcements: readonly Announcement[]): void {
    const { generation, dropNotice } = this.data
    for (const { ring, thread } of announcements) {
      const outlet = new RingOutlet(ring, dropNotice, thread)
      const { words } = outlet.consumer.ring
      const adopted = Atomics.load(words, RingWord.Adopted)
      if (adopted === generation || adopted === GIVEN_BACK) continue // announced more than once
      this.outlets = [...this.outlets, outlet]
      Atomics.store(words, RingWord.Adopted, generation)
    }
  }

  /** Gives back the rings whose producers are done, when they are empty. Returns these. */
  giveBackRings (): readonly RingOutlet[] {
    if (!this.outlets.some((outlet) => outlet.isDone)) return []
    const done = this.outlets.filter((outlet) => outlet.isDone)
    this.outlets = this.outlets.filter((outlet) => !done.includes(outlet))
    for (const outlet of done) {
      const { consumer } = outlet
      outlet.settleCounts()
      Atomics.store(consumer.ring.words, RingWord.Adopted, GIVEN_BACK)
      Atomics.sub(this.block, WriterWord.RingsHeld, 1)
      letGo(consumer.ring)
    }
    this.post({ code: 'RINGS' })
    return done
  }

  get wantsReopen (): boolean {
    return this.reopenWanted !== Atomics.load(this.block, WriterWord.Reopened)
  }

  /** Number of the last order to reopen. */
  get reopenWanted (): number { return Atomics.load(this.block, WriterWord.ReopenWanted) }

  /** The orders up to this number are carried out. */
  reopened (number: number): void { Atomics.store(this.block, WriterWord.Reopened, number) }

  /** The sink is open: lines flow. */
  ready (): void {
    Atomics.store(this.block, WriterWord.Opened, this.data.generation)
    this.setStalled(0) // a predecessor may have died while it waited
    this.#setState(WriterState.Running)
    this.post({ code: 'READY' })
  }

  /** Everything was taken and the sink is closed. */
  ended (): void { this.#setState(WriterState.Ended) }

  /** The sink failed for good: nobody will take another line. */
  fail (error: Error): void {
    // In this order: whoever hears of it may start a successor at once, and the state is the successor's then.
    this.#setState(WriterState.Failed)
    this.#tell('ERROR', error, { isFinal: true })
  }

  /** This target is finished; a new one may do better. */
  dying (error: Error): void { this.#tell('ERROR', error) }

  /** The errno that the sink is waiting out, 0 when it takes lines. */
  setStalled (errno: number): void { Atomics.store(this.block, WriterWord.Stalled, errno) }

  warn (error: Error): void { this.#tell('WARNING', error) }

  #tell (code: 'ERROR' | 'WARNING', err: Error, more: { isFinal?: boolean } = {}): void {
    const details = detailsOf(err)
    try {
      this.post({ code, err, details, ...more })
    } catch {
      // Something hangs on it that can't be copied (a function as `cause`); the words can.
      this.post({ code, err: Object.assign(new Error(err.message), { stack: String(err.stack) }), details, ...more })
    }
  }

  post (message: WriterMessage): void { parentPort?.postMessage(message) }

  #setState (state: WriterState): void {
    this.waiter.keepCpuTime()
    Atomics.store(this.block, WriterWord.State, state)
    Atomics.notify(this.block, WriterWord.State)
  }
}

/** What was thrown, as an error. Anything can be thrown. */
export function asError (reason: unknown): Error {
  return isNativeError(reason) ? reason : new Error(typeof reason === 'string' ? reason : inspect(reason))
}

function detailsOf (error: Error): ErrorDetails {
  return Object.fromEntries(Object.entries(error).filter(([, value]) => typeof value === 'string' || typeof value === 'number'))
}
