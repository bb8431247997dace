import { isMainThread } from 'node:worker_threads'

/** What a signal asks for. Must not throw. */
type Order = (signal: NodeJS.Signals) => unknown

/** One listener a signal, however many streams there are: of more than ten the process would warn. */
const heard = new Map<NodeJS.Signals, { orders: Set<Order>, listener: () => void }>()

/**
 * Calls `order` on each of these signals, which so lose their default action. In a worker thread, where signals are not
 * heard, that is a process warning and nothing else.
 *
 * @param option the option that asked for it, for the warning
 * @returns what takes it back; the default action comes back with the last one
 */
export function onSignals (signals: readonly NodeJS.Signals[], option: string, order: Order): () => void {
  if (signals.length > 0 && !isMainThread) {
    const code = 'PINO_PINNED_NO_SIGNALS'
    process.emitWarning(`option '${option}' is without effect in a worker thread: signals reach the main thread only`, { type: 'PinoPinnedWarning', code })
    return () => {}
  }
  for (const signal of signals) add(signal, order)
  return () => { for (const signal of signals) remove(signal, order) }
}

function add (signal: NodeJS.Signals, order: Order): void {
  const known = heard.get(signal)
  if (known !== undefined) {
    known.orders.add(order)
    return
  }
  const orders = new Set([order])
  const listener = (): void => { for (const each of orders) each(signal) }
  heard.set(signal, { orders, listener })
  // First in line: a listener of the application's that hears the signal once must still be there to be counted.
  process.prependListener(signal, listener)
}

function remove (signal: NodeJS.Signals, order: Order): void {
  const known = heard.get(signal)
  if (known === undefined || !known.orders.delete(order) || known.orders.size > 0) return
  heard.delete(signal)
  process.off(signal, known.listener)
}

/** Who leaves with the process when a signal ends it. */
export interface SignalLeaver {
  /** Asks for everything to be delivered, and returns. */
  hurry (): void
  /** The process is about to die. */
  leave (): void
  /** Delivers what there is, in bounded time. Must not throw. */
  leaveNow (): void
}

const leavers = new Map<NodeJS.Signals, Set<SignalLeaver>>()

/**
 * Signals whose default action ends the process without its `exit` handlers (option `flushOnSignal`): what the writer has
 * not taken yet is delivered first, then the process dies of the signal as it would have. Where somebody else listens to
 * the signal too, what becomes of the process is his business: then lines are only asked to hurry, without waiting.
 *
 * @returns what takes it back
 */
export function leaveOnSignals (signals: readonly NodeJS.Signals[], leaver: SignalLeaver): () => void {
  for (const signal of signals) leavers.set(signal, (leavers.get(signal) ?? new Set()).add(leaver))
  onSignals(signals, 'flushOnSignal', leaveBy)
  return () => {
    for (const signal of signals) {
      const others = leavers.get(signal)
      if (others?.delete(leaver) === true && others.size === 0) remove(signal, leaveBy)
    }
  }
}

function leaveBy (signal: NodeJS.Signals): void {
  const leaving = leavers.get(signal) ?? []
  const isOursAlone = process.listenerCount(signal) === 1 && heard.get(signal)?.orders.size === 1
  if (!isOursAlone) {
    for (const leaver of leaving) leaver.hurry()
    return
  }
  for (const leaver of leaving) leaver.leave()
  for (const leaver of leaving) leaver.leaveNow()
  remove(signal, leaveBy) // the last listener gone, the signal does again what it does by default
  process.kill(process.pid, signal)
}
