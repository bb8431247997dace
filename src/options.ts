/** What the user wrote → one checked, complete `Settings`. Every error about an option comes from here. */

import { EventEmitter } from 'node:events'
import type { WorkerOptions } from 'node:worker_threads'
import { contradiction, fromSource, isOptionError, type OptionError, wrongType, wrongValue } from './errors'
import {
  applied, bare, boolean, caller, capacity, type Check, core, destination, type Given, integerFrom, level, levels, numberFrom, object,
  oneOf, requireKnown, reserve, signals, target, text, unreadable, worker
} from './option-checks'
import { ADDED_BY_PINO, cloneable, type FdSink, FILE_OPTIONS, type OptionsContext, pipeline, readSink, type TargetSink, targets } from './option-sink'

export type { FdSink, OptionsContext, TargetSink } from './option-sink'

/** 8 MiB: rides out a writer that is off its core for about 70 ms at 1,000,000 lines a second. */
const DEFAULT_CAPACITY_BYTES = 8 * 1024 * 1024
/** What this library is for: a full ring never makes the application wait. */
const DEFAULT_ON_FULL = 'drop'
/** `error`: a flood of debug must not drown the line that explains it. */
const DEFAULT_RESERVE_LEVEL = 50
/** 1 MiB of the default ring: some thousands of error lines, and hardly less room for the others. */
const DEFAULT_RESERVE_RATIO = 1 / 8
/** A core that can't be had costs speed, no line: a warning is enough. */
const DEFAULT_CORE_REQUIRED = false
/** Sleeps of 1 to 10 ms: under 1 % of a core while idle, and no system call by the producer. */
const DEFAULT_WAIT = 'poll'
/** As long as leaving may take without anybody noticing; a sink that moves at all is given more. */
const DEFAULT_EXIT_TIMEOUT_MS = 1000
/** A gap in a log that nobody can see is worse than a line too many. */
const DEFAULT_DROP_NOTICE = true
/** Enough for a passing fault; a target that dies at once each time won't get better by itself. */
const DEFAULT_MAX_RESTARTS = 5
/** Linux shows 15 bytes of a thread's name. */
const DEFAULT_NAME = 'pino-pinned'
/** Two transports of the same settings may be meant to be two. */
const DEFAULT_SHARE = false
/** Order within a thread is always kept; order between threads has a price. */
const DEFAULT_ORDER = 'ring'

/** Longer than any service manager waits before it kills. */
const MOST_EXIT_TIMEOUT_MS = 600_000
/** With the growing pauses between them, days. */
const MOST_RESTARTS = 1000

/** Every option with its value. */
export interface Settings {
  readonly sink: FdSink | TargetSink
  /** Bytes, a power of two. */
  readonly capacity: number
  readonly onFull: 'drop' | 'block'
  /** `level` as pino's number. */
  readonly reserve: { level: number, ratio: number } | null
  /** Not yet checked against the machine. */
  readonly core: number[] | 'auto' | null
  readonly coreRequired: boolean
  readonly wait: 'poll' | 'spin' | 'park'
  readonly order: 'ring' | 'time'
  /** Milliseconds. */
  readonly exitTimeout: number
  readonly dropNotice: boolean
  readonly flushOnSignal: NodeJS.Signals[]
  readonly reopenOnSignal: NodeJS.Signals[]
  readonly maxRestarts: number
  readonly name: string
  /** `'unasked'`: register's default. Then the end of the owner's stream is the end of no other. */
  readonly share: boolean | 'unasked'
  readonly sync: boolean
  readonly worker: WriterWorkerOptions
  /** Bytes waiting from which `write` says false; without it, half the ring. */
  readonly bufferSize?: number
}

/** `worker` of `pino.transport()`: what the writer's `Worker` gets, and `autoEnd`. */
export type WriterWorkerOptions = WorkerOptions & {
  /** `false`: when the process ends, the target is not: lines are delivered to it and nothing more. */
  autoEnd?: boolean
}

