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
import { unseen } from './unseen'

type Options = workerThreads.WorkerOptions

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

/**
 * What a worker is to be made with. Node reads it from here, and each read is one of the application's object; a read that
 * Node makes again, because it refused the flags, is not.
 */
class Reading {
  /** In the place of the options. */
  readonly options: Options
  readonly #given: Options
  readonly #flags: () => readonly string[] | undefined
  readonly #last = new Map<PropertyKey, unknown>()
  /** What was read, in Node's order, and how far Node has come with reading it again. */
  readonly #values: unknown[] = []
  #at = 0

  /** @param flags what the worker's flags are to be; asked when Node has seen all that they depend on */
  constructor (given: Options, flags: () => readonly string[] | undefined) {
    this.#given = given
    this.#flags = flags
    this.options = new Proxy(given, { get: (_, name) => this.#get(name as keyof Options) })
  }

  again (): void {
    this.#at = 0
    this.#last.clear()
  }

  /** As the application has it. */
  valueOf<N extends keyof Options> (name: N): Options[N] {
    return (this.#last.has(name) ? this.#last.get(name) : this.#given[name]) as Options[N]
  }

  #get (name: keyof Options): unknown {
    if (this.#at === this.#values.length) this.#values.push(this.#given[name])
    const value = this.#values[this.#at++]
    this.#last.set(name, value)
    // Node's first look is whether they are a list; whether the worker runs text, it asks before it takes them.
    return name === 'execArgv' && this.#last.has('eval') ? this.#flags() ?? value : value
  }
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
      construct: (target, args: unknown[], newTarget) => unseen([__filename], () => {
        const [code, options] = args
        const construct = (given: unknown): workerThreads.Worker => Reflect.construct(target, args.length < 2 ? args : args.with(1, given), newTarget)
        return typeof code === 'string' && typeof options === 'object' && options !== null ? this.#construct(construct, options as Options) : construct(options)
      }),
      get: (target, name, receiver) => name === 'toString' ? textOf(target, covered) : Reflect.get(target, name, receiver)
    })
    Worker.prototype.constructor = covered
    workerThreads.Worker = covered
    Module.syncBuiltinESMExports()
  }

  /** Whether `--import` would bring register to a worker with these options if it ran a file. */
  #inherits (execArgv: Options['execArgv'], env: unknown): boolean {
    const hasOwnEnv = typeof env === 'object' && env !== null
    if (!execArgv && !hasOwnEnv) return true
    return importsOf(execArgv || this.#flags, hasOwnEnv ? env as NodeJS.Dict<unknown> : process.env).some((name) => this.#names.includes(name) || isRegister(name))
  }

  /** Without register rather than with other flags, or another error, than without us. */
  #construct (construct: (options: Options) => workerThreads.Worker, given: Options): workerThreads.Worker {
    let flags: readonly string[] | undefined
    let isLeftOut = false
    const reading: Reading = new Reading(given, () => {
      const own = reading.valueOf('execArgv')
      if (isLeftOut || !reading.valueOf('eval') || !this.#inherits(own, reading.valueOf('env'))) return undefined
      flags = own || this.#flags
      if (!own) workerThreads.setEnvironmentData(FLAGS_KEY, this.#all as never)
      return [...BROUGHT_ALONG, ...flags]
    })
    for (;;) {
      try {
        return construct(reading.options)
      } catch (error) {
        if (flags === undefined || isLeftOut || (error as NodeJS.ErrnoException | null)?.code !== 'ERR_WORKER_INVALID_EXEC_ARGV') throw error
        const accepted = withoutRefused(flags, (error as Error).message)
        isLeftOut = flags !== this.#flags || accepted.length === flags.length
        if (!isLeftOut) this.#flags = accepted // Node does not name all that it refuses at once
        reading.again()
      } finally {
        workerThreads.setEnvironmentData(FLAGS_KEY, undefined)
      }
    }
  }
}

/** `Worker.toString()` says what it would say of the class itself. */
function textOf (target: object, covered: object): unknown {
  const { toString } = target
  if (typeof toString !== 'function') return toString
  return function (this: unknown, ...args: unknown[]): unknown {
    return Reflect.apply(toString, this === covered ? target : this, args)
  }
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
