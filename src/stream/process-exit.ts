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
  /** The same where handlers may still run; without it, `leaveNow`. */
  leaveEarly?: () => void
  /** The event loop is empty: gives it something to do if somebody is still to be served, and says whether. */
  holdIdle?: () => boolean
}

/** Everybody who leaves with this process, whichever copy of this module he came by. */
interface Leaving {
  leavers: Set<Leaver>
  isLeaving: boolean
  /** What was put in the place of the process's methods. */
  ours: WeakSet<Method>
  isWithinExit: boolean
  isListening?: boolean
}

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
  host[LEAVING] ??= { leavers: new Set(), isLeaving: false, ours: new WeakSet(), isWithinExit: false }
  stand(host, host[LEAVING])
  return host[LEAVING]
}

/**
 * Sees to it that the process's end comes by us. Others may have taken us away: signal-exit (in execa, ora and many more) calls
 * what it found when it was loaded, and puts that back, which may be from before we came. So this is asked again and again.
 */
export function standAgain (): void { leaving() }

/** For streams that nobody else flushes at the end, should that come without us. */
export function listenToo (): void {
  const all = leaving()
  if (all.isListening === true) return
  all.isListening = true
  const host = runInThisContext('process') as NodeJS.Process
  host.on('exit', () => {
    if (all.isWithinExit) return
    startLeaving(all)
    for (const leaver of [...all.leavers].reverse()) (leaver.leaveEarly ?? leaver.leaveNow).call(leaver)
  })
}

function stand (host: HookedProcess, all: Leaving): void {
  const { emit, reallyExit } = host
  if (!all.ours.has(emit)) {
    put(host, 'emit', all, function (this: unknown, ...args: unknown[]): unknown {
      // It was not idle after all: the event comes again.
      if (args[0] === 'beforeExit') {
        if (holdIdle(all)) return true
        hurry(all)
      }
      // Of several of these, one around the other, the outermost knows when all handlers have run.
      if (args[0] !== 'exit' || all.isWithinExit) return Reflect.apply(emit, this, args)
      all.isWithinExit = true
      startLeaving(all)
      try {
        return Reflect.apply(emit, this, args)
      } finally {
        all.isWithinExit = false
        leaveNow(all)
      }
    })
  }
  if (reallyExit !== undefined && !all.ours.has(reallyExit)) {
    put(host, 'reallyExit', all, function (this: unknown, ...args: unknown[]): unknown {
      leaveNow(all)
      return Reflect.apply(reallyExit, this, args)
    })
  }
}

function put (host: HookedProcess, name: 'emit' | 'reallyExit', all: Leaving, method: Method): void {
  all.ours.add(method)
  try {
    host[name] = method
  } catch {} // somebody has made it one that can't be: then by what `listenToo` hears
}

function startLeaving (all: Leaving): void {
  all.isLeaving = true
  for (const leaver of all.leavers) leaver.leave()
  hurry(all)
}

/** Handlers, pino's, may flush one stream after the other: they are waited for together. */
function hurry ({ leavers }: Leaving): void { for (const leaver of leavers) leaver.hurry?.() }

function holdIdle ({ leavers }: Leaving): boolean {
  let isHeld = false
  for (const leaver of leavers) if (leaver.holdIdle?.() === true) isHeld = true
  return isHeld
}

function leaveNow (all: Leaving): void {
  const { leavers } = all
  // The last come first: a stream that was attached to another must not find that one's writer ended. And each once: what
  // did not get away in its time does not get a second one.
  hurry(all)
  for (const leaver of [...leavers].reverse()) {
    leavers.delete(leaver)
    leaver.leaveNow()
  }
}
