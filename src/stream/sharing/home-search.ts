import { BroadcastChannel, receiveMessageOnPort, threadId } from 'node:worker_threads'
import { addon } from '../../affinity/addon'
import { clockMs } from '../../clock'
import { Patience } from '../../patience'
import { claim } from './claims'
import { type Handle, isSameEnvironment } from './handle'
import type { HostQuestion } from './host-question'
import { inheritedHandle, isUsable, type Word } from './offer'

/** Who searches looks so often, at first and in the end. */
const FIRST_LOOK_MS = 1
const LONGEST_LOOK_MS = 10
/** A question that found nobody is asked again; whoever makes the writer meanwhile answers unasked. */
const FIRST_ASK_MS = 10
const LONGEST_ASK_MS = 200
/** Without the addon: an owner answers as soon as its event loop turns, one that makes its writer just now in some ten milliseconds. */
const ANSWER_MS = 200
/** Without the addon: a thread that is to make the writer and has not in so long has died, or is stuck: better a writer too many than no log. */
const MAKER_MS = 10_000

/** Where the shared writer is; or that whoever searches is to make it, and whether another owner's had the sink before. */
export type Found = { handle: Handle } | { isHeir: boolean }

/** Looks for the writer of a key, with an event loop or without. */
export class HomeSearch {
  readonly #key: string
  readonly #channel: BroadcastChannel
  readonly #patience = new Patience()
  readonly #wasHome: boolean
  readonly #question: HostQuestion | undefined
  readonly #isAlone: boolean
  readonly #arrived: Word[] = []
  /** After so long without an answer this thread makes the writer, if there is no addon to ask. */
  #longestMs = ANSWER_MS
  #lookMs = FIRST_LOOK_MS
  #lookAt = 0
  #askMs = FIRST_ASK_MS
  #askAt = 0

  /**
   * @param wasHome whether the one that searches had a writer of this key before
   * @param question to the main thread, which is to make it if it can
   * @param isAlone if the main thread does not, it is to make one for itself
   */
  constructor (key: string, wasHome: boolean, question: HostQuestion | undefined, isAlone: boolean) {
    this.#key = key
    this.#wasHome = wasHome
    this.#question = question
    this.#isAlone = isAlone
    this.#channel = new BroadcastChannel(key)
    // What the event loop takes from the channel, `receiveMessageOnPort` does not find any more.
    this.#channel.onmessage = ({ data }) => { this.#arrived.push(data as Word) }
    this.#channel.unref()
  }

  /** Until the next look is due. */
  get pauseMs (): number { return this.#lookMs }

  /** Costs nothing while the next look is not due. */
  look (): Found | undefined {
    const now = clockMs()
    if (now < this.#lookAt) return undefined
    this.#lookMs = Math.min(this.#lookMs * 2, LONGEST_LOOK_MS)
    this.#lookAt = now + this.#lookMs
    const handle = inheritedHandle(this.#key) ?? this.#listen()
    if (handle !== undefined && isSameEnvironment(handle.environment)) return { handle }
    if (this.#question === undefined || this.#question.isInVain) {
      if (this.#isAlone) return { isHeir: this.#wasHome }
      const claimed = claim(this.#key)
      if (claimed !== undefined) return claimed
      if (addon === undefined && this.#patience.look() > this.#longestMs) return { isHeir: this.#wasHome }
    }
    if (now >= this.#askAt) this.#ask(now)
    return undefined
  }

  /** Not another look for so long. */
  rest (ms: number): void { this.#lookAt = clockMs() + ms }

  close (): void { this.#channel.close() }

  #ask (now: number): void {
    this.#askAt = now + this.#askMs
    this.#askMs = Math.min(this.#askMs * 2, LONGEST_ASK_MS)
    this.#channel.postMessage({ asks: threadId })
  }

  #listen (): Handle | undefined {
    const words = this.#arrived.splice(0)
    for (let next = receiveMessageOnPort(this.#channel as never); next !== undefined; next = receiveMessageOnPort(this.#channel as never)) {
      words.push(next.message as Word)
    }
    for (const word of words) {
      if ('asks' in word) this.#agreeWith(word.asks)
      else if (isUsable(word.handle)) return word.handle
    }
    return undefined
  }

  /** Without the addon, of several threads that ask at the same time the one with the lowest id makes the writer; the others wait for it. */
  #agreeWith (other: number): void {
    if (other < threadId) this.#longestMs = MAKER_MS
    else if (addon === undefined && other > threadId) this.#askAt = 0
  }
}
