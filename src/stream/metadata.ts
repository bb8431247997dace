import { EventEmitter } from 'node:events'

/** With this property true pino sets `lastLevel` and its like before each write; it costs 160 ns a line. */
export const METADATA = Symbol.for('pino.metadata')

const NAMES = ['lastLevel', 'lastObj', 'lastMsg', 'lastTime', 'lastLogger'] as const

/** A stream that pino may tell of the line that it writes. */
export class StreamWithMetadata extends EventEmitter {
  /** Set by pino while `[METADATA]` is true. */
  lastLevel: number | undefined = undefined
  lastObj: unknown = undefined
  lastMsg: unknown = undefined
  lastTime: unknown = undefined
  lastLogger: unknown = undefined;
  [METADATA] = false
}

/**
 * Levels matter while room is short, and most lines show theirs; what pino left on a stream must not stay for the next line, nor
 * hold what it points to.
 */
export function wantMetadata (stream: StreamWithMetadata, isWanted: boolean): void {
  stream.lastLevel = undefined
  if (stream[METADATA] === isWanted) return
  stream[METADATA] = isWanted
  stream.lastObj = stream.lastMsg = stream.lastTime = stream.lastLogger = undefined
}

/**
 * Brings what pino left on a wrapper of a stream to the stream. On an object that inherits from it the level would stay for the
 * next line, and the rest hold what it points to.
 */
export function moveMetadata (wrapper: object, stream: object): void {
  const { lastLevel } = wrapper as { lastLevel?: number }
  if (lastLevel === undefined) return
  // A frozen wrapper is no reason to throw.
  for (const name of NAMES) Reflect.set(wrapper, name, undefined)
  Reflect.set(stream, 'lastLevel', lastLevel)
}
