import { clockMs } from './clock'

/**
 * What counts of the time between two looks, at most: four times as long as the pause between them is meant to be. A process
 * that was stopped meanwhile (frozen, suspended, without a core) must not find its patience at an end when it goes on.
 */
const MOST_BETWEEN_LOOKS_MS = 25

/** How long somebody who looks again and again has waited in vain. */
export class Patience {
  #waitedMs = 0
  #lookedAt = clockMs()

  /** There was progress: the wait begins anew. */
  renew (): void {
    this.#waitedMs = 0
    this.#lookedAt = clockMs()
  }

  /** Milliseconds waited until this look. */
  look (): number {
    const now = clockMs()
    this.#waitedMs += Math.min(now - this.#lookedAt, MOST_BETWEEN_LOOKS_MS)
    this.#lookedAt = now
    return this.#waitedMs
  }
}
