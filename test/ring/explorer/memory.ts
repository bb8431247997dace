import { DATA_START, RingCount, RingWord, TOTALS_WORDS } from '../../../src/ring/layout'

/**
 * Shared memory as two threads might see it, small enough to copy at every step.
 *
 * Atomic accesses are sequentially consistent. A plain store goes into its thread's store buffer: until the thread's next
 * atomic store the other thread may see it or not, word by word, in any order. The choice is made when the other side
 * reads (a word that it has seen new stays new), so that a program which orders its accesses well has nothing to choose.
 */
export class Memory {
  readonly words: Int32Array
  readonly pending: Array<Array<[at: number, value: number]>>

  constructor (words: Int32Array, pending: Memory['pending']) {
    this.words = words
    this.pending = pending
  }

  copy (): Memory {
    return new Memory(this.words.slice(), this.pending.map((stores) => [...stores]))
  }

  /** What `thread` may see at a word: its own last store, or the visible value, or any that waits in another's buffer. */
  candidates (thread: number, at: number): number[] {
    const own = this.pending[thread]!.findLast((store) => store[0] === at)
    if (own !== undefined) return [own[1]]
    const seen = new Set([this.words[at]!])
    for (const stores of this.pending) {
      for (const store of stores) if (store[0] === at) seen.add(store[1])
    }
    return [...seen]
  }

  /** What `thread` sees if nobody's stores are late. */
  now (thread: number, at: number): number {
    const pending = this.pending[thread]!
    for (let i = pending.length - 1; i >= 0; i--) if (pending[i]![0] === at) return pending[i]![1]
    return this.words[at]!
  }

  /** `thread` has seen `value`: the other's stores to that word up to it are visible from now on. */
  see (thread: number, at: number, value: number): void {
    if (this.words[at] === value || this.pending[thread]!.some((store) => store[0] === at)) return
    for (const stores of this.pending) {
      const upTo = stores.findIndex((store) => store[0] === at && store[1] === value)
      for (let i = upTo; i >= 0; i--) {
        if (stores[i]![0] === at) stores.splice(i, 1)
      }
    }
    this.words[at] = value
  }

  /** Makes every plain store of a thread visible: the release half of an atomic store. */
  drain (thread: number): void {
    for (const [at, value] of this.pending[thread]!) this.words[at] = value
    this.pending[thread] = []
  }
}

/** Where things stand in the simulated memory; the control block is the real one. */
export interface Geometry {
  capacity: number
  mostPayload: number
  /** First byte of the gather space, which belongs to one thread and is not simulated. */
  gatherStart: number
  gatherEnd: number
  /** First word of the writer block. */
  block: number
  /** Words to simulate. */
  words: number
}

const BLOCK_WORDS = 64
const GATHER_BYTES = 512

export function geometryOf (capacity: number): Geometry {
  const mostPayload = capacity / 4
  const gatherStart = DATA_START + capacity + mostPayload + 64
  return {
    capacity,
    mostPayload,
    gatherStart,
    gatherEnd: gatherStart + GATHER_BYTES,
    block: gatherStart / 4,
    words: gatherStart / 4 + BLOCK_WORDS
  }
}

/** Memory as `createRing` leaves it, for two threads. */
export function newMemory ({ capacity, words }: Geometry, start: number): Memory {
  const memory = new Memory(new Int32Array(words), [[], []])
  memory.words[RingWord.Capacity] = capacity
  memory.words[RingWord.Published] = start
  memory.words[RingWord.Released] = start
  memory.words[RingWord.BatchBase] = start - 1
  new Float64Array(memory.words.buffer, RingCount.Totals * 8, 1)[0] = start
  return memory
}

/** Words that one side alone ever reads: touching them is no step of its own. */
export function isPrivate (at: number): boolean {
  return at === RingWord.HighWater || at === RingWord.Capacity ||
    at === RingWord.QuickEnd ||
    (at >= RingCount.LinesAccepted * 2 && at <= RingCount.LinesAccepted * 2 + 1) ||
    (at >= RingCount.LinesDropped * 2 && at <= RingCount.BytesDropped * 2 + 1) ||
    (at >= RingCount.LinesWritten * 2 && at < (RingCount.Totals + 2 * TOTALS_WORDS) * 2)
}
