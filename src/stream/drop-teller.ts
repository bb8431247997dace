import { channel } from 'node:diagnostics_channel'
import { clockMs } from '../clock'
import type { Ring } from '../ring/layout'
import { type DroppedByLevel, totalsOf } from './counts'

/** 'drop' is emitted at most this often. */
const DROP_EVENT_EVERY_MS = 1000

const dropChannel = channel('pino-pinned:drop')

/** What 'drop' tells, and the channel `pino-pinned:drop`: lines that were dropped since the last time. */
export interface DropCounts {
  linesDropped: number
  /** UTF-8 bytes of these lines. */
  bytesDropped: number
  /** Without the levels of which none was dropped: `{ info: 7 }`. */
  droppedByLevel: DroppedByLevel
  /** Lines dropped since the stream was made. */
  totalLinesDropped: number
}

/** Tells the application of drops, from the event loop: an event and a message on `pino-pinned:drop`. */
export class DropTeller {
  readonly #ring: Ring
  readonly #emit: (counts: DropCounts) => void
  /** Totals at the last event, and when it was. */
  #told = { lines: 0, bytes: 0, byLevel: {} as DroppedByLevel, at: -Infinity }

  constructor (ring: Ring, emit: (counts: DropCounts) => void) {
    this.#ring = ring
    this.#emit = emit
  }

  get isUntold (): boolean { return totalsOf(this.#ring).linesDropped > this.#told.lines }

  /** Tells what was dropped since the last time, unless that was less than `everyMs` ago. */
  tell (everyMs = DROP_EVENT_EVERY_MS): void {
    const { linesDropped, bytesDropped, droppedByLevel } = totalsOf(this.#ring)
    const now = clockMs()
    if (linesDropped === this.#told.lines || now - this.#told.at < everyMs) return
    const counts: DropCounts = {
      linesDropped: linesDropped - this.#told.lines,
      bytesDropped: bytesDropped - this.#told.bytes,
      droppedByLevel: difference(droppedByLevel, this.#told.byLevel),
      totalLinesDropped: linesDropped
    }
    this.#told = { lines: linesDropped, bytes: bytesDropped, byLevel: droppedByLevel, at: now }
    dropChannel.publish(counts)
    this.#emit(counts)
  }
}

function difference (now: DroppedByLevel, before: DroppedByLevel): DroppedByLevel {
  const entries = Object.entries(now) as Array<[keyof DroppedByLevel, number]>
  return Object.fromEntries(entries.map(([name, count]) => [name, count - (before[name] ?? 0)]).filter(([, count]) => count !== 0))
}