/** The options of the ring and its writer, the same in all ways of use. */
export interface RingOptions {
  /** Size of the ring: bytes, or `'64kb'`, `'16mb'`, `'1gb'`; 64 KiB to 1 GiB, rounded up to a power of two. Default 8 MiB. */
  capacity?: number | string
  /** A full ring: `'drop'` (default) the line and count it, or `'block'` until there is room. With `sync: true` the default is `'block'`. */
  onFull?: 'drop' | 'block'
  /**
   * The last part of the ring is kept for important lines. `level`: from this level on, by name or number (default
   * `'error'`); `ratio`: the part of the capacity, above 0, at most 0.5 (default 0.125). `false`: no such part.
   */
  reserve?: false | { level?: string | number, ratio?: number }
  /**
   * Where the writer is pinned: a core as the system numbers them, several (`[2, 3]`, `'2-3,5'`), or `'auto'`: an
   * isolated core if there is one, else the last one allowed. Default: not pinned.
   */
  core?: number | readonly number[] | string
  /** A core that can't be had: `true` throws, `false` (default) warns and goes on unpinned. */
  coreRequired?: boolean
  /**
   * How the writer waits for lines. `'poll'` (default): sleeps 1 ms, growing to 10 ms while idle (30 for a
   * target that had nothing for a second). `'spin'`: never sleeps; for a core of its own. `'park'`: sleeps until woken, which costs the producer a system call.
   */
  wait?: 'poll' | 'spin' | 'park'
  /** Longest wait without progress when the process ends, in milliseconds: 0 to 600,000, default 1000. */
  exitTimeout?: number
  /**
   * A line in the log where lines were dropped, for files and targets alike. Default `true`. It is JSON as pino writes it by
   * default, whatever the logger's own keys and formats: `level` (40), `time` (of the first one dropped, in ms), `pid`, `hostname`,
   * `name` (`'pino-pinned'`), `dropped`, `droppedByLevel`, `droppedBytes`, `msg`.
   */
  dropNotice?: boolean
  /** On these signals drain, then die of the signal; e.g. `['SIGTERM', 'SIGINT']`. Not in a pino config. Default none. */
  flushOnSignal?: readonly NodeJS.Signals[]
  /** On these signals open the file anew, for logrotate; e.g. `['SIGHUP']`. Not in a pino config. Default none. */
  reopenOnSignal?: readonly NodeJS.Signals[]
  /** Quick deaths of the writer in a row before it is given up: 0 to 1000, default 5. */
  maxRestarts?: number
  /** Name of the writer's OS thread, default `'pino-pinned'`. Linux shows 15 bytes of it. */
  name?: string
  /** Other threads that call with the same settings get a ring into this writer instead of a writer each. Default `false`. */
  share?: boolean
  /**
   * The order of lines of several threads. `'ring'` (default): as the writer finds them, each thread's in order. `'time'`:
   * by the time at which they were logged, to a millisecond; the writer then holds a line back for that long.
   */
  order?: 'ring' | 'time'
}

/** A target with its options. */
export interface TargetOptions {
  /** A module that the caller can require, an absolute path, a `file:` URL, or `'pino/file'`. */
  target: string
  /** What the target's function gets. */
  options?: Record<string, any>
  /** Lines below this level are kept from it. */
  level?: string | number
}

/** Targets that feed each other, the first one the lines. */
export interface PipelineOptions {
  pipeline: readonly TargetOptions[]
  level?: string | number
}

/**
 * Everything `transport()` takes: the options of `pino.transport()`, or `destination` and what belongs to it; and those
 * of the ring. One of `destination`, `target`, `targets` and `pipeline` may be given.
 */
export interface TransportOptions extends RingOptions {
  /** A path (relative to the working directory of now), a `file:` URL, or a file descriptor. Default 1, standard output. */
  destination?: string | URL | number
  /** `true` (default) writes behind what the file has, `false` empties it first. */
  append?: boolean
  /** `true` makes the directories of the path. Default `false`. */
  mkdir?: boolean
  /** Permissions of a new file, such as `0o640` or `'640'`. Default: 0o666 less the umask. */
  mode?: number | string
  /** `true`: delivered means on disk, at the disk's speed. Default `false`. */
  fsync?: boolean

