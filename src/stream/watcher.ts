import { setTimeout } from 'node:timers'

const FIRST_LOOK_MS = 1
const LONGEST_LOOK_MS = 10

/**
 * Looks at shared memory from the event loop, for as long as somebody waits for something there. It holds the process
 * while it does: who waits for a flush or an end is served before the process ends.
 */
export class Watcher {
  readonly #waiting = new Set<() => boolean>()
  #timer: NodeJS.Timeout | undefined
  #pauseMs = FIRST_LOOK_MS

  /** Calls `look` until it returns true, first in a later turn of the event loop. `look` must not throw. */
  watch (look: () => boolean): void {
    this.#waiting.add(look)
    this.#pauseMs = FIRST_LOOK_MS
    if (this.#timer !== undefined) clearTimeout(this.#timer)
    this.#arm()
  }

  #arm (): void {
    this.#timer = setTimeout(() => {
      this.#timer = undefined
      this.look()
      if (this.#waiting.size > 0 && this.#timer === undefined) this.#arm()
    }, this.#pauseMs)
    this.#pauseMs = Math.min(this.#pauseMs * 2, LONGEST_LOOK_MS)
  }

  /** Looks now, also from within a look. */
  look (): void {
    for (const look of this.#waiting) if (look()) this.#waiting.delete(look)
  }
}
