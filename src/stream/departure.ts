import { clockMs } from '../clock'
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
  /** When everybody began to leave, and what the sink had taken by then. */
  #hurriedAt = NaN
  #progressThen = NaN

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

  hurry (): void {
    this.#port.requestFlush()
    this.#hurriedAt = clockMs()
    this.#progressThen = this.#port.progress
  }

  leave (): void { this.#port.leave() }

  holdIdle (): boolean { return this.#supervisor.holdIdle() }

  leaveNow (): void {
    this.#deliver()
    if (this.#supervisor.hasEnded) this.#supervisor.letOthersGo()
  }

  #deliver (): void {
    const port = this.#port
    const supervisor = this.#supervisor
    if (supervisor.hasEnded || supervisor.hasFailed) return
    const patienceMs = this.#patienceMs
    // Room for the notice comes as the writer goes on; the order to end must not overtake it.
    const isFlushed = (this.#ends && !port.producer.hasUntold) || port.flushSync(patienceMs)
    if (this.#ends) supervisor.end()
    const hasEnded = isFlushed && (!this.#ends || port.waitFor(() => supervisor.hasEnded, patienceMs))
    const linesLeft = port.linesLeft + supervisor.othersLinesLeft
    const { untold } = supervisor
    if (untold > 0) tell(`pino-pinned: one of the targets went without up to ${untold} lines\n`)
    if (hasEnded) return
    if (linesLeft > 0) tell(`pino-pinned: up to ${linesLeft} lines were left: ${this.#reason}\n`)
    else if (supervisor.closingTarget !== undefined) tell(`pino-pinned: what the target still holds may be lost: ${this.#reason}\n`)
  }

  /** A sink that has taken nothing while others were waited for, or a flush was, has had that time already. */
  get #patienceMs (): number {
    if (this.#port.isStuck) return 0
    const waitedMs = this.#port.progress === this.#progressThen ? clockMs() - this.#hurriedAt : 0
    return Math.max(0, this.#exitTimeout - waitedMs)
  }

  get #reason (): string {
    const { stalledBy, isOver, closingTarget } = this.#supervisor
    if (closingTarget !== undefined) return `${closingTarget} has all lines and ${isOver ? 'failed as it closed' : `has not closed (exitTimeout: ${this.#exitTimeout} ms)`}`
    const cause = stalledBy === undefined ? '' : `, ${stalledBy}`
    // Why a target failed it has said in a message, for which there is no event loop any more.
    return isOver ? `the sink failed${cause}` : `the sink took nothing any more${cause} (exitTimeout: ${this.#exitTimeout} ms)`
  }
}
