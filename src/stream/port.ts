import { addon } from '../affinity/addon'
import { clockMs } from '../clock'
import { isOwnLevel, levelOfText, slotOfLevel } from '../levels'
import { Patience } from '../patience'
import { Flag, RingCount, RingWord, type Ring, WriterWord } from '../ring/layout'
import { type Line, Producer } from '../ring/producer'
import { TimedProducer } from '../ring/timed-producer'
import { totalsOf } from './counts'

/** A waiting thread looks by itself so often whether the writer lives. */
const LOOK_MS = 5
/** A writer that has not come up yet, or has no core, gets more time than one whose sink takes nothing: on a busy machine that takes long. */
const START_PATIENCE_MS = 10_000

/** How `measureLine` packs a line's size and level. */
const LEVEL_BITS = 7
const OWN_LEVEL = (1 << LEVEL_BITS) - 1

/** What a port needs to know of the writer. */
export interface Keeper {
  /** The writer has opened its sink. */
  readonly isUp: boolean
  /** The writer waits for its sink, open or not yet. */
  readonly isWaitingForSink: boolean
  /** The writer always says when it waits for its sink: if it does not, what it lacks is a core. */
  readonly saysIfWaiting: boolean
  /** Nobody will take another line. */
  readonly isOver: boolean
  /** The writer knows of the ring. Until then the careful way is every line's, and keeps it from being forgotten. */
  readonly isTakenIn: boolean
  /** The writer is gone, and the ring is to go on to another one: `keepAlive` sees to that. */
  readonly isLost?: boolean
  /** Replaces a writer that is known to be dead, without an event loop. */
  keepAlive (): void
  wake (): void
  /** A number that changes whenever the sink takes something from another of the writer's rings. */
  readonly othersProgress: number
  /** Counts a dropped line itself, if the ring's counts are read no more. */
  countDrop?: (slot: number, size: number) => boolean
}

export interface PortSettings {
  onFull: 'drop' | 'block'
  /** How long a line may wait for room before it is dropped, in milliseconds; `Infinity` under `onFull: 'block'`. */
  patienceMs: number
  reserve: { level: number, ratio: number } | null
  exitTimeout: number
}

/** How long a wait may take beside its time without progress, in milliseconds. */
export interface Limits {
  /** Longest time without progress while the sink is not to blame; without it, ten seconds. */
  startPatienceMs?: number
  /** Longest time in all. */
  mostMs?: number
}

/**
 * One producer's way to the writer: what happens to a line when the quick way is closed, and every wait for the writer.
 * It knows no events and no event loop.
 */
export class Port {
  readonly producer: Producer
  readonly ring: Ring
  readonly #words: Int32Array
  #block: Int32Array
  #keeper: Keeper
  readonly #settings: PortSettings
  readonly #commonLimit: number
  #isUnknown: boolean
  #isClosed = false
  #isLeaving = false
  #flushesEach = false
  /** When others began to be waited for: the flush asked for then, and what the sink had taken. */
  #hurried: { flush: number, progress: number, at: number } | undefined
  #asksForLevels = false
  #mayWait = true
  /** The last line was dropped for want of room alone: the next may be dropped with fewer questions. */
  #isFull = false
  #releasedAtTimeout = 0
  /** `progress` when a flush last waited in vain, for `exitTimeout` at least. */
  #progressAtTimeout = NaN

