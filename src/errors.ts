/** Errors and warnings: each carries a `code`, and those about options the option's name and the value given. */

import { hintFor } from './option-hints'
import { inspect } from 'node:util'

/**
 * - `ERR_PINO_PINNED_OPTION`: a wrong value, or two options that contradict each other.
 * - `ERR_PINO_PINNED_UNKNOWN_OPTION`: no option has this name.
 * - `ERR_PINO_PINNED_TARGET`: a target that can't be found from the caller's files.
 */
export type OptionErrorCode = 'ERR_PINO_PINNED_OPTION' | 'ERR_PINO_PINNED_UNKNOWN_OPTION' | 'ERR_PINO_PINNED_TARGET'

/** What a wrong option says of itself, in its message and as properties. */
export interface OptionProblem {
  /** The option's name, with a path where it is nested: `reserve.ratio`, `targets[0].target`. */
  option: string
  value: unknown
  /** What would have been right: completes the sentence "… must be". */
  allowed: string
  code?: OptionErrorCode
  /** Where the option was written, if not in the call: `PINO_PINNED`. */
  source?: string
  cause?: unknown
}

export type OptionError = (TypeError | RangeError) & Required<Pick<OptionProblem, 'option' | 'value' | 'allowed' | 'code'>>

/** The requested cores can't be had: thrown with `coreRequired`, else given with a process warning. */
export interface CoreProblem extends Error {
  code: string
  option: 'core'
  value: unknown
  /** The cores this process may use. */
  allowedCores: number[]
}

/** Enough to recognise a value by. */
const MOST_SHOWN_CHARACTERS = 100

/** A value in an error message: short, on one line, and safe whatever it is. */
export function show (value: unknown): string {
  let text
  try {
    text = inspect(value, {
      depth: 1, breakLength: Infinity, compact: true, customInspect: false, maxArrayLength: 6, maxStringLength: MOST_SHOWN_CHARACTERS
    })
  } catch {
    text = `a value of type ${typeof value}`
  }
  return shorten(text)
}

function shorten (text: string): string {
  return text.length > MOST_SHOWN_CHARACTERS ? `${text.slice(0, MOST_SHOWN_CHARACTERS)}…` : text
}

/**
 * A process warning. Node refuses an error from another realm (a test runner's sandbox), and throws: such a one becomes
 * its text.
 */
export function warn (error: Error): void {
  try {
    process.emitWarning(error)
  } catch {
    process.emitWarning(error.message, { type: error.name, code: (error as NodeJS.ErrnoException).code })
  }
}

/** An error, or a warning, with a code: what goes wrong after the options are read. */
export function codedError<D extends object = object> (code: string, message: string, details?: D, cause?: unknown): Error & { code: string } & D {
  const error = new Error(message, cause === undefined ? undefined : { cause })
  return Object.assign(error, { code }, details)
}

/** An option of the wrong type. */
export function wrongType (problem: OptionProblem): OptionError {
  return describe(TypeError, problem, `option '${problem.option}' must be ${problem.allowed}, not ${show(problem.value)}`)
}

/** An option of the right type with a value that can't be used. */
export function wrongValue (problem: OptionProblem): OptionError {
  return describe(RangeError, problem, `option '${problem.option}' must be ${problem.allowed}, not ${show(problem.value)}`)
}

/** Options that are right one by one and can't stand together. */
export function contradiction (problem: OptionProblem): OptionError {
  return describe(RangeError, problem, `option '${problem.option}' is ${show(problem.value)}: ${problem.allowed}`)
}

/** A name that no option has, with what to write instead: what people who know it from elsewhere need, or the nearest that is known. */
export function unknownOption (option: string, value: unknown, known: readonly string[], source?: string): OptionError {
  const path = option.slice(0, option.lastIndexOf('.') + 1)
  const hint = path === '' ? hintFor(option, known) : undefined
  const near = hint === undefined ? nearest(option.slice(path.length), known) : undefined
  const allowed = `one of ${known.map((name) => path + name).join(', ')}`
  const suggestion = hint ?? (near === undefined ? `known: ${known.join(', ')}` : `did you mean '${path}${near}'?`)
  return describe(TypeError, { option, value, allowed, code: 'ERR_PINO_PINNED_UNKNOWN_OPTION', source },
    `unknown option '${shorten(option)}' (${show(value)}); ${suggestion}`)
}

/**
 * A target that can't be found. pino's own words come first: people search for them.
 *
 * @param places from where it was looked for
 */
export function unknownTarget (option: string, value: string, places: readonly string[]): OptionError {
  const from = places.length > 0 ? places.join(', ') : 'no file'
  const allowed = `an absolute path, a file: URL, or a module that can be resolved from ${from}`
  return describe(RangeError, { option, value, allowed, code: 'ERR_PINO_PINNED_TARGET' },
    `unable to determine transport target for ${JSON.stringify(shorten(value))}: option '${option}' must be ${allowed}`)
}

export function isOptionError (error: unknown): error is OptionError {
  return error instanceof Error && Object.hasOwn(error, 'option') && Object.hasOwn(error, 'allowed')
}

/** The same error, told of another place where the option was written. */
export function fromSource (source: string, error: OptionError): OptionError {
  const Class = error instanceof RangeError ? RangeError : TypeError
  return describe(Class, { ...error, cause: error.cause, source }, error.message)
}

function describe (Class: TypeErrorConstructor | RangeErrorConstructor, problem: OptionProblem, message: string): OptionError {
  const { option, value, allowed, code = 'ERR_PINO_PINNED_OPTION', source, cause } = problem
  const text = source === undefined ? message : `${source}: ${message}`
  const error = new Class(text, cause === undefined ? undefined : { cause })
  return Object.assign(error, { code, option, value, allowed })
}

/** The known name that a misspelt one was most likely meant to be, or undefined if none is near. */
export function nearest (name: string, known: readonly string[]): string | undefined {
  /** Nobody misspells a name into something much longer; and the distance costs the product of both lengths. */
  const isComparable = name.length <= 2 * Math.max(...known.map((each) => each.length))
  if (!isComparable) return undefined
  let best: { distance: number, name: string } | undefined
  for (const candidate of known) {
    const distance = editDistance(name.toLowerCase(), candidate.toLowerCase())
    const isNear = distance <= Math.max(1, Math.floor(Math.max(name.length, candidate.length) / 3))
    if (isNear && (best === undefined || distance < best.distance)) best = { distance, name: candidate }
  }
  return best?.name
}

/** Insertions, deletions, substitutions and swaps of neighbours (optimal string alignment). */
function editDistance (a: string, b: string): number {
  let beforeLast: number[] = []
  let last = Array.from({ length: b.length + 1 }, (_, column) => column)
  for (let row = 1; row <= a.length; row++) {
    const current = [row]
    for (let column = 1; column <= b.length; column++) {
      const isSame = a[row - 1] === b[column - 1]
      let distance = Math.min(last[column]! + 1, current[column - 1]! + 1, last[column - 1]! + (isSame ? 0 : 1))
      const isSwap = row > 1 && column > 1 && a[row - 1] === b[column - 2] && a[row - 2] === b[column - 1]
      if (isSwap) distance = Math.min(distance, beforeLast[column - 2]! + 1)
      current.push(distance)
    }
    beforeLast = last
    last = current
  }
  return last[b.length]!
}
