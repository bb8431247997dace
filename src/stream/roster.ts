import { setTimeout } from 'node:timers'
import { BroadcastChannel, receiveMessageOnPort, threadId as ownThreadId } from 'node:worker_threads'
import { addon } from '../affinity/addon'
import { letGo, openRing, RingWord, type Ring, ThreadCount, ThreadWord, WriterState, WriterWord } from '../ring/layout'
import { type Announcement, guestsChannelName, type GuestWord } from '../writer-data'
import { announce, isGivenBack, isTakenIn } from './sharing/announce'
import { addTotals, dropsOf, highWaterOf, noTotals, totalsOf, type Totals } from './counts'
import { closeIfMissed, isClosed } from './left-behind'
import type { ProducerStats } from './writer-access'

/** A ring that the writer has not taken in is announced again so often. */
const ANNOUNCE_AGAIN_MS = 10

interface Attached extends Announcement { readonly opened: Ring }

/** A thread with rings here, now or before: what its rings did that are given back, and what it dropped after that. */
interface Thread {
  readonly threadId: number
  readonly name: string
  readonly words: Int32Array
  readonly counts: Float64Array
  readonly gone: Totals
  highWater: number
}

/**
 * The rings that other threads attached to a writer, as its owner knows them: so that a successor of the writer finds
 * them, and that what they did is still counted when they are gone.
 */
export class Roster {
  readonly channelName: string
  readonly #block: Int32Array
  #channel: BroadcastChannel | undefined
  #messages: BroadcastChannel | undefined
  readonly #rings = new Map<number, Attached>()
  readonly #threads = new Map<number, Thread>()
  /** Of threads that are gone. */
  readonly #departed = noTotals()
  #timer: NodeJS.Timeout | undefined
  readonly #onTakenIn: () => void
  readonly #onMessage: ((message: unknown) => void) | undefined

  /**
   * @param onTakenIn is called when the writer has taken in a ring that it had missed
   * @param onMessage takes what the streams of these rings send to the target, if there is one
   */
  constructor (channelName: string, block: Int32Array, onTakenIn: () => void, onMessage?: (message: unknown) => void) {
    this.channelName = channelName
    this.#onTakenIn = onTakenIn
    this.#onMessage = onMessage
    this.#block = block
  }

  /** From now on rings may be attached. */
  open (): void {
    if (this.#channel !== undefined) return
    this.#channel = new BroadcastChannel(this.channelName)
    this.#channel.onmessage = ({ data }) => {
      this.#add(data as Announcement)
      this.look()
    }
    this.#channel.unref()
    this.#takeMessages()
    announce(this.channelName, this.#block, [])
  }

  #takeMessages (): void {
    const onMessage = this.#onMessage
    if (onMessage === undefined) return
    this.#messages = new BroadcastChannel(guestsChannelName(this.channelName))
    this.#messages.onmessage = ({ data }) => { if ('message' in (data as GuestWord)) onMessage((data as { message: unknown }).message) }
    this.#messages.unref()
  }

