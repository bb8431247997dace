import { posix } from 'node:path'
import { compileFunction } from 'node:vm'
import type { Ring } from '../../../src/ring/layout'
import * as layout from '../../../src/ring/layout'
import type * as CountsModule from '../../../src/stream/counts'
import type * as GuestModule from '../../../src/stream/sharing/guest'
import type * as PortModule from '../../../src/stream/port'
import type * as RosterModule from '../../../src/stream/roster'
import type * as SupervisorModule from '../../../src/stream/supervisor'
import type { Announcement, WriterData } from '../../../src/writer-data'
import type * as ThreadModule from '../../../src/writer/thread'
import type * as WaiterModule from '../../../src/writer/waiter'
import { compiled, FEWER_LOOKS, type Plant } from './load'
import { type Place, type Thread } from './thread'

/** What stands for the parts of the system that are not explored. */
export interface Surroundings {
  workerData: () => WriterData
  /** The words of the writer block and of the layout that are elsewhere, to keep the memory small. */
  seats: { at: number, count: number }
  createRing: () => Ring
  threadBlock: SharedArrayBuffer
  /** To whoever listens. */
  send: (announcement: Announcement, channel: string) => void
  /** The thread listens, or does no more. */
  listen: (does: boolean, channel: string) => void
  receive: () => Announcement | undefined
  later: (action: () => void) => NodeJS.Timeout
  notLater: (timer: NodeJS.Timeout | undefined) => void
  startWriter: (data: WriterData, worker: WorkerEvents) => void
  /** A word that the system stores when the thread is torn down. */
  atExit: (word: number, value: number) => void
  /** The classes of the thread that hold its state. */
  made: (object: InstanceType<LifeCode['Roster'] | typeof ThreadModule.WriterThread>) => void
  /** There is nothing to do; without it the real Waiter decides. */
  idle?: () => void
  /** A pass is over: the thread's state is in what was made, and nowhere else. */
  passed: () => void
  /** What the addon knows of rings and of who has them; without it nothing is kept. */
  keepers?: KeepersOfThread
}

export interface KeepersOfThread {
  keepRing: (words: Int32Array) => void
  keepRingToo: (words: Int32Array) => void
  letRingGo: (words: Int32Array) => void
  /** What was left, however it is written down; undefined if nothing was. */
  inherit: () => unknown
  restoreRing: (estate: unknown, id: number) => Ring
  createThreadBlock: () => SharedArrayBuffer
}

export interface WorkerEvents { message?: (message: unknown) => void, exit?: (code: number) => void }

/** The code under exploration: the real classes, on simulated memory and in those surroundings. */
export interface LifeCode {
  Guest: typeof GuestModule.Guest
  openGuestWords: typeof GuestModule.openGuestWords
  Port: typeof PortModule.Port
  Roster: typeof RosterModule.Roster
  Supervisor: typeof SupervisorModule.Supervisor
  totalsOf: typeof CountsModule.totalsOf
  /** Runs the file that a writer's thread starts with. */
  runWriter: () => void
}

/** No time passes here. */
const LOOKS_EACH_PASS: Plant = { file: 'writer/inheritance.ts', replace: 'LOOK_EVERY_MS = 10', by: 'LOOK_EVERY_MS = 0' }

type Exports = Record<string, unknown>
type Class = new (...args: any[]) => object

/** Loads the real source files, and what they import, for one thread. */
export function loadLife (thread: Thread, around: Surroundings, plants: Plant[]): LifeCode {
  const stubs = stubsOf(thread, around)
  const modules = new Map<string, Exports>()
  const functions = new Map<string, (...globals: unknown[]) => void>()
  const run = (file: string, exports: Exports): void => {
    const globals = {
      Atomics: thread.atomics,
      Float64Array: thread.Float64Array,
      Int32Array: thread.Int32Array,
      clearTimeout: around.notLater,
      performance: { now: () => 0 },
      require: (name: string) => name.startsWith('.') ? load(posix.join(posix.dirname(file), name)) : stubs[name] ?? require(name),
      exports
    }
    let code: ((...globals: unknown[]) => void) | undefined = functions.get(file)
    if (code === undefined) functions.set(file, code = compileFunction(compiled(`${file}.ts`, [FEWER_LOOKS, LOOKS_EACH_PASS, ...plants]), Object.keys(globals), { filename: file }) as (...globals: unknown[]) => void)
    code(...Object.values(globals))
    if (file === 'stream/roster') exports.Roster = observed(exports.Roster as Class, around)
    if (file === 'writer/thread') exports.WriterThread = observed(exports.WriterThread as Class, around)
    if (file === 'writer/waiter') exports.Waiter = waiterOf(exports.Waiter as typeof WaiterModule.Waiter, around)
  }
  const load = (file: string): Exports => {
    const known = stubs[file] ?? modules.get(file)
    if (known !== undefined) return known
    const exports = {}
    modules.set(file, exports)
    run(file, exports)
    return exports
  }
  const files = ['stream/sharing/guest', 'stream/port', 'stream/roster', 'stream/supervisor', 'stream/counts', 'writer/fd-writer', 'writer/thread']
  const code = Object.assign({}, ...files.map(load)) as LifeCode
  return { ...code, runWriter: () => run('writer/main', {}) }
}

