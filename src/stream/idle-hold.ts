import { totalsOf } from './counts'
import { type Port, progressWatch } from './port'

/** How long an idle process is held for those who listen, without progress. The wait at its exit comes on top. */
const IDLE_PATIENCE_MS = 500

/** What an idle process is held for: that the lines are delivered of which something may come. */
export class IdleHold {
  readonly #port: Port
  readonly #patienceMs: number
  /** Lines accepted, and the port's `progress`, when the process was last held. */
  #accepted = 0
  #progress = NaN

  /** @param exitTimeout in milliseconds */
  constructor (port: Port, exitTimeout: number) {
    this.#port = port
    this.#patienceMs = Math.min(exitTimeout, IDLE_PATIENCE_MS)
  }

  /**
   * @param needsDrain whether somebody waits for room, too
   * @returns says what has come of the lines: nothing yet, delivered, or that nothing moves; undefined if there was a wait for all
   *   of them already
   */
  start (needsDrain: boolean): (() => 'waiting' | 'delivered' | 'stopped') | undefined {
    const port = this.#port
    const { linesAccepted } = totalsOf(port.ring)
    const { progress } = port
    if (linesAccepted === this.#accepted && (!needsDrain || progress === this.#progress)) return undefined
    this.#accepted = linesAccepted
    this.#progress = progress
    const number = port.requestFlush()
    const hasStopped = progressWatch(port, this.#patienceMs)
    return () => hasStopped() ? 'stopped' : port.isFlushed(number) ? 'delivered' : 'waiting'
  }
}