  /** A module that the caller can require, an absolute path, a `file:` URL, or `'pino/file'`. */
  target?: string | URL
  /** What the target's function gets; must be cloneable (no functions). */
  options?: Record<string, any>
  /** Several targets, each with a level of its own. */
  targets?: ReadonlyArray<TargetOptions | PipelineOptions>
  /** Targets that feed each other, the first one the lines. */
  pipeline?: readonly TargetOptions[]
  /** The user's own level names and numbers, for `targets` and `reserve`. */
  levels?: Record<string, number>
  /** With `targets`: a line goes only to the target of the highest level that takes it. Default `false`. */
  dedupe?: boolean
  /** Options of the writer's `Worker`. */
  worker?: WriterWorkerOptions
  /** As in `pino.transport()`: no line is lost for want of room. Here it means `onFull: 'block'`. Default `false`. */
  sync?: boolean
  /** The file, or files, from which targets are resolved. Default: those of the call stack. */
  caller?: string | readonly string[]
  /** Without effect beside a single target, as in `pino.transport()`; it belongs to an entry of `targets`. */
  level?: string | number
}

/** Texts of `PINO_PINNED` in the form that the check expects; what can't be read so is left to the check to refuse. */
const asIs = (value: string): unknown => value
const asNumber = (value: string): unknown => /^\d+(\.\d+)?$/.test(value) ? Number(value) : value
const asBoolean = (value: string): unknown => value === 'true' || (value === 'false' ? false : value)
const asList = (value: string): unknown => value.split(',').map((each) => each.trim())

function asReserve (value: string): unknown {
  if (value === 'false') return false
  const [level = '', ratio, ...rest] = value.split(':').map((each) => each.trim())
  if (rest.length > 0 || level === '') return value
  return ratio === undefined ? { level: asNumber(level) } : { level: asNumber(level), ratio: asNumber(ratio) }
}

const DEFAULT_RESERVE = { level: DEFAULT_RESERVE_LEVEL, ratio: DEFAULT_RESERVE_RATIO }

interface RingOption {
  check: (value: unknown, option: string, given: Given) => unknown
  /** From the text in `PINO_PINNED`. */
  read: (value: string) => unknown
  byDefault: unknown
}

const RING_OPTIONS: Record<keyof RingOptions, RingOption> = {
  capacity: { check: capacity, read: asIs, byDefault: DEFAULT_CAPACITY_BYTES },
  onFull: { check: oneOf('drop', 'block'), read: asIs, byDefault: DEFAULT_ON_FULL },
  reserve: { check: checkReserve, read: asReserve, byDefault: DEFAULT_RESERVE },
  core: { check: core, read: asIs, byDefault: null },
  coreRequired: { check: boolean, read: asBoolean, byDefault: DEFAULT_CORE_REQUIRED },
  wait: { check: oneOf('poll', 'spin', 'park'), read: asIs, byDefault: DEFAULT_WAIT },
  exitTimeout: { check: numberFrom(0, MOST_EXIT_TIMEOUT_MS, 'milliseconds'), read: asNumber, byDefault: DEFAULT_EXIT_TIMEOUT_MS },
  dropNotice: { check: boolean, read: asBoolean, byDefault: DEFAULT_DROP_NOTICE },
  flushOnSignal: { check: signals, read: asList, byDefault: [] },
  reopenOnSignal: { check: signals, read: asList, byDefault: [] },
  maxRestarts: { check: integerFrom(0, MOST_RESTARTS, 'a number of restarts'), read: asNumber, byDefault: DEFAULT_MAX_RESTARTS },
  name: { check: text, read: asIs, byDefault: DEFAULT_NAME },
  order: { check: oneOf('ring', 'time'), read: asIs, byDefault: DEFAULT_ORDER },
  share: { check: boolean, read: asBoolean, byDefault: DEFAULT_SHARE }
}

