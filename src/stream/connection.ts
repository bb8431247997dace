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
  /** Lines go to a target. */
  isTarget: boolean
  /** Bytes waiting from which `write` says false; without it, half the ring. */
  bufferSize: number | undefined
}

/** Gives a stream another way to a writer than one of its own. */
export type Connect = (stream: RingStream) => Connection
