/**
 * One writer for all threads that ask for the same (option `share`).
 *
 * A handle stands in the environment data of the thread that made the writer, and workers started afterwards inherit it.
 * pino's own transport threads, which do not inherit from each other, ask on a channel besides; which of them makes the
 * writer, the addon says.
 */

import { setInterval } from 'node:timers'
import { inspect } from 'node:util'
import { BroadcastChannel, getEnvironmentData, setEnvironmentData, threadId } from 'node:worker_threads'
import { addon, type Addon } from '../affinity/addon'
import type { Settings } from '../options'
import { Patience } from '../patience'
import { WriterState, WriterWord } from '../ring/layout'
import { connectTo } from './connect-guest'
import type { Handle } from './handle'
import type { Connection } from './connection'
import type { RingStream } from './ring-stream'
import { startWriter } from './start-writer'

/** An owner answers as soon as its event loop turns; one that makes its writer just now, in some ten milliseconds. */
const ANSWER_MS = 200
/** A thread that is to make the writer and has not in so long has died, or is stuck: better a writer too many than no log. */
const MAKER_MS = 10_000
/** Whoever waits looks so often at his patience: where threads wait for a core, so do those who would answer. */
const LOOK_MS = 10

/** What is said on the channel of a key: who asks, or the answer. */
type Word = { asks: number } | { handle: Handle }

/** The same for all settings that are the same, in all threads of the process and no other. */
function shareKey (settings: Settings): string {
  // As it is: a hash would be shorter, but costs the process a megabyte of cryptography.
  const text = inspect(settings, { sorted: true, depth: Infinity, maxArrayLength: null, maxStringLength: null, customInspect: false, breakLength: Infinity })
  return `pino-pinned/${process.pid}/shared/${text}`
}

/** Gives a stream a writer of its own, or with `share` that of a thread before it. */
export function connectOwn (stream: RingStream, settings: Settings): Connection {
  if (!settings.share) return startWriter(stream, settings)
  const key = shareKey(settings)
  const found = inheritedHandle(key)
  if (found !== undefined) return connectTo(found)(stream)
  addon?.claim(key) // those who ask for it wait for this one now
  const connection = startWriter(stream, settings)
  offer(stream, key, connection.handle())
  return connection
}

/** The handle of a writer for these settings, if there is one in the process. Another thread may be making it just now. */
export async function findHandle (settings: Settings): Promise<Handle | undefined> {
  const key = shareKey(settings)
  return inheritedHandle(key) ?? await (addon === undefined ? agree(key) : askUnlessFirst(key, addon))
}

function inheritedHandle (key: string): Handle | undefined {
  const handle = getEnvironmentData(key) as Handle | undefined
  return handle !== undefined && isUsable(handle) ? handle : undefined
}

function isUsable ({ block }: Handle): boolean {
  const words = new Int32Array(block)
  return Atomics.load(words, WriterWord.State) < WriterState.Ended && Atomics.load(words, WriterWord.OwnerGone) === 0
}

function offer (stream: RingStream, key: string, handle: Handle): void {
  setEnvironmentData(key, handle as never)
  const channel = new BroadcastChannel(key)
  const answer = (): void => channel.postMessage({ handle })
  channel.onmessage = ({ data }) => { if ('asks' in (data as Word)) answer() }
  channel.unref()
  answer() // who asked while this writer was being made
  stream.once('close', () => {
    channel.close()
    addon?.release(key)
    if (getEnvironmentData(key) === handle as never) setEnvironmentData(key, undefined)
  })
}

/** The handle of the thread that claimed the key; undefined if that is this one, which is to make the writer then. */
function askUnlessFirst (key: string, { claim }: Addon): Promise<Handle | undefined> {
  return new Promise((resolve) => {
    if (claim(key)) {
      resolve(undefined)
      return
    }
    const channel = new BroadcastChannel(key)
    const settle = (handle?: Handle): void => {
      clearInterval(timer)
      channel.close()
      resolve(handle)
    }
    channel.onmessage = ({ data }) => {
      const word = data as Word
      if ('handle' in word && isUsable(word.handle)) settle(word.handle)
    }
    const ask = (): void => channel.postMessage({ asks: threadId })
    const patience = new Patience()
    const timer = setInterval(() => {
      // The one that was to make it may have died.
      if (claim(key) || patience.look() > MAKER_MS) settle()
      else ask()
    }, LOOK_MS)
    ask()
  })
}

/**
 * Without the addon: of several threads that ask at the same time the one with the lowest id makes the writer; the others
 * wait for it.
 */
function agree (key: string): Promise<Handle | undefined> {
  return new Promise((resolve) => {
    const channel = new BroadcastChannel(key)
    const settle = (handle?: Handle): void => {
      clearInterval(timer)
      channel.close()
      resolve(handle)
    }
    const patience = new Patience()
    let longestMs = ANSWER_MS
    const timer = setInterval(() => { if (patience.look() > longestMs) settle() }, LOOK_MS)
    channel.onmessage = ({ data }) => {
      const word = data as Word
      if ('handle' in word) {
        if (isUsable(word.handle)) settle(word.handle)
      } else if (word.asks > threadId) {
        channel.postMessage({ asks: threadId })
      } else {
        longestMs = MAKER_MS
      }
    }
    channel.postMessage({ asks: threadId })
  })
}