/** As the class, and tells of each object that is made. */
function observed (Class: Class, around: Surroundings): Class {
  return class extends Class {
    constructor (...args: unknown[]) {
      super(...args)
      around.made(this as never)
    }
  }
}

function stubsOf (thread: Thread, around: Surroundings): Record<string, Exports> {
  return {
    'node:worker_threads': { ...threadsOf(around), threadId: thread.id, parentPort: { postMessage () {} }, get workerData () { return around.workerData() } },
    // The look after the owner's thread, once a second, is not explored: it reads what is settled.
    'node:timers': { setTimeout: around.later, clearInterval () {} },
    'node:fs': { existsSync: () => true },
    'affinity/machine': { allowedCores: () => [] },
    'affinity/addon': { addon: addonOf(around), threadCpuMs: () => 0 },
    'option-sink': { nameOfSink: () => 'explored' },
    'stream/preloads': { withoutPreloads: () => ({ execArgv: [] }) },
    'stream/sharing/producer-thread': { producerThread: () => ({ shared: around.threadBlock, drop () {} }), threadName: () => 'explored' },
    'stream/os-threads': { OsThreads: { startedBy: (start: () => unknown) => ({ started: start(), threads: { areGone: false } }) } },
    'stream/writer-file': { writerFile: () => 'writer' },
    'stream/ending-thread': { awaitExit () {} },
    'ring/estate': { restoreRing: around.keepers?.restoreRing, keptLayoutOf: () => ({}) },
    'writer/answerer': { Answerer: class { look (): void {} } },
    'writer/fd-sink': { FdSink: sinkOn(thread) },
    'writer/place': { takePlace () {} },
    'ring/layout': {
      ...layout,
      MOST_ATTACHED_RINGS: around.seats.count,
      WriterWord: { ...(layout as unknown as { WriterWord: object }).WriterWord, Seats: around.seats.at },
      createRing: around.createRing,
      createThreadBlock: around.keepers?.createThreadBlock,
      openRing: (shared: unknown) => thread.ringAt((shared as Place).base),
      letGo () {}
    }
  }
}

/** Without its ways to publish and to measure: those in JavaScript are taken. */
function addonOf (around: Surroundings): Exports {
  return { storeAtThreadExit: (_: unknown, word: number, value: number) => around.atExit(word, value), cancelStoreAtThreadExit () {}, measureLine: () => 0, claim () {}, release () {}, sinkOpened () {}, keepRingToo () {}, letRingGo () {}, ...around.keepers }
}

function threadsOf (around: Surroundings): Exports {
  class BroadcastChannel {
    #listens = false
    readonly #name: string
    constructor (name: string) { this.#name = name }
    get onmessage (): unknown { return null }
    set onmessage (_listener: unknown) { around.listen(this.#listens = true, this.#name) }
    /** What an owner tells of its state is no ring: nobody here listens. */
    postMessage (message: object | null): void { if (message !== null && 'ring' in message) around.send(message as Announcement, this.#name) }
    unref (): void {}
    close (): void { if (this.#listens) around.listen(false, this.#name) }
  }
  class Worker {
    readonly #events: WorkerEvents = {}
    constructor (_file: string, { workerData }: { workerData: WriterData }) { around.startWriter(workerData, this.#events) }
    on (name: keyof WorkerEvents, action: () => void): void { this.#events[name] = action }
    unref (): void {}
  }
  const receiveMessageOnPort = (): unknown => {
    const message = around.receive()
    return message === undefined ? undefined : { message }
  }
  return { BroadcastChannel, Worker, receiveMessageOnPort }
}

/** Takes every batch whole; the addon stores that in the same call. */
function sinkOn (thread: Thread): unknown {
  return class {
    readonly isPath = false
    readonly isDeleted = false
    readonly storesTaken = true
    open (): void {}
    close (): void {}
    write (ring: Ring, from: number, to: number): number {
      thread.straight(() => {
        thread.write(from, to, ring)
        thread.atomics.add(ring.words as never, layout.RingWord.BatchTaken, to - from)
      })
      return to - from
    }
  }
}

/** The real one parks. Of polling matters only that it ends when there is something to do. */
function waiterOf (Real: typeof WaiterModule.Waiter, around: Surroundings): unknown {
  return class extends Real {
    override idle (isIdle: () => boolean): void {
      if (around.idle !== undefined) around.idle()
      else super.idle(isIdle)
      around.passed()
    }

    override worked (): void {
      around.passed()
      super.worked()
    }

    override rest (): void {}
  }
}
