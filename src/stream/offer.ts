import { setImmediate } from 'node:timers'
import { BroadcastChannel, getEnvironmentData, isMainThread, setEnvironmentData, type Worker } from 'node:worker_threads'
import { type Ring, WriterState, WriterWord } from '../ring/layout'
import { hold, type Holder, release } from './claims'
import type { Handle } from './handle'
import { letRingGo } from './keeping'
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
 * @param ring that stream's
 */
export function offer (stream: RingStream, key: string, handle: Handle, ring: Ring): void {
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
    onceGone(stream.worker, () => {
      // There must not be another writer at the sink before. One that failed may be started again on this ring.
      if (holder.isDone) letRingGo(ring)
      release(key, holder, isMainThread)
    })
  })
}

function onceGone (worker: Worker, action: () => void): void {
  if (worker.threadId === -1) action()
  else worker.once('exit', action)
}
