import { isNativeError } from 'node:util/types'
import { inspect } from 'node:util'
import { parentPort, workerData } from 'node:worker_threads'
import { Command, WriterState, WriterWord } from '../ring/layout'
import type { ErrorDetails, WriterData, WriterMessage } from '../writer-data'
import { RingOutlet } from './rings'
import { Waiter } from './waiter'

/** What both kinds of sink share: the rings, the orders of the owner, and what is told to the application. */
export class WriterThread {
  readonly data: WriterData
  readonly block: Int32Array
  readonly outlets: RingOutlet[]
  readonly waiter: Waiter

  constructor () {
    this.data = workerData as WriterData
    this.block = new Int32Array(this.data.block)
    this.outlets = this.data.rings.map((shared) => new RingOutlet(shared, this.data.dropNotice))
    this.waiter = new Waiter(this.data.block, this.data.wait)
  }

  /** An earlier writer had this sink open. */
  get isSuccessor (): boolean { return Atomics.load(this.block, WriterWord.Opened) > 0 }

  get isEnding (): boolean { return Atomics.load(this.block, WriterWord.Command) === Command.End }

  get isIdle (): boolean { return this.outlets.every((outlet) => outlet.isIdle) }

  /** Bound, to be handed to the waiter: nothing to write and no order. */
  readonly hasNothingToDo = (): boolean => this.isIdle && !this.isEnding && !this.wantsReopen

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
