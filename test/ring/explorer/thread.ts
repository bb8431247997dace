import type { Ring } from '../../../src/ring/layout'
import { type Geometry, isPrivate, type Memory } from './memory'

/** An access to something shared, as one step. `read` may be of several words: a payload. */
export type Access =
  | { kind: 'load' | 'notify', at: number }
  | { kind: 'read', at: number, count: number }
  | { kind: 'store' | 'add', at: number, value: number }
  | { kind: 'wait', at: number, value: number, hasTimer: boolean }
  | { kind: 'exchange', at: number, expected: number, value: number }
  /** Goes on when the word has another value than this thread saw last, or when all other threads have ended. */
  | { kind: 'await', at: number, value: number | undefined }
  /** Goes on when one of the words has another value than here (1); if a timer runs, also when nobody else can go on (0). */
  | { kind: 'change', values: ReadonlyMap<number, number>, hasTimer: boolean }
  /** Something that is no memory access and cannot be parted: what the system does. */
  | { kind: 'do', what: string, run: (memory: Memory) => number }
  | { kind: 'choose', count: number }

export type Result = number | number[]

/** Thrown out of the code when it wants to make its next step. One for all: to make an error costs more than a step. */
const suspended = new Error('suspended')

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

/** What stands for shared memory: where it starts. */
export interface Place { readonly base: number }

export function shared (base: number): SharedArrayBuffer {
  const place: Place & { byteLength: number } = { base, byteLength: 0 }
  return place as unknown as SharedArrayBuffer
}

/** Does an atomic access that is no step of its own. */
export function perform (memory: Memory, id: number, access: Access & { at: number }): number {
  const { at } = access
  if (access.kind === 'load') return memory.now(id, at)
  memory.drain(id)
  const before = memory.words[at]!
  if (access.kind === 'store') memory.words[at] = access.value
  else if (access.kind === 'add') memory.words[at] = before + access.value
  else if (access.kind === 'exchange' && before === access.expected) memory.words[at] = access.value
  return before
}

/** More than any block has. */
const OTHER_DOUBLE_WORDS = 64

const BASE = Symbol('first word')
type View = Record<number, number> & { [BASE]: number }

/** Where a view of simulated memory begins. */
export function firstWordOf (view: Int32Array): number { return (view as unknown as View)[BASE] }

/** Runs the code of one side step by step, on simulated memory. */
export class Thread {
  readonly id: number
  readonly ring: Ring
  readonly block: Int32Array
  readonly #geometry: Geometry
  readonly #isPrivate: (at: number) => boolean
  readonly #isQuiet: (at: number) => boolean
  readonly #isWaitedAt: (at: number) => boolean

  #memory!: Memory
  #sink!: Sink
  #results: Result[] = []
  #at = 0
  /** Results that were there before this run: what stands before the last of them was done already. */
  #known = 0
  #straight = 0
  #knownRest = 0
  #restsAs = ''
  #restsAt = 0
  #lastSeen = new Map<number, number>()
  readonly #lastLoaded = new Map<number, number>()
  readonly #rings = new Map<number, Ring>()
  /** The gather spaces of the rings, which no other thread touches. */
  readonly #gathers = new Map<Ring, Buffer>()
  #next: Access | null = null
  notes: unknown = null

  /**
   * @param isQuiet words of which no access is a step of its own, because others look at them only when an access to another
   *   word has let them
   * @param isWaitedAt words at which a thread may sleep
   */
  constructor (id: number, geometry: Geometry, isQuiet?: (at: number) => boolean, isWaitedAt: (at: number) => boolean = () => true) {
    this.id = id
    this.#isWaitedAt = isWaitedAt
    this.#geometry = geometry
    this.#isPrivate = isQuiet ?? isPrivate
    this.#isQuiet = isQuiet ?? (() => false)
    this.ring = this.ringAt(0)
    this.block = this.view(geometry.block)
    const view = (base: number): Int32Array => this.view(base)
    this.Int32Array = function ({ base }: Place) { return view(base) } as unknown as Int32ArrayConstructor
    // On the writer block: its double words are statistics, and not simulated.
    this.Float64Array = function (length: unknown) {
      return new Float64Array(typeof length === 'number' ? length : OTHER_DOUBLE_WORDS)
    } as unknown as Float64ArrayConstructor
  }

