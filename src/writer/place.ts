import { stat } from 'node:fs'
import { addon, type Addon, osThreadId } from '../affinity/addon'
import { MOST_PINNED_CORES, WriterWord } from '../ring/layout'
import type { WriterThread } from './thread'

/** Gives the thread its name and its cores, before it takes the first record. */
export function takePlace (thread: WriterThread): void {
  const { block, data } = thread
  // Before it takes its cores: pairs with the load in start-thread.ts.
  Atomics.store(block, WriterWord.ThreadId, osThreadId())
  Atomics.store(block, WriterWord.PinnedCount, 0)
  if (addon === undefined) return
  try {
    addon.unpinThread() // the cores it has are what it inherited, or what its starter left it
    // The threads of libuv's pool take name and cores of the one that starts it: a target's first asynchronous call would.
    if (data.sink.kind === 'target') stat(__filename, () => {})
    if (data.cores !== null) pin(addon, block, data.cores)
  } catch (error) {
    thread.warn(error as Error)
  }
  addon.setThreadName(data.name) // last: to pin a thread starts the pool
}

function pin (addon: Addon, block: Int32Array, cores: readonly number[]): void {
  addon.pinThread(cores)
  const granted = addon.threadAffinity().slice(0, MOST_PINNED_CORES)
  granted.forEach((core, at) => { block[WriterWord.PinnedCores + at] = core })
  Atomics.store(block, WriterWord.PinnedCount, granted.length)
}
