import { fileURLToPath } from 'node:url'
import type { WriterData } from './writer-data'

const DEFAULT_MODE = 0o666

/**
 * The file that lines of this sink can be added to by whoever has some: its path or descriptor, the mode it is made with, and
 * whether its directories are made too.
 */
export function appendedFile (sink: WriterData['sink']): [destination?: string | number, mode?: number, mkdir?: boolean] {
  if (sink.kind !== 'fd' || !sink.append) return []
  const { destination, mode = DEFAULT_MODE, mkdir } = sink
  return [typeof destination === 'string' && destination.startsWith('file:') ? fileURLToPath(destination) : destination, mode, mkdir]
}
