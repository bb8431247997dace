import { Patience } from '../patience'
import { Fed, type Mark, RingCount, RingWord } from '../ring/layout'
import type { BoundTargets, TargetMark } from './bound-targets'
import type { TargetStream } from './load-target'
import type { RingOutlet } from './rings'
import { canFlush, flushOf, type Stages, type StagesMark } from './stages'
import { asError, type WriterThread } from './thread'

/** How long a target that was asked to flush may take before it is judged by what it shows of its buffers. */
const FLUSH_PATIENCE_MS = 1000
/** A target's flush may mean an fsync: unasked, not more often than this, unless the ring fills. */
const FLUSH_EVERY_MS = 250
/** A stage that keeps lines for so long, while there is room in front of it and none in the ring, waits for more than will come. */
const GATHERING_MS = 1000
/** Once something has moved on, for which space is wanted back, the rest may follow within this. */
const FOLLOWING_MS = 1
/** Space is wanted back when so much of the ring is held. */
const HELD_RATIO = 1 / 4

/** How far each ring was taken at some moment. */
type Marks = ReadonlyMap<RingOutlet, Mark>

/** What the target was given up to some moment, and has not handed on; and of several, from when they have it, each of them. */
interface Passed { readonly marks: Marks, readonly mark: StagesMark, marksOfEach: readonly TargetMark[] | undefined }

/** What is fed, and how. */
interface Feeding {
  readonly thread: Pick<WriterThread, 'outlets' | 'took' | 'warn'>
  readonly target: TargetStream
  readonly stages: Stages
  /** None if the target is one. */
  readonly several: BoundTargets
  /** Lines are fed one by one. */
  readonly isCareful: () => boolean
  /** The target said that it has enough. */
  readonly isFull: () => boolean
  /** Something ended the target: what it says does not count. */
  readonly isOver: () => boolean
  /** It has answered: there may be something to do. */
  readonly onAnswer: () => void
  /** So many more lines, or less, are in no ring any more and may not have left the target. */
  readonly onOwed: (lines: number) => void
  /** So many of these, or less, are gone with a stream that kept them. */
  readonly onLost: (lines: number) => void
}

/** Gives back the space of lines in the rings when these have left the target, and sees to it that they do. */
export class Releaser {
  readonly #feeding: Feeding
  /** What the target was asked to flush. */
  #asked: Marks | null = null
  #isFlushing = false
  #hasWarnedOfFlush = false
  #flushedAt = 0
  #passed: Passed | undefined
  /** What a stage was found to keep for more lines than will come. */
  #gathered: StagesMark | undefined
  /** How many lines that may be, at the most. */
  #owed = 0
  /** As `Stages` counts them, those that have been told of. */
  #losses = 0
  /** Since when space has been wanted and nothing has moved: by what had then. */
  #idle: { moved: number, patience: Patience } | undefined

  constructor (feeding: Feeding) {
    this.#feeding = feeding
  }

