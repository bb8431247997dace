import { StringDecoder } from 'node:string_decoder'
import type { Consumer } from '../ring/consumer'
import type { TargetSink } from '../options'
import { Patience } from '../patience'
import { Fed, RingWord, WriterWord } from '../ring/layout'
import { BoundTargets } from './bound-targets'
import { Care } from './care'
import { forwardEvents } from './forward-events'
import { closeGivenQuietly } from './given-descriptors'
import { loadTarget, type TargetStream } from './load-target'
import { Releaser } from './releaser'
import { LINE_PATIENCE_MS, type RingOutlet, targetNotice } from './rings'
import { seeingJoined, Stages } from './stages'
import { Turns } from './turns'
import { remedyOfTarget } from './sink-errors'
import { TargetWork } from './target-work'
import { asError, type WriterThread } from './thread'

/** A sleep in an event loop costs more than one in `Atomics.wait`: rarer at first, as rare in the end. */
const SHORTEST_SLEEP_MS = 1
/** A turn of an event loop that finds nothing costs 0.2 ms: when none has found anything for this long, they come this far apart. */
const QUIET_MS = 1000
const QUIET_SLEEP_MS = 30
/** While a target has enough, its 'drain' wakes us; orders of the owner can wait a little, and longer when that has gone on for long. */
const FULL_SLEEP_MS = 50
const QUIET_FULL_SLEEP_MS = 100
/** Stages that are at work when the first has closed are looked at so often. */
const CLOSING_SLEEP_MS = 10
/** One of several targets may hold as much as this of a ring. */
const HELD_BY_EACH_RATIO = 1 / 8

/** Hands lines to a pino transport, in an event loop, until told to end. */
export class StreamWriter {
  readonly #thread: WriterThread
  readonly #settings: Omit<TargetSink, 'options'>
  readonly #decoders = new Map<RingOutlet, StringDecoder>()
  #target!: TargetStream
  #isEnding = false
  /** The target said it has enough. */
  #isFull = false
  /** The one turn to come. */
  #timer: NodeJS.Timeout | undefined
  #immediate: NodeJS.Immediate | undefined
  /** Something ended this target: it gets nothing more, and what it says does not count. */
  #isDead = false
  #workedAt = 0
  #several!: BoundTargets
  #stages!: Stages
  #releaser!: Releaser
  #work!: TargetWork
  #care!: Care

  /** The rings that hold the beginning of a line: up to where, and how long the rest has been waited for. */
  readonly #rests = new Map<RingOutlet, { published: number, patience: Patience }>()

  readonly #turns: Turns
  readonly #onOwed = (lines: number): void => { Atomics.add(this.#thread.block, WriterWord.Untold, lines) }
  readonly #onLost = (lines: number): void => this.#thread.warnOf(lines, new Error(`a stream behind the target failed or was destroyed with up to ${inLines(lines)} in it`))

  constructor (thread: WriterThread, settings: Omit<TargetSink, 'options'>) {
    this.#thread = thread
    this.#turns = new Turns(thread, (outlet) => this.#feedNewline(outlet))
    this.#settings = settings
  }

