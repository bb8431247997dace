import type { Ring } from '../../../src/ring/layout'
import { type Geometry, isPrivate, type Memory } from './memory'

/** An access to something shared, as one step. `read` may be of several words: a payload. */
export type Access =
  | { kind: 'load' | 'notify', at: number }
  | { kind: 'read', at: number, count: number }
  | { kind: 'store' | 'add', at: number, value: number }
  | { kind: 'wait', at: number, value: number }
  /** Goes on when the word has another value than this thread saw last, or when the other thread has ended. */
  | { kind: 'await', at: number, value: number | undefined }
  | { kind: 'choose', count: number }

export type Result = number | number[]

/** Thrown out of the code when it wants to make its next step. */
class Suspended extends Error {}

/** Where a thread stands: what its steps returned so far. The code depends on nothing else, so running it again with the
 * same results brings it to the same place. */
export interface Standing {
  readonly results: Result[]
  /** The step it wants to make; null when it has ended. */
  readonly next: Access | null
  /** It may not be terminated here: the addon does this in one native call. */
  readonly isStraight: boolean
  /** Text that stands for `results` up to `restsAt` when states are compared. */
  readonly restsAs: string
  readonly restsAt: number
  /** What the body left, as of now. */
  readonly notes: unknown
}

/** The text that the sink has taken. */
export interface Sink { text: string }

const BASE = Symbol('first word')
type View = Record<number, number> & { [BASE]: number }

/** Runs the code of one side step by step, on simulated memory. */
export class Thread {
  readonly id: number
  readonly ring: Ring
  readonly block: Int32Array
  readonly #geometry: Geometry

  #memory!: Memory
  #sink!: Sink
  #results: Result[] = []
  #at = 0
  /** Results that were there before this run: what stands before the last of them was done already. */
  #known = 0
  #straight = 0
  #restsAs = ''
  #restsAt = 0
  #lastSeen = new Map<number, number>()
  #gather = Buffer.alloc(0)
  #next: Access | null = null
  notes: unknown = null

  constructor (id: number, geometry: Geometry) {
    this.id = id
    this.#geometry = geometry
    this.ring = {
      shared: new SharedArrayBuffer(0),
      words: this.#words(0),
      counts: this.#counts(),
      bytes: this.#bytes(),
      capacity: geometry.capacity,
      gatherStart: geometry.gatherStart,
      gatherEnd: geometry.gatherEnd,
      mostPayload: geometry.mostPayload
    }
    this.block = this.#words(geometry.block)
    const { block } = this
    this.Int32Array = function () { return block } as unknown as Int32ArrayConstructor
    // On the writer block: its double words are statistics, and not simulated.
    this.Float64Array = function (length: unknown) {
      return new Float64Array(typeof length === 'number' ? length : 0)
    } as unknown as Float64ArrayConstructor
  }

  /** Stand-ins for the globals of the same names. */
  readonly Int32Array: Int32ArrayConstructor
  readonly Float64Array: Float64ArrayConstructor
  readonly atomics = {
    load: (view: View, index: number) => this.#step({ kind: 'load', at: view[BASE] + index }),
    store: (view: View, index: number, value: number) => this.#step({ kind: 'store', at: view[BASE] + index, value }),
    add: (view: View, index: number, value: number) => this.#step({ kind: 'add', at: view[BASE] + index, value }),
    notify: (view: View, index: number) => this.#step({ kind: 'notify', at: view[BASE] + index }),
    wait: (view: View, index: number, value: number) => this.#step({ kind: 'wait', at: view[BASE] + index, value })
  }

  /**
   * Runs `body` from its start through the results of its steps so far, and on to the next step.
   *
   * @param results are kept, and grow by what is read on the way
   * @param memory gets the plain stores behind the last of the steps
   */
  advance (body: (thread: Thread) => void, results: Result[], memory: Memory, sink: Sink): Standing {
    this.#memory = memory
    this.#sink = sink
    this.#results = results
    this.#known = results.length
    this.#at = 0
    this.#straight = 0
    this.#restsAs = ''
    this.#restsAt = 0
    this.#lastSeen = new Map()
    this.#gather = Buffer.alloc(this.#geometry.gatherEnd - this.#geometry.gatherStart, '?')
    this.#next = null
    try {
      body(this)
      memory.drain(this.id)
    } catch (error) {
      if (!(error instanceof Suspended)) throw error
    }
    return {
      results,
      next: this.#next,
      isStraight: this.#straight > 0,
      restsAs: this.#restsAs,
      restsAt: this.#restsAt,
      notes: this.notes
    }
  }

