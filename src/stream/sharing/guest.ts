import { BroadcastChannel, threadId } from 'node:worker_threads'
import { clearInterval, setImmediate, setInterval, setTimeout } from 'node:timers'
import { LEVEL_NAMES } from '../../levels'
import { Command, createRing, MOST_ATTACHED_RINGS, RingWord, type Ring, WriterState, WriterWord } from '../../ring/layout'
import { hasFreeSeat, takeSeat } from '../../ring/seats'
import { type Announcement, guestsChannelName, type GuestWord } from '../../writer-data'
import { announce, isGivenBack, isTakenIn } from './announce'
import { addTotals, noTotals, type Totals } from '../counts'
import type { Handle } from './handle'
import { keepOwnAlive } from './own-writers'
import { closeIfMissed } from '../left-behind'
import { type ProducerThread, producerThread, threadName } from './producer-thread'
import type { ProducerStats, WriterAccess, WriterStateName } from '../writer-access'
import { WriterBlock } from '../writer-block'
import { fromWords, sinkFailed } from '../writer-errors'

/** How often the event loop looks whether the writer has taken the ring in, at first and in the end. */
const FIRST_LOOK_MS = 5
const LONGEST_LOOK_MS = 100
/** How often it looks whether the owner's thread is gone: a thread that is terminated tells nobody. */
const OWNER_LOOK_MS = 1000
/** As often, where lines wait for another writer then. */
const LOST_LOOK_MS = 100

/** A ring that goes from writer to writer. */
export interface MovingRing {
  ring: Ring
  /** When this writer's owner ends. If not, it is the ring's last. */
  isPassedOn: boolean
  /** The writer is gone, or has ended with its owner, and another is to be found. */
  onLost: () => void
}

/** What a guest hears of its writer. */
export interface GuestHost {
  /** The writer's owner has ended it, lost it, or started it again. */
  onState (): void
  /** The target has sent this. */
  onEvent (name: string, args: unknown[]): void
}

/** Another thread's writer, with a ring of one's own into it. Its owner starts, restarts and ends it. */
export class Guest extends WriterBlock implements WriterAccess {
  readonly ring: Ring
  readonly thread: ProducerThread
  readonly #channelName: string
  readonly #announcement: Announcement
  /** Which writer was listening when the ring was announced last. */
  #announcedTo = 0
  #lookMs = FIRST_LOOK_MS
  #words: BroadcastChannel | undefined
  #ownerLook: NodeJS.Timeout | undefined
  #isDone = false
  #hasLeft = false
  readonly #moving: MovingRing | undefined
  readonly #sink: string
  /** What the owner has heard of a writer that failed. */
  #told: Error | undefined
  /** Another word of the owner's comes, should the writer fail. */
  #isWordDue: boolean
  readonly #late = noTotals()

  /**
   * @param words open since before whoever makes this looked whether the writer has failed
   * @param moving a ring that is to go on with another writer after this one; without it one is made, for this writer alone
   * @throws {RangeError} `ERR_PINO_PINNED_TOO_MANY_RINGS`; a moving ring is as it was then
   */
  constructor ({ block, channel: channelName, sink }: Pick<Handle, 'block' | 'channel' | 'sink'>, capacity: number, words: BroadcastChannel, moving?: MovingRing) {
    super(block)
    this.#words = words
    this.#sink = sink
    this.#channelName = channelName
    this.#moving = moving?.isPassedOn === true ? moving : undefined
    if (!this.isOver && !hasFreeSeat(this.block)) throw this.#hasNoSeat()
    this.#isWordDue = this.writerState !== WriterState.Failed
    const id = Atomics.add(this.block, WriterWord.RingsMade, 1) + 1
    // A moving ring is not to be touched in vain, and a stream's own thread is seldom terminated just here.
    if (moving !== undefined && !this.isOver && !takeSeat(this.block, id)) throw this.#hasNoSeat()
    this.ring = moving === undefined ? createRing(capacity) : entering(moving)
    this.ring.words[RingWord.Id] = id
    this.thread = producerThread(channelName)
    this.#announcement = { ring: this.ring.shared, thread: this.thread.shared, threadId, name: threadName() }
    this.#announce()
    // Last: if this thread is terminated here, the writer knows of the ring, and frees its seat when it gives it back.
    if (moving === undefined && !this.isOver && !takeSeat(this.block, id)) {
      this.end()
      throw this.#hasNoSeat()
    }
    this.#lookLater()
  }

