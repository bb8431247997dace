/**
 * One writer for all threads that ask for the same (option `share`).
 *
 * A handle stands in the environment data of the thread that made the writer, and workers started afterwards inherit it.
 * The others ask for it on a channel; which of them makes the writer, the addon says.
 */

import { inspect } from 'node:util'
import { isMainThread } from 'node:worker_threads'
import { addon } from '../../affinity/addon'
import type { Settings } from '../../options'
import { claim, release } from './claims'
import { connectTo } from './connect-guest'
import type { Connection } from '../connection'
import { isSameEnvironment } from './handle'
import { Homing } from './homing'
import { inheritedHandle, offer } from './offer'
import type { RingStream } from '../ring-stream'
import { startWriter } from '../start-writer'
import type { Supervisor } from '../supervisor'

/** The same for all settings that are the same, in all threads of the process and no other. */
function shareKey (made: Settings): string {
  // Unasked nobody has wished for flags; pino says so itself in some threads.
  const settings = made.share === 'unasked' ? { ...made, worker: { ...made.worker, execArgv: [] } } : made
  // As it is: a hash would be shorter, but costs the process a megabyte of cryptography.
  const text = inspect(settings, { sorted: true, depth: Infinity, maxArrayLength: null, maxStringLength: null, customInspect: false, breakLength: Infinity })
  return `pino-pinned/${process.pid}/shared/${text}`
}

/** Gives a stream the writer of another thread, or one of its own for the others to use. */
export function connectShared (stream: RingStream, settings: Settings): Connection {
  const key = shareKey(settings)
  const found = inheritedHandle(key)
  if (settings.share === 'unasked') {
    if (found !== undefined && !isSameEnvironment(found.environment)) return startWriter(stream, settings)
    if (!isMainThread) return new Homing(stream, settings, key).connect()
  }
  if (found !== undefined) return found.isPassedOn ? new Homing(stream, settings, key).connect() : connectTo(found)(stream)
  const claimed = claim(key)
  // Without the addon nobody says whose turn it is: the main thread goes first.
  if (claimed !== undefined || (addon === undefined && isMainThread)) return startShared(stream, settings, key, claimed?.isHeir === true)
  return new Homing(stream, settings, key).connect()
}

/** Starts a writer for whoever shares it. The key is claimed. */
export function startShared (stream: RingStream, settings: Settings, key: string, isHeir: boolean): Connection & { writer: Supervisor } {
  try {
    const connection = startWriter(stream, settings, { key, isHeir })
    offer(stream, connection, key, settings.share === true)
    return connection
  } catch (error) {
    release(key, null, false)
    throw error
  }
}
