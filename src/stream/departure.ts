import type { Port } from './port'
import type { Leaver } from './process-exit'
import type { SignalLeaver } from './signals'
import type { Supervisor } from './supervisor'
import { tell } from './tell'

/** How a stream leaves with the process: everything accepted is delivered, in bounded time, without an event loop. */
export class Departure implements Leaver, SignalLeaver {
  readonly #port: Port
  readonly #supervisor: Supervisor
  readonly #exitTimeout: number
  readonly #ends: boolean

  /**
   * @param exitTimeout longest time without progress, in milliseconds
   * @param ends whether to end the writer too, or (`autoEnd: false`) only to deliver what there is
   */
  constructor (port: Port, supervisor: Supervisor, exitTimeout: number, ends: boolean) {
    this.#port = port
    this.#supervisor = supervisor
    this.#exitTimeout = exitTimeout
    this.#ends = ends
  }

  hurry (): void { this.#port.hurry() }

  leave (): void { this.#port.leave() }

  holdIdle (): boolean { return this.#supervisor.holdIdle() }

  /** A file or pipe takes line by line what later handlers log. A target is to be told its end, as long as there is somebody to do so. */
  leaveEarly (): void {
    if (!this.#supervisor.saysIfWaiting) return this.leaveNow()
    this.#port.flushEach()
    this.#port.flushSync(this.#port.patienceLeftMs)
  }

  leaveNow (): void {
    this.#deliver()
    if (this.#supervisor.hasEnded) this.#supervisor.letOthersGo()
  }

  #deliver (): void {
    const supervisor = this.#supervisor
    const hasEnded = supervisor.hasEnded || (!supervisor.hasFailed && this.#drain())
    const { untold, closingTarget } = supervisor
    if (untold > 0) tell(`pino-pinned: one of the targets went without up to ${untold} lines\n`)
    if (hasEnded) return
    const linesLeft = this.#port.linesLeft + supervisor.othersLinesLeft
    if (linesLeft > 0) tell(`pino-pinned: up to ${linesLeft} lines were left: ${this.#reason}\n`)
    else if (closingTarget !== undefined) tell(`pino-pinned: what the target still holds may be lost: ${this.#reason}\n`)
  }

  /** Waits until everything is delivered and, if it is to, the writer has ended; returns whether that is so. */
  #drain (): boolean {
    const port = this.#port
    const patienceMs = port.patienceLeftMs
    // Room for the notice comes as the writer goes on; the order to end must not overtake it.
    const isFlushed = (this.#ends && !port.producer.hasUntold) || port.flushSync(patienceMs)
    if (this.#ends) this.#supervisor.end()
    return isFlushed && (!this.#ends || port.waitFor(() => this.#supervisor.hasEnded, patienceMs))
  }

  get #reason (): string {
    const { stalledBy, isOver, closingTarget } = this.#supervisor
    if (closingTarget !== undefined) return `${closingTarget} has all lines and ${isOver ? 'failed as it closed' : `has not closed (exitTimeout: ${this.#exitTimeout} ms)`}`
    const cause = stalledBy === undefined ? '' : `, ${stalledBy}`
    // Why a target failed it has said in a message, for which there is no event loop any more.
    return isOver ? `the sink failed${cause}` : `the sink took nothing any more${cause} (exitTimeout: ${this.#exitTimeout} ms)`
  }
}
