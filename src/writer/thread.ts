import { isNativeError } from 'node:util/types'
import { inspect } from 'node:util'
import { parentPort, workerData } from 'node:worker_threads'
import { Command, GIVEN_BACK, letGo, openRing, RingWord, WriterState, WriterWord } from '../ring/layout'
import { freeSeat, seated } from '../ring/seats'
import type { Announcement, ErrorDetails, WriterData, WriterMessage } from '../writer-data'
import { addon } from '../affinity/addon'
import { Answerer } from './answerer'
import { Inheritance } from './inheritance'
import { Intake } from './intake'
import { RingOutlet } from './rings'
import { Waiter } from './waiter'

/**
 * With `order: 'time'` lines wait so long for a ring that is attached and not taken in: it was announced before this thread
 * could hear, and is announced again as soon as its thread or the owner's looks. Neither may for a long time, and others
 * must not drop lines because of it.
 */
const RING_PATIENCE_MS = 500
const MOST_FILLED_MEANWHILE = 1 / 8

/** What both kinds of sink share: the rings, the orders of the owner, and what is told to the application. */
export class WriterThread {
  readonly data: WriterData
  readonly block: Int32Array
  /** The owner's ring, then those of other threads. */
  outlets: readonly RingOutlet[]
  readonly waiter: Waiter
  readonly #intake: Intake
  readonly #answerer: Answerer | null
  readonly #inheritance: Inheritance | null
  /** `RingsMade` when no ring was missing, or none was waited for any more; and since when one is waited for. */
  #completeAt = 0
  #missingSince: number | undefined

  constructor () {
    this.data = workerData as WriterData
    this.block = new Int32Array(this.data.block)
    this.outlets = [new RingOutlet(openRing(this.data.ring), this.data.dropNotice)]
    this.#intake = new Intake(this.block, this.data.channel, this.data.generation)
    const { shared } = this.data
    this.#answerer = shared === undefined ? null : new Answerer(shared)
    this.#inheritance = shared === undefined ? null : new Inheritance(shared.key, this.block, this.data.sink)
    this.#adopt(this.data.attached.splice(0)) // what stays in the list is held for the thread's life
    this.#takeAnnounced()
    this.waiter = new Waiter(this.data.block, this.data.wait, this.outlets[0]!.consumer.ring.capacity)
  }

  /** An earlier writer had this sink open. */
  get isSuccessor (): boolean { return this.data.isHeir || Atomics.load(this.block, WriterWord.Opened) > 0 }

  get isEnding (): boolean { return Atomics.load(this.block, WriterWord.Command) === Command.End }

  /** Everything is written that is to be written before the end. Other threads may go on logging: that is not waited for. */
  get isDrained (): boolean { return this.outlets.every((outlet) => outlet.isDrained) }

  /** Bound, to be handed to the waiter: nothing is published that is not taken. */
  readonly hasNothingToTake = (): boolean => this.outlets.every(({ consumer }) => consumer.available === 0)

  /** Takes in the rings that other threads have attached since, and those that others left. Returns these. */
  takeRings (): readonly RingOutlet[] {
    this.answer()
    const left = this.takeLeft()
    const announced = this.#takeAnnounced()
    return left.length === 0 ? announced : [...left, ...announced]
  }

  /** Takes in what threads left that are gone: now and then, and at once when the writer is to end. Returns these rings. */
  takeLeft (): readonly RingOutlet[] {
    const left = this.#inheritance?.take(this.isEnding) ?? []
    if (left.length === 0) return []
    this.#intake.tell(left)
    return this.#adopt(left)
  }

  #takeAnnounced (): readonly RingOutlet[] { return this.#intake.hasNews ? this.#adopt(this.#intake.take()) : [] }

