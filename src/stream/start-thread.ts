import { stat } from 'node:fs'
import { Worker, type WorkerOptions } from 'node:worker_threads'
import { addon, osThreadId } from '../affinity/addon'
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
  const all = cores ?? allowedCores()
  const { own, elsewhere } = placesFor(all)
  const { started: worker, threads } = OsThreads.startedBy(() => allowing(elsewhere, own, () => new Worker(writerFile(), options)))
  // Other code than ours may use libuv's pool there before anything else, whose threads take the cores of the one that starts it.
  if (options.execArgv?.length !== 0) stat(__filename, () => {})
  // It has tens of milliseconds of work before its first line of JavaScript gives it its cores.
  if (threads.only !== undefined && elsewhere.length > 0) {
    move(threads.only, elsewhere)
    // Pairs with the store in the writer's place.ts, which comes before it takes its cores: they may be what was just taken from it.
    if (Atomics.load(block, WriterWord.ThreadId) !== 0) move(threads.only, all)
  }
  return { worker, threads }
}

/** The calling thread's cores, and which of `cores` a new one may come up on without being in its way. */
function placesFor (cores: readonly number[]): { own: number[], elsewhere: number[] } {
  try {
    if (addon?.moveThread !== undefined) {
      const here = addon.currentCore()
      return { own: addon.threadAffinity(), elsewhere: cores.filter((core) => core !== here) }
    }
  } catch {} // a sandbox won't have it
  return { own: [], elsewhere: [] }
}

/**
 * A thread inherits the cores of the one that starts it, and begins on the idlest of them. If that is a pinned one's own, its
 * starter waits for it, some milliseconds, before it can give it others: so that has more for this moment.
 */
function allowing<T> (elsewhere: readonly number[], own: readonly number[], start: () => T): T {
  if (elsewhere.length === 0 || elsewhere.some((core) => own.includes(core))) return start()
  const self = osThreadId()
  move(self, [...own, ...elsewhere])
  try {
    return start()
  } finally {
    move(self, own)
  }
}

function move (threadId: number, cores: readonly number[]): void {
  try {
    addon!.moveThread!(threadId, cores)
  } catch {} // it has ended, or a sandbox won't have it
}