  constructor (ring: Ring, block: Int32Array, keeper: Keeper, settings: PortSettings & { wait: string, order: 'ring' | 'time' }) {
    this.ring = ring
    const Class = settings.order === 'time' ? TimedProducer : Producer
    this.producer = new Class(ring, settings.wait === 'park' ? block : null, addon?.createPublisher)
    this.#words = ring.words
    this.#block = block
    this.#keeper = keeper
    this.#settings = settings
    const reserved = settings.reserve === null || settings.onFull === 'block' ? 0 : Math.floor(ring.capacity * settings.reserve.ratio)
    this.#commonLimit = ring.capacity - reserved
    this.#isUnknown = !keeper.isTakenIn
    if (this.#isUnknown) this.producer.close()
  }

  /** No more lines, unless the process is leaving: then whoever still logs is heard. */
  close (): void {
    this.#isClosed = true
    this.#isFull = false
    this.producer.close()
  }

  /** The ring has another writer from now on. */
  moveTo (keeper: Keeper, block: Int32Array): void {
    this.#keeper = keeper
    this.#block = block
    this.producer.wakes(block)
    this.#isFull = false
    this.#isUnknown = !keeper.isTakenIn
    if (this.#isUnknown) this.producer.close()
    else if (!this.#isClosed) this.producer.open()
  }

  /** A thread that logs without a turn of its event loop must see to it here that its ring is heard of. */
  #makeKnown (): void {
    this.#keeper.keepAlive()
    if (!this.#keeper.isTakenIn) return
    this.#isUnknown = false
    if (!this.#isClosed) this.producer.open()
  }

  /** Takes lines again: there is a writer again. */
  open (): void {
    this.#isClosed = false
    if (!this.#isUnknown) this.producer.open()
  }

  /** The process's exit handlers are about to run. Who ended the stream before has ended it. */
  leave (): void {
    this.#isLeaving = !this.#isClosed
    this.#isFull = false
  }

  get isLeaving (): boolean { return this.#isLeaving }

  /** From now on each line is waited for: the process may end behind any. */
  flushEach (): void {
    this.#flushesEach = true
    this.producer.close() // the quick way
  }

  /**
   * Takes a line when there is not plenty of room: as one that fits exactly, one that may use the reserve, one that waits,
   * or one that is dropped and counted.
   *
   * @param level the line's level as pino says, if it says
   * @returns whether the line was accepted
   */
  writeCarefully (line: Line, level: number | undefined): boolean {
    const isAccepted = this.#write(line, level)
    if (isAccepted && this.#flushesEach) this.flushUnlessStuck({})
    return isAccepted
  }

  #write (line: Line, level: number | undefined): boolean {
    if (line.length === 0) return true
    if (this.#isUnknown || this.#keeper.isLost === true) this.#makeKnown()
    this.#isFull = false
    const isRefused = this.#keeper.isOver || (this.#isClosed && !this.#isLeaving)
    const measured = measure(line)
    const size = measured === 0 ? Buffer.byteLength(line) : measured >> LEVEL_BITS
    if (!isRefused && this.producer.tryPublishWithin(line, this.#commonLimit, size)) {
      if (!this.producer.isCalm) this.#levelOf(line, level, measured) // before it matters, so that pino can be asked in time
      return true
    }
    const known = this.#levelOf(line, level, measured)
    if (!isRefused) {
      if (this.#limitFor(known) > this.#commonLimit && this.producer.tryPublishWithin(line, this.ring.capacity, size)) return true
      if (this.#writePatiently(line)) return true
      this.#isFull = !this.#isLeaving && !this.#isUnknown && this.#settings.patienceMs === 0
    }
    const slot = slotOfLevel(known ?? NaN)
    if (this.#keeper.countDrop?.(slot, size) !== true) this.producer.drop(slot, size)
    return false
  }

  /**
   * Drops a line for want of room if nothing has changed since the last one was: in a flood a dropped line is to cost no
   * more than an accepted one.
   *
   * @param told the line's level as pino says, if it says
   * @returns false if the line must go the careful way; nothing was counted then
   */
  tryDrop (line: Line, told: number | undefined): boolean {
    if (!this.#isFull || told !== undefined || this.#keeper.isLost === true) return false
    const measured = measure(line)
    const level = measured & OWN_LEVEL
    const size = measured >> LEVEL_BITS
    if (level === 0 || !this.producer.isFullFor(size, this.#limitFor(level))) return false
    this.producer.drop(slotOfLevel(level), size)
    return true
  }

  /** How much of the ring a line of this level may fill. */
  #limitFor (level: number | undefined): number {
    const { reserve } = this.#settings
    return reserve !== null && level !== undefined && level >= reserve.level ? this.ring.capacity : this.#commonLimit
  }

  /** Lines do not show their level where pino puts it: pino is to say it, while room is short. */
  get asksForLevels (): boolean { return this.#asksForLevels }

  #levelOf (line: Line, told: number | undefined, measured: number): number | undefined {
    // pino lets a level's number be anything.
    if (typeof told === 'number') return told
    const own = measured & OWN_LEVEL
    if (own > 0) return own
    const shown = typeof line === 'string' ? levelOfText(line) : undefined
    this.#asksForLevels ||= !isOwnLevel(shown)
    return shown
  }

  /** Asks for everything published so far to be delivered. Returns a number for `isFlushed`. */
  requestFlush (): number {
    if (this.#isUnknown || this.#keeper.isLost === true) this.#makeKnown()
    if (!this.#keeper.isOver) this.producer.tryPublishNotice()
    const number = (this.#words[RingWord.FlushWanted]! + 1) | 0
    // Pairs with the load in the writer's RingOutlet.answerFlush: whoever sees the number sees what was published before.
    Atomics.store(this.#words, RingWord.FlushWanted, number)
    this.#keeper.wake()
    return number
  }

  isFlushed (number: number): boolean {
    return ((Atomics.load(this.#words, RingWord.Flushed) - number) | 0) >= 0
  }

  /**
   * Waits until everything published so far is delivered.
   *
   * @param patienceMs longest time without progress, in milliseconds
   * @returns false if that time ran out, or nobody will take the lines
   */
  flushSync (patienceMs: number, limits?: Limits): boolean {
    const number = this.requestFlush()
    if (!this.waitFor(() => this.isFlushed(number), patienceMs, limits)) {
      if (patienceMs >= this.patienceLeftMs) this.#progressAtTimeout = this.progress
      return false
    }
    return !this.producer.hasUntold || this.#flushNotice(patienceMs, limits)
  }

  /** There was no room to tell of the drops before; there is now. */
  #flushNotice (patienceMs: number, limits: Limits | undefined): boolean {
    const number = this.requestFlush()
    return this.waitFor(() => this.isFlushed(number), patienceMs, limits)
  }

  /** As `flushSync` for `exitTimeout`, but without a wait if the sink is stuck. */
  flushUnlessStuck (limits: Limits): boolean {
    return this.isStuck ? this.isFlushed(this.requestFlush()) : this.flushSync(this.patienceLeftMs, limits)
  }

  /** Others are about to be waited for, one after another: what of that time the sink takes nothing is this stream's too. */
  hurry (): void {
    const flush = this.requestFlush()
    if (!this.#isWaitedFor) this.#hurried = { flush, progress: this.progress, at: clockMs() }
  }

  /** The sink has taken nothing since others began to be waited for, and is to. */
  get #isWaitedFor (): boolean { return this.#hurried?.progress === this.progress && !this.isFlushed(this.#hurried.flush) }

  /** How long to wait for the lines as the process leaves, in milliseconds: what is left of `exitTimeout`. */
  get patienceLeftMs (): number {
    const { exitTimeout } = this.#settings
    if (this.isStuck) return 0
    return this.#isWaitedFor ? Math.max(0, exitTimeout - (clockMs() - this.#hurried!.at)) : exitTimeout
  }

  /** A flush has waited in vain, and the sink has taken nothing since. */
  get isStuck (): boolean { return this.progress === this.#progressAtTimeout }

  /**
   * Blocks the thread until `isDone`, keeping a writer alive meanwhile.
   *
   * @returns false if `patienceMs` went by without progress, or `mostMs` in all, or nobody will take the lines
   */
  waitFor (isDone: () => boolean, patienceMs: number, { startPatienceMs, mostMs = Infinity }: Limits = {}): boolean {
    const hasStopped = progressWatch(this, patienceMs, startPatienceMs)
    const whole = new Patience()
    while (!isDone()) {
      if (this.#keeper.isOver) return isDone() // asked again: a writer that has ended as it was told to is over too
      this.#keeper.keepAlive()
      Atomics.wait(this.#words, RingWord.Flushed, Atomics.load(this.#words, RingWord.Flushed), LOOK_MS)
      if (hasStopped() || whole.look() > mostMs) return isDone()
    }
    return true
  }

  /**
   * A number that changes whenever the sink takes something, and while a target works on what it has.
   * A line that is given up is not taken.
   */
  get progress (): number {
    const taken = this.ring.counts[RingCount.BytesWritten]! + Atomics.load(this.#words, RingWord.BatchTaken)
    return taken + this.#keeper.othersProgress + Atomics.load(this.#block, WriterWord.TargetWork)
  }

  /** Whether it is the sink that takes nothing; else the machine keeps the writer from its work, which is worth a longer wait. */
  get isSinkToBlame (): boolean {
    const { isUp, isWaitingForSink, saysIfWaiting } = this.#keeper
    return isWaitingForSink || (isUp && !saysIfWaiting)
  }

  /** Bytes of the ring in use now. */
  get used (): number {
    return (Atomics.load(this.#words, RingWord.Published) - Atomics.load(this.#words, RingWord.Released)) | 0
  }

  /** Lines in the ring that the sink has not taken. */
  get linesLeft (): number {
    const { linesAccepted, linesWritten, linesSkipped } = totalsOf(this.ring)
    return Math.max(0, linesAccepted - linesWritten - linesSkipped)
  }

  #writePatiently (line: Line): boolean {
    const { onFull, patienceMs, exitTimeout } = this.#settings
    if (onFull === 'block') return this.#writeInParts(line, Infinity)
    if (this.#isLeaving) return this.#writeInParts(line, exitTimeout)
    if (patienceMs === 0 || this.#isWaitVain()) return false
    const isWritten = this.#writeInParts(line, patienceMs)
    this.#mayWait = isWritten
    if (!isWritten) this.#releasedAtTimeout = Atomics.load(this.#words, RingWord.Released)
    return isWritten
  }

  /** Nothing has moved since a line last waited in vain: the next would wait in vain too. */
  #isWaitVain (): boolean {
    return !this.#mayWait && Atomics.load(this.#words, RingWord.Released) === this.#releasedAtTimeout
  }

  /** Publishes a line as room comes, part by part if it is longer than a record. */
  #writeInParts (line: Line, patienceMs: number): boolean {
    const { producer } = this
    for (let from = 0; from < line.length;) {
      const to = producer.partEnd(line, from)
      const part = from === 0 && to === line.length ? line : line.slice(from, to)
      const flags = (from === 0 ? Flag.First : 0) | (to === line.length ? Flag.Last : 0)
      if (!this.#waitForRoom(() => producer.tryPublishPart(part, flags), patienceMs)) {
        return from > 0 // the writer closes what stands there already, and counts it as skipped
      }
      from = to
    }
    return true
  }

  #waitForRoom (tryPublish: () => boolean, patienceMs: number): boolean {
    if (tryPublish()) return true
    this.#keeper.wake()
    let released = Atomics.load(this.#words, RingWord.Released)
    const patience = new Patience()
    // Pairs with the load in Consumer.release: we say that we wait, then look again; it releases, then looks whether we do.
    Atomics.store(this.#words, RingWord.ProducerWaits, 1)
    try {
      while (!tryPublish()) {
        if (this.#keeper.isOver) return false
        this.#keeper.keepAlive()
        Atomics.wait(this.#words, RingWord.Released, released, Math.min(LOOK_MS, patienceMs))
        const releasedNow = Atomics.load(this.#words, RingWord.Released)
        if (releasedNow !== released) patience.renew()
        else if (patience.look() > patienceMs) return tryPublish()
        released = releasedNow
      }
      return true
    } finally {
      Atomics.store(this.#words, RingWord.ProducerWaits, 0)
    }
  }
}

/** What the addon's `measureLine` says; 0 where nothing does. Most of what a dropped line costs is to measure it. */
function measure (line: Line): number {
  return addon === undefined || typeof line !== 'string' ? 0 : addon.measureLine(line)
}

/** A look that says whether nothing has moved for `patienceMs`; `startPatienceMs` while the sink is not to blame, and anew when it is. */
export function progressWatch (port: Port, patienceMs: number, startPatienceMs = START_PATIENCE_MS): () => boolean {
  let { progress, isSinkToBlame: hasMetSink } = port
  const patience = new Patience()
  return () => {
    const { isSinkToBlame } = port
    // Once: writers that come up and die, one after another, are no progress.
    const isMeetingSink = isSinkToBlame && !hasMetSink
    if (port.progress === progress && !isMeetingSink) {
      return patience.look() > (isSinkToBlame ? patienceMs : Math.max(patienceMs, startPatienceMs))
    }
    progress = port.progress
    hasMetSink ||= isSinkToBlame
    patience.renew()
    return false
  }
}