  /** Tells threads that ask where the writer is, now and then: without an event loop the owner can't. */
  answer (): void { this.#answerer?.look() }

  /** Whether there is a ring that may hold lines older than those of the others, and is worth waiting for. */
  get missesRings (): boolean {
    const made = Atomics.load(this.block, WriterWord.RingsMade)
    if (made === this.#completeAt) return false
    const known = new Set(this.outlets.map(({ consumer }) => consumer.ring.words[RingWord.Id]))
    const now = performance.now()
    this.#missingSince ??= now
    const hasRoom = this.outlets.every(({ consumer }) => consumer.available < consumer.ring.capacity * MOST_FILLED_MEANWHILE)
    if (hasRoom && now - this.#missingSince < RING_PATIENCE_MS && seated(this.block).some((ring) => !known.has(ring))) return true
    this.#completeAt = made
    this.#missingSince = undefined
    return false
  }

  #adopt (announcements: readonly Announcement[]): readonly RingOutlet[] {
    const { generation, dropNotice } = this.data
    const taken: RingOutlet[] = []
    for (const { ring, thread } of announcements) {
      const opened = openRing(ring)
      // Before the look: if its thread is the only one that has it, that may be gone the next moment.
      addon?.keepRingToo(opened.words)
      const adopted = Atomics.load(opened.words, RingWord.Adopted)
      if (adopted === GIVEN_BACK) {
        addon?.letRingGo(opened.words)
        letGo(opened)
      }
      if (adopted === generation || adopted === GIVEN_BACK) continue // announced more than once
      taken.push(new RingOutlet(opened, dropNotice, thread))
      Atomics.store(opened.words, RingWord.Adopted, generation)
    }
    if (taken.length > 0) this.outlets = [...this.outlets, ...taken]
    return taken
  }

  /** Gives back the rings whose producers are done, when they are empty. Returns these. */
  giveBackRings (): readonly RingOutlet[] {
    if (!this.outlets.some((outlet) => outlet.isDone)) return []
    const done = this.outlets.filter((outlet) => outlet.isDone)
    this.outlets = this.outlets.filter((outlet) => !done.includes(outlet))
    for (const outlet of done) {
      const { ring } = outlet.consumer
      outlet.settleCounts()
      // A successor finds a ring that is not given back yet and does all of it again: its seat may be another's by then.
      freeSeat(this.block, ring.words[RingWord.Id]!)
      Atomics.store(ring.words, RingWord.Adopted, GIVEN_BACK)
      addon?.letRingGo(ring.words)
      letGo(ring)
    }
    this.post({ code: 'RINGS' })
    return done
  }

  get wantsReopen (): boolean {
    return this.reopenWanted !== Atomics.load(this.block, WriterWord.Reopened)
  }

  /** Number of the last order to reopen. */
  get reopenWanted (): number { return Atomics.load(this.block, WriterWord.ReopenWanted) }

  /** The orders up to this number are carried out. */
  reopened (number: number): void { Atomics.store(this.block, WriterWord.Reopened, number) }

  /** The sink can't be opened yet, and is waited for: that is all that is to be known of it for now. */
  waits (): void {
    if (Atomics.load(this.block, WriterWord.Ready) !== this.data.generation) this.#tellReady()
  }

  /** The sink is open: lines flow. */
  ready (): void {
    Atomics.store(this.block, WriterWord.Opened, this.data.generation)
    if (this.data.shared !== undefined) addon?.sinkOpened(this.data.shared.key)
    this.setStalled(0) // a predecessor may have died while it waited
    this.#setState(WriterState.Running)
    this.#tellReady()
  }

  #tellReady (): void {
    Atomics.store(this.block, WriterWord.Ready, this.data.generation)
    this.post({ code: 'READY' })
  }

  /** The target has all lines, and is told to end. */
  closing (): void { Atomics.store(this.block, WriterWord.Closing, this.data.generation) }

  /** Everything was taken and the sink is closed. What other threads published meanwhile will not be looked at. */
  ended (): void {
    // In this order: who finds the writer ended counts what it left behind.
    for (const { consumer: { ring: { words } } } of this.outlets) {
      if (words[RingWord.MovesOn] === 0) Atomics.store(words, RingWord.Closed, 1)
    }
    this.#setState(WriterState.Ended)
  }

  /** The sink failed for good: nobody will take another line. */
  fail (error: Error & { errno?: unknown }): void {
    if (typeof error.errno === 'number') this.setStalled(Math.abs(error.errno)) // for who can't hear the message
    // In this order: whoever hears of it may start a successor at once, and the state is the successor's then.
    this.#setState(WriterState.Failed)
    this.#tell('ERROR', error, { isFinal: true })
  }

  /** This target is finished; a new one may do better. */
  dying (error: Error): void { this.#tell('ERROR', error, { isFinal: false }) }

  /** The sink has taken something: who waits for it to take more sees that it does. */
  took (): void { Atomics.add(this.block, WriterWord.Taken, 1) }

  /** Whether the sink takes nothing, as far as is known: a writer before this one may have left it so. */
  get isStalled (): boolean { return Atomics.load(this.block, WriterWord.Stalled) !== 0 }

  /** The errno that the sink is waiting out, 0 when it takes lines. */
  setStalled (errno: number): void { Atomics.store(this.block, WriterWord.Stalled, errno) }

  warn (error: Error): void { this.#tell('WARNING', error) }

  /** Of lines that the log goes without: a process that leaves before it hears of them knows how many. */
  warnOf (lines: number, error: Error): void {
    Atomics.add(this.block, WriterWord.WarnedOf, lines)
    this.#tell('WARNING', error, { lines })
  }

  #tell (code: 'ERROR' | 'WARNING', err: Error, more: { isFinal?: boolean, lines?: number } = {}): void {
    const details = detailsOf(err)
    try {
      this.post({ code, err, details, ...more })
    } catch {
      // Something hangs on it that can't be copied (a function as `cause`); the words can.
      this.post({ code, err: Object.assign(new Error(err.message), { stack: String(err.stack) }), details, ...more })
    }
  }

  post (message: WriterMessage): void { parentPort?.postMessage(message) }

  #setState (state: WriterState): void {
    this.waiter.keepCpuTime()
    Atomics.store(this.block, WriterWord.State, state)
    Atomics.notify(this.block, WriterWord.State)
  }
}

/** What was thrown, as an error. Anything can be thrown. */
export function asError (reason: unknown): Error {
  return isNativeError(reason) ? reason : new Error(typeof reason === 'string' ? reason : inspect(reason))
}

function detailsOf (error: Error): ErrorDetails {
  return Object.fromEntries(Object.entries(error).filter(([, value]) => typeof value === 'string' || typeof value === 'number'))
}
