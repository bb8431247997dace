/** Checks of single option values: each takes what the user wrote and gives it in the one form the rest of the code knows. */

import { constants } from 'node:os'
import { resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseCpuList } from './affinity/cpu-list'
import { isOptionError, nearest, type OptionProblem, unknownOption, wrongType, wrongValue } from './errors'
import { LEVEL_NAMES } from './levels'
import { LEAST_CAPACITY_BYTES, MOST_CAPACITY_BYTES } from './ring/layout'

/** @throws TypeError or RangeError as `errors.ts` describes them, with this name of the option */
export type Check<T = unknown> = (value: unknown, option: string) => T

/** Own properties only: without a prototype, so that a polluted `Object.prototype` sets no option. */
export type Given = Record<string, unknown>

export function bare<T extends object> (properties: T): T {
  return Object.assign(Object.create(null), properties)
}

/** Above what any kernel numbers, as in `parseCpuList`. */
const HIGHEST_CORE = 65535
const HIGHEST_DESCRIPTOR = 0x7fffffff
const MOST_RATIO = 0.5
/** pino numbers its levels in tens. */
const LEVEL_STEP = 10
const UNITS: Record<string, number> = { '': 1, k: 1024, m: 1024 ** 2, g: 1024 ** 3 }
const UNCATCHABLE = ['SIGKILL', 'SIGSTOP']

function typeOr<T> (isType: boolean, isAllowed: boolean, value: unknown, problem: Omit<OptionProblem, 'value'>): T {
  if (!isType) throw wrongType({ ...problem, value })
  if (!isAllowed) throw wrongValue({ ...problem, value })
  return value as T
}

/** Any error of reading the value itself (a getter, a proxy) becomes one that names the option. */
export function applied<T> (check: (value: unknown, option: string, given: Given) => T, option: string, given: Given): T {
  try {
    return check(given[option], option, given)
  } catch (error) {
    if (isOptionError(error)) throw error
    throw unreadable(option, given[option], error)
  }
}

/** @param cause what reading the option threw */
export function unreadable (option: string, value: unknown, cause: unknown): Error {
  return wrongValue({ option, value, allowed: 'readable (reading it threw an error, the cause of this one)', cause })
}

export const boolean: Check<boolean> = (value, option) =>
  typeOr(typeof value === 'boolean', true, value, { option, allowed: 'true or false' })

export function oneOf<T extends string> (...words: T[]): Check<T> {
  const quoted = words.map((word) => `'${word}'`)
  const allowed = `${quoted.slice(0, -1).join(', ')} or ${quoted.at(-1)}`
  return (value, option) =>
    typeOr(typeof value === 'string', words.some((word) => word === value), value, { option, allowed })
}

/** A finite number, both ends included. */
export function numberFrom (least: number, most: number, unit: string): Check<number> {
  return (value, option) => typeOr(typeof value === 'number', (value as number) >= least && (value as number) <= most, value,
    { option, allowed: `${unit} from ${least} to ${most}` })
}

export function integerFrom (least: number, most: number, unit: string): Check<number> {
  const isAllowed = (value: unknown): boolean => Number.isInteger(value) && (value as number) >= least && (value as number) <= most
  return (value, option) =>
    typeOr(typeof value === 'number', isAllowed(value), value, { option, allowed: `${unit}, a whole number from ${least} to ${most}` })
}

export const text: Check<string> = (value, option) => typeOr(typeof value === 'string', value !== '' && !hasNul(value), value,
  { option, allowed: 'a non-empty string without NUL' })

function hasNul (value: unknown): boolean {
  return typeof value === 'string' && value.includes('\0')
}

/**
 * An object that is neither a list nor a function, copied: a getter is called once, here.
 *
 * @param path stands before its properties' names
 */
export function object (value: unknown, option: string, path = `${option}.`): Given {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw wrongType({ option, value, allowed: 'an object' })
  }
  const copy: Given = bare({})
  let current = option
  try {
    for (const name of Object.keys(value)) {
      current = path + name
      copy[name] = (value as Given)[name]
    }
  } catch (cause) {
    throw unreadable(current, undefined, cause)
  }
  return copy
}

/** A list of `least` entries or more, each checked under the name `option[index]`. */
export function listOf<T> (check: Check<T>, allowed: string, least = 1): Check<T[]> {
  return (value, option) => {
    typeOr(Array.isArray(value), Array.isArray(value) && value.length >= least, value, { option, allowed })
    return Array.from(value as unknown[], (entry, at) => check(entry, `${option}[${at}]`))
  }
}

