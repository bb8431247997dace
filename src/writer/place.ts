import { stat } from 'node:fs'
import { addon, type Addon, osThreadId } from '../affinity/addon'
import { MOST_PINNED_CORES, WriterWord } from '../ring/layout'
import type { WriterThread } from './thread'

/** Gives the thread its name and its cores, before it takes the first record. */
export function takePlace (thread: WriterThread): void {
  const { block, data } = thread
  Atomics.store(block, WriterWord.ThreadId, osThreadId())
  Atomics.store(block, WriterWord.PinnedCount, 0)
  if (addon === undefined) return
  // The threads of libuv's pool take name and cores of the one that starts it: a target's first asynchronous call would.
  if (data.sink.kind === 'target') stat(__filename, () => {})
  try {
    // A thread inherits the cores of the one that started it: without cores of its own it takes the process's.
    if (data.cores === null) addon.unpinThread()
    else pin(addon, block, data.cores)
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
