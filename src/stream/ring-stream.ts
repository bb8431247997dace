import { setImmediate } from 'node:timers'
import type { Worker } from 'node:worker_threads'
import { codedError, warn } from '../errors'
import type { Settings } from '../options'
import { isSettings, readThreadStreamOptions, type RingStreamOptions } from '../thread-stream-options'
import { recordBytes } from '../ring/layout'
import { NO_QUICK_WAY, type Producer, type QuickWay } from '../ring/producer'
import { awaitsLines, keepNoLonger, keepWhileAwaited } from './awaited'
import { DropTeller } from './drop-teller'
import { connectOwn } from './connect-own'
import type { Connect, Connection } from './connection'
import { IdleHold } from './idle-hold'
import { beFound, runOnItself, writtenThrough } from './itself'
import { StreamWithMetadata, wantMetadata } from './metadata'
import type { Handle } from './sharing/handle'
import { type Port, progressWatch } from './port'
import { RefusalTeller, tellRefusal } from './refusal-teller'
import { textOf } from './text-of'
import { type Stats, statsOf } from './stats'
import type { SupervisorHost } from './supervisor-host'
import { Ticker } from './ticker'
import { Watcher } from './watcher'
import type { WriterAccess } from './writer-access'
import { hasDied, hasExited, leftInRing, notClosed } from './writer-errors'

/** How often the event loop looks while there are drops to tell of, and while somebody waits for 'drain'. */
const TICK_MS = 100
const DRAIN_TICK_MS = 5
/** A flush callback hears that nothing moves after this long; as long as thread-stream waits. */
const FLUSH_PATIENCE_MS = 10_000

/**
 * A stream for pino that copies each line into shared memory and returns. It has the methods, getters and events of a
 * ThreadStream and can stand wherever one stands.
 *
 * Events: `ready`, `drain`, `drop` ({@link DropCounts}), `writer-restart` (how many so far, the reason), `error` (the sink
 * failed for good, only if somebody listens), `finish`, `close`, and whatever the target sends.
 */
export class RingStream extends StreamWithMetadata implements SupervisorHost {
  static { runOnItself(this.prototype, { except: ['write'] }) } // `write` sees to that itself, at no cost

  readonly #producer: Producer
  readonly #quick: QuickWay
  readonly #port: Port
  /** Another one when the stream shares a writer and that one's owner is gone. */
  #writer: WriterAccess
  readonly #endPatienceMs: number
  #handle: () => Handle
  readonly #watcher = new Watcher()
  /** With more bytes of the ring in use 'drain' is wanted. */
  readonly #drainAt: number
  #isReady = false
  #isEnding = false
  #isFinished = false
  #isClosed = false
  #isDestroyed = false
  #needsDrain = false
  #error: Error | null = null
  readonly #idleHold: IdleHold
  readonly #ticker = new Ticker(() => this.#tick())
  #isEndOrdered = false
  readonly #drops: DropTeller
  readonly #refusals = new RefusalTeller((isExplained) => tellRefusal(this, this.#writer, isExplained, (error) => this.onRefused(error)))

