import type { Handle } from './sharing/handle'
import type { Port } from './port'
import type { RingStream } from './ring-stream'
import type { WriterAccess } from './writer-access'

/** How a stream came to its writer. */
export interface Connection {
  port: Port
  writer: WriterAccess
  /** Makes a handle for other threads. */
  handle: () => Handle
  /** Longest wait without progress when leaving, in milliseconds. */
  exitTimeout: number
  /** The same for `end()`. */
  endPatienceMs: number
  /** Bytes waiting from which `write` says false; without it, half the ring. */
  bufferSize: number | undefined
}

/** Gives a stream another way to a writer than one of its own. */
export type Connect = (stream: RingStream) => Connection

/** pino gives a transport so long to close. */
const TARGET_PATIENCE_MS = 10_000

/** What a target does with its lines in the end nobody sees; and `end()` keeps nobody from his work. */
export function endPatienceMs (isTarget: boolean, exitTimeout: number): number {
  return isTarget ? Math.max(TARGET_PATIENCE_MS, exitTimeout) : exitTimeout
}