  /** The thread cannot be terminated inside `action`. */
  straight (action: () => void): void {
    this.#straight++
    action()
    this.#straight--
  }

  /** From here on the thread depends on nothing older than `state`: lets the explorer see that two states are one. */
  rest (state: unknown): void {
    this.#restsAs = JSON.stringify([state, [...this.#lastSeen]])
    this.#restsAt = this.#at
  }

  /** Waits until a word of the ring is not as last seen. Returns false if it will stay so for ever. */
  changed (at: number): boolean {
    return this.#step({ kind: 'await', at, value: this.#lastSeen.get(at) }) === 1
  }

  /** One of 0 … count - 1; every one is tried. */
  choose (count: number): number { return count === 1 ? 0 : this.#step({ kind: 'choose', count }) as number }

  /** Hands bytes of the gather space to the sink. */
  write (from: number, to: number): void {
    const { gatherStart } = this.#geometry
    if (this.#isNew) this.#sink.text += this.#gather.toString('latin1', from - gatherStart, to - gatherStart)
  }

  get #isNew (): boolean { return this.#at >= this.#known }

  #step (access: Access): Result {
    if (this.#at === this.#results.length) {
      this.#next = access
      throw new Suspended()
    }
    const result = this.#results[this.#at++]!
    if (access.kind === 'load') this.#lastSeen.set(access.at, result as number)
    return result
  }

  #readPrivate (at: number): number {
    if (this.#at < this.#results.length) return this.#results[this.#at++] as number
    const value = this.#memory.candidates(this.id, at)[0]!
    this.#results.push(value)
    this.#at++
    return value
  }

  #read (at: number, count: number): number[] {
    return this.#step({ kind: 'read', at, count }) as number[]
  }

  #write (at: number, value: number): void {
    if (this.#isNew) this.#memory.pending[this.id]!.push([at, value])
  }

  #words (base: number): Int32Array {
    return new Proxy({}, {
      get: (_, key) => {
        if (key === BASE) return base
        const at = base + Number(key)
        return isPrivate(at) ? this.#readPrivate(at) : this.#read(at, 1)[0]
      },
      set: (_, key, value) => {
        this.#write(base + Number(key), value)
        return true
      }
    }) as Int32Array
  }

  #counts (): Float64Array {
    const scratch = new Float64Array(1)
    const halves = new Int32Array(scratch.buffer)
    const put = (index: number, value: number): void => {
      scratch[0] = value
      const [low, high] = halves
      this.#write(index * 2, low!)
      this.#write(index * 2 + 1, high!)
    }
    const methods = {
      set: (values: Float64Array, at: number) => values.forEach((value, i) => put(at + i, value)),
      subarray: (from: number, to: number) => {
        const words = this.#read(from * 2, (to - from) * 2)
        return new Float64Array(Int32Array.from(words).buffer)
      }
    }
    return new Proxy(methods, {
      get: (_, key) => {
        if (key in methods) return methods[key as keyof typeof methods]
        halves.set([this.#readPrivate(Number(key) * 2), this.#readPrivate(Number(key) * 2 + 1)])
        return scratch[0]
      },
      set: (_, key, value) => {
        put(Number(key), value)
        return true
      }
    }) as unknown as Float64Array
  }

  #bytes (): Buffer {
    const { gatherStart } = this.#geometry
    const methods = {
      utf8Write: (text: string, at: number, most: number) => {
        const bytes = Buffer.alloc((Buffer.byteLength(text) + 3) & ~3)
        const size = bytes.write(text)
        if (size > most) throw new Error(`${size} bytes of text, room for ${most}`)
        for (let i = 0; i < bytes.length; i += 4) this.#write((at + i) / 4, bytes.readInt32LE(i))
        return size
      },
      copyWithin: (to: number, from: number, end: number) => {
        if (end - from > this.#geometry.mostPayload || end < from) throw new Error(`a payload of ${end - from} bytes`)
        if (end === from) return
        const words = this.#read(from / 4, (end - from + 3) >> 2)
        Buffer.from(Int32Array.from(words).buffer).copy(this.#gather, to - gatherStart, 0, end - from)
      },
      write: (text: string, at: number) => this.#gather.write(text, at - gatherStart)
    }
    return new Proxy(methods, {
      get: (_, key) => key in methods ? methods[key as keyof typeof methods] : this.#gather[Number(key) - gatherStart],
      set: (_, key, value) => {
        this.#gather[Number(key) - gatherStart] = value
        return true
      }
    }) as unknown as Buffer
  }
}
