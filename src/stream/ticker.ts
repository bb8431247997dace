import { setTimeout } from 'node:timers'

/** Does something a little later, once, however often it is asked. It does not hold the process. */
export class Ticker {
  readonly #tick: () => void
  #timer: NodeJS.Timeout | undefined
  #ms = 0
  #isDue = false

  constructor (tick: () => void) { this.#tick = tick }

  get isDue (): boolean { return this.#isDue }

  /** @param ms how much later, unless it is due already */
  soon (ms: number): void {
    if (this.#isDue) return
    this.#isDue = true
    // One timer for the ticker's life, or two: a write in a flood must not make objects.
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
