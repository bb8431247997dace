/**
 * Several targets behind one transport: pino hands each of them every line, however much of it one keeps. Here that has a bound,
 * and what one keeps is not taken for delivered.
 */

import { createRequire } from 'node:module'
import { basename, dirname, join } from 'node:path'
import { levelOfText, slotOfLevel } from '../levels'
import { Patience } from '../patience'
import type { FormatNotice } from '../ring/output'
import { LEVEL_SLOTS } from '../ring/layout'
import type { TargetStream } from './load-target'
import { addNotice } from './rings'
import { Stages, type StagesMark, tryReplace } from './stages'

/** A target that has too much keeps the others waiting for so long: one that lags behind a burst is faster. */
const PATIENCE_MS = 1000
/** Where lines wait for room as long as that takes, they wait for a target that hands on anything; one that does not within this is dead. */
const LONG_PATIENCE_MS = 10_000
/** One that had too much gets lines again when so much of it is left. */
const WELCOME_RATIO = 1 / 2

/** What is known of a target beside its being a stream: it may be a SonicBoom. */
type Write = (text: string, ...more: unknown[]) => boolean | void
type Target = Omit<TargetStream, 'write'> & { write: Write, writableObjectMode?: boolean, _len?: number }
interface Pino { multistream: (entries: ReadonlyArray<{ stream: Target }>, options?: object) => unknown }

/** Up to where a target had been given lines at some moment, and how many. */
export interface TargetMark { readonly way: StagesMark, readonly lines: number }

export interface Bounds {
  /** So many characters a target may hold once it has had enough, and what was under way then. */
  readonly mostHeld: number
  /** Whether lines are to wait for room rather than be dropped. */
  readonly waits: boolean
  /** Whether no more lines will come. */
  readonly isEnding: () => boolean
  /** The line that tells a target of those that it went without, or null. */
  readonly formatNotice: FormatNotice
  /** A target gets no more for now, for the first time. */
  readonly onStalled: (name: string) => void
  /** No notice will tell of these lines. */
  readonly onUntold: (name: string, lines: number) => void
  /** So many more, or less, a target would miss if the thread died now, and nothing in the log would tell of them. */
  readonly onOwed: (lines: number) => void
  /** So many of these, or less, are gone with a stream that kept them. */
  readonly onLost: (lines: number) => void
}

const requireFile = createRequire(__filename)

/**
 * The targets of pino's own module for several. One that has had enough and holds too much keeps the others waiting for a while;
 * if that is in vain it gets no more until it has room, and the others go on.
 *
 * Where a bundler has put that module elsewhere than beside pino, nothing is changed.
 */
export class BoundTargets {
  readonly #targets: BoundTarget[] = []

  /**
   * @param filename a target, which may be that module
   * @param options what it gets
   */
  constructor (filename: string, options: Record<string, unknown> | undefined, bounds: Bounds) {
    const named = [options?.targets, options?.pipelines].filter(Array.isArray).flat() as Array<{ target?: unknown }>
    const pino = named.length > 0 && basename(filename) === 'worker.js' ? pinoBeside(filename) : undefined
    if (pino === undefined) return
    const { multistream } = pino
    pino.multistream = (entries, options) => {
      // A target may make one of its own before.
      if (entries.length === named.length && options !== undefined && 'dedupe' in options) {
        pino.multistream = multistream
        for (const [at, { stream }] of entries.entries()) {
          if (typeof stream?.write === 'function' && typeof stream.on === 'function') this.#targets.push(new BoundTarget(stream, String(named[at]!.target ?? 'a pipeline'), bounds))
        }
      }
      return multistream(entries, options)
    }
  }