  /** Stand-ins for the globals of the same names. */
  readonly Int32Array: Int32ArrayConstructor
  readonly Float64Array: Float64ArrayConstructor
  readonly atomics = {
    load: (view: View, index: number) => this.#loaded(view[BASE] + index),
    store: (view: View, index: number, value: number) => this.#atomic({ kind: 'store', at: view[BASE] + index, value }),
    add: (view: View, index: number, value: number) => this.#atomic({ kind: 'add', at: view[BASE] + index, value }),
    compareExchange: (view: View, index: number, expected: number, value: number) =>
      this.#atomic({ kind: 'exchange', at: view[BASE] + index, expected, value }),
    notify: (view: View, index: number) => this.#isQuiet(view[BASE] + index) || !this.#isWaitedAt(view[BASE] + index) ? 0 : this.#step({ kind: 'notify', at: view[BASE] + index }),
    wait: (view: View, index: number, value: number, ms = Infinity) => this.#step({ kind: 'wait', at: view[BASE] + index, value, hasTimer: ms !== Infinity })
  }

  /**
   * Runs `body` from its start through the results of its steps so far, and on to the next step.
   *
   * @param results are kept, and grow by what is read on the way
   * @param memory gets the plain stores behind the last of the steps
   * @param knownRest where it came to rest the last time
   */
  advance (body: (thread: Thread) => void, results: Result[], memory: Memory, sink: Sink, knownRest = 0): Standing {
    this.#memory = memory
    this.#knownRest = knownRest
    this.#sink = sink
    this.#results = results
    this.#known = results.length
    this.#at = 0
    this.#straight = 0
    this.#restsAs = ''
    this.#restsAt = 0
    this.#lastSeen = new Map()
    this.#lastLoaded.clear()
    for (const gather of this.#gathers.values()) gather.fill('?')
    this.#next = null
    try {
      body(this)
      if (this.#next === null) memory.drain(this.id)
    } catch (error) {
      if (error !== suspended) throw error
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

  /**
   * From here on the thread depends on nothing older than `state`: lets the explorer see that two states are one.
   *
   * @param isAll not even on what `changed` saw last
   */
  rest (state: unknown, isAll = false): void {
    if (isAll) this.#lastSeen.clear()
    this.#restsAt = this.#at
    // It will come to rest again on the way that it knows.
    if (this.#at < this.#knownRest) return
    this.#restsAs = JSON.stringify([state, [...this.#lastSeen].sort(([one], [other]) => one - other)])
  }

  /** What a word was when the thread loaded it last. */
  lastLoaded (at: number): number | undefined { return this.#lastLoaded.get(at) }

  /** Waits until a word of the ring is not as last seen. Returns false if it will stay so for ever. */
  changed (at: number): boolean {
    return this.#step({ kind: 'await', at, value: this.#lastSeen.get(at) }) === 1
  }

  /** Waits until one of the words is not as in `values`, or until a timer fires. Returns false for that. */
  change (values: ReadonlyMap<number, number>, hasTimer = false): boolean { return this.#step({ kind: 'change', values, hasTimer }) === 1 }

  /** What words are now; no step: for `change`. */
  peek (words: readonly number[]): Map<number, number> {
    return new Map(words.map((at) => [at, this.#immediate((memory) => memory.now(this.id, at))]))
  }

  /** Does something as one step, and returns what it returns. */
  do (what: string, run: (memory: Memory) => number): number { return this.#step({ kind: 'do', what, run }) as number }

  /** Does something together with the step before it. */
  together (run: (memory: Memory) => number): number { return this.#immediate(run) }

  /** One of 0 … count - 1; every one is tried. */
  choose (count: number): number { return count === 1 ? 0 : this.#step({ kind: 'choose', count }) as number }

  /** Hands bytes of the gather space to the sink. */
  write (from: number, to: number, ring = this.ring): void {
    const { gatherStart } = this.#geometry
    if (this.#isNew) this.#sink.text += this.#gathers.get(ring)!.toString('latin1', from - gatherStart, to - gatherStart)
  }

  get #isNew (): boolean { return this.#next === null && this.#at >= this.#known }

  /** The code may catch `suspended`, as it does what is thrown by a start that fails: what it does after that never was. */
  #beSuspended (): void {
    if (this.#next !== null) throw suspended
  }

  #step (access: Access): Result {
    this.#beSuspended()
    if (this.#at === this.#results.length) {
      this.#next = access
      throw suspended
    }
    const result = this.#results[this.#at++]!
    if (access.kind === 'load') this.#lastSeen.set(access.at, result as number)
    return result
  }

  #loaded (at: number): Result {
    const result = this.#atomic({ kind: 'load', at })
    this.#lastLoaded.set(at, result as number)
    return result
  }

  #atomic (access: Access & { at: number }): Result {
    if (!this.#isQuiet(access.at)) return this.#step(access)
    return this.#immediate((memory) => perform(memory, this.id, access))
  }

  #immediate (action: (memory: Memory) => number): number {
    this.#beSuspended()
    if (this.#at < this.#results.length) return this.#results[this.#at++] as number
    const value = action(this.#memory)
    this.#results.push(value)
    this.#at++
    return value
  }

  #readPrivate (at: number): number { return this.#immediate((memory) => memory.now(this.id, at)) }

  #read (at: number, count: number): number[] {
    if (this.#isQuiet(at)) return Array.from({ length: count }, (_, i) => this.#readPrivate(at + i))
    return this.#step({ kind: 'read', at, count }) as number[]
  }

  #write (at: number, value: number): void {
    if (this.#isNew) this.#memory.pending[this.id]!.push([at, value])
  }

  /** The ring whose first word this is. */
  ringAt (base: number): Ring {
    let ring = this.#rings.get(base)
    if (ring === undefined) this.#rings.set(base, ring = this.#newRing(base))
    return ring
  }

  #newRing (base: number): Ring {
    const gather = Buffer.alloc(this.#geometry.gatherEnd - this.#geometry.gatherStart, '?')
    const ring = {
      shared: shared(base),
      words: this.view(base),
      counts: this.#counts(base),
      bytes: this.#bytes(base, gather),
      capacity: this.#geometry.capacity,
      gatherStart: this.#geometry.gatherStart,
      gatherEnd: this.#geometry.gatherEnd,
      mostPayload: this.#geometry.mostPayload
    }
    this.#gathers.set(ring, gather)
    return ring
  }

  /** The words from this one on. */
  view (base: number): Int32Array {
    return new Proxy({}, {
      get: (_, key) => {
        if (key === BASE) return base
        const at = base + Number(key)
        return this.#isPrivate(at) ? this.#readPrivate(at) : this.#read(at, 1)[0]
      },
      set: (_, key, value) => {
        this.#write(base + Number(key), value)
        return true
      }
    }) as Int32Array
  }

  #counts (base: number): Float64Array {
    const scratch = new Float64Array(1)
    const halves = new Int32Array(scratch.buffer)
    const put = (index: number, value: number): void => {
      scratch[0] = value
      const [low, high] = halves
      this.#write(base + index * 2, low!)
      this.#write(base + index * 2 + 1, high!)
    }
    const methods = {
      set: (values: Float64Array, at: number) => values.forEach((value, i) => put(at + i, value)),
      subarray: (from: number, to: number) => {
        const words = this.#read(base + from * 2, (to - from) * 2)
        return new Float64Array(Int32Array.from(words).buffer)
      }
    }
    return new Proxy(methods, {
      get: (_, key) => {
        if (key in methods) return methods[key as keyof typeof methods]
        halves.set([this.#readPrivate(base + Number(key) * 2), this.#readPrivate(base + Number(key) * 2 + 1)])
        return scratch[0]
      },
      set: (_, key, value) => {
        put(Number(key), value)
        return true
      }
    }) as unknown as Float64Array
  }

  #bytes (base: number, gather: Buffer): Buffer {
    const { gatherStart } = this.#geometry
    const methods = {
      utf8Write: (text: string, at: number, most: number) => {
        const bytes = Buffer.alloc((Buffer.byteLength(text) + 3) & ~3)
        const size = bytes.write(text)
        if (size > most) throw new Error(`${size} bytes of text, room for ${most}`)
        for (let i = 0; i < bytes.length; i += 4) this.#write(base + (at + i) / 4, bytes.readInt32LE(i))
        return size
      },
      copyWithin: (to: number, from: number, end: number) => {
        if (end - from > this.#geometry.mostPayload || end < from) throw new Error(`a payload of ${end - from} bytes`)
        if (end === from) return
        const words = this.#read(base + from / 4, (end - from + 3) >> 2)
        Buffer.from(Int32Array.from(words).buffer).copy(gather, to - gatherStart, 0, end - from)
      },
      write: (text: string, at: number) => gather.write(text, at - gatherStart),
      toString: (encoding: BufferEncoding, from: number, end: number) => {
        const words = this.#read(base + from / 4, (end - from + 3) >> 2)
        return Buffer.from(Int32Array.from(words).buffer).toString(encoding, 0, end - from)
      }
    }
    return new Proxy(methods, {
      get: (_, key) => key in methods ? methods[key as keyof typeof methods] : gather[Number(key) - gatherStart],
      set: (_, key, value) => {
        gather[Number(key) - gatherStart] = value
        return true
      }
    }) as unknown as Buffer
  }
}