  /** The target can be asked. One that can't is judged by its buffers. */
  get canFlush (): boolean { return canFlush(this.#feeding.target) }

  /** The rings that hold lines which the target has not let go of. */
  get holding (): RingOutlet[] { return this.#feeding.thread.outlets.filter((outlet) => outlet.consumer.held > 0) }

  /** Gives back the space of lines that have left the target, or asks the target to let them go. */
  look (): void {
    this.#tellLost()
    const outlets = this.holding
    if (outlets.length === 0) return
    if (this.canFlush && this.#passed === undefined) {
      if (this.#asked === null && (this.#isUrgent(outlets) || performance.now() - this.#flushedAt >= FLUSH_EVERY_MS)) this.#flush(outlets)
    } else if (this.#hasRoom) {
      this.#passOn(outlets)
    } else if (this.#isUrgent(outlets)) {
      this.flushStages()
    }
  }

  /** Tells those who wait for a flush, unless a stage still keeps what it was found to keep for more lines. */
  answerFlushes (): void {
    const { thread: { outlets }, stages } = this.#feeding
    if (!this.#isGathering) for (const outlet of outlets) outlet.answerFlush()
    else if (outlets.some((outlet) => outlet.wantsFlush)) stages.flush()
  }

  /** Streams that gather lines are to hand them on. */
  flushStages (): void {
    this.#feeding.stages.flush()
    this.#feeding.several.flush()
  }

  /** Something has just moved on in the target, for which space is wanted back: the rest may follow at once. */
  get isSpaceComing (): boolean { return this.#idle !== undefined && this.#idle.patience.look() < FOLLOWING_MS }

  /** The target is over, and has handed on all. */
  releaseAll (): void {
    this.#tellLost()
    this.#settleOwed()
    for (const outlet of this.#feeding.thread.outlets) {
      outlet.consumer.ring.words[RingWord.Fed] = Fed.Nothing
      outlet.consumer.release()
      outlet.answerFlush()
    }
  }

  #isUrgent (outlets: RingOutlet[]): boolean { return this.#isSpaceWanted(outlets) || outlets.some((outlet) => outlet.wantsFlush) }

  #isSpaceWanted (outlets: RingOutlet[]): boolean {
    return this.#feeding.isCareful() || outlets.some(({ consumer }) => consumer.held > consumer.ring.capacity * HELD_RATIO)
  }

  get #hasRoom (): boolean { return !this.#feeding.isFull() && this.#feeding.target.writableNeedDrain !== true }

  /** Gives back the space of what has left the last stage of the target and, where it is several, of each. */
  #passOn (outlets: RingOutlet[]): void {
    this.#passed ??= { marks: marksOf(outlets), mark: this.#feeding.stages.mark(), marksOfEach: undefined }
    if (!this.#haveHandedOn(this.#passed, outlets)) return
    const { marks, mark } = this.#passed
    this.#passed = undefined
    if (this.#gathered === mark) this.#owe(this.#owed + linesIn(marks))
    this.#release(marks)
    const held = this.holding
    if (held.length > 0 && !this.canFlush) this.#passOn(held) // it was given more since
  }

  #haveHandedOn (passed: Passed, outlets: RingOutlet[]): boolean {
    const { stages, several, isCareful } = this.#feeding
    const isSpaceWanted = this.#isSpaceWanted(outlets)
    const idleMs = this.#idleMs(isSpaceWanted)
    const { mark } = passed
    if (stages.havePassed(mark) || (isSpaceWanted && this.#isGathered(mark, idleMs))) {
      passed.marksOfEach ??= several.marks
      if (several.haveHandedOn(passed.marksOfEach, isSpaceWanted)) return true
    }
    if (idleMs > FLUSH_EVERY_MS || isCareful() || outlets.some((outlet) => outlet.wantsFlush)) this.flushStages()
    return false
  }

  /** Whether a later stage keeps that for more lines, as it does what was found so before. */
  #isGathered (mark: StagesMark, idleMs: number): boolean {
    if (!this.#feeding.stages.haveLeftFirst(mark) || (idleMs <= GATHERING_MS && !this.#isGathering)) return false
    this.#gathered = mark
    return true
  }

  /** Whether a stage still keeps what it was found to keep for more lines. */
  get #isGathering (): boolean {
    this.#tellLost() // it may be gone since the last look, and what is gone has passed
    if (this.#gathered !== undefined && this.#feeding.stages.havePassed(this.#gathered)) this.#settleOwed()
    return this.#gathered !== undefined
  }

  /** What a stage was found to keep has left it, or is gone with it. */
  #settleOwed (): void {
    this.#gathered = undefined
    this.#owe(0)
  }

  /** What was lost with a stream is among what the rings hold, and what it was found to keep. */
  #tellLost (): void {
    const { stages: { losses }, onLost } = this.#feeding
    if (losses === this.#losses) return
    this.#losses = losses
    const lines = linesIn(marksOf(this.holding)) + this.#owed
    if (lines > 0) onLost(lines)
    this.#settleOwed()
  }

  #owe (lines: number): void {
    this.#feeding.onOwed(lines - this.#owed)
    this.#owed = lines
  }

  #idleMs (isSpaceWanted: boolean): number {
    const { moved } = this.#feeding.stages
    if (!isSpaceWanted) this.#idle = undefined
    else if (this.#idle?.moved !== moved) this.#idle = { moved, patience: new Patience() }
    return this.#idle?.patience.look() ?? 0
  }

  #flush (outlets: RingOutlet[]): void {
    const { target, stages, thread, isOver, onAnswer } = this.#feeding
    const marks = marksOf(outlets)
    this.#asked = marks
    const settle = (isFlushed: boolean): void => {
      if (this.#asked !== marks || isOver()) return
      this.#tellLost()
      clearTimeout(timer)
      this.#asked = null
      this.#flushedAt = performance.now()
      // A target that can't say is judged by its buffers: one that holds lines keeps their space in the ring too.
      if (isFlushed || (this.#hasRoom && stages.isEmpty)) this.#flushed(marks)
      onAnswer()
    }
    const timer = setTimeout(() => settle(false), FLUSH_PATIENCE_MS)
    if (this.#isFlushing) return // it has not answered yet
    this.#isFlushing = true
    const answered = (isFlushed: boolean): void => {
      this.#isFlushing = false
      if (this.#asked !== marks) this.#asked = null // what has come since is to be asked for anew
      settle(isFlushed)
      onAnswer()
    }
    flushOf(target).then(() => answered(true), (reason: unknown) => {
      if (!this.#hasWarnedOfFlush) thread.warn(asError(reason))
      this.#hasWarnedOfFlush = true
      answered(false)
    })
  }

  /** What it is piped into has its lines now, if it is. */
  #flushed (marks: Marks): void {
    const { stages } = this.#feeding
    const mark = stages.markBehindFirst()
    if (stages.havePassed(mark)) this.#release(marks)
    else this.#passed = { marks, mark, marksOfEach: undefined }
  }

  #release (marks: Marks): void {
    for (const [{ consumer }, mark] of marks) {
      consumer.ring.words[RingWord.Fed] = Fed.Nothing // first: a thread that is terminated in between must not leave the next line blamed
      consumer.release(mark)
      if (consumer.held > 0) consumer.ring.words[RingWord.Fed] = Fed.Lines | (consumer.isInsideLine ? Fed.InsideLine : 0)
      else if (consumer.skipped > mark.skipped) consumer.release() // a line was ended since
      this.#feeding.thread.took()
    }
  }
}

/** How many lines have not been given back up to there. */
function linesIn (marks: Marks): number {
  let lines = 0
  for (const [{ consumer }, mark] of marks) lines += mark.lines - consumer.ring.counts[RingCount.LinesWritten]!
  return lines
}

function marksOf (outlets: readonly RingOutlet[]): Marks {
  return new Map(outlets.map((outlet) => [outlet, outlet.consumer.mark()]))
}
