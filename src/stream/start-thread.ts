import { stat } from 'node:fs'
import { Worker, type WorkerOptions } from 'node:worker_threads'
import { addon } from '../affinity/addon'
import { allowedCores } from '../affinity/machine'
import { WriterWord } from '../ring/layout'
import { OsThreads } from './os-threads'
import { writerFile } from './writer-file'

/**
 * Starts the writer's thread.
 *
 * @param block where it says that it takes its place
 * @param cores that it is to have; null: those of the process
 * @throws {Error} `ERR_PINO_PINNED_WRITER_FILE`, or no thread is to be had
 */
export function startThread (block: Int32Array, cores: readonly number[] | null, options: WorkerOptions): { worker: Worker, threads: OsThreads } {
  const { started: worker, threads } = OsThreads.startedBy(() => new Worker(writerFile(), options))
  // Other code than ours may use libuv's pool there before anything else, whose threads take the cores of the one that starts it.
  if (options.execArgv?.length !== 0) stat(__filename, () => {})
  keepOffThisCore(threads.only, cores ?? allowedCores(), block)
  return { worker, threads }
}

/**
 * A thread inherits the cores of the one that starts it, and has tens of milliseconds of work before its first line of
 * JavaScript gives it others: on its starter's core, which the scheduler gives it for some at a time.
 */
function keepOffThisCore (threadId: number | undefined, cores: readonly number[], block: Int32Array): void {
  if (addon?.moveThread === undefined || threadId === undefined) return
  try {
    const here = addon.currentCore()
    const elsewhere = cores.filter((core) => core !== here)
    if (elsewhere.length === 0) return
    addon.moveThread(threadId, elsewhere)
    // Pairs with the store in the writer's place.ts, which comes before it takes its cores: they may be what was just taken from it.
    if (Atomics.load(block, WriterWord.ThreadId) !== 0) addon.moveThread(threadId, cores)
  } catch {} // it has ended, or a sandbox won't have it
}
