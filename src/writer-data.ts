/** What crosses between the application side and the writer thread, besides shared memory. */

import type { FdSink, TargetSink } from './options'
import type { Handle } from './stream/sharing/handle'
import type { InWords } from './stream/writer-errors'

/** A ring that another thread attached: what it sends to the writer and to the writer's owner. */
export interface Announcement {
  ring: SharedArrayBuffer
  /** The thread block. */
  thread: SharedArrayBuffer
  /** Of the producer's thread, as `worker_threads` numbers them. */
  threadId: number
  /** What the producer's thread is called. */
  name: string
}

/** `workerData` of the writer thread. */
export interface WriterData {
  /** The writer block. */
  block: SharedArrayBuffer
  /** The owner's ring. */
  ring: SharedArrayBuffer
  /** The rings of other threads known when the thread starts. */
  attached: Announcement[]
  /** Name of the BroadcastChannel on which others are announced. */
  channel: string
  /** Which start of the writer this is, from 1. */
  generation: number
  sink: FdSink | Omit<TargetSink, 'options'>
  wait: 'poll' | 'spin' | 'park'
  order: 'ring' | 'time'
  dropNotice: boolean
  onFull: 'drop' | 'block'
  /** Name of the OS thread. */
  name: string
  /** Cores to pin to, or null: then the thread takes the process's own mask. */
  cores: number[] | null
  /** Feed a target line by line: two writers died at the same position. */
  isCareful: boolean
  /** The writer before this one was terminated by the application: it died of no line. */
  isBlameless: boolean
  /** Another owner's writer had this sink before. */
  isHeir: boolean
  /** Threads that look for the writer ask on the channel of this name, and are to be told the handle. */
  shared?: { key: string, handle: Handle }
  /** What a target's function gets. It stands here because targets look for it in `workerData.workerData`. */
  workerData?: Record<string, unknown>
}

/** Messages from the writer thread; targets may send `EVENT`, `WARNING` and `ERROR` themselves, as under thread-stream. */
export type WriterMessage =
  /** The sink is open, or there and waited for. */
  | { code: 'READY' }
  /** Rings were given back. */
  | { code: 'RINGS' }
  /** To be emitted by the stream. */
  | { code: 'EVENT', name: string, args: unknown }
  /** Something the user should know; logging goes on. It may be of `lines` that the log goes without. A target that sends this leaves the details out. */
  | { code: 'WARNING', err: Error, details?: ErrorDetails, lines?: number }
  /** The sink failed for good (`isFinal`), or the target did and a new one may do better. A target that sends this leaves that word out. */
  | { code: 'ERROR', err: Error, isFinal?: boolean, details?: ErrorDetails }

/** What the streams that are attached to a writer hear, and say, on a channel of theirs. */
export type GuestWord =
  /** Of its owner: the writer has ended, is lost or goes on; or why it failed. */
  | { failed: InWords | null }
  /** Of the target: to be emitted by each of them. */
  | { event: string, args: unknown[] }
  /** Of one of them, to the target. */
  | { message: unknown }

/** @param channelName of the writer whose guests they are */
export function guestsChannelName (channelName: string): string { return `${channelName}/guests` }

/** What a message between threads leaves behind of an error: its own properties, such as `code` and `path`. */
export type ErrorDetails = Record<string, string | number>

/** Whether a thread with this `workerData` is a writer. */
export function isWriterData (data: unknown): data is WriterData {
  return typeof data === 'object' && data !== null && 'block' in data && 'generation' in data && 'sink' in data
}