function checkReserve (value: unknown, option: string, given: Given): unknown {
  return reserve(value, option, given.levels as Record<string, number> | undefined ?? {}, DEFAULT_RESERVE)
}

/** The other options; `levels` comes first, because `reserve` may name one. */
const SINK_OPTIONS: Record<Exclude<keyof TransportOptions, keyof RingOptions>, Check> = {
  levels,
  destination,
  ...FILE_OPTIONS,
  target,
  options: cloneable,
  targets,
  pipeline,
  dedupe: boolean,
  worker,
  sync: boolean,
  caller,
  level
}

/** Every option of `transport()`. */
export const OPTION_NAMES = [...Object.keys(SINK_OPTIONS), ...Object.keys(RING_OPTIONS)] as ReadonlyArray<keyof TransportOptions>

/** Those that `PINO_PINNED` may set. */
export const RING_OPTION_NAMES = Object.keys(RING_OPTIONS) as ReadonlyArray<keyof RingOptions>

/** Options that can't stand beside each other: the first of a row beside any of the second. */
const CONTRADICTIONS: ReadonlyArray<[option: string, others: string[], why: string]> = [
  ['target', ['targets'], 'only one of target or targets can be specified'],
  ['pipeline', ['target', 'targets'], 'only one of target, targets or pipeline can be specified'],
  ['destination', ['target', 'targets', 'pipeline'], 'a destination is a sink of its own; give the destination in the options of the target'],
  ['destination', ['options', 'dedupe'], 'these belong to targets'],
  ...['append', 'mkdir', 'mode', 'fsync'].map((name): [string, string[], string] =>
    [name, ['target', 'targets', 'pipeline'], `${name} belongs to a destination; give it in the options of the target`])
]

function refuseContradictions (given: Given, { way }: OptionsContext): void {
  for (const [option, others, why] of CONTRADICTIONS) {
    const other = others.find((name) => given[name] !== undefined)
    if (given[option] !== undefined && other !== undefined) {
      throw contradiction({ option, value: given[option], allowed: `it can't stand beside '${other}': ${why}` })
    }
  }
  const hasTarget = ['target', 'targets', 'pipeline'].some((name) => given[name] !== undefined)
  if (given.options !== undefined && !hasTarget) {
    throw contradiction({ option: 'options', value: given.options, allowed: "it needs a 'target' that gets them" })
  }
  refuseHalves(given)
  if (way === 'drop-in') refuseSignals(given)
}

/** Options that mean something only with another. */
function refuseHalves (given: Given): void {
  if (given.coreRequired === true && given.core === undefined) {
    throw contradiction({ option: 'coreRequired', value: true, allowed: "it needs a 'core'" })
  }
  const flushOnSignal = Array.isArray(given.flushOnSignal) ? given.flushOnSignal : []
  const both = (Array.isArray(given.reopenOnSignal) ? given.reopenOnSignal : []).find((each) => flushOnSignal.includes(each))
  if (both !== undefined) {
    const allowed = `'flushOnSignal' has ${both} already, and ends the process`
    throw contradiction({ option: 'reopenOnSignal', value: given.reopenOnSignal, allowed })
  }
}

function refuseSignals (given: Given): void {
  for (const option of ['flushOnSignal', 'reopenOnSignal']) {
    const value = given[option]
    if (Array.isArray(value) && value.length > 0) {
      const allowed = 'signal handlers do not run in workers, and a transport of a pino config is one; use transport() or pino-pinned/register'
      throw contradiction({ option, value, allowed })
    }
  }
}

/**
 * Checks what the user wrote, in all ways of use.
 *
 * @throws {TypeError|RangeError} `ERR_PINO_PINNED_OPTION`, `ERR_PINO_PINNED_UNKNOWN_OPTION` or `ERR_PINO_PINNED_TARGET`,
 *   with `option`, `value` and `allowed`
 */
export function readOptions (options: unknown, context: OptionsContext): Settings {
  try {
    return readReadable(options, context)
  } catch (error) {
    // A proxy throws wherever it is touched.
    const wrong = isOptionError(error) ? error : unreadable('options', options, error)
    // A stack of ten frames is to show who wrote it, not where we looked.
    Error.captureStackTrace(wrong, readOptions)
    throw wrong
  }
}