/** Refuses the first name that is not known. */
export function requireKnown (given: Given, known: readonly string[], path = ''): void {
  for (const name of Object.keys(given)) {
    if (!known.includes(name)) throw unknownOption(path + name, given[name], known)
  }
}

/** Bytes of the ring: a number, or text with a unit; rounded up to a power of two. */
export const capacity: Check<number> = (value, option) => {
  const allowed = "bytes, or a string such as '64kb', '16mb' or '1gb', from 64kb to 1gb"
  const bytes = typeof value === 'string' ? bytesOf(value) : value as number
  const isType = typeof value === 'number' || typeof value === 'string'
  typeOr(isType, bytes >= LEAST_CAPACITY_BYTES && bytes <= MOST_CAPACITY_BYTES, value, { option, allowed })
  return 2 ** Math.ceil(Math.log2(bytes))
}

function bytesOf (size: string): number {
  const match = /^\s*(\d{1,15}(?:\.\d{1,15})?)\s*([kmg]?)(?:i?b)?\s*$/i.exec(size)
  return match === null ? NaN : Number(match[1]) * UNITS[match[2]!.toLowerCase()]!
}

/** Cores, ascending, each once. Whether this machine has them is seen when the writer starts. */
export const core: Check<number[] | 'auto'> = (value, option) => {
  const allowed = "a core number, a list of them, a string such as '3' or '2-3,5', or 'auto'"
  if (value === 'auto') return value
  if (typeof value === 'string') return coresOf(value, { option, value, allowed })
  const isCore = (each: unknown): boolean => Number.isInteger(each) && (each as number) >= 0 && (each as number) <= HIGHEST_CORE
  const checkOne = (each: unknown): number => {
    typeOr(typeof each === 'number', isCore(each), value, { option, allowed })
    return each as number
  }
  const cores = Array.isArray(value) ? Array.from(value as unknown[], checkOne) : [checkOne(value)]
  if (cores.length === 0) throw wrongValue({ option, value, allowed })
  return [...new Set(cores)].sort((a, b) => a - b)
}

function coresOf (list: string, problem: OptionProblem): number[] {
  let cores: number[]
  try {
    cores = parseCpuList(list)
  } catch (cause) {
    throw wrongValue({ ...problem, cause })
  }
  if (cores.length === 0) throw wrongValue(problem)
  return cores
}

/** Names of signals that this system knows and lets a process catch. */
export const signals: Check<NodeJS.Signals[]> = (value, option) => {
  const allowed = "a list of signals that can be caught, such as ['SIGTERM', 'SIGINT']"
  typeOr(Array.isArray(value), true, value, { option, allowed })
  return [...new Set(Array.from(value as unknown[], (each) => signal(each, option)))]
}

function signal (value: unknown, option: string): NodeJS.Signals {
  if (typeof value !== 'string') throw wrongType({ option, value, allowed: "a list of names of signals such as 'SIGTERM'" })
  if (UNCATCHABLE.includes(value)) throw wrongValue({ option, value, allowed: 'a list of signals that can be caught' })
  if (!Object.hasOwn(constants.signals, value)) {
    const near = nearest(value, Object.keys(constants.signals))
    const hint = near === undefined ? "such as 'SIGTERM'" : `(did you mean '${near}'?)`
    throw wrongValue({ option, value, allowed: `a list of names of signals of this system ${hint}` })
  }
  return value as NodeJS.Signals
}

export interface Reserve { level: number, ratio: number }

/** @param levels the user's own level names, as for pino */
export function reserve (value: unknown, option: string, levels: Record<string, number>, defaults: Reserve): Reserve | null {
  if (value === false) return null
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw wrongType({ option, value, allowed: "false, or an object such as { level: 'error', ratio: 0.125 }" })
  }
  const given = object(value, option)
  requireKnown(given, ['level', 'ratio'], `${option}.`)
  const { level = defaults.level, ratio = defaults.ratio } = given
  return { level: levelNumber(level, `${option}.level`, levels), ratio: ratioNumber(ratio, `${option}.ratio`) }
}

function levelNumber (value: unknown, option: string, levels: Record<string, number>): number {
  const names = [...LEVEL_NAMES.slice(1), ...Object.keys(levels)]
  const allowed = `a positive number or one of ${names.map((name) => `'${name}'`).join(', ')}`
  if (typeof value === 'string') {
    const number = Object.hasOwn(levels, value) ? levels[value]! : (LEVEL_NAMES as readonly string[]).indexOf(value) * LEVEL_STEP
    return typeOr<number>(true, number > 0, number > 0 ? number : value, { option, allowed })
  }
  return typeOr(typeof value === 'number', (value as number) > 0 && Number.isFinite(value), value, { option, allowed })
}

