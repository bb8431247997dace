import { Fed, type Ring, RingWord } from '../ring/layout'
import { type Totals } from './counts'

/**
 * What the rings show, each time a writer dies, of what it brought through. Ring by ring, and the totals for rings that are
 * gone: a sum of positions may be the same when one ring has left and another has come as far.
 */
export class Progress {
  readonly #positions = new WeakMap<Ring, number>()
  #lines = NaN
  #bytes = NaN
  #deathsInVain = 0
  /** Where the rings stood of which the last writer's target had lines. */
  #held = new Map<Ring, number>()
  #isStuck = false

  /** Whether two writers in a row died with the same first line of a ring at their target. */
  get isStuck (): boolean { return this.#isStuck }

  /** Looks whether anything was released since the last look, skipped lines included. */
  hasReleased (rings: readonly Ring[], all: readonly Totals[]): boolean {
    const lines = all.reduce((sum, { linesWritten, linesSkipped }) => sum + linesWritten + linesSkipped, 0)
    let hasReleased = lines !== this.#lines
    this.#lines = lines
    const held = new Map<Ring, number>()
    for (const ring of rings) {
      const position = Atomics.load(ring.words, RingWord.Released)
      hasReleased ||= position !== this.#positions.get(ring)
      this.#positions.set(ring, position)
      if (Atomics.load(ring.words, RingWord.Fed) !== Fed.Nothing) held.set(ring, position)
    }
    this.#isStuck = [...held].some(([ring, position]) => this.#held.get(ring) === position)
    this.#held = held
    return hasReleased
  }

  /** How many writers have died in a row without a byte written: lines may have been given up meanwhile. */
  deathsInVain (all: readonly Totals[]): number {
    const bytes = all.reduce((sum, { bytesWritten }) => sum + bytesWritten, 0)
    this.#deathsInVain = bytes === this.#bytes ? this.#deathsInVain + 1 : 1
    this.#bytes = bytes
    return this.#deathsInVain
  }
}
