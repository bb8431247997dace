import { StringDecoder } from 'node:string_decoder'
import { parentPort } from 'node:worker_threads'
import { isFatal } from './levels'
import { readOptions, type Settings } from './options'
import { dropInCallers } from './resolve-target'
import type { DropCounts } from './stream/drop-teller'
import { itself } from './stream/itself'
import { RingStream } from './stream/ring-stream'
import { tell } from './stream/tell'

/**
 * pino's transport thread can afford to wait for room before it drops a line: the application does not wait for it. A
 * burst of a million lines loses none this way while the machine is busy with something else for a moment.
 */
const PATIENCE_MS = 50
/** So long thread-stream's `flushSync` waits at most for lines to be taken from it. After that this thread is not to be held. */
const MOST_FLUSHING_MS = 10_000

/** The stream behind `transport: { target: 'pino-pinned' }`: it runs in pino's transport thread, which is its producer. */
class DropInStream extends RingStream {
  readonly #decoder = new StringDecoder('utf8')
  #rest = ''

  override patienceMs (settings: Pick<Settings, 'onFull'>): number {
    return settings.onFull === 'block' ? Infinity : PATIENCE_MS
  }

  /** The process may be leaving, and waits for this thread. */
  protected override endPatienceMs (exitTimeout: number): number { return exitTimeout }

  /**
   * pino hands over chunks of many lines, cut anywhere; what is accepted or dropped is a line. After a fatal one, which is
   * always the last, it waits until the chunk is taken, to go on, and perhaps die, with the line out: so this waits too.
   */
  override write (chunk: string | Uint8Array): boolean {
    const self = itself(this)
    const text = self.#rest + (typeof chunk === 'string' ? chunk : self.#decoder.write(chunk as Buffer))
    let from = 0
    let line = ''
    for (let end = text.indexOf('\n'); end >= 0; end = text.indexOf('\n', from)) {
      line = text.slice(from, end + 1)
      super.write(line)
      from = end + 1
    }
    self.#rest = text.slice(from)
    if (isFatal(line)) self.flushSync(undefined, MOST_FLUSHING_MS)
    return true
  }

  override end (): void {
    const self = itself(this)
    if (self.#rest.length > 0) super.write(self.#rest)
    self.#rest = ''
    super.end()
  }

  /** What an inner target sends is for the application, and here could be taken for our own 'error' or 'close'. */
  override onEvent (name: string, args: unknown[]): void { send(name, args) }

  /** An 'error' of ours would end the application, and so would the next line after a 'close': lines are dropped and counted. */
  override onFailed (error: Error): void { this.onWarning(error) }
  protected override tellError (error: Error): void { this.onWarning(error) }

  /**
   * Straight to stderr: the main thread, which prints what a worker warns of, may be waiting for this one to end. What an inner
   * target warns of goes the way it goes from any transport of pino's: the application hears it.
   */
  override onWarning (error: Error & { code?: string }, isTargets = false): void {
    if (isTargets && parentPort !== null) return parentPort.postMessage({ code: 'WARNING', err: error })
    const code = error.code === undefined ? '' : `[${error.code}] `
    if (process.env.NODE_NO_WARNINGS !== '1' && !process.execArgv.includes('--no-warnings')) tell(`(node:${process.pid}) ${code}${error.name}: ${error.message}\n`)
  }

  /** It is counted; as an 'error' it would end the application. */
  protected override onRefused (): boolean { return true }
}

/** To the application, as an event of its transport stream. */
function send (name: string, args: unknown[]): void {
  parentPort?.postMessage({ code: 'EVENT', name, args })
}

/** What pino calls in its transport thread. */
export function dropInTarget (options: unknown): RingStream {
  const stream = new DropInStream(readOptions(options, { callers: dropInCallers(), way: 'drop-in' }))
  stream.on('drop', (counts: DropCounts) => {
    send('drop', [counts])
    send('stats', [stream.stats()])
  })
  // For an inner target: what pino and the application send to their transport. Not the orders of pino's own machinery.
  parentPort?.on('message', (message: { context?: unknown } | null) => {
    if (message?.context !== 'thread-stream') stream.emit('message', message)
  })
  stream.on('writer-restart', (restarts: number, reason: Error) => send('writer-restart', [restarts, reason]))
  return stream
}
