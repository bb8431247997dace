/**
 * The last moment of the process, after all of the application's `exit` handlers.
 *
 * A listener of our own would run somewhere between theirs, and lines logged in those behind it would come too late. So
 * `process.emit('exit')` and `process.reallyExit` (which ends a `process.exit()` within an exit handler) are wrapped, as
 * the package signal-exit does it. `beforeExit` too: its listeners, test runners for one, take it for the end.
 */

import { runInThisContext } from 'node:vm'

export interface Leaver {
  /** The `exit` handlers are about to run: they may still log, also behind whoever ends the stream. */
  leave (): void
  /** They have run, and everybody is about to be waited for. */
  hurry?: () => void
  /** Deliver what there is. Must not throw. */
  leaveNow (): void
  /** The event loop is empty: gives it something to do if somebody is still to be served, and says whether. */
  holdIdle?: () => boolean
}

/** Everybody who leaves with this process, whichever copy of this module he came by. */
interface Leaving { leavers: Set<Leaver>, isLeaving: boolean }

/** The version is that of the interfaces above: copies of one version share one hook. */
const LEAVING = Symbol.for('pino-pinned.leaving.1')

type Method = (...args: unknown[]) => unknown

interface HookedProcess {
  emit: Method
  reallyExit?: Method
  [LEAVING]?: Leaving
}

export function addLeaver (leaver: Leaver): void {
  const { leavers, isLeaving } = leaving()
  leavers.add(leaver)
  if (isLeaving) leaver.leave()
}

export function removeLeaver (leaver: Leaver): void {
  leaving().leavers.delete(leaver)
}

function leaving (): Leaving {
  // The process itself: a test runner such as jest gives each file a copy of it, on which nobody emits 'exit'.
  const host = runInThisContext('process') as HookedProcess
  host[LEAVING] ??= hook(host)
  return host[LEAVING]
}

function hook (host: HookedProcess): Leaving {
  const all: Leaving = { leavers: new Set(), isLeaving: false }
  let isWithinExit = false
  standAround(host, 'emit', (emit) => function (this: unknown, ...args: unknown[]): unknown {
    // It was not idle after all: the event comes again.
    if (args[0] === 'beforeExit' && holdIdle(all)) return true
    // Of several of these, one around the other, the outermost knows when all handlers have run.
    if (args[0] !== 'exit' || isWithinExit) return Reflect.apply(emit, this, args)
    isWithinExit = true
    startLeaving(all)
    try {
      return Reflect.apply(emit, this, args)
    } finally {
      isWithinExit = false
      leaveNow(all)
    }
  })
  if (host.reallyExit !== undefined) {
    standAround(host, 'reallyExit', (reallyExit) => function (this: unknown, ...args: unknown[]): unknown {
      leaveNow(all)
      return Reflect.apply(reallyExit, this, args)
    })
  }
  return all
}

/**
 * Puts a function of ours around a method, and around whatever is put in its place. An assignment would not last: signal-exit
 * (in execa, ora and many more) calls what it found when it was loaded, and puts it back, which may be from before we came.
 */
function standAround (host: HookedProcess, name: 'emit' | 'reallyExit', around: (inner: Method) => Method): void {
  const ours = new WeakSet<Method>()
  const wrapped = (inner: Method): Method => {
    if (typeof inner !== 'function' || ours.has(inner)) return inner
    const outer = around(inner)
    ours.add(outer)
    return outer
  }
  let method = wrapped(host[name]!)
  Object.defineProperty(host, name, {
    __proto__: null, // what is on Object.prototype is none of it
    get: () => method,
    set (this: unknown, value: Method) {
      if (this === host) method = wrapped(value)
      // A copy of the process, as jest makes them: what is put in there is its own.
      else Object.defineProperty(this, name, { __proto__: null, value, configurable: true, enumerable: true, writable: true } as PropertyDescriptor)
    },
    configurable: true,
    enumerable: true
  } as PropertyDescriptor)
}

function startLeaving (all: Leaving): void {
  all.isLeaving = true
  for (const leaver of all.leavers) leaver.leave()
}

function holdIdle ({ leavers }: Leaving): boolean {
  let isHeld = false
  for (const leaver of leavers) if (leaver.holdIdle?.() === true) isHeld = true
  return isHeld
}

function leaveNow ({ leavers }: Leaving): void {
  // The last come first: a stream that was attached to another must not find that one's writer ended. And each once: what
  // did not get away in its time does not get a second one.
  for (const leaver of leavers) leaver.hurry?.()
  for (const leaver of [...leavers].reverse()) {
    leavers.delete(leaver)
    leaver.leaveNow()
  }
}
