import { isMainThread } from 'node:worker_threads'

/** What a signal asks for. Must not throw. */
type Order = () => unknown

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
  const listener = (): void => { for (const each of orders) each() }
  heard.set(signal, { orders, listener })
  process.on(signal, listener)
}

function remove (signal: NodeJS.Signals, order: Order): void {
  const known = heard.get(signal)
  if (known === undefined || !known.orders.delete(order) || known.orders.size > 0) return
  heard.delete(signal)
  process.off(signal, known.listener)
}