  /** Nobody will take another line, unless the writer's owner starts it again. */
  get isOver (): boolean {
    if (this.#moving !== undefined) return this.writerState === WriterState.Failed
    return this.writerState >= WriterState.Ended || this.#isOwnerGone
  }

  /** The writer touches the ring no more, and its sink is not to blame. */
  get isLost (): boolean {
    const { writerState } = this
    return this.#moving !== undefined && writerState !== WriterState.Failed && (writerState === WriterState.Ended || this.#isOwnerGone)
  }

  get #isOwnerGone (): boolean { return Atomics.load(this.block, WriterWord.OwnerGone) === 1 }

  /** Everything in the ring is delivered, and it is given back. */
  get hasEnded (): boolean { return isGivenBack(this.ring) }

  get isClosed (): boolean { return this.hasEnded }

  /** Each stream hears of the sink what it would hear of its own. What comes after the owner's end is the owner's to hear. */
  get failure (): Error | undefined {
    if (this.writerState !== WriterState.Failed) return undefined
    if (this.#moving === undefined && Atomics.load(this.block, WriterWord.Command) === Command.End) return undefined
    return this.#told ?? sinkFailed(this.stalledBy, this.#sink)
  }

  /** The sink's own errors stand in shared memory; of others the owner tells as soon as its event loop turns. */
  get isFailureDue (): boolean {
    return this.#isWordDue && this.writerState === WriterState.Failed && this.stalledBy === undefined && !this.#isOwnerGone
  }

  get hasFailed (): boolean { return this.isOver }

  get othersProgress (): number { return Atomics.load(this.block, WriterWord.Taken) }
  get othersLinesLeft (): number { return 0 }

  override get state (): WriterStateName { return this.#isOwnerGone ? 'ended' : super.state }

  get restarts (): number { return Math.max(0, Atomics.load(this.block, WriterWord.Generation) - 1) }
  get worker (): undefined { return undefined }

  /** Neither of these must hold the stream. What they hear of is not of lines that were written after `end`. */
  listen (host: GuestHost): void {
    const look = (): void => host.onState()
    this.#words!.onmessage = ({ data }) => {
      const word = data as GuestWord
      if ('event' in word) return host.onEvent(word.event, word.args)
      if (!('failed' in word) || (this.#isDone && this.#moving === undefined)) return
      this.#told = word.failed === null ? undefined : fromWords(word.failed)
      this.#isWordDue = this.writerState !== WriterState.Failed
      look()
    }
    if (this.isOver) setImmediate(look) // it was told before
    this.#ownerLook = setInterval(() => {
      if (this.hasEnded) return this.leave()
      if (!this.#isOwnerGone && !this.isLost) return
      clearInterval(this.#ownerLook)
      look()
    }, this.#moving === undefined ? OWNER_LOOK_MS : LOST_LOOK_MS).unref()
  }

  /** The ring goes on to another writer. */
  leave (): void {
    this.#hasLeft = true
    this.stopListening()
  }

  stopListening (): void {
    this.#words?.close()
    this.#words = undefined
    clearInterval(this.#ownerLook)
  }

  get isTakenIn (): boolean { return isTakenIn(this.ring) }

  /** Only the owner's thread can start a writer. What a guest of another can do is make sure that its ring is known. */
  keepAlive (): void {
    if (this.#hasLeft) return
    keepOwnAlive(this.#channelName)
    if (this.isLost) return this.#moving!.onLost()
    // Pairs with the store in Intake.take: a writer that listens since hears it now, and one that listened before has heard it.
    if (this.isTakenIn || this.isOver || Atomics.load(this.block, WriterWord.Listening) === this.#announcedTo) return
    this.#announce()
  }

  /** No line will come any more: the writer gives the ring back when it is empty. */
  end (): void {
    this.#isDone = true
    Atomics.store(this.ring.words, RingWord.ProducerDone, 1)
    this.keepAlive()
    this.wake()
    if (this.#moving === undefined) clearInterval(this.#ownerLook) // else its writer may be lost until the ring is empty
  }

  /** The line that tells of drops found no room in time. */
  abandon (): void { this.end() }
  restart (): boolean { return false }
  /** By way of the writer's owner, whose thread has the target's. */
  post (message: unknown): void { this.#words?.postMessage({ message }) }

  /** A writer ends with the thread that made it, and if that was terminated, without a last word. */
  #settle (): void {
    if (this.#moving !== undefined) return
    closeIfMissed(this.ring, this.block)
    // A thread's workers are gone before its environment is torn down: this writer too, also if it had hardly started and
    // could not say so itself.
    if (this.#isOwnerGone) Atomics.store(this.ring.words, RingWord.Closed, 1)
  }

  /** What was dropped after the end; the others are the owner's to know. */
  others (): { totals: Totals, producers: ProducerStats[] } {
    this.#settle()
    return { totals: structuredClone(this.#late), producers: [] }
  }

  countDrop (slot: number, size: number): boolean {
    if (!this.#isDone) return false
    this.thread.drop(slot, size)
    addTotals(this.#late, { linesDropped: 1, bytesDropped: size, droppedByLevel: { [LEVEL_NAMES[slot]!]: 1 } })
    return true
  }

  ref (): void {}
  unref (): void {}

  #hasNoSeat (): RangeError {
    this.stopListening()
    return tooManyRings()
  }

  #announce (): void {
    this.#announcedTo = Atomics.load(this.block, WriterWord.Listening)
    announce(this.#channelName, this.block, [this.#announcement])
  }

  #lookLater (): void {
    setTimeout(() => {
      this.keepAlive()
      if (!this.isTakenIn && !this.isOver && !this.#hasLeft) this.#lookLater()
    }, this.#lookMs).unref()
    this.#lookMs = Math.min(this.#lookMs * 2, LONGEST_LOOK_MS)
  }
}

/** The writer that had the ring before is gone: nobody else writes these words now. */
function entering ({ ring, isPassedOn }: MovingRing): Ring {
  ring.words[RingWord.MovesOn] = isPassedOn ? 1 : 0
  Atomics.store(ring.words, RingWord.Adopted, 0)
  return ring
}

/** What is said from here on of a writer that fails arrives: a guest that sees it fail knows that it will hear why. */
export function openGuestWords ({ channel }: Pick<Handle, 'channel'>): BroadcastChannel {
  const words = new BroadcastChannel(guestsChannelName(channel))
  words.unref()
  return words
}

function tooManyRings (): RangeError {
  const message = `attach: the writer serves ${MOST_ATTACHED_RINGS} attached rings already, the most it can; end() streams that are not used, or attach once a thread`
  return Object.assign(new RangeError(message), { code: 'ERR_PINO_PINNED_TOO_MANY_RINGS', allowed: MOST_ATTACHED_RINGS })
}
