import { show, wrongType } from '../errors'
import type { Settings } from '../options'

/** What each side must agree on. */
const VERSION = 1

/** What a producer in another thread is to do as the stream that made the handle does. */
export type ProducerSettings = Pick<Settings, 'capacity' | 'order' | 'onFull' | 'reserve' | 'wait' | 'exitTimeout'>

/** A way to a stream's writer for other threads of the process: plain, to be cloned by `postMessage` or as `workerData`. */
export interface Handle {
  readonly pinoPinned: number
  /** The writer block. */
  readonly block: SharedArrayBuffer
  /** Name of the BroadcastChannel on which rings are announced. */
  readonly channel: string
  readonly settings: ProducerSettings
}

export function makeHandle (block: SharedArrayBuffer, channel: string, settings: ProducerSettings): Handle {
  const { capacity, order, onFull, reserve, wait, exitTimeout } = settings
  return { pinoPinned: VERSION, block, channel, settings: { capacity, order, onFull, reserve, wait, exitTimeout } }
}

/** @throws {TypeError} `ERR_PINO_PINNED_OPTION` */
export function checkHandle (value: unknown): Handle {
  const handle = value as Partial<Handle> | null | undefined
  if (handle?.block instanceof SharedArrayBuffer && typeof handle.channel === 'string' && handle.pinoPinned === VERSION) return handle as Handle
  const isOtherVersion = handle?.pinoPinned !== undefined && handle.pinoPinned !== VERSION
  const what = isOtherVersion
    ? `a handle of this version of pino-pinned (${VERSION}, not ${show(handle.pinoPinned)})`
    : 'a handle of this process: what stream.handle() returned, sent by postMessage or as workerData (JSON loses its memory)'
  throw wrongType({ option: 'handle', value, allowed: what })
}
