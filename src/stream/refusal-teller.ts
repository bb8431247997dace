import { setImmediate } from 'node:timers'

/** Tells of writes that nobody will take, as under thread-stream, but once a turn of the event loop at most. */
export class RefusalTeller {
  readonly #tell: () => void
  #isDue = false
  /** A listener that logs what it hears must not hear of that again, and again. */
  #isTelling = false

  constructor (tell: () => void) { this.#tell = tell }

  refused (): void {
    if (this.#isDue || this.#isTelling) return
    this.#isDue = true
    setImmediate(() => {
      this.#isDue = false
      this.#isTelling = true
      try { this.#tell() } finally { this.#isTelling = false }
    })
  }
}
