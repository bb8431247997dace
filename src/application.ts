/**
 * All that runs in the application's threads, and is there once: the build makes one file of it, which is less to find, to
 * load and to keep than a file each. The package's entries take theirs from here.
 */

import { dropInTarget } from './drop-in'
import { getCallers } from './resolve-target'
import { readOptions, type TransportOptions } from './options'
import { listenToo } from './stream/process-exit'
import { RingStream } from './stream/ring-stream'

export type { TransportOptions } from './options'
export type { RingStreamOptions } from './thread-stream-options'
export type { DroppedByLevel } from './stream/counts'
export type { Handle } from './stream/sharing/handle'
export type { ProducerStats } from './stream/writer-access'
export { attach, AttachedStream } from './stream/sharing/attached-stream'
export { hostWorkers } from './stream/sharing/host'
export type { DropCounts } from './stream/drop-teller'
export { RingStream } from './stream/ring-stream'
export { getCallers } from './resolve-target'
export { readEnvironment } from './options'
export { readThreadStreamOptions } from './thread-stream-options'
export type { Stats } from './stream/stats'

/**
 * Makes a stream for `pino(stream)`: what is logged goes into shared memory, and a writer thread takes it to a file, a
 * descriptor, or any pino transport.
 *
 * @param options everything that `pino.transport` takes, or `destination`; and the options of the ring
 * @throws {TypeError|RangeError} `ERR_PINO_PINNED_…`: an option is wrong; it names the option, the value and what is allowed
 */
export function transport (options: TransportOptions = {}): RingStream {
  const stream = new RingStream(readOptions(options, { callers: getCallers(), way: 'direct' }))
  listenToo()
  return stream
}

/** What pino calls, in its transport thread, for the package's name in its config. */
export function dropIn (options: unknown): RingStream {
  return dropInTarget(options)
}