  get stages (): readonly Stages[] { return this.#targets.map((target) => target.stages) }

  /** Whether one of them is worth waiting for: each has as long, from when it fell behind. */
  get areBehind (): boolean { return this.#targets.filter((target) => target.isBehind).length > 0 }

  /** Whether none of them takes a line: what they would all go without is better kept, and then dropped and counted, in the ring. */
  get areAllStalled (): boolean { return this.#targets.length > 0 && this.#targets.every((target) => target.isStalled) }

  /** One that takes no more lines, though nobody has ended it: pino goes on handing them to it. */
  get closed (): string | undefined { return this.#targets.find((target) => target.isClosed)?.name }

  /** Up to where each was given lines until now: see {@link BoundTargets.haveHandedOn}. */
  get marks (): readonly TargetMark[] { return this.#targets.map((target) => target.mark()) }

  /**
   * Whether each has handed on what it was given before its mark. One that keeps it for long while space is wanted is not waited
   * for, if there is another for which the space is of use; nor is it again, for that.
   */
  haveHandedOn (marks: readonly TargetMark[], isSpaceWanted: boolean): boolean {
    const lagging = [...this.#targets.entries()].filter(([at, target]) => !target.hasHandedOn(marks[at]!))
    if (lagging.length === 0) return true
    const givenUp = lagging.filter(([at, target]) => target.isGivenUp(marks[at]!, isSpaceWanted))
    if (givenUp.length < lagging.length || lagging.length === this.#targets.length) return false
    for (const [at, target] of lagging) target.giveUp(marks[at]!)
    return true
  }

  /** Those that gather lines are to hand them on: somebody waits for that. */
  flush (): void { for (const { stages } of this.#targets) stages.flush() }

  /** What one kept for longer than it was waited for, it may have handed on by now. */
  look (): void { for (const target of this.#targets) target.look() }

  /** They have closed, and handed on what they kept. */
  settleEnd (): void { for (const target of this.#targets) target.settleEnd() }

  /** Says of what no notice will tell any more. */
  tellUntold (): void { for (const target of this.#targets) target.tellUntold() }
}

function pinoBeside (worker: string): Pino | undefined {
  try {
    return requireFile(join(dirname(worker), '..', 'pino.js'))
  } catch {
    return undefined
  }
}

class BoundTarget {
  readonly stream: Target
  readonly stages: Stages
  readonly #write: Write
  readonly name: string
  readonly #bounds: Bounds
  #isFull = false
  #sinceFull = 0
  /** As in a `dropped` record. */
  readonly #counts = new Float64Array(LEVEL_SLOTS + 2)
  #dropped = 0
  #patience: Patience | undefined
  /** What it held at the last look. */
  #heldBefore = 0
  /** It was waited for in vain. */
  #isStalled = false
  #hasStalled = false
  /** How long space has been wanted that is held for it; and up to where nobody waits that it hands on what it was given. */
  #delay: { mark: TargetMark, patience: Patience } | undefined
  #givenUp: TargetMark | undefined
  /** Lines that it was given, or that notices which it was given tell of. */
  #lines = 0
  /** So many of these it has handed on, at the least. */
  #linesPassed = 0
  /** As `Stages` counts them, those that have been told of. */
  #losses = 0
  /** Up to where it alone has them: not in the ring any more. */
  #alone: TargetMark | undefined
  #owed = 0

  constructor (stream: Target, name: string, bounds: Bounds) {
    this.stream = stream
    this.stages = new Stages(stream)
    this.#write = stream.write
    this.name = name
    this.#bounds = bounds
    // Its own may write to it too: something else than lines, or with a callback. That is not ours to drop.
    tryReplace(stream, 'write', (text: string, ...more: unknown[]) => {
      const isLine = typeof text === 'string' && more.length === 0
      if (isLine && this.#isStalled && this.#holds(this.#dropped > 0 ? WELCOME_RATIO : 1)) return this.#drop(text)
      if (isLine && this.#dropped > 0) this.#tryTell()
      if (isLine) this.#lines++
      return this.#take(text, more)
    })
    stream.on('drain', () => {
      this.#isFull = this.#isStalled = false
      this.#sinceFull = 0
      this.#patience = undefined
      if (!this.#tryTell()) this.tellUntold()
    })
  }

  get isClosed (): boolean { return this.stream.destroyed === true }

  mark (): TargetMark { return { way: this.stages.mark(), lines: this.#lines } }

  hasHandedOn ({ way, lines }: TargetMark): boolean {
    this.look()
    if (!this.stages.havePassed(way)) return false
    this.#linesPassed = Math.max(this.#linesPassed, lines)
    return true
  }

  look (): void {
    this.#tellLost()
    if (this.#alone !== undefined && this.stages.havePassed(this.#alone.way)) this.settleEnd()
  }

  settleEnd (): void {
    this.#tellLost()
    if (this.#alone === undefined) return
    this.#linesPassed = this.#alone.lines
    this.#isAlone(undefined)
  }

  /** What was lost with a stream behind it is among what it has not handed on. */
  #tellLost (): void {
    const { losses } = this.stages
    if (losses === this.#losses) return
    this.#losses = losses
    if (this.#lines > this.#linesPassed) this.#bounds.onLost(this.#lines - this.#linesPassed)
    this.#linesPassed = this.#lines
    this.#isAlone(undefined)
  }

  /** Whether it is not worth waiting for, to hand on so much: it was waited for before, or is now, for long. */
  isGivenUp (mark: TargetMark, isSpaceWanted: boolean): boolean {
    if (this.#givenUp !== undefined && mark.way.given <= this.#givenUp.way.given) return true
    if (!isSpaceWanted) return false
    if (this.#isStalled || (this.#givenUp !== undefined && !this.stages.havePassed(this.#givenUp.way))) return true
    if (this.#delay?.mark !== mark) this.#delay = { mark, patience: new Patience() }
    return this.#delay.patience.look() > PATIENCE_MS
  }

  giveUp (mark: TargetMark): void {
    this.#givenUp = mark
    if (mark.lines > (this.#alone?.lines ?? 0)) this.#isAlone(mark) // a notice that it was given since tells of more
  }

  /** It was waited for in vain, and is not worth a line again. */
  get isStalled (): boolean { return this.#isStalled && this.#holds(WELCOME_RATIO) }

  get isBehind (): boolean {
    if (this.#isStalled) return false
    if (!this.#holds(this.#patience === undefined ? 1 : WELCOME_RATIO)) {
      this.#patience = undefined
      return false
    }
    this.#patience ??= new Patience()
    const { waits, isEnding } = this.#bounds
    if (waits && this.#held < this.#heldBefore) this.#patience.renew()
    this.#heldBefore = this.#held
    this.#isStalled = this.#patience.look() > (waits && !isEnding() ? LONG_PATIENCE_MS : PATIENCE_MS)
    return !this.#isStalled
  }

  /** Whether it has had enough, and holds this part of the most that it may. */
  #holds (ratio: number): boolean { return this.#isFull && this.#held >= this.#bounds.mostHeld * ratio }

  get #held (): number {
    const { writableObjectMode, writableLength, _len: length } = this.stream
    return (writableObjectMode === true ? undefined : writableLength ?? length) ?? this.#sinceFull
  }

  #take (text: string, more: unknown[] = []): boolean | void {
    const hasRoom = this.#write.call(this.stream, text, ...more)
    if (hasRoom === false) this.#isFull = true
    if (this.#isFull) this.#sinceFull += text.length
    return hasRoom
  }

  #drop (text: string): false {
    if (this.#dropped === 0) this.#counts[LEVEL_SLOTS + 1] = Date.now()
    const lines = addNotice(text, this.#counts) || this.#addLine(text)
    this.#dropped += lines
    this.#owe()
    if (!this.#hasStalled) this.#bounds.onStalled(this.name)
    this.#hasStalled = true
    return false
  }

  #addLine (text: string): number {
    this.#counts[slotOfLevel(levelOfText(text) ?? NaN)]!++
    this.#counts[LEVEL_SLOTS]! += Buffer.byteLength(text)
    return 1
  }

  /** A line that tells of those it went without, where they would be. Returns whether there is one. */
  #tryTell (): boolean {
    const notice = this.#dropped === 0 ? null : this.#bounds.formatNotice(this.#counts)
    if (notice === null) return false
    this.#lines += this.#dropped
    this.#forget()
    this.#take(notice)
    this.#isAlone(this.mark())
    return true
  }

  tellUntold (): void {
    if (this.#dropped > 0) this.#bounds.onUntold(this.name, this.#dropped)
    this.#forget()
    this.#owe()
  }

  #forget (): void {
    this.#dropped = 0
    this.#counts.fill(0)
  }

  #isAlone (mark: TargetMark | undefined): void {
    this.#alone = mark
    this.#owe()
  }

  #owe (): void {
    const kept = this.#alone === undefined ? 0 : Math.max(0, this.#alone.lines - this.#linesPassed)
    const owed = this.#dropped + kept
    this.#bounds.onOwed(owed - this.#owed)
    this.#owed = owed
  }
}
