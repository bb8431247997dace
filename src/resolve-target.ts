/** Where a target's module is, found as pino finds it: from the files that called. */

import { existsSync, readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { basename, dirname, isAbsolute, join, resolve, sep } from 'node:path'
import { fileURLToPath } from 'node:url'
import { isMainThread } from 'node:worker_threads'
import * as util from 'node:util'
import { unknownTarget } from './errors'

/** What the prompt of `node` calls itself in a call stack. */
const REPL = 'node:repl'

/** Frames looked through for a file that knows the target. The most that `util.getCallSites` gives. */
const MOST_FRAMES = 200

/** `util.getCallSites` (Node 22.12), `util.getCallSite` (22.9 to 22.11), nothing before. */
type GetCallSites = (frames: number, options?: { sourceMap: boolean }) => Array<{ scriptName: string }>
const { getCallSites, getCallSite } = util as { getCallSites?: GetCallSites, getCallSite?: GetCallSites }
const callSites = getCallSites ?? getCallSite

/**
 * The files of the functions that called, nearest first; from an ES module they are `file:` URLs.
 *
 * @param skip how many callers to leave out; 1 leaves out the function that calls this one
 */
export function getCallers (skip = 1): string[] {
  const isFile = (name: string | null | undefined): name is string => typeof name === 'string' && name !== ''
  if (callSites !== undefined) {
    // Without source maps: a target is resolved from the file that runs.
    return callSites(MOST_FRAMES, { sourceMap: false }).slice(1 + skip).map((site) => site.scriptName).filter(isFile)
  }
  return structuredStack().slice(1 + skip).map((site) => site.getFileName()).filter(isFile)
}

/** Errors of this call stack as V8 hands them to `Error.prepareStackTrace`, which is put back whatever happens. */
function structuredStack (): NodeJS.CallSite[] {
  const { prepareStackTrace, stackTraceLimit } = Error
  try {
    Error.stackTraceLimit = MOST_FRAMES
    Error.prepareStackTrace = (_, sites) => sites
    const holder: { stack?: unknown } = {}
    Error.captureStackTrace(holder, structuredStack)
    return Array.isArray(holder.stack) ? holder.stack : []
  } catch {
    // The application froze `Error`: no caller is known, and targets must be given as paths.
    return []
  } finally {
    try {
      Error.prepareStackTrace = prepareStackTrace
      Error.stackTraceLimit = stackTraceLimit
    } catch {}
  }
}

/**
 * The callers for a target named in a pino config: our code then runs in pino's transport thread, whose call stack does
 * not know the application. So: the application's main file, its working directory, and the place we are installed in.
 */
export function dropInCallers (): string[] {
  const main = mainFile()
  const elsewhere = [inWorkingDirectory(), __filename]
  return main === undefined ? elsewhere : [main, ...elsewhere]
}

/** A file that need not exist: it is only the place to resolve from. */
function inWorkingDirectory (): string {
  return join(process.cwd(), 'noop.js')
}

function mainFile (): string | undefined {
  if (isMainThread) return require.main?.filename ?? process.argv[1]
  // In a worker, `require.main` and `process.argv[1]` are the worker's own file. Linux tells the process's arguments.
  try {
    const args = readFileSync('/proc/self/cmdline', 'utf8').split('\0').slice(1, -1)
    const flags = process.execArgv.every((flag, at) => flag === args[at]) ? process.execArgv.length : 0
    const main = args.slice(flags).find((arg) => !arg.startsWith('-'))
    return main === undefined ? undefined : createRequire(inWorkingDirectory()).resolve(resolve(main))
  } catch {
    return undefined
  }
}

/** What a bundler says a module was bundled into: `globalThis.__bundlerPathsOverrides`, as pino reads it. */
export function bundlerOverride (name: string): string | undefined {
  const overrides = ownProperty(globalThis, '__bundlerPathsOverrides')
  const path = typeof overrides === 'object' && overrides !== null ? ownProperty(overrides, name) : undefined
  return typeof path === 'string' && path !== '' ? path : undefined
}

function ownProperty (object: object, name: string): unknown {
  return Object.hasOwn(object, name) ? (object as Record<string, unknown>)[name] : undefined
}

/**
 * The file of a target: an absolute path or a `file:` URL as it stands, `pino/file`, or a module that one of the callers
 * can require. Whether an absolute path exists is seen when the writer loads it, as with pino.
 *
 * @param option the option's name, for the error
 * @throws {RangeError} `ERR_PINO_PINNED_TARGET`
 */
export function resolveTarget (target: string, callers: readonly string[], option = 'target'): string {
  const origin = bundlerOverride(target) ?? target
  if (isAbsolute(origin) || origin.startsWith('file://')) return origin
  const found = origin === 'pino/file' ? pinoFile('file.js', callers) : resolveFrom(callers, origin)
  if (found === undefined) throw unknownTarget(option, origin, placesOf(callers))
  return found
}

/**
 * pino's module that runs several targets or a pipeline, in the caller's pino if it has one.
 *
 * @throws {RangeError} `ERR_PINO_PINNED_TARGET` if there is no pino at all
 */
export function resolvePinoWorker (callers: readonly string[]): string {
  const found = bundlerOverride('pino-worker') ?? pinoFile(join('lib', 'worker.js'), callers)
  if (found === undefined) throw unknownTarget('targets', 'pino/lib/worker.js', placesOf(callers))
  return found
}

/** Where a target was looked for, in the user's words: each place once, and neither Node's own files nor ours. */
function placesOf (callers: readonly string[]): string[] {
  const names = callers.map((caller) => caller === REPL || caller === inWorkingDirectory() ? `the working directory ${process.cwd()}` : pathOf(caller) ?? caller)
  return [...new Set(names)].filter((name) => !name.startsWith('node:') && !name.startsWith(__dirname + sep))
}

function pinoFile (file: string, callers: readonly string[]): string | undefined {
  const main = resolveFrom([...callers, __filename], 'pino')
  const path = main === undefined ? undefined : join(dirname(main), file)
  return path !== undefined && existsSync(path) ? path : undefined
}

function resolveFrom (callers: readonly string[], name: string): string | undefined {
  for (const caller of callers) {
    try {
      return createRequire(caller === REPL ? inWorkingDirectory() : caller).resolve(name)
    } catch {
      // This caller does not know it (or is no file: `node:internal/…`); the next may.
    }
  }
}

/** Whether this file is the `pino/file` target of any copy of pino. */
export function isPinoFile (filename: string): boolean {
  const path = pathOf(filename)
  return path !== undefined && basename(path) === 'file.js' && packageName(dirname(path)) === 'pino'
}

/** Whether this file is what `pino-pinned` as a target resolves to, in any copy. */
export function isOurselves (filename: string): boolean {
  const path = pathOf(filename)
  if (path === undefined || basename(path) !== 'index.js') return false
  return path === join(__dirname, 'index.js') || packageName(dirname(dirname(path))) === 'pino-pinned'
}

function pathOf (filename: string): string | undefined {
  try {
    return filename.startsWith('file://') ? fileURLToPath(filename) : filename
  } catch {
    return undefined
  }
}

/** The name in the `package.json` of this directory, if there is one. */
function packageName (directory: string): unknown {
  try {
    return JSON.parse(readFileSync(join(directory, 'package.json'), 'utf8')).name
  } catch {
    return undefined
  }
}
