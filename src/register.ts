/**
 * `node --import pino-pinned/register app.js`, or `--require`: every transport that pino makes afterwards rides the ring.
 *
 * pino's own module asks for `thread-stream`; from here on it finds ours, in each copy of pino that loads later. Nobody
 * else's `thread-stream` is touched. Nothing is started before pino makes a transport.
 *
 * @throws {TypeError|RangeError} `ERR_PINO_PINNED_…`: an option of `PINO_PINNED` is wrong
 */

import { readFileSync } from 'node:fs'
import Module from 'node:module'
import { dirname, join } from 'node:path'
import { isMainThread, workerData } from 'node:worker_threads'
import { coverEvalWorkers, tidyFlags } from './eval-workers'
import { ENVIRONMENT_VARIABLE, readEnvironment } from './options'
import { unseen } from './unseen'
import { isWriterData } from './writer-data'

/** Node's own way from a name to a file. It is not in the types; CommonJS and CommonJS that ES modules import go through it. */
type ResolveFilename = (request: string, parent: { filename?: string | null } | undefined | null, isMain?: unknown, options?: unknown) => string
interface Resolver { _resolveFilename: ResolveFilename }

/** On the process's one `Module`, so that other copies of this file see it: once is enough. */
const REGISTERED = Symbol.for('pino-pinned.register')
const STAND_IN = join(__dirname, 'thread-stream.js')

tidyFlags()
if (!isTransportWorker()) {
  readEnvironment(process.env[ENVIRONMENT_VARIABLE])
  register(Module as unknown as Resolver & { [REGISTERED]?: true })
}

/** A worker inherits `--import`. In pino's and in our own there is a transport already. */
function isTransportWorker (): boolean {
  if (isMainThread || typeof workerData !== 'object' || workerData === null) return false
  const isThreadStreams = 'stateBuf' in workerData && 'dataBuf' in workerData && 'filename' in workerData
  return isWriterData(workerData) || isThreadStreams
}

function register (resolver: Resolver & { [REGISTERED]?: true }): void {
  if (resolver[REGISTERED] === true) return
  resolver[REGISTERED] = true
  const { _resolveFilename: resolveFilename } = resolver
  resolver._resolveFilename = function (request, parent, isMain, options) {
    if (request === 'thread-stream' && isPino(parent?.filename)) return STAND_IN
    return unseen([__filename], () => Reflect.apply(resolveFilename, this, [request, parent, isMain, options]))
  }
  coverEvalWorkers()
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
