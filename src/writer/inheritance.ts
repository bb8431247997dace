import { addon } from '../affinity/addon'
import { appendedFile } from '../appended-file'
import { keptLayoutOf, restoreRing } from '../ring/estate'
import { createThreadBlock, RingWord, ThreadWord, WriterWord } from '../ring/layout'
import type { Announcement, WriterData } from '../writer-data'

/** How often a writer looks whether a thread has left something. A look costs less than a microsecond. */
const LOOK_EVERY_MS = 10

/**
 * What threads that share the writer left in rings that nobody has any more: they were terminated before a writer heard of
 * their ring, or with it. The writer makes rings of that again, which are like any whose thread is gone.
 */
export class Inheritance {
  readonly #key: string
  readonly #block: Int32Array
  readonly #sink: WriterData['sink']
  #lookAt = 0

  constructor (key: string, block: Int32Array, sink: WriterData['sink']) {
    this.#key = key
    this.#block = block
    this.#sink = sink
  }

  /** @param now without waiting for the time to come */
  take (now: boolean): Announcement[] {
    const time = performance.now()
    if (addon === undefined || (!now && time < this.#lookAt)) return []
    this.#lookAt = time + LOOK_EVERY_MS
    const taken: Announcement[] = []
    for (let estate = addon.inherit(this.#key); estate !== undefined; estate = addon.inherit(this.#key)) {
      const ring = restoreRing(estate, Atomics.add(this.#block, WriterWord.RingsMade, 1) + 1)
      // From here on the ring is what is left: if this thread is terminated, the next writer gets it from that again.
      addon.keepRing(ring.words, this.#key, keptLayoutOf(ring), ...appendedFile(this.#sink))
      const thread = createThreadBlock()
      new Int32Array(thread)[ThreadWord.Gone] = 1
      const threadId = ring.words[RingWord.ThreadId]!
      taken.push({ ring: ring.shared, thread, threadId, name: threadId === 0 ? 'main' : `worker ${threadId}` })
    }
    return taken
  }
}
