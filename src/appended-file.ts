import { fileURLToPath } from 'node:url'
import type { WriterData } from './writer-data'

const DEFAULT_MODE = 0o666

/** The file that lines of this sink can be added to by whoever has some: its path or descriptor, and the mode it is made with. */
export function appendedFile (sink: WriterData['sink']): [destination?: string | number, mode?: number] {
  if (sink.kind !== 'fd' || !sink.append) return []
  const { destination, mode = DEFAULT_MODE } = sink
  return [typeof destination === 'string' && destination.startsWith('file:') ? fileURLToPath(destination) : destination, mode]
}
