import { BroadcastChannel, getEnvironmentData, setEnvironmentData } from 'node:worker_threads'
import { Patience } from '../../patience'
import type { Settings } from '../../options'

/** Where a worker asks the main thread to make the writer that it wants to log through. */
const CHANNEL = `pino-pinned/${process.pid}/host`

/** A main thread whose event loop has not turned for so long is not waited for. */
const ANSWER_MS = 250
/** One that has begun to make the writer tells where it is in the same turn. */
const MAKER_MS = 2000

/** What becomes of a question: the asker may withdraw it as long as it is not taken, and whoever has taken it may refuse. */
const enum Answer { None, Withdrawn, Taken, Refused }

/** What a worker sends. */
export interface HostRequest {
  key: string
  settings: Settings
  /** What a target is to run in. */
  environment: NodeJS.ProcessEnv | undefined
  answer: SharedArrayBuffer
}

/**
 * In the main thread: from now on workers may ask.
 *
 * @param host makes the writer, or returns false if it does not
 */
export function answerWorkers (host: (request: HostRequest) => boolean): void {
  setEnvironmentData(CHANNEL, true)
  const channel = new BroadcastChannel(CHANNEL)
  channel.onmessage = ({ data }) => {
    const answer = new Int32Array((data as HostRequest).answer)
    if (Atomics.compareExchange(answer, 0, Answer.None, Answer.Taken) !== Answer.None) return
    if (!host(data as HostRequest)) Atomics.store(answer, 0, Answer.Refused)
  }
  channel.unref()
}

/** A worker's question to the main thread. */
export class HostQuestion {
  readonly #answer = new Int32Array(new SharedArrayBuffer(4))
  readonly #patience = new Patience()

  /** @throws {DataCloneError} what a target is to get can't be sent to another thread */
  constructor (key: string, settings: Settings) {
    // Nobody is there to answer: register was loaded in this thread alone.
    if (getEnvironmentData(CHANNEL) !== true) this.#answer[0] = Answer.Refused
    else this.#ask({ key, settings, environment: settings.sink.kind === 'target' ? { ...process.env } : undefined, answer: this.#answer.buffer as SharedArrayBuffer })
  }

  #ask (request: HostRequest): void {
    const channel = new BroadcastChannel(CHANNEL)
    channel.postMessage(request)
    channel.close()
  }

  /** The main thread makes no writer, and will make none for this question. */
  get isInVain (): boolean {
    const waitedMs = this.#patience.look()
    if (waitedMs > ANSWER_MS) Atomics.compareExchange(this.#answer, 0, Answer.None, Answer.Withdrawn)
    const answer = Atomics.load(this.#answer, 0)
    return answer === Answer.Withdrawn || answer === Answer.Refused || waitedMs > MAKER_MS
  }
}
