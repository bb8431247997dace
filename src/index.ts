/**
 * pino-pinned: a pino transport that cannot slow its caller.
 *
 * Three ways in: `transport()` here, the package's name as `target` in pino's own config (the default export), and
 * `pino-pinned/register`.
 */

import { getCallers } from './resolve-target'
import { readOptions, type TransportOptions } from './options'
import { RingStream } from './stream/ring-stream'

export type { TransportOptions } from './options'
export type { RingStreamOptions } from './thread-stream-options'
export type { DroppedByLevel } from './stream/counts'
export type { Handle } from './stream/handle'
export type { ProducerStats } from './stream/writer-access'
export { attach, AttachedStream } from './stream/attached-stream'
export type { DropCounts } from './stream/drop-teller'
export { RingStream } from './stream/ring-stream'
export type { Stats } from './stream/stats'

/**
 * Makes a stream for `pino(stream)`: what is logged goes into shared memory, and a writer thread takes it to a file, a
 * descriptor, or any pino transport.
 *
 * @param options everything that `pino.transport` takes, or `destination`; and the options of the ring
 * @throws {TypeError|RangeError} `ERR_PINO_PINNED_…`: an option is wrong; it names the option, the value and what is allowed
 */
export function transport (options: TransportOptions = {}): RingStream {
  return new RingStream(readOptions(options, { callers: getCallers(), way: 'direct' }))
}

/** What pino calls, in its transport thread, for the package's name in its config. */
export default function dropIn (options: unknown): RingStream {
  // Nobody else needs it.
  const { dropInTarget } = require('./drop-in') as typeof import('./drop-in')
  return dropInTarget(options)
}
