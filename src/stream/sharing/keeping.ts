import { threadId } from 'node:worker_threads'
import { addon } from '../../affinity/addon'
import { appendedFile } from '../../appended-file'
import type { Settings } from '../../options'
import { keptLayoutOf } from '../../ring/estate'
import { GIVEN_BACK, RingWord, type Ring } from '../../ring/layout'

/** The key of a ring that no other writer goes on with. */
export const NOBODY = ''

/**
 * What is in this ring of the calling thread when no thread has it any more is for the next writer of the key; or goes to the
 * sink, if that is a file to add to and no thread is left that could have such a writer.
 */
export function keepRing (ring: Ring, key: string, sink: Settings['sink']): void {
  ring.words[RingWord.ThreadId] = threadId
  addon?.keepRing(ring.words, key, keptLayoutOf(ring), ...appendedFile(sink))
}

/** This thread has the ring no more; others may. */
export function letRingGo ({ words }: Ring): void { addon?.letRingGo(words) }

/** What is in the ring goes nowhere: its sink has failed, and nobody will start that writer again. */
export function giveRingUp (ring: Ring): void {
  Atomics.store(ring.words, RingWord.Adopted, GIVEN_BACK)
  letRingGo(ring)
}