  run (): void {
    const stop = (error: unknown): void => this.#fail(error)
    process.on('uncaughtException', stop)
    process.on('unhandledRejection', stop)
    forwardEvents(this.#thread)
    closeGivenQuietly()
    // A turn of the event loop later: what was sent to the target while it was loaded reaches it before the first line.
    this.#open().then(() => setImmediate(() => this.#soon()), stop)
  }

  async #open (): Promise<void> {
    const { filename } = this.#settings
    this.#tellOfOwed()
    this.#several = this.#boundTargets(filename)
    this.#target = await seeingJoined(async () => {
      const target = await loadTarget(filename)
      return await target(this.#thread.data.workerData)
    })
    if (typeof this.#target?.write !== 'function') throw new TypeError(`${filename} did not return a stream`)
    this.#target.on('error', (error) => this.#fail(error))
    this.#target.on('drain', () => {
      this.#isFull = false
      this.#soon()
    })
    this.#target.on('close', () => this.#closed())
    this.#stages = new Stages(this.#target)
    this.#work = new TargetWork(this.#thread.block, this.#several.stages.length > 0 ? this.#several.stages : [this.#stages])
    this.#releaser = new Releaser({
      thread: this.#thread,
      target: this.#target,
      stages: this.#stages,
      several: this.#several,
      isCareful: () => this.#care.isNeeded,
      isFull: () => this.#isFull,
      isOver: () => this.#isDead,
      onAnswer: () => this.#soon(),
      onOwed: this.#onOwed,
      onLost: this.#onLost
    })
    for (const outlet of this.#thread.outlets) this.#giveUpRest(outlet)
    this.#startCarefully()
    process.on('exit', () => this.#exits())
    this.#thread.ready()
  }

  /** The writer before this one owed a target a notice. Some of those lines, which it had not let go of, come again. */
  #tellOfOwed (): void {
    const { block } = this.#thread
    const lines = Atomics.load(block, WriterWord.Untold)
    if (lines > 0) this.#thread.warnOf(lines, new Error(`one of the targets went without up to ${inLines(lines)} when the log writer died`))
    Atomics.sub(block, WriterWord.Untold, lines) // last: at no moment does neither count have them
  }

  #boundTargets (filename: string): BoundTargets {
    const { data, outlets } = this.#thread
    return new BoundTargets(filename, data.workerData, {
      mostHeld: outlets[0]!.consumer.ring.capacity * HELD_BY_EACH_RATIO,
      waits: data.onFull === 'block',
      isEnding: () => this.#thread.isEnding,
      formatNotice: targetNotice(data.dropNotice),
      onStalled: (name) => this.#thread.warn(new Error(`the target ${name} does not keep up: until it does, what is too much for it is dropped`)),
      onUntold: (name, lines) => this.#thread.warnOf(lines, new Error(`the target ${name} went without ${inLines(lines)}`)),
      onOwed: this.#onOwed,
      onLost: this.#onLost
    })
  }

  /** What a culprit tells of dropped lines, the application hears instead of the log. */
  #startCarefully (): void {
    const { outlets, data } = this.#thread
    this.#care = new Care(outlets, data.isCareful, data.isBlameless)
    const consumer = this.#care.culprit?.consumer
    if (consumer === undefined) return
    const notice = consumer.skipNext()
    if (notice !== null) this.#thread.warn(new Error(`the log writer's target died of this line, which the log goes without: ${notice.trimEnd()}`))
    consumer.ring.words[RingWord.Fed] = Fed.Nothing
  }

  /** A target that died had the beginning of a line: what it handed on of that must not run into what comes now. */
  #giveUpRest (outlet: RingOutlet): void {
    const { consumer } = outlet
    if (consumer.isInsideLine) {
      if (consumer.gatherNewline()) this.#feedNewline(outlet)
      else consumer.release()
    } else if ((consumer.ring.words[RingWord.Fed]! & Fed.InsideLine) !== 0) {
      this.#write('\n') // the whole line comes again
    }
  }

  #soon (): void {
    clearTimeout(this.#timer)
    this.#immediate ??= setImmediate(() => {
      this.#immediate = undefined
      this.#tick()
    })
  }

  #tick (): void {
    const thread = this.#thread
    if (this.#isEnding || this.#isDead) return
    // It may not say so: from Node 24 on a pipeline in which a stage fails does not close its first stream.
    if (this.#target.destroyed === true || this.#several.closed !== undefined) return this.#closed()
    const isEnding = thread.isEnding // before the last look at what others have left
    this.#turns.tookIn(thread.takeRings())
    if (thread.wantsReopen) thread.reopened(thread.reopenWanted)
    // Before it gets more: one that is never idle shows only now that it has let go of what it had. And never in the turn in
    // which it got it: a stream that fails inside a write looks empty at once, and says 'error' when we have returned.
    if (!this.#releaser.canFlush) this.#releaser.look()
    this.#care.forgetHarmless()
    const mayFeed = !this.#several.areBehind
    const didWork = this.#turns.round((outlet, until, mostLines) => mayFeed && !this.#hasEnough && this.#feed(outlet, until, mostLines) ? 1 : 0) > 0
    if (this.#releaser.canFlush) this.#releaser.look()
    this.#releaser.answerFlushes()
    this.#turns.endGone()
    for (const outlet of thread.giveBackRings()) this.#forget(outlet)
    if (isEnding && thread.outlets.every((outlet) => outlet.isTaken)) {
      this.#end()
    } else if (didWork) {
      thread.waiter.worked()
      this.#workedAt = performance.now()
      this.#soon()
    } else {
      this.#work.look()
      this.#several.look()
      this.#sleep()
    }
  }

  #forget (outlet: RingOutlet): void {
    this.#decoders.delete(outlet)
    this.#rests.delete(outlet)
    this.#care.forget(outlet)
  }

  #sleep (): void {
    const { waiter, data } = this.#thread
    const hasEnough = this.#hasEnough
    if (!hasEnough && (data.wait === 'spin' || this.#care.isWatching || this.#releaser.isSpaceComing)) {
      this.#soon()
      return
    }
    if (this.#immediate !== undefined) return
    clearTimeout(this.#timer)
    const isQuiet = performance.now() - this.#workedAt > QUIET_MS
    const sleepMs = Math.max(isQuiet ? QUIET_SLEEP_MS : SHORTEST_SLEEP_MS, waiter.nextSleepMs())
    const fullSleepMs = isQuiet ? QUIET_FULL_SLEEP_MS : FULL_SLEEP_MS
    this.#timer = setTimeout(() => this.#tick(), hasEnough ? fullSleepMs : sleepMs)
  }

  get #hasEnough (): boolean { return this.#isFull || this.#several.areAllStalled }

  /** One batch of a ring to the target. Returns whether there was any. */
  #feed (outlet: RingOutlet, until: number, mostLines: number): boolean {
    const { consumer } = outlet
    const isAlone = this.#care.isNeeded
    if (isAlone && !this.#care.mayFeed(outlet, this.#thread.data.order === 'time')) return false
    if (!this.#gather(outlet, isAlone ? 1 : mostLines, until)) return false
    this.#turns.had(outlet)
    let text = this.#decode(outlet, consumer)
    while (consumer.hasRest && consumer.gather(1)) text += this.#decode(outlet, consumer)
    consumer.ring.words[RingWord.Fed] = this.#care.feeds(outlet) | (consumer.isInsideLine ? Fed.InsideLine : 0)
    this.#write(text)
    this.#settle(consumer)
    return true
  }

  /** Whole lines, unless one is too long for its ring, or no more of it has come for long: the target may die between two parts. */
  #gather (outlet: RingOutlet, mostLines: number, until: number): boolean {
    const { consumer } = outlet
    if (consumer.gather(mostLines, until, Infinity, !this.#thread.isEnding)) {
      this.#rests.delete(outlet)
      return true
    }
    if (consumer.available === 0) return false
    const rest = this.#rests.get(outlet)
    if (rest?.published !== consumer.published) this.#rests.set(outlet, { published: consumer.published, patience: new Patience() })
    else if (rest.patience.look() >= LINE_PATIENCE_MS) return consumer.gather(mostLines, until)
    return false
  }

  #feedNewline (outlet: RingOutlet): void {
    this.#write(this.#decode(outlet, outlet.consumer))
    this.#settle(outlet.consumer)
  }

  /** A batch that only ends a line holds no space, for which a release would come. */
  #settle (consumer: Consumer): void {
    if (consumer.held > 0) return
    consumer.ring.words[RingWord.Fed] = Fed.Nothing
    consumer.release()
  }

  #write (text: string): void {
    if (text.length > 0 && this.#target.write(text) === false) this.#isFull = true
  }

  #decode (outlet: RingOutlet, consumer: Consumer): string {
    let decoder = this.#decoders.get(outlet)
    if (decoder === undefined) this.#decoders.set(outlet, decoder = new StringDecoder('utf8'))
    return decoder.write(consumer.ring.bytes.subarray(consumer.batchStart, consumer.batchStop))
  }

  #end (): void {
    this.#isEnding = true
    this.#turns.end()
    for (const decoder of this.#decoders.values()) {
      const rest = decoder.end()
      if (rest.length > 0) this.#target.write(rest)
    }
    this.#several.tellUntold()
    const watch = this.#work.watchClosing(() => { if (!this.#isDead) this.#failIfCutOff() })
    // Of a target that never calls back the event loop is empty; a thread that ends before the target has closed counts as dead.
    process.on('beforeExit', () => { if (!this.#isNoneLeft) watch.ref() })
    this.#thread.closing()
    this.#target.end()
  }

  #closed (): void {
    if (this.#isDead) return
    if (!this.#isEnding) return this.#fail(new Error(`the target ${this.#name} closed before it was ended`))
    if (this.#failIfCutOff()) return
    if (!this.#work.isNoneLeft) { // a pipeline closes with its first stage; how long the others may take, the stream's owner knows
      this.#releaser.flushStages()
      setTimeout(() => this.#closed(), CLOSING_SLEEP_MS)
      return
    }
    this.#settleEnd()
    // As under thread-stream: what else the target keeps open must not hold the thread.
    setImmediate(() => process.exit(0))
  }

  /** Whether it was ended, and it or a stage of it has failed before it had handed on all: it may not come to closing. */
  #failIfCutOff (): boolean {
    if (!this.#isCutOff || this.#releaser.holding.length === 0) return false
    this.#fail(this.#target.errored ?? new Error(`the target ${this.#name} closed before it had handed on all lines`))
    return true
  }

  get #isCutOff (): boolean { return this.#stages.isCutOff || this.#work.isCutOff }

  get #name (): string { return this.#several.closed ?? this.#settings.filename }

  /** The thread has nothing left to do, or the target exits. Told to end, it is done if nothing is left. */
  #exits (): void {
    if (this.#isEnding && !this.#isDead && this.#isNoneLeft) this.#settleEnd()
  }

  /** As far as the target shows, it has handed on all lines. */
  get #isNoneLeft (): boolean {
    return this.#releaser.holding.length === 0 ? this.#work.isNoneLeft : !this.#releaser.canFlush && !this.#isCutOff && this.#work.isNoneLeft
  }

  #settleEnd (): void {
    this.#isDead = true // a flush that answers now would release less
    this.#several.settleEnd()
    this.#releaser.releaseAll()
    this.#thread.ended()
  }

  #fail (reason: unknown): void {
    if (this.#isDead) return
    this.#isDead = true
    const error = asError(reason)
    const hasAll = this.#isEnding && (this.#releaser.holding.length === 0 || this.#work.areFinishing)
    if (hasAll) this.#releaser.releaseAll()
    if (remedyOfTarget(this.#thread.isSuccessor, hasAll) === 'final') {
      this.#tellOfOwed()
      this.#thread.fail(error)
    } else {
      this.#thread.dying(error)
    }
    setImmediate(() => process.exit(1))
  }
}

function inLines (lines: number): string { return `${lines} ${lines === 1 ? 'line' : 'lines'}` }
