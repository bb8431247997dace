import { BroadcastChannel, receiveMessageOnPort } from 'node:worker_threads'
import { WriterWord } from '../ring/layout'
import type { Announcement } from '../writer-data'

/** Where the writer hears of rings that other threads attach, with an event loop or without. */
export class Intake {
  readonly #block: Int32Array
  readonly #channelName: string
  readonly #generation: number
  #channel: BroadcastChannel | undefined
  #announced = 0
  /** What an event loop has taken from the channel. */
  #arrived: Announcement[] = []

  constructor (block: Int32Array, channelName: string, generation: number) {
    this.#block = block
    this.#generation = generation
    this.#channelName = channelName
  }

  /** Whether something was announced since the last `take`; costs one look at a shared word. */
  get hasNews (): boolean { return this.#arrived.length > 0 || Atomics.load(this.#block, WriterWord.RingsAnnounced) !== this.#announced }

  /** Tells the writer's owner of rings that the writer has taken in by itself. */
  tell (announcements: readonly Announcement[]): void {
    // Not on one of its own, as `announce` does: without an event loop that would never be closed, and would collect
    // everybody's announcements, and with them the rings, for the thread's life.
    const channel = this.#open()
    for (const each of announcements) channel.postMessage(each)
  }

  /** What was announced. The channel opens with the first announcement; one that came before it is made again. */
  take (): Announcement[] {
    // Read before the channel: what is announced meanwhile is news again.
    this.#announced = Atomics.load(this.#block, WriterWord.RingsAnnounced)
    const channel = this.#open()
    const announcements = this.#arrived.splice(0)
    for (let next = receiveMessageOnPort(channel as never); next !== undefined; next = receiveMessageOnPort(channel as never)) {
      announcements.push(next.message as Announcement)
    }
    return announcements
  }

  #open (): BroadcastChannel {
    if (this.#channel === undefined) {
      this.#channel = new BroadcastChannel(this.#channelName)
      this.#channel.onmessage = ({ data }) => { this.#arrived.push(data as Announcement) }
      this.#channel.unref()
      // Pairs with the load in Guest.keepAlive: a ring that was announced before this is announced again.
      Atomics.store(this.#block, WriterWord.Listening, this.#generation)
    }
    return this.#channel
  }
}
