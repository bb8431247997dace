/**
 * pino-pinned: a pino transport that cannot slow its caller.
 *
 * Three ways in: `transport()` here, the package's name as `target` in pino's own config (the default export), and
 * `pino-pinned/register`.
 */

export { attach, AttachedStream, dropIn as default, RingStream, transport } from './application'
export type { DropCounts, DroppedByLevel, Handle, ProducerStats, RingStreamOptions, Stats, TransportOptions } from './application'
