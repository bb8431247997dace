import type { EventEmitter } from 'node:events'

/** What a stream tells of itself. Loggers listen to these for good, so that alone must not keep a forgotten stream. */
const OWN_EVENTS: ReadonlySet<string | symbol> = new Set([
  'ready', 'drain', 'drop', 'writer-restart', 'error', 'finish', 'close', 'message', 'newListener', 'removeListener'
])

/** Events that no line in the ring brings about. 'message' is not one of them: a target listens, which may answer a line, or print. */
const NOT_OF_LINES: ReadonlySet<string | symbol> = new Set(['ready', 'finish', 'close', 'newListener', 'removeListener'])

/** Whether somebody listens for what lines in the ring may bring about. */
export function awaitsLines (stream: EventEmitter): boolean {
  return stream.eventNames().some((name) => !NOT_OF_LINES.has(name))
}

const awaited = new Set<EventEmitter>()

/**
 * Keeps a stream from being collected while somebody listens for an event of its target: `await once(stream, 'answer')` is
 * held by nothing but the stream that it waits for.
 */
export function keepWhileAwaited (stream: EventEmitter): void {
  stream.on('newListener', (event: string | symbol) => {
    if (!OWN_EVENTS.has(event)) awaited.add(stream)
  })
  stream.on('removeListener', () => {
    if (stream.eventNames().every((event) => OWN_EVENTS.has(event))) awaited.delete(stream)
  })
}

/** Nothing more will come of its target. */
export function keepNoLonger (stream: EventEmitter): void {
  awaited.delete(stream)
}
