/** What a writer's thread loads before its own file: what `--require` and `--import` name, on the command line and in NODE_OPTIONS. */

import { realpathSync } from 'node:fs'
import { createRequire } from 'node:module'
import { isAbsolute } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { type WorkerOptions, workerData } from 'node:worker_threads'
import { unquoted, wordsOf } from '../node-options'
import { getCallers } from '../resolve-target'
import { isWriterData } from '../writer-data'

type ThreadOptions = Pick<WorkerOptions, 'execArgv' | 'env'>

const PRELOAD_FLAGS = ['--require', '-r', '--import']
/** What code that was given as text calls itself in a call stack: `node --eval`, and workers with `eval: true`. */
const TEXT = /^(file:.*\/)?\[(worker )?eval\d*\]$/

/** For a thread that runs our own code only: it loads nothing else. */
export function withoutPreloads (): ThreadOptions {
  if (process.env.NODE_OPTIONS === undefined) return { execArgv: [] }
  // Given no flags of its own, a thread reads NODE_OPTIONS again. All else stays: it may say whether to load the addon.
  const { NODE_OPTIONS: _, ...env } = process.env
  return { execArgv: [], env }
}

/**
 * For a target, which may need a loader that stands there. While the application's own preloads run, its thread must not run
 * them again: they would start another, without end. And a file that is not there any more must not keep it from starting.
 *
 * @param given what the user wants for the thread; it is left as it is
 */
export function withPreloads (given: ThreadOptions): ThreadOptions {
  const isPreloading = !isMainRunning()
  // NODE_OPTIONS had a writer's thread preload what makes a transport: here at the latest that ends.
  if (isPreloading && isWriterData(workerData)) return withoutPreloads()
  const options: ThreadOptions = {}
  if (given.execArgv === undefined && isPreloading && process.execArgv.some(isPreloadFlag)) options.execArgv = []
  const { NODE_OPTIONS: nodeOptions } = process.env
  if (given.env === undefined && nodeOptions !== undefined) {
    const present = withoutMissing(nodeOptions)
    if (present !== nodeOptions) options.env = { ...process.env, NODE_OPTIONS: present }
  }
  return options
}

let hasMainCalled = false

/**
 * Whether the application's main file has begun. If it is an ES module, that shows only in what it calls: one whose loggers
 * are made in other modules gives its flags to targets by `worker.execArgv`, as with pino.
 */
function isMainRunning (): boolean {
  hasMainCalled ||= require.main !== undefined || isCalledByMain()
  return hasMainCalled
}

function isCalledByMain (): boolean {
  const callers = getCallers()
  if (callers.some((name) => TEXT.test(name))) return true // no preload is text
  try {
    return callers.includes(pathToFileURL(realpathSync(process.argv[1]!)).href)
  } catch {
    return false // there is no main file
  }
}

function isPreloadFlag (word: string): boolean {
  return PRELOAD_FLAGS.includes(word.split('=', 1)[0]!)
}

function withoutMissing (nodeOptions: string): string {
  const words = wordsOf(nodeOptions)
  const kept: string[] = []
  let isChanged = false
  for (let at = 0; at < words.length; at++) {
    const word = words[at]!
    if (!isPreloadFlag(word)) {
      kept.push(word)
      continue
    }
    const equals = word.indexOf('=')
    const option = equals >= 0 ? [word] : words.slice(at, ++at + 1)
    if (isMissing(equals >= 0 ? word.slice(equals + 1) : option[1] ?? '')) isChanged = true
    else kept.push(...option)
  }
  return isChanged ? kept.join(' ') : nodeOptions
}

/** Of a file named by its whole path; what a package's name means is for Node to say. */
function isMissing (word: string): boolean {
  const name = unquoted(word)
  try {
    const path = name.startsWith('file:') ? fileURLToPath(name) : name
    if (isAbsolute(path)) createRequire(__filename).resolve(path)
    return false
  } catch {
    return true
  }
}
