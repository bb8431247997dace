import type { Worker } from 'node:worker_threads'
import type { Totals } from './counts'
import type { Keeper } from './port'

/** One thread that logs through a writer: its rings together. */
export interface ProducerStats {
  /** As `worker_threads` numbers threads; 0 is the main thread. */
  threadId: number
  /** The thread's name: `'main'`, what its `Worker` was called, or `'worker 7'`. */
  name: string
  /** Lines that its ring has taken. */
  accepted: number
  /** Lines refused because its ring was full, closed, or without a writer. */
  dropped: number
  /** Most bytes that ever waited in its ring. */
  highWater: number
}

export type WriterStateName = 'starting' | 'running' | 'stalled' | 'restarting' | 'ended' | 'failed'

/** A stream's writer, be it the stream's own or that of another thread. */
export interface WriterAccess extends Keeper {
  /** The writer block. */
  readonly block: Int32Array
  /** The stream's lines are delivered and no more will come. */
  readonly hasEnded: boolean
  /** Nothing will come of the writer for this stream any more. */
  readonly isClosed: boolean
  /** It will take no more lines, and nothing more will be said of why. */
  readonly hasFailed: boolean
  /** Of a writer that is over: the error that its stream is to tell, where it does not hear of it otherwise. */
  readonly failure?: Error | undefined
  /** That error is on its way. */
  readonly isFailureDue?: boolean
  /** The error, by name, that the writer waits out or failed of. */
  readonly stalledBy: string | undefined
  /** The writer has opened its sink, or waits until it can be opened: a FIFO without a reader. */
  readonly isReady: boolean
  readonly state: WriterStateName
  readonly restarts: number
  readonly pinned: number[] | null
  readonly cpuMs: number
  /** The writer's thread; only its owner has it. */
  readonly worker: Worker | undefined
  /** A target that has all lines, was told to end, and has not closed: what it holds nobody knows. Its owner says so. */
  readonly closingTarget?: string | undefined
  /** Lines that one of several targets went without and nobody has heard of; and that it, or a stage, alone has. Its owner knows. */
  readonly untold?: number
  /** Has everything taken to the sink; what comes then is the owner's to say. */
  end (): void
  /** Gives up a writer that does not end. */
  abandon (): void
  /** Returns whether it did. */
  restart (): boolean
  reopen (): number
  hasReopened (number: number): boolean
  post (message: unknown, transferList?: readonly unknown[]): void
  /** Lines in the writer's other rings that the sink has not taken; known to its owner. */
  readonly othersLinesLeft: number
  /** What the writer's other producers have done: known to its owner. */
  others (): { totals: Totals, producers: ProducerStats[] }
  ref (): void
  unref (): void
}
