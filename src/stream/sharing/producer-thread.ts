import * as workerThreads from 'node:worker_threads'
import { addon, osThreadId } from '../../affinity/addon'
import { createThreadBlock, ThreadCount, ThreadWord } from '../../ring/layout'
import { addLeaver } from '../process-exit'

/** The calling thread as the writers see it that it has rings into. */
export class ProducerThread {
  readonly shared = createThreadBlock()
  readonly #words = new Int32Array(this.shared)
  readonly #counts = new Float64Array(this.shared)

  constructor () {
    this.#words[ThreadWord.OsThread] = osThreadId()
    if (addon !== undefined) addon.storeAtThreadExit(this.#words, ThreadWord.Gone, 1)
    else addLeaver({ leave () {}, leaveNow: () => { Atomics.store(this.#words, ThreadWord.Gone, 1) } })
  }

  /** Counts a line dropped when its ring was given back already. */
  drop (slot: number, size: number): void {
    this.#counts[ThreadCount.LinesDropped + slot]! += 1
    this.#counts[ThreadCount.BytesDropped]! += size
  }
}

const threads = new Map<string, ProducerThread>()

/** The calling thread's block for the writer of this channel: one, however many rings. */
export function producerThread (channelName: string): ProducerThread {
  let thread = threads.get(channelName)
  if (thread === undefined) threads.set(channelName, thread = new ProducerThread())
  return thread
}

/** What the calling thread is called. */
export function threadName (): string {
  const { isMainThread, threadId } = workerThreads
  const given = (workerThreads as { threadName?: string }).threadName // since Node 24
  if (isMainThread) return 'main'
  return given === undefined || given === '' ? `worker ${threadId}` : given
}
