/** From `destination`, or from `target`, `targets` or `pipeline`, to the sink. */

import { bare, boolean, type Check, destination, type Given, level, listOf, mode, object, requireKnown, target } from './option-checks'
import { contradiction, wrongType, wrongValue } from './errors'
import { isPinoFile, resolvePinoWorker, resolveTarget } from './resolve-target'

/** How the options came to us. */
export interface OptionsContext {
  /** The files from which targets are resolved. */
  callers: string[]
  way: 'direct' | 'drop-in' | 'register'
}

/** What a file descriptor is fed from: a path, a descriptor, standard output, or the target `pino/file`. */
export interface FdSink {
  kind: 'fd'
  /** An absolute path, or a descriptor. */
  destination: string | number
  append: boolean
  mkdir: boolean
  mode: number | undefined
  fsync: boolean
}

/** A module that exports a function returning a stream, as pino transports are. */
export interface TargetSink {
  kind: 'target'
  /** An absolute path or a `file:` URL. */
  filename: string
  /** What the target's function gets. */
  options: Record<string, unknown>
  /** pino wants to know: then a line's level must be a number. */
  usesMultistream: boolean
}

/** A sink in the user's words, for messages. */
export function nameOfSink (sink: FdSink | TargetSink): string {
  if (sink.kind === 'fd') return typeof sink.destination === 'number' ? `descriptor ${sink.destination}` : sink.destination
  // Of pino's own worker these are the targets; any other target may have options of these names and of any kind.
  const names = [sink.options.targets, sink.options.pipelines].flat(2).map((each) => (each as Partial<Entry> | null | undefined)?.target)
  const targets = names.filter((name) => typeof name === 'string')
  return targets.length === 0 ? sink.filename : targets.join(', ')
}

/** Standard output: pino's default, and ours. */
const DEFAULT_DESTINATION = 1
/** Lines of an earlier run are not ours to delete. pino's default too. */
const DEFAULT_APPEND = true
/** A mistyped path should fail rather than make directories. pino's default too. */
const DEFAULT_MKDIR = false
/** `fsync` after each batch bounds the writer's speed by the disk's. pino's default too. */
const DEFAULT_FSYNC = false

/** What `destination` may be accompanied by. */
export const FILE_OPTIONS: Record<'append' | 'mkdir' | 'mode' | 'fsync', Check> = { append: boolean, mkdir: boolean, mode, fsync: boolean }

/** Options of `pino/file` that tune its buffering: the ring is the buffer here, so they have nothing to say. */
const BUFFERING_OPTIONS = ['minLength', 'maxLength', 'maxWrite', 'periodicFlush', 'sync', 'retryEAGAIN', 'contentMode', 'fd', 'dest']

/** What pino adds to a target's options when it makes them. */
export const ADDED_BY_PINO = ['$context', 'pinoWillSendConfig', 'levels', 'dedupe']

const PINO_FILE = 'pino/file'
const OURSELVES = 'pino-pinned'

/** One of `targets`, or one stage of a pipeline, checked. */
interface Entry { target: string, level?: string | number, options?: Given }
/** One of `targets` that is a pipeline, checked. */
interface PipelineEntry { pipeline: Entry[], level?: string | number }

/** @param given the options, each checked already where the table can */
export function readSink (given: Given, context: OptionsContext): FdSink | TargetSink {
  if (given.targets !== undefined) return readTargets(given, context)
  if (given.pipeline !== undefined) return readPipeline(given, context)
  if (given.target !== undefined) return readTarget(given.target as string, given, context)
  return fdSink(given)
}

/** @param given values that are checked already */
function fdSink (given: Given): FdSink {
  const { destination = DEFAULT_DESTINATION, append = DEFAULT_APPEND, mkdir = DEFAULT_MKDIR, mode, fsync = DEFAULT_FSYNC } = given
  return { kind: 'fd', destination, append, mkdir, mode, fsync } as FdSink
}

function readTarget (name: string, given: Given, context: OptionsContext): FdSink | TargetSink {
  if (name === PINO_FILE || isPinoFile(name)) return pinoFileSink(given.options as Given | undefined, 'options', context)
  if (name === OURSELVES) throw wrongValue({ option: 'target', value: name, allowed: 'another target: this is the transport that feeds it' })
  const filename = resolveTarget(name, context.callers)
  return { kind: 'target', filename, options: targetOptions(given, context), usesMultistream: false }
}

/** The options that pino's own function would get, with the ones pino adds. */
function targetOptions (given: Given, { way }: OptionsContext): Given {
  const options: Given = { ...given.options as Given | undefined }
  if (given.levels !== undefined) options.levels = given.levels
  if (given.dedupe === true) options.dedupe = true
  // In the other ways pino has said so itself, if it will.
  if (way === 'direct') options.pinoWillSendConfig = true
  else if (given.pinoWillSendConfig !== undefined) options.pinoWillSendConfig = given.pinoWillSendConfig
  return options
}

