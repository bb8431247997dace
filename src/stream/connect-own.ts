import type { Settings } from '../options'
import type { Connection } from './connection'
import type { RingStream } from './ring-stream'
import { startWriter } from './start-writer'

/** Gives a stream a writer of its own, or with `share` that of another thread. */
export function connectOwn (stream: RingStream, settings: Settings): Connection {
  if (!settings.share) return startWriter(stream, settings)
  // What sharing takes is a dozen files, which nobody else needs.
  const { connectShared } = require('./share') as typeof import('./share')
  return connectShared(stream, settings)
}
