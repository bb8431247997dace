import { isMainThread } from 'node:worker_threads'

/** What a signal asks for. Must not throw. */
type Order = (signal: NodeJS.Signals) => unknown

/** Who leaves with the process when a signal ends it. */
export interface SignalLeaver {
  /** Asks for everything to be delivered, and returns. */
  hurry (): void
  /** The process is about to die. */
  leave (): void
  /** Delivers what there is, in bounded time. Must not throw. */
  leaveNow (): void
}

/** What a signal is heard for. One listener a signal, however many streams there are: of more than ten the process would warn. */
interface Heard {
  readonly orders: Set<Order>
  readonly leavers: Set<SignalLeaver>
  readonly listener: () => void
}

/** The version is that of the interfaces above: copies of this module of one version share the listeners, and so do not wait for each other. */
const HEARD = Symbol.for('pino-pinned.signals.1')
const heard = (process as { [HEARD]?: Map<NodeJS.Signals, Heard> })[HEARD] ??= new Map<NodeJS.Signals, Heard>()

/**
 * Calls `order` on each of these signals, which so lose their default action. In a worker thread, where signals are not
 * heard, that is a process warning and nothing else.
 *
 * @param option the option that asked for it, for the warning
 * @returns what takes it back; the default action comes back with the last one
 */
export function onSignals (signals: readonly NodeJS.Signals[], option: string, order: Order): () => void {
  return hear(signals, option, ({ orders }) => orders, order)
}

/**
 * Signals whose default action ends the process without its `exit` handlers (option `flushOnSignal`): what the writer has
 * not taken yet is delivered first, then the process dies of the signal as it would have. Where somebody else listens to
 * the signal too, what becomes of the process is his business: then lines are only asked to hurry, without waiting.
 *
 * @returns what takes it back
 */
export function leaveOnSignals (signals: readonly NodeJS.Signals[], leaver: SignalLeaver): () => void {
  return hear(signals, 'flushOnSignal', ({ leavers }) => leavers, leaver)
}

function hear<Who> (signals: readonly NodeJS.Signals[], option: string, among: (heard: Heard) => Set<Who>, who: Who): () => void {
  if (signals.length > 0 && !isMainThread) {
    const code = 'PINO_PINNED_NO_SIGNALS'
    process.emitWarning(`option '${option}' is without effect in a worker thread: signals reach the main thread only`, { type: 'PinoPinnedWarning', code })
    return () => {}
  }
  for (const signal of signals) among(heard.get(signal) ?? listen(signal)).add(who)
  return () => {
    for (const signal of signals) {
      const known = heard.get(signal)
      if (known === undefined || !among(known).delete(who) || known.orders.size + known.leavers.size > 0) continue
      forget(signal, known)
    }
  }
}

function listen (signal: NodeJS.Signals): Heard {
  const known: Heard = { orders: new Set(), leavers: new Set(), listener: () => received(signal, known) }
  heard.set(signal, known)
  // First in line: a listener of the application's that hears the signal once must still be there to be counted.
  process.prependListener(signal, known.listener)
  return known
}

function forget (signal: NodeJS.Signals, { listener }: Heard): void {
  heard.delete(signal)
  process.off(signal, listener)
}

function received (signal: NodeJS.Signals, known: Heard): void {
  const { orders, leavers } = known
  for (const order of orders) order(signal)
  if (leavers.size === 0) return
  const others = process.listenerCount(signal) - 1
  if (orders.size > 0 || others > 0) {
    for (const leaver of leavers) leaver.hurry()
    if (orders.size === 0 && others === countOfSignalExit()) stepAside(signal, known)
    return
  }
  for (const leaver of leavers) leaver.leave()
  for (const leaver of leavers) leaver.leaveNow()
  forget(signal, known) // the last listener gone, the signal does again what it does by default
  process.kill(process.pid, signal)
}

/** The listeners of the package signal-exit (in execa, ora and many more), which counts them: of its versions up to 3, and from 4 on. */
function countOfSignalExit (): number {
  const counters = [(process as { __signal_exit_emitter__?: unknown }).__signal_exit_emitter__, (globalThis as Record<symbol, unknown>)[Symbol.for('signal-exit emitter')]]
  return counters.reduce<number>((sum, counter) => sum + (Number((counter as { count?: unknown } | null | undefined)?.count) || 0), 0)
}

/**
 * signal-exit leaves the process to whoever else listens; if nobody does, it runs its handlers, takes its listeners away and
 * sends the signal again. So it has this one for itself, and ours is the one that it sends: what its handlers log is in time.
 */
function stepAside (signal: NodeJS.Signals, known: Heard): void {
  const comeBack = (): void => {
    process.off('removeListener', look)
    clearImmediate(immediate)
    if (heard.get(signal) === known) process.prependListener(signal, known.listener)
  }
  const look = (event: string | symbol): void => { if (event === signal) comeBack() }
  process.off(signal, known.listener)
  process.on('removeListener', look)
  const immediate = setImmediate(comeBack) // it did not
}
