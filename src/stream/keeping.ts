import { threadId } from 'node:worker_threads'
import { addon } from '../affinity/addon'
import { keptLayoutOf } from '../ring/estate'
import { RingWord, type Ring } from '../ring/layout'

/** What is in this ring of the calling thread when no thread has it any more is for the next writer of the key. */
export function keepRing (ring: Ring, key: string): void {
  ring.words[RingWord.ThreadId] = threadId
  addon?.keepRing(ring.words, key, keptLayoutOf(ring))
}

/** This thread has the ring no more; others may. */
export function letRingGo ({ words }: Ring): void { addon?.letRingGo(words) }
