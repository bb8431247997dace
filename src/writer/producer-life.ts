import { existsSync } from 'node:fs'
import { addon } from '../affinity/addon'
import { ThreadWord } from '../ring/layout'

/** Where nothing tells that a thread is gone, the system is asked so often. */
const ASK_EVERY_MS = 500

/** Whether the thread lives that a ring belongs to. */
export class ProducerLife {
  readonly #words: Int32Array
  #askAt = 0

  /** @param shared its thread block */
  constructor (shared: SharedArrayBuffer) {
    this.#words = new Int32Array(shared)
  }

  get isGone (): boolean {
    if (Atomics.load(this.#words, ThreadWord.Gone) === 1) return true
    // Without the addon a thread tells only if it ends by itself.
    return addon === undefined && this.#isMissing()
  }

  #isMissing (): boolean {
    const thread = this.#words[ThreadWord.OsThread]!
    const now = performance.now()
    if (thread === 0 || now < this.#askAt) return false
    this.#askAt = now + ASK_EVERY_MS
    if (existsSync(`/proc/self/task/${thread}`)) return false
    Atomics.store(this.#words, ThreadWord.Gone, 1)
    return true
  }
}
