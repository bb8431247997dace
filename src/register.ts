/**
 * `node --import pino-pinned/register app.js`, or `--require`: every transport that pino makes afterwards rides the ring.
 *
 * pino's own module asks for `thread-stream`; from here on it finds ours, in each copy of pino that loads later. Nobody
 * else's `thread-stream` is touched. Nothing is started before pino makes a transport.
 *
 * @throws {TypeError|RangeError} `ERR_PINO_PINNED_…`: an option of `PINO_PINNED` is wrong
 */

import { readFileSync } from 'node:fs'
import Module, { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { isMainThread, workerData } from 'node:worker_threads'
import { coverEvalWorkers, tidyFlags } from './eval-workers'
import { ENVIRONMENT_VARIABLE, readEnvironment } from './options'
import { answerWorkers } from './stream/sharing/host-question'
import { isWriterData } from './writer-data'

/** Node's own way from a name to a file. It is not in the types; CommonJS and CommonJS that ES modules import go through it. */
type ResolveFilename = (request: string, parent: { filename?: string | null } | undefined | null, isMain?: unknown, options?: unknown) => string
interface Resolver {
  _resolveFilename: ResolveFilename
  /** What it has found: for a name and the directories where it would look, separated by NUL, a file. */
  _pathCache?: Record<PropertyKey, unknown>
}

/** What such a key begins with where thread-stream is looked for. */
const LOOK_UP = 'thread-stream\0'

/** A key that Node's cache of paths has, but does not list, once register is in it: other copies of this file see it too. */
const REGISTERED = Symbol.for('pino-pinned.register')
const STAND_IN = join(__dirname, 'thread-stream.js')

tidyFlags()
if (!isTransportWorker()) {
  readEnvironment(process.env[ENVIRONMENT_VARIABLE])
  register(Module as unknown as Resolver)
}

/** A worker inherits `--import`. In pino's and in our own there is a transport already. */
function isTransportWorker (): boolean {
  if (isMainThread || typeof workerData !== 'object' || workerData === null) return false
  const isThreadStreams = 'stateBuf' in workerData && 'dataBuf' in workerData && 'filename' in workerData
  return isWriterData(workerData) || isThreadStreams
}

/**
 * Nothing of ours is on the call stack while Node looks for a file: of a module that is not there it tells what it would
 * tell without us.
 */
function register (resolver: Resolver): void {
  const found = resolver._pathCache ?? {}
  if (found[REGISTERED] === true) return
  resolver._pathCache = new Proxy(found, {
    get: (_, key) => {
      if (typeof key === 'string' && key.startsWith(LOOK_UP)) {
        const [, directory] = key.split('\0', 2)
        if (directory === module.paths[0] || isPino(directory)) return STAND_IN
      }
      return key === REGISTERED || found[key]
    }
  })
  if (!isAsked(resolver)) standBefore(resolver)
  coverEvalWorkers()
  if (isMainThread) answerWorkers((request) => application().hostWorkers(request))
}

/** Not before it is wanted: most processes that load register log through nothing else. */
function application (): typeof import('./application') { return createRequire(__filename)('./application') }

/** Whether Node's cache is looked into: who has put a resolver of his own in Node's place, as Yarn's Plug'n'Play does, may not. */
function isAsked (resolver: Resolver): boolean {
  try {
    return resolver._resolveFilename('thread-stream', module) === STAND_IN
  } catch {
    return false
  }
}

function standBefore (resolver: Resolver): void {
  const { _resolveFilename: resolveFilename } = resolver
  resolver._resolveFilename = function (request, parent, isMain, options) {
    if (request === 'thread-stream' && isPino(parent?.filename)) return STAND_IN
    return Reflect.apply(resolveFilename, this, [request, parent, isMain, options])
  }
}

/** Whether a file belongs to a package of the name pino. */
function isPino (filename: string | null | undefined): boolean {
  if (typeof filename !== 'string') return false
  for (let directory = dirname(filename); ; directory = dirname(directory)) {
    try {
      return JSON.parse(readFileSync(join(directory, 'package.json'), 'utf8')).name === 'pino'
    } catch {
      if (directory === dirname(directory)) return false
    }
  }
}
