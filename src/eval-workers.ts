/**
 * Node runs what `--require` names in every worker thread that inherits the flag, and what `--import` names in all but those
 * whose code is given as text (`eval: true`) and is not an ES module. So there, and nowhere else, `--require` brings
 * register along.
 */

import Module, { createRequire } from 'node:module'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import workerThreads = require('node:worker_threads')
import { unquoted, wordsOf } from './node-options'

type Options = workerThreads.WorkerOptions
type Construct = (options: Options) => workerThreads.Worker

/** What such a worker's flags begin with. */
const BROUGHT_ALONG = ['--require', join(__dirname, 'register-in-eval.js')]
const REGISTER = join(__dirname, 'register.js')

/** Environment data: the flags of the thread that starts such a worker, also those that no thread can be given. */
const FLAGS_KEY = 'pino-pinned/execArgv'

/**
 * Makes `process.execArgv` what it would be without us: the application may look at it, and processes that it starts take it
 * on.
 */
export function tidyFlags (): void {
  const { execArgv } = process
  if (!BROUGHT_ALONG.every((word, at) => execArgv[at] === word)) return
  const inherited = workerThreads.getEnvironmentData(FLAGS_KEY) as unknown as string[] | undefined
  execArgv.splice(0, inherited === undefined ? BROUGHT_ALONG.length : Infinity, ...(inherited ?? []))
  workerThreads.setEnvironmentData(FLAGS_KEY, undefined)
}

/** Has the workers of this thread that are given text load register, where Node's rules for `--import` give it to a file. */
export function coverEvalWorkers (): void {
  const imported = importsOf(process.execArgv, process.env)
  if (imported.length === 0) return // it came by another way, which Node carries on by itself or not at all
  const named = imported.filter(isRegister)
  // If none is register itself, one of them has loaded it.
  new EvalWorkers(named.length > 0 ? named : imported).cover()
}

class EvalWorkers {
  /** What `--import` names and brings register. */
  readonly #names: readonly string[]
  readonly #all: readonly string[] = [...process.execArgv]
  /** The flags of this thread, in the end without those that are the whole process's: a thread can't be given these. */
  #flags = this.#all

  constructor (names: readonly string[]) {
    this.#names = names
  }

  cover (): void {
    const { Worker } = workerThreads
    const covered = new Proxy(Worker, {
      construct: (target, args: unknown[], newTarget) => {
        if (!isText(args) || !this.#inherits(args[1])) return Reflect.construct(target, args, newTarget)
        const construct: Construct = (options) => Reflect.construct(target, args.with(1, options), newTarget)
        return this.#construct(construct, args[1])
      }
    })
    Worker.prototype.constructor = covered
    workerThreads.Worker = covered
    Module.syncBuiltinESMExports()
  }

  /** Whether `--import` would bring register to a worker with these options if it ran a file. */
  #inherits ({ execArgv, env }: Options): boolean {
    const hasOwnEnv = typeof env === 'object' && env !== null
    if (!execArgv && !hasOwnEnv) return true
    if (execArgv && !Array.isArray(execArgv)) return false // Node will refuse it
    return importsOf(execArgv || this.#flags, hasOwnEnv ? env : process.env).some((name) => this.#names.includes(name) || isRegister(name))
  }

  /** Without register rather than with other flags, or another error, than without us. */
  #construct (construct: Construct, options: Options): workerThreads.Worker {
    for (;;) {
      const flags = options.execArgv || this.#flags
      try {
        if (!options.execArgv) workerThreads.setEnvironmentData(FLAGS_KEY, this.#all as never)
        return construct(withExecArgv(options, [...BROUGHT_ALONG, ...flags]))
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'ERR_WORKER_INVALID_EXEC_ARGV') throw error
        const accepted = withoutRefused(flags, (error as Error).message)
        if (options.execArgv || accepted.length === flags.length) return construct(options)
        this.#flags = accepted // Node does not name all that it refuses at once
      } finally {
        workerThreads.setEnvironmentData(FLAGS_KEY, undefined)
      }
    }
  }
}

function isText (args: unknown[]): args is [string, Options] {
  const [code, options] = args
  return typeof code === 'string' && typeof options === 'object' && options !== null && Boolean((options as Options).eval)
}

/** A copy as like the original as can be, getters and prototype included. */
function withExecArgv (options: Options, execArgv: readonly string[]): Options {
  const properties = { ...Object.getOwnPropertyDescriptors(options), execArgv: { value: execArgv, enumerable: true } }
  return Object.create(Object.getPrototypeOf(options), properties)
}

/** @param message Node's: it ends with the refused flags, by commas */
function withoutRefused (flags: readonly string[], message: string): readonly string[] {
  const refused = message.slice(message.indexOf(': ') + 2).split(', ')
  let isRefused = false
  return flags.filter((word) => {
    if (word.startsWith('-')) isRefused = refused.includes(word) // what follows without a dash is its value
    return !isRefused
  })
}

function importsOf (flags: readonly unknown[], { NODE_OPTIONS: nodeOptions = '' }: NodeJS.Dict<unknown>): string[] {
  const names: string[] = []
  const words = [...flags, ...wordsOf(String(nodeOptions)).map(unquoted)]
  words.forEach((word, at) => {
    const text = String(word)
    if (text === '--import') names.push(String(words[at + 1]))
    else if (text.startsWith('--import=')) names.push(text.slice('--import='.length))
  })
  return names
}

/** Whether `--import` with this name loads this copy of register. */
function isRegister (name: string): boolean {
  try {
    const path = name.startsWith('file:') ? fileURLToPath(name) : name
    return createRequire(join(process.cwd(), 'noop.js')).resolve(path) === REGISTER
  } catch {
    return false
  }
}
