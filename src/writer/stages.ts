import { Duplex } from 'node:stream'

/** More than any pipeline has. */
const MOST_STAGES = 32

/** A stream, as far as it shows what it holds and what it is piped into. */
export interface Stage {
  write?: (...args: any[]) => unknown
  push?: (...args: any[]) => unknown
  destroy?: (...args: any[]) => unknown
  pipe?: (...args: any[]) => unknown
  readonly writableLength?: number
  readonly readableLength?: number
  readonly writableObjectMode?: boolean
  readonly readableObjectMode?: boolean
  readonly readableEncoding?: string | null
  readonly destroyed?: boolean
  readonly errored?: Error | null
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
  readonly #first: Stage
  readonly #sides = new Map<Stage, Partial<Record<Method, Side>>>()
  readonly #flushing = new Set<Stage>()
  /** Later streams that have failed without being destroyed: what these had is gone too. */
  readonly #failed = new WeakSet<Stage>()
  #losses = 0

  constructor (first: Stage) {
    this.#first = first
    this.mark()
  }

  /** How much the first was given, in characters, or in lines where it counts these. */
  get given (): number { return this.#side(this.#first, 'write').put }

  get streams (): Stage[] { return [...this.#sides.keys()] }

  /** What each holds. */
  get lengths (): number[] { return this.#all.map((side) => side.kept) }

  get isEmpty (): boolean { return this.#all.every((side) => side.kept === 0) }

  /** Whether what each holds is nothing, or gone with the stream. */
  get isOver (): boolean { return this.#all.every((side) => side.kept === 0 || side.stage.destroyed === true) }

  /** A number that grows whenever something moves on. */
  get moved (): number { return this.#all.reduce((sum, side) => sum + side.put - side.kept, 0) }

  mark (): StagesMark { return this.#markFrom(0) }

  /** As `mark`, of what the first says it has written. */
  markBehindFirst (): StagesMark { return this.#markFrom(1) }

  #markFrom (at: number): StagesMark {
    const ways = this.#waysFrom(this.#first)
    const { given } = this
    return { given, ways: [...ways, ...this.#waysAside(ways)].map((sides) => wayFrom(sides, sides[0]!.stage === this.#first ? at : 0)) }
  }

  /** Whether all that was given before a mark has left the last of the streams, or is gone with one that was destroyed. */
  havePassed (mark: StagesMark): boolean {
    let areAllPassed = true
    for (const way of mark.ways) { // there may be more of them meanwhile
      if (!this.#hasPassed(way, mark)) areAllPassed = false
    }
    return areAllPassed
  }

  /** How often a later stream than the first failed, or was destroyed with something in it: some of what is given may be gone with it. */
  get losses (): number {
    for (const stage of this.streams) {
      if (!stage.errored || stage.destroyed === true || !this.#losesBy(stage)) continue
      this.#failed.add(stage)
      this.#losses++
    }
    return this.#losses
  }

  /** Whether it is a later stream than the first that has not handed on all of that. */
  haveLeftFirst (mark: StagesMark): boolean { return mark.ways.every((way) => this.#hasPassed(way, mark) || way.sides[way.at]!.stage !== this.#first) }

  /** Whether one of them ended by an error, or with something in it, before it had written all that it was given. */
  get isCutOff (): boolean { return this.#all.some((side) => side.isCutOff) }

  /** Whether all say that they have written all that they were given. */
  get isFinishing (): boolean { return this.streams.every(isFinishing) }

  /** Streams that gather lines are to hand them on: somebody waits for that. What they keep says whether they have. */
  flush (): void {
    for (const stage of this.streams) {
      if (!canFlush(stage) || !keptBy(stage) || this.#flushing.has(stage)) continue
      this.#flushing.add(stage)
      const done = (): void => { this.#flushing.delete(stage) }
      flushOf(stage).then(done, done)
    }
  }

  get #all (): Side[] { return [...this.#sides.values()].flatMap(({ write, push }) => [write, push]).filter((side) => side !== undefined) }

  #side (stage: Stage, method: Method): Side {
    let sides = this.#sides.get(stage)
    if (sides === undefined) {
      this.#sides.set(stage, sides = {})
      this.#watchEnd(stage)
      this.#watchPipes(stage)
    }
    sides[method] ??= new Side(stage, method)
    return sides[method]
  }

  /** What it holds is gone when it has been destroyed. */
  #watchEnd (stage: Stage): void {
    const { destroy } = stage
    if (typeof destroy !== 'function') return
    const sides = this.#sides.get(stage)!
    const ends = (error: unknown): void => {
      const isCutOff = [sides.write, sides.push].filter((side) => side?.cutOff() === true).length > 0
      if (stage.destroyed !== true && ((isCutOff && stage !== this.#first) || (Boolean(error ?? stage.errored) && this.#losesBy(stage)))) this.#losses++
    }
    tryReplace(stage, 'destroy', function (this: unknown, ...args: unknown[]) {
      ends(args[0])
      return destroy.apply(this, args)
    })
  }

  /** What it is piped into later is known before that is given anything. */
  #watchPipes (stage: Stage): void {
    const { pipe } = stage
    if (typeof pipe !== 'function') return
    const knows = (next: unknown): void => { if (isStage(next) && isOurs(next)) this.#waysFrom(next) }
    tryReplace(stage, 'pipe', function (this: unknown, ...args: unknown[]) {
      knows(args[0])
      return pipe.apply(this, args)
    })
  }

  /** Whether some of what was given is gone with an error of this stream. */
  #losesBy (stage: Stage): boolean { return stage !== this.#first && !isFinishing(stage) && !this.#failed.has(stage) }

  /** The ways from a stream on, through those that it is piped into now, to the last there is or `last`. */
  #waysFrom (stage: Stage, last?: Stage, depth = 0): Side[][] {
    const parts = joined.get(stage)
    const isPassedThrough = parts !== undefined || stage === last || typeof stage._transform === 'function' || isRead(stage)
    const write = this.#side(stage, 'write')
    const inside = parts === undefined ? [[]] : this.#waysFrom(parts.writable, parts.readable, depth + 1)
    const here = inside.map((sides) => [write, ...sides, ...isPassedThrough ? [this.#side(stage, 'push')] : []])
    const next = stage === last || depth > MOST_STAGES ? [] : pipedInto(stage)
    const behind = next.flatMap((stage) => this.#waysFrom(stage, last, depth + 1))
    if (behind.length === 0) behind.push(last === undefined || stage === last ? [] : [this.#side(last, 'push')])
    return here.flatMap((sides) => behind.map((more) => [...sides, ...more]))
  }

  /**
   * Those from streams that nothing is piped into any more, with something in them: of one that says 'error' Node takes the
   * pipe away. What was destroyed is forgotten.
   */
  #waysAside (ways: readonly Side[][]): Side[][] {
    const reached = new Set(ways.flat().map(({ stage }) => stage))
    const aside: Side[][] = []
    for (const stage of this.streams) {
      if (reached.has(stage)) continue
      if (stage.destroyed === true) {
        this.#sides.delete(stage)
        continue
      }
      const more = this.#waysFrom(stage).filter((sides) => sides.some(({ kept }) => kept > 0))
      for (const { stage } of more.flat()) reached.add(stage)
      aside.push(...more)
    }
    return aside
  }

  /** From those that a stream has been piped into since the mark of these was made. */
  #waysSince (ways: readonly Way[], stage: Stage): Way[] {
    const isNew = (next: Stage): boolean => !ways.some(({ sides }) => sides.some(({ stage }) => stage === next))
    return pipedInto(stage).filter(isNew).flatMap((next) => this.#waysFrom(next)).map((sides) => wayFrom(sides, 0))
  }

  /** Whether what it is about has left its last side. Of a later stream that was destroyed nothing is left to come; of the first, all comes again. */
  #hasPassed (way: Way, { ways }: StagesMark): boolean {
    for (let side = way.sides[way.at]; side !== undefined; side = way.sides[way.at]) {
      if (side.handedOn < way.until && (side.stage.destroyed !== true || side.stage === this.#first)) return false
      if (side.method === 'push') ways.push(...this.#waysSince(ways, side.stage))
      way.at++
      way.until = way.sides[way.at]?.put ?? 0
    }
    return true
  }
}

/** Up to where {@link Stages} had been given lines at some moment, and how far these are known to have come since, each way. */
export interface StagesMark { readonly given: number, readonly ways: Way[] }
interface Way { readonly sides: readonly Side[], at: number, until: number }

function wayFrom (sides: readonly Side[], at: number): Way { return { sides, at, until: sides[at]?.put ?? 0 } }

type Method = 'write' | 'push'

/** One side of a stream. Where what is put in can't be counted, it has handed on what it had when it is empty. */
class Side {
  readonly stage: Stage
  readonly method: Method
  put = 0
  /** What it held when it was destroyed: a stream may say afterwards that it holds nothing. */
  #lost = 0

  constructor (stage: Stage, method: Method) {
    this.stage = stage
    this.method = method
    const original = stage[method]
    if (typeof original !== 'function') return
    const isObjectMode = method === 'write' ? stage.writableObjectMode : stage.readableObjectMode
    const side = this
    tryReplace(stage, method, function (this: unknown, ...args: unknown[]) {
      if (isObjectMode === true) side.put += Number(args[0] !== null)
      // With an encoding a stream holds characters of what it was given as bytes.
      else if (method === 'write' || !stage.readableEncoding) side.put += (args[0] as { length?: number } | null)?.length ?? 0
      return original.apply(this, args)
    })
  }

  /** So much of what was put in has gone on. */
  get handedOn (): number { return this.put - Math.max(this.kept, this.#lost) }

  /** Whether its stream ended by an error, or with something in it, before it had written all that it was given. */
  get isCutOff (): boolean {
    return this.stage.destroyed === true && (this.#lost > 0 || ((this.stage.errored ?? null) !== null && !isFinishing(this.stage)))
  }

  /** Its stream is being destroyed. Returns whether it has something in it. */
  cutOff (): boolean {
    this.#lost = Math.max(this.#lost, this.kept)
    return this.#lost > 0
  }

  get kept (): number { return (this.method === 'write' ? keptBy(this.stage) : this.stage.readableLength) ?? 0 }
}

/** Puts another method in place, if the object lets us. */
export function tryReplace<Name extends string> (object: { [name in Name]?: unknown }, name: Name, by: unknown): void {
  try {
    Reflect.set(object, name, by)
  } catch {}
}

function isFinishing ({ _writableState: state }: Stage): boolean { return state?.finalCalled === true || state?.prefinished === true }

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

/** Somebody reads it: what a socket is sent, and nobody wants, has nothing to do with what was written to it. */
function isRead ({ readableFlowing = null }: Stage): boolean { return readableFlowing !== null }

function pipedInto ({ _readableState: state }: Stage): Stage[] {
  return Array.isArray(state?.pipes) ? (state.pipes as Stage[]).filter(isOurs) : []
}

/** What a thread's own standard output holds waits for the main thread's event loop, which may wait for us. */
function isOurs (stage: Stage): boolean { return stage !== process.stdout && stage !== process.stderr }