function ratioNumber (value: unknown, option: string): number {
  return typeOr(typeof value === 'number', (value as number) > 0 && (value as number) <= MOST_RATIO, value,
    { option, allowed: `a number above 0, at most ${MOST_RATIO}` })
}

/** Level names with their numbers, as pino's `levels`. */
export const levels: Check<Record<string, number>> = (value, option) => {
  const given = object(value, option)
  for (const [name, number] of Object.entries(given)) {
    typeOr(typeof number === 'number', !Number.isNaN(number), number, { option: `${option}.${name}`, allowed: 'a number' })
  }
  return { ...given } as Record<string, number>
}

/** A level as pino's targets take it: which names exist is known only where the lines arrive. */
export const level: Check<string | number> = (value, option) =>
  typeOr(typeof value === 'string' || typeof value === 'number', value !== '' && !Number.isNaN(value), value,
    { option, allowed: 'the name or the number of a level' })

/** An absolute path, or a descriptor. A string of digits is a descriptor, as with pino. */
export const destination: Check<string | number> = (value, option) => {
  const allowed = 'a path, a file: URL, or a file descriptor (a whole number from 0)'
  if (value instanceof URL || (typeof value === 'string' && value.startsWith('file://'))) return pathOfUrl(value, { option, value, allowed })
  const descriptor = typeof value === 'string' && /^\d+$/.test(value) ? Number(value) : value
  if (typeof descriptor === 'string') {
    return resolve(typeOr<string>(true, descriptor !== '' && !hasNul(descriptor), value, { option, allowed }))
  }
  const isDescriptor = Number.isInteger(descriptor) && (descriptor as number) >= 0 && (descriptor as number) <= HIGHEST_DESCRIPTOR
  typeOr(typeof descriptor === 'number', isDescriptor, value, { option, allowed })
  return descriptor as number
}

function pathOfUrl (url: URL | string, problem: OptionProblem): string {
  let path
  try {
    path = fileURLToPath(url)
  } catch (cause) {
    throw wrongValue({ ...problem, cause })
  }
  if (hasNul(path)) throw wrongValue(problem)
  return path
}

/** Permissions of a new file: a number, or octal digits as `fs.open` takes them. */
export const mode: Check<number> = (value, option) => {
  const allowed = "permissions such as 0o640 or '640'"
  const isType = typeof value === 'number' || typeof value === 'string'
  const number = typeof value === 'string' ? (/^(0o?)?[0-7]{3,4}$/.test(value) ? Number.parseInt(value.replace('o', ''), 8) : NaN) : value
  typeOr(isType, Number.isInteger(number) && (number as number) >= 0 && (number as number) <= 0o7777, value, { option, allowed })
  return (number as number) + 0 // of -0, which JSON knows, Node aborts
}

/** A target's name, path or URL. */
export const target: Check<string> = (value, option) => {
  const allowed = 'the name of a module, an absolute path or a file: URL'
  if (value instanceof URL) {
    return typeOr<string>(true, value.protocol === 'file:', value.href, { option, allowed })
  }
  return typeOr(typeof value === 'string', value !== '' && !hasNul(value), value, { option, allowed })
}

/** Options of the writer's `Worker`; those not looked at here are left to it. */
export const worker: Check<Given> = (value, option) => {
  const given = object(value, option)
  if (given.autoEnd !== undefined) boolean(given.autoEnd, `${option}.autoEnd`)
  if (given.name !== undefined) text(given.name, `${option}.name`)
  if (given.resourceLimits !== undefined) given.resourceLimits = { ...object(given.resourceLimits, `${option}.resourceLimits`) }
  const { execArgv } = given
  if (execArgv !== undefined && !(Array.isArray(execArgv) && execArgv.every((each) => typeof each === 'string'))) {
    throw wrongType({ option: `${option}.execArgv`, value: execArgv, allowed: 'a list of strings' })
  }
  return { ...given }
}

/** pino's own call stack may have gaps in it, so what is no string is left out. */
export const caller: Check<string[]> = (value, option) => {
  if (typeof value !== 'string' && !Array.isArray(value)) throw wrongType({ option, value, allowed: 'a file name or a list of them' })
  return (Array.isArray(value) ? value : [value]).filter((each) => typeof each === 'string')
}
