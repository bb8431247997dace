import { setImmediate } from 'node:timers'
import { BroadcastChannel, getEnvironmentData, isMainThread, setEnvironmentData, type Worker } from 'node:worker_threads'
import { WriterState, WriterWord } from '../ring/layout'
import { hold, type Holder, release } from './claims'
import type { Handle } from './handle'
import type { RingStream } from './ring-stream'

/** What is said on the channel of a key: who asks, or the answer. */
export type Word = { asks: number } | { handle: Handle }

/** The handle of a writer of this key that this thread or one that it comes from has made. */
export function inheritedHandle (key: string): Handle | undefined {
  const handle = getEnvironmentData(key) as Handle | undefined
  return handle !== undefined && isUsable(handle) ? handle : undefined
}

export function isUsable ({ block }: Handle): boolean {
  const words = new Int32Array(block)
  return Atomics.load(words, WriterWord.State) < WriterState.Ended && Atomics.load(words, WriterWord.OwnerGone) === 0
}

/**
 * Tells the threads that share it where a writer is: those that this thread starts, and those that ask.
 *
 * @param stream its owner, which has claimed the key
 */
export function offer (stream: RingStream, key: string, handle: Handle): void {
  setEnvironmentData(key, handle as never)
  const channel = new BroadcastChannel(key)
  let isAnswering = false
  const answer = (): void => {
    isAnswering = false
    channel.postMessage({ handle })
  }
  channel.onmessage = ({ data }) => {
    if (isAnswering || !('asks' in (data as Word))) return
    isAnswering = true
    setImmediate(answer) // one for all who asked
  }
  channel.unref()
  const words = new Int32Array(handle.block)
  const holder: Holder = { get isDone () { return Atomics.load(words, WriterWord.State) === WriterState.Ended } }
  hold(key, holder)
  answer() // who asked while this writer was being made
  stream.once('close', () => {
    channel.onmessage = () => {}
    setImmediate(() => channel.close()) // an answer may be due
    if (getEnvironmentData(key) === handle as never) setEnvironmentData(key, undefined)
    releaseAfter(stream.worker, key, holder)
  })
}

/** There must not be another writer at the sink before this one's thread is gone. */
function releaseAfter (worker: Worker, key: string, holder: Holder): void {
  const free = (): void => release(key, holder, isMainThread)
  if (worker.threadId === -1) free()
  else worker.once('exit', free)
}
