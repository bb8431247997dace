import { nameOf } from '../errno'
import { MOST_PINNED_CORES, WriterCount, WriterState, WriterWord } from '../ring/layout'
import type { WriterStateName } from './writer-access'

/** The writer block as any thread sees it, and the words that any thread may bump. */
export class WriterBlock {
  readonly block: Int32Array
  readonly #counts: Float64Array

  constructor (shared: SharedArrayBuffer) {
    this.block = new Int32Array(shared)
    this.#counts = new Float64Array(shared)
  }

  protected get writerState (): WriterState { return Atomics.load(this.block, WriterWord.State) }

  get state (): WriterStateName {
    switch (this.writerState) {
      case WriterState.Starting: return this.isWaitingForSink ? 'stalled' : 'starting'
      case WriterState.Running: return this.isStalled ? 'stalled' : 'running'
      case WriterState.Ended: return 'ended'
      case WriterState.Failed: return 'failed'
    }
  }

  get isStalled (): boolean { return Atomics.load(this.block, WriterWord.Stalled) !== 0 }

  /** The error that the sink gives, by name, while the writer waits for it and when it has failed of it. */
  get stalledBy (): string | undefined {
    const errno = Atomics.load(this.block, WriterWord.Stalled)
    return errno === 0 ? undefined : nameOf(-errno)
  }

  /** The current writer waits for its sink, open or not yet. */
  get isWaitingForSink (): boolean {
    return this.isStalled && Atomics.load(this.block, WriterWord.Claim) === Atomics.load(this.block, WriterWord.Generation) * 2 + 1
  }

  /** The current writer has opened its sink, and is not known gone. */
  get isUp (): boolean {
    const generation = Atomics.load(this.block, WriterWord.Generation)
    return Atomics.load(this.block, WriterWord.Opened) === generation && Atomics.load(this.block, WriterWord.Gone) !== generation
  }

  /** If it does not say that it waits for its sink, it does not. */
  get saysIfWaiting (): boolean { return Atomics.load(this.block, WriterWord.SaysIfWaiting) === 1 }

  /** The current writer has opened its sink, or waits until it can be opened: a FIFO without a reader. */
  get isReady (): boolean { return this.isUp || Atomics.load(this.block, WriterWord.Ready) === Atomics.load(this.block, WriterWord.Generation) }

  /** The cores that the kernel says the writer is pinned to; null if it is not. */
  get pinned (): number[] | null {
    const count = Math.min(Atomics.load(this.block, WriterWord.PinnedCount), MOST_PINNED_CORES)
    return count === 0 ? null : Array.from(this.block.subarray(WriterWord.PinnedCores, WriterWord.PinnedCores + count))
  }

  get cpuMs (): number { return this.#counts[WriterCount.CpuMs]! }

  /** Makes the writer look at its rings and orders now. */
  wake (): void {
    Atomics.add(this.block, WriterWord.Wake, 1)
    Atomics.notify(this.block, WriterWord.Wake)
  }

  /** Has the path opened again. Whether that has been done is to be asked with `hasReopened`. */
  reopen (): number {
    const number = Atomics.add(this.block, WriterWord.ReopenWanted, 1) + 1
    this.wake()
    return number
  }

  hasReopened (number: number): boolean {
    return ((Atomics.load(this.block, WriterWord.Reopened) - number) | 0) >= 0
  }
}
