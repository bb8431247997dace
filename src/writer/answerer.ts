import { BroadcastChannel, receiveMessageOnPort } from 'node:worker_threads'
import type { WriterData } from '../writer-data'

/** How often a writer without an event loop looks whether a thread asks for it. A look at an empty channel costs a microsecond. */
const LOOK_EVERY_MS = 10

/** Tells threads that look for the writer where it is, also while its owner's event loop stands. */
export class Answerer {
  readonly #channel: BroadcastChannel
  readonly #answer: unknown
  #lookAt = 0

  constructor ({ key, handle }: NonNullable<WriterData['shared']>) {
    this.#answer = { handle }
    this.#channel = new BroadcastChannel(key)
    this.#channel.onmessage = ({ data }) => {
      this.#lookAt = 0
      if (isQuestion(data)) this.look(true)
    }
    this.#channel.unref()
  }

  /** @param isAsked somebody has asked already */
  look (isAsked = false): void {
    const now = performance.now()
    if (now < this.#lookAt) return
    this.#lookAt = now + LOOK_EVERY_MS
    for (let next = receiveMessageOnPort(this.#channel as never); next !== undefined; next = receiveMessageOnPort(this.#channel as never)) {
      isAsked ||= isQuestion(next.message)
    }
    if (isAsked) this.#channel.postMessage(this.#answer) // one for all who asked
  }
}

function isQuestion (message: unknown): boolean { return 'asks' in (message as object) }
