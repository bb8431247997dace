import { isDeepStrictEqual } from 'node:util'
import { show, wrongType } from '../../errors'
import { applied } from '../../option-checks'
import { nameOfSink } from '../../option-sink'
import type { Settings } from '../../options'
import { isCapacity, WRITER_BLOCK_BYTES } from '../../ring/layout'

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
  /** Where the writer's lines go, in the user's words. */
  readonly sink: string
  /** Lines go to a target, which may send events and get messages. */
  readonly isTarget: boolean
  /** The environment that a target runs in, where nobody asked to share it: it is another target in another one. */
  readonly environment?: NodeJS.ProcessEnv | undefined
  /** When the owner of the writer ends, those who share it go on with another one. */
  readonly isPassedOn: boolean
}

/** How other threads come to a writer. */
export interface Sharing {
  /** Name of the channel on which those look for it that share it; null if none do. */
  key: string | null
  /** Another owner's writer had the sink before. */
  isHeir: boolean
  /** When this owner ends, those who share the writer go on with another one. */
  isPassedOn: boolean
}

export function makeHandle (block: SharedArrayBuffer, channel: string, settings: ProducerSettings & Pick<Settings, 'sink' | 'share'>, isPassedOn: boolean): Handle {
  const { capacity, order, onFull, reserve, wait, exitTimeout } = settings
  const isTarget = settings.sink.kind === 'target'
  return {
    pinoPinned: VERSION,
    block,
    channel,
    settings: { capacity, order, onFull, reserve, wait, exitTimeout },
    sink: nameOfSink(settings.sink),
    isTarget,
    environment: isTarget && settings.share === 'unasked' ? { ...process.env } : undefined,
    isPassedOn
  }
}

/** A target may be told by the environment what it is to do. */
export function isSameEnvironment (environment: Handle['environment']): boolean {
  return environment === undefined || isDeepStrictEqual(environment, { ...process.env })
}

/** @throws {TypeError} `ERR_PINO_PINNED_OPTION` */
export function checkHandle (value: unknown): Handle { return applied(handleOf, 'handle', { handle: value }) }

function handleOf (value: unknown): Handle {
  const handle = value as Partial<Handle> | null | undefined
  const isWhole = handle?.block instanceof SharedArrayBuffer && handle.block.byteLength === WRITER_BLOCK_BYTES && typeof handle.channel === 'string' && areSettings(handle.settings)
  if (isWhole && handle.pinoPinned === VERSION) return handle as Handle
  const isOtherVersion = handle?.pinoPinned !== undefined && handle.pinoPinned !== VERSION
  const what = isOtherVersion
    ? `a handle of this version of pino-pinned (${VERSION}, not ${show(handle.pinoPinned)})`
    : 'a handle of this process: what stream.handle() returned, sent by postMessage or as workerData (JSON loses its memory)'
  throw wrongType({ option: 'handle', value, allowed: what })
}

/** As far as a mistake could reach memory: what `makeHandle` has put there was checked as options. */
function areSettings (settings: Partial<ProducerSettings> | null | undefined): boolean {
  const { capacity = NaN, exitTimeout, reserve } = settings ?? {}
  return isCapacity(capacity) && typeof exitTimeout === 'number' && (reserve === null || typeof reserve?.ratio === 'number')
}