function readReadable (options: unknown, context: OptionsContext): Settings {
  if (options instanceof EventEmitter) {
    throw wrongType({ option: 'options', value: options, allowed: 'an object with options (a stream is given to pino itself)' })
  }
  const given: Given = options === undefined ? bare({}) : object(options, 'options', '')
  // Under `options` of a pino config stand pino's own additions too.
  const added = context.way === 'direct' ? [] : ADDED_BY_PINO
  const names = Object.keys(given).filter((name) => !added.includes(name))
  requireKnown(Object.fromEntries(names.map((name) => [name, given[name]])), OPTION_NAMES)
  // They are looked into for contradictions.
  for (const name of ['flushOnSignal', 'reopenOnSignal']) {
    if (given[name] !== undefined) given[name] = applied(signals, name, given)
  }
  refuseContradictions(given, context)
  const checked: Given = bare(given)
  for (const [name, check] of Object.entries(SINK_OPTIONS)) {
    if (given[name] !== undefined) checked[name] = applied(check, name, given)
  }
  const callers = checked.caller as string[] | undefined ?? context.callers
  return settings(checked, readSink(checked, { ...context, callers }))
}

function settings (checked: Given, sink: FdSink | TargetSink): Settings {
  const { sync = false, worker = {} } = checked
  const ring: Given = {}
  for (const [name, { check, byDefault }] of Object.entries(RING_OPTIONS)) {
    ring[name] = checked[name] === undefined ? structuredClone(byDefault) : applied(check, name, checked)
  }
  if (sync === true && checked.onFull === undefined) ring.onFull = 'block'
  return Object.freeze({ sink: Object.freeze(sink), ...ring, sync, worker } as Settings)
}

/** The environment variable that `pino-pinned/register` reads. */
export const ENVIRONMENT_VARIABLE = 'PINO_PINNED'

/**
 * Reads the options of `PINO_PINNED`, e.g. `core=2-3,5,capacity=16mb,reserve=error:0.25`. A piece without `=` goes on
 * with the value before it, so that lists may have commas.
 *
 * @returns options as a user writes them, checked
 * @throws {TypeError|RangeError} as `readOptions`, with a message that names the variable
 */
export function readEnvironment (text: string | undefined): Partial<RingOptions> {
  try {
    const written = piecesOf(text ?? '')
    requireKnown(written, RING_OPTION_NAMES)
    const given: Given = bare({})
    for (const [name, value] of Object.entries(written)) {
      const { read, check } = RING_OPTIONS[name as keyof RingOptions]
      given[name] = read(value)
      check(given[name], name, bare({}))
    }
    refuseHalves(given)
    return { ...given }
  } catch (error) {
    const problem = error as OptionError
    throw problem.option === ENVIRONMENT_VARIABLE ? problem : fromSource(ENVIRONMENT_VARIABLE, problem)
  }
}

function notAList (text: string): OptionError {
  const allowed = "a list of options with their values, such as 'core=3,capacity=16mb,wait=spin'"
  return wrongValue({ option: ENVIRONMENT_VARIABLE, value: text, allowed })
}

function piecesOf (text: string): Record<string, string> {
  const pieces: Record<string, string> = bare({})
  let name: string | undefined
  for (const piece of text.split(',').map((each) => each.trim()).filter((each) => each !== '')) {
    const equals = piece.indexOf('=')
    if (equals < 0) {
      if (name === undefined && !RING_OPTION_NAMES.some((known) => known === piece)) throw notAList(text)
      if (name === undefined) throw contradiction({ option: piece, value: undefined, allowed: `it needs a value, as in ${piece}=…` })
      pieces[name] += `,${piece}`
      continue
    }
    name = piece.slice(0, equals).trim()
    if (name in pieces) throw contradiction({ option: name, value: text, allowed: 'it is given twice' })
    pieces[name] = piece.slice(equals + 1).trim()
  }
  return pieces
}
