import { clockMs } from '../clock'
import { type Ring, RingWord } from '../ring/layout'
import type { Totals } from './counts'
import { Progress } from './progress'

/** Pause before the writer is started again after a second, third … death in a row. The first costs no pause. */
const FIRST_PAUSE_MS = 50
export const LONGEST_PAUSE_MS = 5000
/** Writers that die although lines get through are started this far apart at the least: starting one costs 20–40 ms of a core. */
const LEAST_BETWEEN_STARTS_MS = 250
/** A writer that lived so long did not die of its start. */
const QUICK_DEATH_MS = 10_000
/** After so many deaths in a row that brought nothing through, a target is fed line by line. */
const DEATHS_BEFORE_CARE = 2
/** `maxRestarts` times this: deaths, each of which cost a line, with none getting through in between. */
const DEATHS_IN_VAIN = 4

/** Each pause is twice the one before. */
export function growingPauseMs (times: number): number {
  return Math.min(FIRST_PAUSE_MS * 2 ** times, LONGEST_PAUSE_MS)
}

/** The deaths of a stream's writers: what they say of the target, and when to try again. */
export class Deaths {
  readonly #maxRestarts: number
  readonly #progress = new Progress()
  #inRow = 0

  constructor (maxRestarts: number) { this.#maxRestarts = maxRestarts }

  /** Without a line getting through, or quick ones with nothing to get through. */
  get inRow (): number { return this.#inRow }

  /** Whether a target is to be fed line by line, to find the one that kills it. */
  get callForCare (): boolean { return this.#inRow >= DEATHS_BEFORE_CARE || this.#progress.isStuck }

  forget (): void { this.#inRow = 0 }

  /**
   * One more.
   *
   * @param all totals of all rings, those that are gone too
   * @param isWaiting whether that writer waited for its sink
   * @param startedAt when it was started
   * @returns when another may be started, in milliseconds from now; undefined if none is to be
   */
  add (rings: readonly Ring[], all: readonly Totals[], isWaiting: boolean, startedAt: number): number | undefined {
    this.#inRow = this.#hasBroughtNothing(rings, all, isWaiting, startedAt) ? this.#inRow + 1 : 1
    if (this.#inRow > this.#maxRestarts || this.#isInVain(all)) return undefined
    return this.#inRow === 1 ? Math.max(0, startedAt + LEAST_BETWEEN_STARTS_MS - clockMs()) : growingPauseMs(this.#inRow - 2)
  }

  /** Lines were given up one after another, and none got through between them: it is the target that is bad, not a line. */
  #isInVain (all: readonly Totals[]): boolean {
    return this.#progress.deathsInVain(all) > this.#maxRestarts * DEATHS_IN_VAIN
  }

  /** Whether the writer that just died got no line through, and that counts against it. */
  #hasBroughtNothing (rings: readonly Ring[], all: readonly Totals[], isWaiting: boolean, startedAt: number): boolean {
    if (this.#progress.hasReleased(rings, all) || isWaiting) return false
    const hadLines = rings.some(({ words }) => Atomics.load(words, RingWord.Published) !== Atomics.load(words, RingWord.Released))
    return hadLines || clockMs() - startedAt < QUICK_DEATH_MS
  }
}
