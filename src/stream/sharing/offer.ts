import { setImmediate } from 'node:timers'
import { BroadcastChannel, getEnvironmentData, setEnvironmentData, type Worker } from 'node:worker_threads'
import { addon } from '../../affinity/addon'
import { WriterState, WriterWord } from '../../ring/layout'
import { hold, type Holder, release } from './claims'
import type { Connection } from '../connection'
import type { Handle } from './handle'
import { letRingGo } from './keeping'
import type { RingStream } from '../ring-stream'
import type { Supervisor } from '../supervisor'

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
 * @param isKept the owner stays although the application forgets it; else the others go on with another writer then
 */
export function offer (stream: RingStream, connection: Connection & { writer: Supervisor }, key: string, isKept: boolean): Handle {
  const { writer, port: { ring } } = connection
  const handle = isKept ? connection.handle() : writer.share()
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
  let isWithdrawn = false
  atEnd(stream, writer, () => {
    if (isWithdrawn) return
    isWithdrawn = true
    channel.onmessage = () => {}
    setImmediate(() => channel.close()) // an answer may be due
    if (getEnvironmentData(key) === handle as never) setEnvironmentData(key, undefined)
    onceGone(writer.worker, () => {
      // There must not be another writer at the sink before. One that failed may be started again on this ring.
      if (holder.isDone) {
        letRingGo(ring)
        addon?.cancelStoreAtThreadExit(words, WriterWord.OwnerGone) // nobody asks any more
      }
      release(key, holder, !handle.isPassedOn)
    })
  })
  return handle
}

/** Apart: what is made above lives as long as the channel, and must not hold a stream that the application may forget. */
function atEnd (stream: RingStream, writer: Supervisor, action: () => void): void {
  const { onClosed } = writer
  writer.onClosed = () => {
    onClosed()
    action()
  }
  stream.once('close', action)
}

function onceGone (worker: Worker, action: () => void): void {
  if (worker.threadId === -1) action()
  else worker.once('exit', action)
}
