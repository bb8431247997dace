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
    this.#setState(WriterState.Running)
    this.post({ code: 'READY' })
  }

  /** Everything was taken and the sink is closed. */
  ended (): void { this.#setState(WriterState.Ended) }

  /** The sink failed for good: nobody will take another line. */
  fail (error: Error): void {
    this.post({ code: 'ERROR', err: error, isFinal: true, details: detailsOf(error) })
    this.#setState(WriterState.Failed)
  }

  /** The errno that the sink is waiting out, 0 when it takes lines. */
  setStalled (errno: number): void { Atomics.store(this.block, WriterWord.Stalled, errno) }

  warn (error: Error): void { this.post({ code: 'WARNING', err: error, details: detailsOf(error) }) }

  /** This target is finished; a new one may do better. */
  dying (error: Error): void { this.post({ code: 'ERROR', err: error, details: detailsOf(error) }) }

  post (message: WriterMessage): void { parentPort?.postMessage(message) }

  #setState (state: WriterState): void {
    this.waiter.keepCpuTime()
    Atomics.store(this.block, WriterWord.State, state)
    Atomics.notify(this.block, WriterWord.State)
  }
}

function detailsOf (error: Error): ErrorDetails {
  return Object.fromEntries(Object.entries(error).filter(([, value]) => typeof value === 'string' || typeof value === 'number'))
}
