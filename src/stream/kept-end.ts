import type { Worker } from 'node:worker_threads'
import { addon } from '../affinity/addon'
import type { Settings } from '../options'

/**
 * A writer leaves its descriptor to the next one: with the last end of a FIFO closed, what it holds would be thrown away, and
 * of a file nobody would know whether it was deleted. It is the owner's, and goes with the owner's thread at the latest.
 *
 * @param key no other writer's
 */
export function claimEnd (key: string, sink: Settings['sink']): void {
  if (sink.kind === 'fd' && typeof sink.destination === 'string') addon?.claim(key)
}

/**
 * The reader is to meet its end: there will be no next writer.
 *
 * @param last may still be writing there, as long as it lives
 */
export function letEndGo (key: string, last: Worker): void {
  if (last.threadId === -1) addon?.release(key, true)
}