  /**
   * @param options what `new ThreadStream` takes and the options of the ring: then the stream holds the process until
   *   `unref` or `end`, as a ThreadStream does; or options that have been read, or a way to the writer of another thread
   * @throws {TypeError|RangeError} `ERR_PINO_PINNED_…`: an option is wrong
   */
  constructor (options: RingStreamOptions | Settings | Connect) {
    super()
    beFound(this)
    const connect: Connect = typeof options === 'function'
      ? options
      : () => connectOwn(this, isSettings(options) ? options : readThreadStreamOptions(options))
    const { port, writer, exitTimeout, isTarget, bufferSize, handle } = connect(this)
    this.#port = port
    this.#producer = port.producer
    this.#drops = new DropTeller(port.ring, (counts) => this.emit('drop', counts))
    this.#writer = writer
    this.#idleHold = new IdleHold(port, exitTimeout)
    this.#endPatienceMs = this.endPatienceMs(exitTimeout, isTarget)
    this.#handle = handle
    const half = port.ring.capacity / 2
    this.#drainAt = bufferSize === undefined ? half : Math.min(half, recordBytes(bufferSize))
    this.#quick = this.#drainAt < half ? NO_QUICK_WAY : port.producer
    if (typeof options !== 'function' && !isSettings(options)) this.ref()
    this.on('newListener', (event: string | symbol) => { if (event === 'ready' && !this.#isReady) this.#watchReady() })
    keepWhileAwaited(this)
  }

  /** Holds the process until there is an answer. */
  #watchReady (): void {
    this.#watcher.watch(() => {
      if (this.#writer.isReady) this.onReady()
      return this.#isReady || this.#isClosed
    })
  }

  /** @internal How long a line waits for room before it is dropped. */
  patienceMs (settings: Pick<Settings, 'onFull'>): number {
    return settings.onFull === 'block' ? Infinity : 0
  }

  /** What a target does with its lines in the end nobody sees; and `end` keeps nobody from his work. */
  protected endPatienceMs (exitTimeout: number, isTarget: boolean): number {
    return isTarget ? Math.max(FLUSH_PATIENCE_MS, exitTimeout) : exitTimeout
  }

  /**
   * Takes a line. Never throws and, unless `onFull` is 'block', never waits.
   *
   * @returns false if the line was dropped, or the ring is more than half full: 'drain' will tell when there is room
   */
  write (line: string | Uint8Array): boolean {
    const self = #quick in this ? this : writtenThrough(this)
    if (typeof line === 'string' && self.#quick.tryPublish(line)) return true
    return self.#writeCarefully(line)
  }

  #writeCarefully (line: string | Uint8Array): boolean {
    if (this.#port.tryDrop(line, this.lastLevel)) return false // 'drain' is owed already, and the tick is due
    const text = textOf(line)
    // By what was known before another look: who writes so much in a row may wait for 'drain', as under thread-stream,
    // however fast the writer is.
    const isMuch = this.#producer.used + recordBytes(text.length * 3) > this.#port.ring.capacity / 2
    const isAccepted = this.#port.writeCarefully(text, this.lastLevel)
    const isOver = this.#writer.isOver
    if (!isAccepted && !this.#isEnding && isOver && !this.#port.isLeaving) this.#refusals.refused(this.#isClosed)
    wantMetadata(this, this.#port.asksForLevels && !this.#producer.isCalm)
    const hasRoom = isAccepted && this.#producer.used <= this.#drainAt
    // Once somebody was told to wait 'drain' is owed to him, whatever a later line finds; not where none will be taken.
    if ((isMuch || !hasRoom) && !this.#isEnding && !isOver) this.#needsDrain = true
    if (this.#needsDrain || this.#producer.hasUntold) this.#tickSoon()
    return hasRoom
  }

  /**
   * Calls back when everything written so far is delivered: taken by the kernel (on disk with `fsync`), or handed to the
   * target and flushed by it. Holds the process until then.
   *
   * @param callback gets an error if nothing moved for 10 seconds, or nobody will take the lines: the stream is closed
   */
  flush (callback?: (error?: Error) => void): void {
    const number = this.#port.requestFlush()
    if (typeof callback !== 'function') return
    if (this.#isDestroyed) return process.nextTick(callback, hasExited())
    const hasStopped = progressWatch(this.#port, FLUSH_PATIENCE_MS)
    this.#watcher.watch(() => {
      const isDone = this.#port.isFlushed(number) || (this.#writer.hasEnded && this.#port.used === 0)
      if (!isDone && !this.#writer.isOver && !hasStopped()) return false
      process.nextTick(callback, isDone ? undefined : this.#writer.isOver ? hasExited() : leftInRing('flush', this.#port.linesLeft, this.#writer.stalledBy))
      return true
    })
  }

  /**
   * Waits until everything written so far is delivered, without an event loop.
   *
   * @param patienceMs longest time without progress, in milliseconds. Default: the option `exitTimeout` (ten seconds while the
   *   writer's thread is on its way up, or the writer of a file has no core), but no time at all if a flush has waited in vain
   *   and the sink has taken nothing since: pino flushes so with each `fatal` line
   * @param mostMs longest time in all
   * @returns false if that time ran out, or nobody will take the lines that are left
   */
  flushSync (patienceMs?: number, mostMs = Infinity): boolean {
    if (this.#writer.isOver || this.#writer.hasEnded) return this.#port.used === 0
    const isGiven = typeof patienceMs === 'number' && !Number.isNaN(patienceMs)
    return isGiven ? this.#port.flushSync(patienceMs, { startPatienceMs: patienceMs, mostMs }) : this.#port.flushUnlessStuck({ mostMs })
  }

  /**
   * Delivers what there is, closes the sink and ends the writer: 'finish', then 'close'. Later lines are dropped and counted.
   * As on any Writable a last line may come along: `end(line, callback)`.
   *
   * @param callback is called on 'close'; gets an error if not everything was delivered
   */
  end (...args: Array<string | Uint8Array | ((error?: Error) => void) | undefined>): void {
    const [line] = args
    if (typeof line === 'string' || line instanceof Uint8Array) this.write(line)
    const callback = args.find((each) => typeof each === 'function')
    if (callback !== undefined) {
      const tell = (): void => callback(this.#isFinished ? undefined : this.#error ?? hasExited())
      if (this.#isClosed) process.nextTick(tell); else this.once('close', tell)
    }
    if (this.#isEnding || this.#isClosed) return
    this.#isEnding = true
    this.#port.close()
    // While the process leaves, others may log after us: the departure ends the writer when all have.
    if (!this.#port.isLeaving) this.#endWriter()
  }

  #endWriter (): void {
    const hasStopped = progressWatch(this.#port, this.#endPatienceMs)
    const order = (): void => {
      // What was dropped is told first; room for that comes as the writer goes on.
      if (this.#isEndOrdered || !this.#producer.tryPublishNotice()) return
      this.#isEndOrdered = true
      this.#writer.end()
    }
    order()
    this.#watcher.watch(() => {
      order()
      if (this.#writer.hasEnded) this.#finish()
      if (this.#writer.isClosed) this.#close()
      if (this.#isClosed) return true
      if (this.#writer.hasFailed && !this.#writer.hasEnded) this.#close()
      else if (!this.#writer.hasEnded && hasStopped()) this.#giveUp()
      return this.#isClosed
    })
  }

  #giveUp (): void {
    const linesLeft = this.#port.linesLeft + this.#writer.othersLinesLeft
    const { closingTarget, untold = 0 } = this.#writer
    if (closingTarget !== undefined) this.#failed(notClosed(closingTarget, linesLeft + untold))
    else if (linesLeft > 0) this.#failed(leftInRing('end', linesLeft, this.#writer.stalledBy))
    else this.#finish() // what does not end has none to lose
    this.#writer.abandon()
    this.#close()
  }

  #finish (): void {
    if (this.#isFinished) return
    this.#isFinished = true
    process.nextTick(() => this.emit('finish'))
  }

  #close (): void {
    if (this.#isClosed) return
    this.#isClosed = this.#isDestroyed = true
    this.#port.close()
    this.#watcher.look() // who waits for a flush hears of it before 'close'
    process.nextTick(() => {
      this.#drops.tell(0) // while somebody listens
      this.emit('close')
      keepNoLonger(this)
    })
  }

  /**
   * Opens the file again under its path, for logrotate: whole lines go to the old file until then, whole lines to the new
   * one from then on. Without effect on a descriptor or a target.
   *
   * @param callback is called when it is done; gets an error if the writer ended or failed before
   */
  reopen (callback?: (error?: Error) => void): void {
    let writer = this.#writer
    let number = writer.reopen()
    if (typeof callback !== 'function') return
    this.#watcher.watch(() => {
      if (writer !== this.#writer) number = (writer = this.#writer).reopen()
      const isDone = this.#writer.hasReopened(number)
      if (!isDone && !this.#writer.isOver) return false
      process.nextTick(callback, isDone ? undefined : codedError('ERR_PINO_PINNED_ENDED', 'reopen: the writer has ended'))
      return true
    })
  }

  /** Starts a writer again after it failed for good. */
  restart (): void {
    if (!this.#isEnding && this.#writer.restart()) this.#opened()
  }

  #opened (): void {
    this.#error = null
    this.#isClosed = this.#isDestroyed = this.#isReady = false
    this.#refusals.renew()
    this.#port.open()
  }

  /**
   * A handle for other threads of the process, to be sent by `postMessage` or as `workerData`: `attach(handle)` there
   * gives a stream with a ring of its own into this stream's writer.
   */
  handle (): Handle { return this.#handle() }
  stats (): Stats { return statsOf(this.#port, this.#writer) }

  /** Lets the writer's thread hold the process, as a ThreadStream does until `unref`. */
  ref (): void { this.#writer.ref() }
  unref (): void { this.#writer.unref() }

  /** The writer's thread; another one after a restart. Undefined on a stream attached to the writer of another thread. */
  get worker (): Worker { return this.#writer.worker as Worker }

  get ready (): boolean { return this.#isReady || this.#writer.isReady }
  get destroyed (): boolean { return this.#isDestroyed }
  get closed (): boolean { return this.#isClosed }
  get writable (): boolean { return !this.#isDestroyed && !this.#isEnding }
  get writableEnded (): boolean { return this.#isEnding }
  get writableFinished (): boolean { return this.#isFinished }
  get writableNeedDrain (): boolean { return this.#needsDrain }
  get writableObjectMode (): boolean { return false }
  get writableErrored (): Error | null { return this.#error }

  /** @internal */
  onReady (): void {
    if (this.#isReady) return
    this.#isReady = true
    this.emit('ready')
  }

  /** @internal */
  onEvent (name: string, args: unknown[]): void { this.emit(name, ...args) }

  /** @internal */
  onWarning (error: Error): void { warn(error) }

  /** @internal */
  onEnded (): void { this.#finish(); this.#close() }

  /** @internal */
  onRestart (restarts: number, reason: Error, sink: string): void {
    if (restarts === 1) this.onWarning(hasDied(restarts, reason, sink))
    // Later, because this may be inside a write that waits: a listener must not log or throw in there.
    process.nextTick(() => this.emit('writer-restart', restarts, reason))
  }

  /**
   * @internal The sink failed for good: lines are dropped and counted from now on. It may turn out inside `write`, where a
   * listener must not throw.
   */
  onFailed (error: Error): void {
    this.#failed(error)
    this.#close()
  }

  #failed (error: Error): void {
    this.#error = error
    process.nextTick(() => this.tellError(error))
  }

  protected tellError (error: Error): void {
    if (this.listenerCount('error') > 0) this.emit('error', error)
    else this.onWarning(error)
  }

  /** A write that nobody will take. Returns whether anybody has heard of it. */
  protected onRefused (error: Error): boolean {
    return this.listenerCount('error') > 0 && this.emit('error', error)
  }

  /**
   * @internal The event loop has nothing left to do. If lines in the ring may bring about what takes an event loop (an event
   * of the target or what it prints, 'error', 'drain'), this holds it until they are delivered or nothing moves any more.
   *
   * @returns whether it is held
   */
  holdIdle (): boolean {
    const look = this.#isClosed || !awaitsLines(this) ? undefined : this.#idleHold.start(this.#needsDrain)
    if (look === undefined) return false
    this.#watcher.watch(() => {
      const found = look()
      if (found === 'stopped' || this.#isClosed) return true // a writer that is over will say why
      if (found === 'waiting') return false
      if (this.#needsDrain) this.#tick()
      setImmediate(() => {}) // what the target sent before is on its way to this thread, and arrives within a turn
      return true
    })
    return true
  }

  /** @internal The stream's ring has another writer. */
  onMoved ({ writer, handle }: Connection): void {
    this.#writer = writer
    this.#handle = handle
    if (this.#isEndOrdered) writer.end()
  }

  /** @internal The owner of the writer has ended it, lost it, or started it again. */
  onWriterState (): void {
    const { isOver, failure, isFailureDue } = this.#writer
    if (isFailureDue === true) return
    if (isOver) return this.#isClosed || failure === undefined ? this.#close() : this.onFailed(failure)
    if (this.#isClosed && !this.#isEnding) this.#opened()
  }

  /** @param used of the ring, as the last tick found it: a sink that takes nothing is looked at less and less often */
  #tickSoon (used?: number): void {
    if (!this.#ticker.isDue) this.#ticker.soon(this.#needsDrain && this.listenerCount('drain') > 0 ? DRAIN_TICK_MS : TICK_MS, used)
  }

  #tick (): void {
    const { used } = this.#port
    if (!this.#writer.isOver) this.#producer.tryPublishNotice()
    if (this.#producer.isCalm) wantMetadata(this, false)
    this.#drops.tell()
    if (this.#needsDrain && used <= this.#drainAt && !this.#writer.isOver) {
      this.#needsDrain = false
      if (!this.#isEnding) this.emit('drain')
    }
    if ((this.#needsDrain || this.#drops.isUntold || this.#producer.hasUntold) && !this.#isClosed) this.#tickSoon(used)
  }
}
