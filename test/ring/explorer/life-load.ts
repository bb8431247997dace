import { posix } from 'node:path'
import { compileFunction } from 'node:vm'
import type { Ring } from '../../../src/ring/layout'
import * as layout from '../../../src/ring/layout'
import type * as GuestModule from '../../../src/stream/guest'
import type * as PortModule from '../../../src/stream/port'
import type * as RosterModule from '../../../src/stream/roster'
import type { Announcement, WriterData } from '../../../src/writer-data'
import type * as FdWriterModule from '../../../src/writer/fd-writer'
import type * as ThreadModule from '../../../src/writer/thread'
import { compiled, type Plant } from './load'
import { type Place, type Thread } from './thread'

/** What stands for the parts of the system that are not explored. */
export interface Surroundings {
  workerData: () => WriterData
  /** The words of the writer block and of the layout that are elsewhere, to keep the memory small. */
  seats: { at: number, count: number }
  createRing: () => Ring
  threadBlock: SharedArrayBuffer
  /** To whoever listens. */
  send: (announcement: Announcement) => void
  /** The thread listens from now on. */
  listen: () => void
  receive: () => Announcement | undefined
  later: (action: () => void) => { unref: () => void }
  /** There is nothing to do. */
  idle: () => void
  /** There was something to do. */
  worked: () => void
}

/** The code under exploration: the real classes, on simulated memory and in those surroundings. */
export interface LifeCode {
  Guest: typeof GuestModule.Guest
  Port: typeof PortModule.Port
  Roster: typeof RosterModule.Roster
  WriterThread: typeof ThreadModule.WriterThread
  FdWriter: typeof FdWriterModule.FdWriter
}

/** Loads the real source files, and what they import, for one thread. */
export function loadLife (thread: Thread, around: Surroundings, plants: Plant[]): LifeCode {
  const stubs = stubsOf(thread, around)
  const modules = new Map<string, Record<string, unknown>>()
  const load = (file: string): Record<string, unknown> => {
    const known = stubs[file] ?? modules.get(file)
    if (known !== undefined) return known
    const exports = {}
    modules.set(file, exports)
    const globals = {
      Atomics: thread.atomics,
      Float64Array: thread.Float64Array,
      Int32Array: thread.Int32Array,
      performance: { now: () => 0 },
      require: (name: string) => name.startsWith('.') ? load(posix.join(posix.dirname(file), name)) : stubs[name] ?? require(name),
      exports
    }
    compileFunction(compiled(`${file}.ts`, plants), Object.keys(globals), { filename: file })(...Object.values(globals))
    return exports
  }
  return { ...load('stream/guest'), ...load('stream/port'), ...load('stream/roster'), ...load('writer/thread'), ...load('writer/fd-writer') } as unknown as LifeCode
}

function stubsOf (thread: Thread, around: Surroundings): Record<string, Record<string, unknown>> {
  class BroadcastChannel {
    get onmessage (): unknown { return null }
    set onmessage (_listener: unknown) { around.listen() }
    postMessage (message: Announcement): void { around.send(message) }
    unref (): void {}
    close (): void {}
  }
  const receiveMessageOnPort = (): unknown => {
    const message = around.receive()
    return message === undefined ? undefined : { message }
  }
  return {
    'node:worker_threads': {
      BroadcastChannel, receiveMessageOnPort, threadId: 1, parentPort: { postMessage () {} }, get workerData () { return around.workerData() }
    },
    // The look after the owner's thread, once a second, is not explored: that the owner goes is no step of any plan.
    'node:timers': { setTimeout: (action: () => void) => around.later(action), clearInterval () {} },
    'node:fs': { existsSync: () => true },
    'affinity/addon': { addon: {}, threadCpuMs: () => 0 },
    'stream/producer-thread': { producerThread: () => ({ shared: around.threadBlock, drop () {} }), threadName: () => 'explored' },
    'writer/fd-sink': { FdSink: sinkOn(thread) },
    'writer/waiter': { Waiter: waiterOf(around) },
    'ring/layout': {
      ...layout,
      MOST_ATTACHED_RINGS: around.seats.count,
      WriterWord: { ...(layout as unknown as { WriterWord: object }).WriterWord, Seats: around.seats.at },
      createRing: around.createRing,
      openRing: (shared: unknown) => thread.ringAt((shared as Place).base),
      letGo () {}
    }
  }
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

function waiterOf (around: Surroundings): unknown {
  return class {
    idle (): void { around.idle() }
    worked (): void { around.worked() }
    rest (): void {}
    hold (): void { around.idle() }
    keepCpuTime (): void {}
  }
}
