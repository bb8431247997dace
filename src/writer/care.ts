import { Fed, RingWord } from '../ring/layout'
import type { RingOutlet } from './rings'

/** A target with a line alone is watched so long without a sleep: one that writes to a file has let go of it by then. */
const WATCH_MS = 0.5

/**
 * Finds the line that kills its target: after two deaths at one position lines are fed one by one, whichever ring they are
 * from. A line that was being fed alone when two writers died is the culprit. Once may be chance.
 */
export class Care {
  /** Lines published before this may be what a target died of. While there are any, every line is fed alone. */
  readonly #until = new Map<RingOutlet, number>()
  /** The ring of the line that was fed alone last. */
  #alone: RingOutlet | undefined
  #aloneSince = -Infinity
  /** The rings whose next line the last writer was feeding alone when it died. */
  readonly #suspects: Set<RingOutlet>
  /** The ring whose next line is to be given up. */
  readonly culprit: RingOutlet | undefined

  /**
   * @param isDue whether two writers have died at one position
   * @param isBlameless whether what the last one died of was no line
   */
  constructor (outlets: readonly RingOutlet[], isDue: boolean, isBlameless: boolean) {
    const deathsAlone = (outlet: RingOutlet): number => timesFedAlone(outlet) - (isBlameless ? 1 : 0)
    this.#suspects = new Set(outlets.filter((outlet) => deathsAlone(outlet) > 0))
    this.culprit = outlets.find((outlet) => deathsAlone(outlet) > 1)
    if (this.#suspects.size === 0 && !isDue) return
    for (const outlet of outlets) {
      outlet.consumer.look()
      this.#until.set(outlet, outlet.consumer.published)
    }
    if (this.culprit !== undefined) this.#suspects.delete(this.culprit)
  }

  get isNeeded (): boolean { return this.#until.size > 0 }

  /** Whether the target is about to let go of a line that it has alone. */
  get isWatching (): boolean { return performance.now() - this.#aloneSince < WATCH_MS }

  /**
   * Alone means that the one before is confirmed, of whichever ring: whatever happens now is this line's doing. What no
   * earlier writer can have fed waits until all others are through, unless it is its turn by time or it ends a line.
   */
  mayFeed (outlet: RingOutlet, isByTime: boolean): boolean {
    if (this.#alone !== undefined && this.#alone.consumer.held > 0) return false
    return this.#until.has(outlet) || outlet.consumer.isInsideLine || isByTime
  }

  /** The ring's next line or lines are about to be fed. Returns what they count as. */
  feeds (outlet: RingOutlet): Fed {
    const wasSuspect = this.#suspects.delete(outlet)
    if (!this.isNeeded) return Fed.Lines
    this.#alone = outlet
    this.#aloneSince = performance.now()
    return wasSuspect ? Fed.AloneAgain : Fed.Alone
  }

  forgetHarmless (): void {
    for (const [outlet, until] of this.#until) {
      if (((until - outlet.consumer.released) | 0) <= 0) this.#until.delete(outlet)
    }
  }

  forget (outlet: RingOutlet): void {
    this.#until.delete(outlet)
    this.#suspects.delete(outlet)
    if (this.#alone === outlet) this.#alone = undefined
  }
}

function timesFedAlone ({ consumer }: RingOutlet): number { return consumer.ring.words[RingWord.Fed]! & (Fed.Alone | Fed.AloneAgain) }