/** `pino/file` writes to a descriptor, and so does our writer, without an event loop and without pino. */
function pinoFileSink (given: Given | undefined, path: string, { way }: OptionsContext): FdSink {
  const options = bare(given ?? {})
  const isRegister = way === 'register'
  const known = ['destination', ...Object.keys(FILE_OPTIONS)]
  if (!isRegister) {
    const others = [...known, ...BUFFERING_OPTIONS, ...ADDED_BY_PINO]
    if (Object.keys(options).some((name) => !others.includes(name))) requireKnown(without(options, others), known, `${path}.`)
  }
  const checked: Given = bare({})
  // pino/file writes to standard output whenever its destination is falsy.
  if (options.destination) checked.destination = destination(options.destination, `${path}.destination`)
  for (const [name, check] of Object.entries(FILE_OPTIONS)) {
    const value = options[name]
    if (value === undefined || value === null) continue
    // An application that register found this way must go on as it did: pino/file takes anything truthy.
    checked[name] = isRegister && check === boolean ? Boolean(value) : check(value, `${path}.${name}`)
  }
  return fdSink(checked)
}

function without (given: Given, names: readonly string[]): Given {
  return Object.fromEntries(Object.entries(given).filter(([name]) => !names.includes(name)))
}

function readTargets (given: Given, context: OptionsContext): FdSink | TargetSink {
  const entries = given.targets as Array<Entry | PipelineEntry>
  const [only] = entries
  if (entries.length === 1 && only !== undefined && 'target' in only && only.level === undefined) {
    if (only.target === PINO_FILE || isPinoFile(only.target)) return pinoFileSink(only.options, 'targets[0].options', context)
  }
  const targets = []
  const pipelines = []
  for (const [at, entry] of entries.entries()) {
    const option = `targets[${at}]`
    if ('target' in entry) targets.push(located(entry, option, context))
    else pipelines.push(entry.pipeline.map((stage, index) => ({ ...located(stage, `${option}.pipeline[${index}]`, context), level: entry.level })))
  }
  const options = { ...targetOptions(given, context), targets, pipelines }
  const usesMultistream = entries.length > 1 || entries.some((entry) => entry.level !== undefined)
  return { kind: 'target', filename: resolvePinoWorker(context.callers), options, usesMultistream }
}

function readPipeline (given: Given, context: OptionsContext): TargetSink {
  const stages = (given.pipeline as Entry[]).map((stage, at) => located(stage, `pipeline[${at}]`, context))
  const options = { ...targetOptions(given, context), pipelines: [stages] }
  return { kind: 'target', filename: resolvePinoWorker(context.callers), options, usesMultistream: false }
}

function located (entry: Entry, option: string, { callers }: OptionsContext): Entry {
  return { ...entry, target: resolveTarget(entry.target, callers, `${option}.target`) }
}

/** What the target's function gets: it crosses into another thread, so it must be cloneable. */
export const cloneable: Check<Given> = (value, option) => {
  const options = object(value, option)
  for (const [name, each] of Object.entries(options)) {
    try {
      structuredClone(each)
    } catch (cause) {
      // A port or a file handle: `worker.transferList` may name it, and the Worker will tell.
      if (String((cause as Error | undefined)?.message).includes('transfer')) continue
      throw wrongType({ option: `${option}.${name}`, value: each, allowed: 'something that can be sent to another thread (no functions)', cause })
    }
  }
  return { ...options }
}

const stage: Check<Entry> = (value, option) => {
  const given = object(value, option)
  requireKnown(given, ['target', 'options', 'level', 'worker'], `${option}.`)
  if (given.target === undefined) throw wrongValue({ option, value, allowed: "an object with a 'target'" })
  return readEntry(given, option)
}

/** The keys that pino reads of an entry; `worker` is in its types and never used. */
function readEntry (given: Given, option: string): Entry {
  const entry: Entry = bare({ target: target(given.target, `${option}.target`) })
  if (given.level !== undefined && given.level !== null) entry.level = level(given.level, `${option}.level`)
  if (given.options !== undefined) entry.options = cloneable(given.options, `${option}.options`)
  return entry
}

export const pipeline: Check<Entry[]> = listOf(stage, 'a list of at least one target')

const entry: Check<Entry | PipelineEntry> = (value, option) => {
  const given = object(value, option)
  requireKnown(given, ['target', 'options', 'level', 'worker', 'pipeline'], `${option}.`)
  if (given.target !== undefined && given.pipeline !== undefined) {
    throw contradiction({ option: `${option}.pipeline`, value: given.pipeline, allowed: `${option} has a target already` })
  }
  if (given.pipeline === undefined) {
    if (given.target === undefined) throw wrongValue({ option, value, allowed: "an object with a 'target' or a 'pipeline'" })
    return readEntry(given, option)
  }
  const checked: PipelineEntry = bare({ pipeline: pipeline(given.pipeline, `${option}.pipeline`) })
  if (given.level !== undefined && given.level !== null) checked.level = level(given.level, `${option}.level`)
  return checked
}

export const targets: Check<Array<Entry | PipelineEntry>> = listOf(entry, 'a list of targets and pipelines', 0) // of none, as pino takes it: nothing is kept
