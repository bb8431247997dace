import { Duplex } from 'node:stream'

/** More than any pipeline has. */
const MOST_SIDES = 64

/** A stream, as far as it shows what it holds and what it is piped into. */
export interface Stage {
  write?: (...args: any[]) => unknown
  push?: (...args: any[]) => unknown
  readonly writableLength?: number
  readonly readableLength?: number
  readonly writableObjectMode?: boolean
  readonly readableObjectMode?: boolean
  readonly readableFlowing?: boolean | null
  /** A SonicBoom's `writableLength`. */
  readonly _len?: number
  /** Of a Transform: what it has read is what was written to it. */
  readonly _transform?: unknown
  readonly _readableState?: { readonly pipes?: unknown }
  /** Of a Writable: whether it has written all, and finishes. */
  readonly _writableState?: { readonly finalCalled?: boolean, readonly prefinished?: boolean }
  flush?: (done?: (error?: Error | null) => void) => unknown
  flushSync?: () => void
  on (event: string, listener: () => void): unknown
}

/** What lines pass through from one stream on, as far as the streams show it: each with what is put into it and what it holds. */
export class Stages {
  readonly streams: readonly Stage[]
  readonly #sides: readonly Side[]
  #isFlushing = false

  /** @param first a target that is complete: what it is piped into later is not seen */
  constructor (first: Stage) {
    this.#sides = sidesFrom(first)
    this.streams = [...new Set(this.#sides.map(({ stage }) => stage))]
  }

  /** How much the first was given, in characters, or in lines where it counts these. */
  get given (): number { return this.#sides[0]!.put }

  /** What each holds, in the order of the way. */
  get lengths (): number[] { return this.#sides.map((side) => side.kept) }

  get isEmpty (): boolean { return this.#sides.every((side) => side.kept === 0) }

  /** A number that grows whenever something moves on. */
  get moved (): number { return this.#sides.reduce((sum, side) => sum + side.put - side.kept, 0) }

  mark (): StagesMark { return { given: this.given, side: 0, until: this.given } }

  /** Whether all that was given before a mark has left the last of the streams, or can't be seen any more. */
  havePassed (mark: StagesMark): boolean {
    while (mark.side < this.#sides.length) {
      const side = this.#sides[mark.side]!
      if (side.put - side.kept < mark.until) return false
      mark.side++
      mark.until = this.#sides[mark.side]?.put ?? 0
    }
    return true
  }

  /** Whether it is a later stream than the first that has not handed on all of that. */
  haveLeftFirst ({ side }: StagesMark): boolean { return this.#sides[side]?.stage !== this.streams[0] }

  /** Streams that gather lines are to hand them on: somebody waits for that. What they keep says whether they have. */
  flush (): void {
    if (this.#isFlushing) return
    const gathering = this.streams.filter((stage) => canFlush(stage) && (keptBy(stage) ?? 0) > 0)
    if (gathering.length === 0) return
    this.#isFlushing = true
    Promise.allSettled(gathering.map(flushOf)).then(() => { this.#isFlushing = false })
  }
}

/** Up to where {@link Stages} had been given lines at some moment, and how far these are known to have come since. */
export interface StagesMark { readonly given: number, side: number, until: number }

/** One side of a stream. A method that can't be replaced is not counted: then it has handed on what it had when it is empty. */
class Side {
  readonly stage: Stage
  readonly method: 'write' | 'push'
  put = 0

  constructor (stage: Stage, method: 'write' | 'push') {
    this.stage = stage
    this.method = method
    const original = stage[method]
    if (typeof original !== 'function') return
    const isObjectMode = method === 'write' ? stage.writableObjectMode : stage.readableObjectMode
    const side = this
    Reflect.set(stage, method, function (this: unknown, ...args: unknown[]) {
      side.put += isObjectMode === true ? Number(args[0] !== null) : (args[0] as { length?: number } | null)?.length ?? 0
      return original.apply(this, args)
    })
  }

  get kept (): number { return (this.method === 'write' ? keptBy(this.stage) : this.stage.readableLength) ?? 0 }
}

function keptBy (stage: Stage): number | undefined { return stage.writableLength ?? stage._len }

export function canFlush ({ flush, flushSync }: Stage): boolean { return typeof (flush ?? flushSync) === 'function' }

/** Resolves when a stream has flushed, whichever way it says so. */
export function flushOf (stage: Stage): Promise<void> {
  return new Promise((resolve, reject) => {
    const flush = stage.flush ?? stage.flushSync!
    const done = (error?: Error | null): void => { if (error) reject(error); else resolve() }
    const result = flush.length === 0 ? (flush as () => unknown).call(stage) : flush.call(stage, done)
    if (result instanceof Promise) result.then(() => resolve(), reject)
    else if (flush.length === 0) resolve()
  })
}

/** What `Duplex.from` made of two streams. */
const joined = new WeakMap<object, { writable: Stage, readable: Stage }>()

/**
 * Sees which streams are joined by `Duplex.from` while `make` is at work: what it returns shows nothing of what they hold, and
 * a stage of a pipeline mostly is one.
 */
export async function seeingJoined<T> (make: () => Promise<T>): Promise<T> {
  const { from } = Duplex
  Duplex.from = (source) => {
    const duplex = from.call(Duplex, source)
    const { writable, readable } = source as unknown as Partial<Record<'writable' | 'readable', Stage>>
    if (isStage(writable) && isStage(readable)) joined.set(duplex, { writable, readable })
    return duplex
  }
  try {
    return await make()
  } finally {
    Duplex.from = from
  }
}

function isStage (stream: unknown): stream is Stage { return typeof (stream as Partial<Stage> | null | undefined)?.on === 'function' }

/** The way from a stream on, through those that it is piped into now (one that has ended forgets them), to the last there is or `last`. */
function sidesFrom (first: Stage, last?: Stage): Side[] {
  const sides: Side[] = []
  for (let stage: Stage | undefined = first; stage !== undefined && sides.length < MOST_SIDES; stage = stage === last ? undefined : pipedInto(stage)) {
    sides.push(new Side(stage, 'write'))
    const parts = joined.get(stage)
    if (parts !== undefined) sides.push(...sidesFrom(parts.writable, parts.readable))
    if (parts !== undefined || stage === last || typeof stage._transform === 'function' || isRead(stage)) sides.push(new Side(stage, 'push'))
  }
  if (last !== undefined && sides.at(-1)!.stage !== last) sides.push(new Side(last, 'push'))
  return sides
}

/** Somebody reads it: what a socket is sent, and nobody wants, has nothing to do with what was written to it. */
function isRead ({ readableFlowing = null }: Stage): boolean { return readableFlowing !== null }

/** What a thread's own standard output holds waits for the main thread's event loop, which may wait for us. */
function pipedInto ({ _readableState: state }: Stage): Stage | undefined {
  const next = Array.isArray(state?.pipes) ? state.pipes[0] : undefined
  return next === process.stdout || next === process.stderr ? undefined : next
}
