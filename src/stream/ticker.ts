import { setTimeout } from 'node:timers'

/** While a tick finds what the one before found, they come further apart: at most so much. */
const MOST_BACKOFF = 8

/** Does something a little later, once, however often it is asked. It does not hold the process. */
export class Ticker {
  readonly #tick: () => void
  #timer: NodeJS.Timeout | undefined
  #ms = 0
  #isDue = false
  #found: number | undefined
  #backoff = 1

  constructor (tick: () => void) { this.#tick = tick }

  get isDue (): boolean { return this.#isDue }

  /**
   * @param least how much later at the least, in milliseconds, unless it is due already
   * @param found what the last tick found, if this is to go on from that one
   */
  soon (least: number, found?: number): void {
    if (this.#isDue) return
    this.#isDue = true
    this.#backoff = found !== undefined && found === this.#found ? Math.min(this.#backoff * 2, MOST_BACKOFF) : 1
    this.#found = found
    const ms = least * this.#backoff
    // A few timers for the ticker's life: a write in a flood must not make objects.
    if (this.#timer !== undefined && this.#ms === ms) {
      this.#timer.refresh()
      return
    }
    this.#ms = ms
    this.#timer = setTimeout(() => {
      this.#isDue = false
      this.#tick()
    }, ms).unref()
  }
}
