/** Options of a stream in ThreadStream's place, from ThreadStream's own to our `Settings`. */

import { isAbsolute, resolve } from 'node:path'
import { isMainThread } from 'node:worker_threads'
import { wrongType, wrongValue } from './errors'
import { object, requireKnown, target } from './option-checks'
import { readOptions, RING_OPTION_NAMES, type RingOptions, type Settings, type WriterWorkerOptions } from './options'
import { isOurselves } from './resolve-target'

/** Options of a `RingStream` made by hand: ThreadStream's, and those of the ring. */
export interface RingStreamOptions extends RingOptions {
  /** The target: a path or a `file:` URL. */
  filename: string | URL
  /** What the target's function gets. */
  workerData?: any
  workerOpts?: WriterWorkerOptions
  /** Bytes waiting from which `write` returns false and 'drain' follows, at least 4; without effect with `sync`. Default: half the ring. */
  bufferSize?: number
  sync?: boolean
}

/** Whether these are options that have been read. */
export function isSettings (options: RingStreamOptions | Settings): options is Settings {
  return typeof options === 'object' && options !== null && 'sink' in options
}

/** What a stream in ThreadStream's place is told beside ThreadStream's options. */
export interface InThreadStreamsPlace {
  /** Options of the ring that apply where the user wrote none. */
  byDefault?: Partial<RingOptions>
  /** The files from which targets named in the options of `pino-pinned` are resolved. */
  callers?: string[]
  /** Whether threads share a writer although nobody said so, where that shows in nothing. */
  sharesUnasked?: boolean
}

/**
 * Checks the options of a `RingStream` made by hand, in ThreadStream's place. If the target is this package itself, its
 * options are those of the stream: the ring needs no other thread in front of it.
 *
 * @throws {TypeError|RangeError} as `readOptions`
 */
export function readThreadStreamOptions (options: unknown, { byDefault = {}, callers = [], sharesUnasked = false }: InThreadStreamsPlace = {}): Settings {
  const given = object(options, 'options', '')
  requireKnown(given, ['filename', 'workerData', 'workerOpts', 'bufferSize', 'sync', ...RING_OPTION_NAMES])
  const { filename, workerData, workerOpts, bufferSize, ...rest } = given
  if (filename === undefined) throw wrongType({ option: 'filename', value: filename, allowed: 'a path or a file: URL' })
  if (bufferSize !== undefined && !(typeof bufferSize === 'number' && bufferSize >= 4)) {
    throw wrongValue({ option: 'bufferSize', value: bufferSize, allowed: 'a number (bufferSize must at least fit a 4-byte utf-8 char)' })
  }
  const context = { callers, way: 'register' } as const
  const outer = { ...byDefault, ...rest, worker: workerOpts }
  const named = target(filename, 'filename')
  const where = named.startsWith('file://') || isAbsolute(named) ? named : resolve(named)
  const inner = typeof workerData === 'object' && workerData !== null ? { ...workerData } : undefined
  const sink = isOurselves(where) ? inner : { target: where, options: inner }
  const all: Record<string, unknown> = { ...outer, ...sink }
  const settings = asMade(readOptions(all, context))
  const share = sharesUnasked && all.share === undefined && isAnyThreads(settings) ? 'unasked' : settings.share
  return Object.freeze({ ...settings, share, bufferSize })
}

/**
 * The thread of a writer to a file or a descriptor gets no flags whatever the application's thread has. Where that has no main
 * module, as in a worker made of text, pino asks for just that, and settings that mean the same are to be the same.
 */
function asMade (settings: Settings): Settings {
  const { execArgv, ...worker } = settings.worker
  return settings.sink.kind === 'fd' && execArgv?.length === 0 ? { ...settings, worker } : settings
}

/**
 * Whether it makes no difference which thread's writer has the sink: who starts a file anew wants to do so himself; options of a
 * target that are more than they look like may be meant for this one; and what the `Worker` is to be like, only its own stream
 * can say.
 */
function isAnyThreads ({ sink, worker }: Settings): boolean {
  const wants = Object.entries(worker).filter(([name, value]) => value !== undefined && name !== 'name' && name !== 'autoEnd' && !isPinosOwn(name, value))
  return (sink.kind === 'fd' ? sink.append : isPlain(sink.options)) && wants.length === 0
}

/** pino asks for no flags in a worker of text, too: that has no main module, so it takes it for a preload. */
function isPinosOwn (name: string, value: unknown): boolean {
  return name === 'execArgv' && !isMainThread && Array.isArray(value) && value.length === 0
}

/** Whether a value is all in what it shows: shared memory, a getter or an object of a class may be another and look the same. */
function isPlain (value: unknown, seen = new Set<unknown>()): boolean {
  if (typeof value !== 'object' || value === null || seen.has(value)) return true
  seen.add(value)
  const prototype = Object.getPrototypeOf(value)
  if (!Array.isArray(value) && prototype !== Object.prototype && prototype !== null) return false
  return Object.values(Object.getOwnPropertyDescriptors(value)).every((each) => 'value' in each && isPlain(each.value, seen))
}
