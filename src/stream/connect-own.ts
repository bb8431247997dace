import type { Settings } from '../options'
import type { Connection } from './connection'
import type { RingStream } from './ring-stream'
import { connectShared } from './sharing/share'
import { startWriter } from './start-writer'

/** Gives a stream a writer of its own, or with `share` that of another thread. */
export function connectOwn (stream: RingStream, settings: Settings): Connection {
  return settings.share ? connectShared(stream, settings) : startWriter(stream, settings)
}
