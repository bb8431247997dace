import type { RingOutlet } from './rings'

/**
 * A line that its producer publishes part by part, longer than its ring, keeps the others waiting this long from its last
 * part. Then it is closed, and its rest left out: the writer waits for nobody.
 */
const LINE_PATIENCE_MS = 1000

/**
 * Whose turn it is. Each ring has one batch a round; and nothing of another ring comes between the parts of a line, nor
 * behind text without a newline.
 */
export class Turns {
  /** The ring whose output came last. */
  #last: RingOutlet | undefined
  /** Since when another ring waits for a line of the last one's. */
  #waitsSince: number | undefined
  readonly #close: (outlet: RingOutlet) => void

  /**
   * @param outlets of which at most one has left the output inside a line, to the writer before this one
   * @param close takes a gathered newline to the sink
   */
  constructor (outlets: readonly RingOutlet[], close: (outlet: RingOutlet) => void) {
    this.#last = outlets.find(({ consumer }) => consumer.isInsideText || consumer.isInsideLine)
    this.#close = close
  }

  /** Whether the ring may have its turn. Ends the text of another one's if need be, with a newline. */
  mayFollow (outlet: RingOutlet): boolean {
    const last = this.#last
    if (last === outlet) return true
    // Asked once: what is published after this look has its turn in the next round.
    if (outlet.consumer.available === 0 && !outlet.consumer.mustClose) return false
    if (last !== undefined && last.consumer.isInsideLine && this.#isWorthWaiting()) return false
    if (last?.consumer.gatherNewline() === true) this.#close(last)
    return true
  }

  /** The ring has had its turn. */
  had (outlet: RingOutlet): void {
    this.#last = outlet
    this.#waitsSince = undefined
  }

  /** Ends a line that will not be finished any more. */
  end (): void {
    if (this.#last?.consumer.isInsideLine === true && this.#last.consumer.gatherNewline()) this.#close(this.#last)
  }

  #isWorthWaiting (): boolean {
    const now = performance.now()
    this.#waitsSince ??= now
    return now - this.#waitsSince < LINE_PATIENCE_MS
  }
}
