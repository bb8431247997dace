import { writeSync } from 'node:fs'
import { addon, WriteMode } from '../affinity/addon'
import type { Port } from './port'
import type { Leaver } from './process-exit'
import type { SignalLeaver } from './signals'
import type { Supervisor } from './supervisor'

const STDERR = 2

/** How a stream leaves with the process: everything accepted is delivered, in bounded time, without an event loop. */
export class Departure implements Leaver, SignalLeaver {
  readonly #port: Port
  readonly #supervisor: Supervisor
  readonly #patienceMs: number
  readonly #ends: boolean

  /**
   * @param patienceMs longest time without progress, in milliseconds
   * @param ends whether to end the writer too, or (`autoEnd: false`) only to deliver what there is
   */
  constructor (port: Port, supervisor: Supervisor, patienceMs: number, ends: boolean) {
    this.#port = port
    this.#supervisor = supervisor
    this.#patienceMs = patienceMs
    this.#ends = ends
  }

  hurry (): void { this.#port.requestFlush() }

  leave (): void { this.#port.leave() }

  holdIdle (): boolean { return this.#supervisor.holdIdle() }

  leaveNow (): void {
    const port = this.#port
    const supervisor = this.#supervisor
    if (supervisor.isOver) return
    // Room for the notice comes as the writer goes on; the order to end must not overtake it.
    const isFlushed = (this.#ends && !port.producer.hasUntold) || port.flushSync(this.#patienceMs)
    if (this.#ends) supervisor.end()
    const hasEnded = isFlushed && (!this.#ends || port.waitFor(() => supervisor.hasEnded, this.#patienceMs))
    const linesLeft = port.linesLeft + supervisor.othersLinesLeft
    if (!hasEnded && linesLeft > 0) tell(`pino-pinned: up to ${linesLeft} lines were left: the sink took nothing any more (exitTimeout: ${this.#patienceMs} ms)\n`)
  }
}

/** To stderr, by a way that can't hold the process: nobody may be reading there. */
function tell (text: string): void {
  try {
    const bytes = Buffer.from(text)
    if (addon?.writeFd === undefined) writeSync(STDERR, bytes)
    else addon.writeFd(STDERR, bytes, 0, bytes.length, WriteMode.BlockingPipe, new Int32Array(new SharedArrayBuffer(4)), 0)
  } catch {} // there is nobody left to tell
}