  /** No ring will be attached any more. */
  close (): void {
    this.look()
    for (const [id, { opened, threadId }] of this.#rings) {
      letRingGo(opened, threadId)
      if (opened.words[RingWord.MovesOn] === 0) {
        closeIfMissed(opened, this.#block)
      } else {
        // What this writer did for it stays here; from now on it is another's.
        const totals = totalsOf(opened)
        addTotals(this.#threads.get(threadId)!.gone, { ...totals, linesAccepted: totals.linesWritten + totals.linesSkipped })
        this.#rings.delete(id)
      }
    }
    this.#channel?.close()
    this.#messages?.close()
    this.#channel = undefined
    clearTimeout(this.#timer)
  }

  /** Takes in what was announced, also while the event loop stands, and lets go of what was given back. */
  look (): void {
    // Asked first: a thread that is gone before the channel is read has left nothing that is not in it.
    const gone = [...this.#threads.values()].filter(({ words }) => Atomics.load(words, ThreadWord.Gone) === 1)
    if (this.#channel !== undefined) this.#listen(this.#channel)
    this.#tidy(gone)
    if (this.#channel !== undefined && this.#timer === undefined && !this.areTakenIn) this.#announceLater()
  }

  #listen (channel: BroadcastChannel): void {
    for (let next = receiveMessageOnPort(channel as never); next !== undefined; next = receiveMessageOnPort(channel as never)) {
      this.#add(next.message as Announcement)
    }
  }

  /** Whether the writer, or one before it, has taken in every ring that was announced. */
  get areTakenIn (): boolean {
    for (const { opened } of this.#rings.values()) if (!isTakenIn(opened)) return false
    return true
  }

  /** Tells the writer again of the rings that it has not taken in. */
  announceAgain (): void {
    const missed = [...this.#rings.values()].filter(({ opened }) => !isTakenIn(opened))
    if (missed.length > 0) announce(this.channelName, this.#block, missed.map(({ ring, thread, threadId, name }) => ({ ring, thread, threadId, name })))
  }

  get rings (): Ring[] { return [...this.#rings.values()].map(({ opened }) => opened) }

  /** The rings that a new writer must know. */
  get announcements (): Announcement[] {
    return [...this.#rings.values()].map(({ ring, thread, threadId, name }) => ({ ring, thread, threadId, name }))
  }

  /** A number that changes whenever the sink takes something from one of the rings. */
  get progress (): number {
    let sum = 0
    for (const { opened } of this.#rings.values()) {
      sum = (sum + Atomics.load(opened.words, RingWord.Released) + Atomics.load(opened.words, RingWord.BatchTaken)) | 0
    }
    return sum
  }

  /** Lines in the rings that the sink has not taken. */
  get linesLeft (): number {
    let left = 0
    for (const { opened } of this.#rings.values()) {
      const { linesAccepted, linesWritten, linesSkipped } = totalsOf(opened)
      left += Math.max(0, linesAccepted - linesWritten - linesSkipped)
    }
    return left
  }

  /** What all attached rings have done, those of threads that are gone included; and a row for each thread that is not. */
  stats (): { totals: Totals, producers: ProducerStats[] } {
    this.look()
    const totals = structuredClone(this.#departed)
    const producers: ProducerStats[] = []
    for (const thread of this.#threads.values()) {
      const own = this.#totalsOf(thread)
      addTotals(totals, own.totals)
      producers.push({ threadId: thread.threadId, name: thread.name, accepted: own.totals.linesAccepted, dropped: own.totals.linesDropped, highWater: own.highWater })
    }
    return { totals, producers }
  }

  #totalsOf (thread: Thread): { totals: Totals, highWater: number } {
    const totals = structuredClone(thread.gone)
    let { highWater } = thread
    addTotals(totals, dropsOf(thread.counts, ThreadCount.LinesDropped, ThreadCount.BytesDropped))
    for (const { threadId, opened } of this.#rings.values()) {
      if (threadId !== thread.threadId) continue
      addTotals(totals, totalsOf(opened))
      highWater = Math.max(highWater, highWaterOf(opened))
    }
    return { totals, highWater }
  }

  #add (announcement: Announcement): void {
    const opened = openRing(announcement.ring)
    const id = opened.words[RingWord.Id]!
    if (this.#rings.has(id)) return
    // Before the look: if its thread is the only one that has it, that may be gone the next moment.
    const { threadId, name, thread } = announcement
    if (threadId !== ownThreadId) addon?.keepRingToo(opened.words)
    if (opened.words[RingWord.Tallied] === 1) {
      letRingGo(opened, threadId)
      return letGo(opened)
    }
    this.#rings.set(id, { ...announcement, opened })
    if (this.#threads.has(threadId)) return
    this.#threads.set(threadId, { threadId, name, words: new Int32Array(thread), counts: new Float64Array(thread), gone: noTotals(), highWater: 0 })
  }

  /** Keeps the counts of rings that nobody will use any more, and of threads that are gone, instead of these. */
  #tidy (gone: readonly Thread[]): void {
    const busy = new Set<number>()
    // A writer can die between closing its rings and saying that it has ended: its successor delivers what is in them.
    const hasEnded = Atomics.load(this.#block, WriterWord.State) === WriterState.Ended
    for (const [id, { threadId, opened }] of this.#rings) {
      const thread = this.#threads.get(threadId)!
      if (!isGivenBack(opened) && !(hasEnded && isClosed(opened) && gone.includes(thread))) {
        busy.add(threadId)
        continue
      }
      addTotals(thread.gone, totalsOf(opened))
      thread.highWater = Math.max(thread.highWater, highWaterOf(opened))
      this.#rings.delete(id)
      opened.words[RingWord.Tallied] = 1
      letRingGo(opened, threadId)
      letGo(opened)
    }
    for (const thread of gone) {
      if (busy.has(thread.threadId)) continue
      addTotals(this.#departed, this.#totalsOf(thread).totals)
      this.#threads.delete(thread.threadId)
    }
  }

  #announceLater (): void {
    this.#timer = setTimeout(() => {
      this.#timer = undefined
      this.announceAgain()
      this.look()
      if (this.areTakenIn) this.#onTakenIn()
    }, ANNOUNCE_AGAIN_MS).unref()
  }
}

/** A thread keeps a ring once: one that it logs through itself is its stream's to let go. */
function letRingGo ({ words }: Ring, threadId: number): void {
  if (threadId !== ownThreadId) addon?.letRingGo(words)
}
