import { channel } from 'node:diagnostics_channel'
import { EventEmitter } from 'node:events'
import { setImmediate, setTimeout } from 'node:timers'
import { threadId, type Worker } from 'node:worker_threads'
import { codedError } from '../errors'
import type { Settings } from '../options'
import { readThreadStreamOptions, type RingStreamOptions } from '../thread-stream-options'
import { recordBytes } from '../ring/layout'
import type { Producer } from '../ring/producer'
import { addTotals, type DroppedByLevel, highWaterOf, type Totals, totalsOf } from './counts'
import type { Handle } from './handle'
import { type Port, progressWatch } from './port'
import { threadName } from './producer-thread'
import { connectOwn } from './share'
import type { SupervisorHost } from './supervisor'
import { Watcher } from './watcher'
import type { ProducerStats, WriterAccess, WriterStateName } from './writer-access'

/** With this property true pino sets `lastLevel` and its like before each write; it costs 160 ns a line. */
const METADATA = Symbol.for('pino.metadata')
/** How often the event loop looks while there are drops to tell of, and while somebody waits for 'drain'. */
const TICK_MS = 100
const DRAIN_TICK_MS = 5
/** 'drop' is emitted at most this often. */
const DROP_EVENT_EVERY_MS = 1000
/** A flush callback hears that nothing moves after this long; as long as thread-stream waits. */
const FLUSH_PATIENCE_MS = 10_000

/** Events that no line in the ring brings about. */
const NOT_OF_LINES: ReadonlySet<string | symbol> = new Set(['ready', 'finish', 'close', 'message', 'newListener', 'removeListener'])
/** How long an idle process is held for those who listen, without progress. The wait at its exit comes on top. */
const IDLE_PATIENCE_MS = 500

const dropChannel = channel('pino-pinned:drop')

/** Lines that were dropped since the last 'drop' event. */
export interface DropCounts {
  linesDropped: number
  bytesDropped: number
  droppedByLevel: DroppedByLevel
  /** Lines dropped since the stream was made. */
  totalLinesDropped: number
}

/**
 * What a stream has done so far, together with those of other threads that were attached to its writer. Lines are writes:
 * pino makes one write a line.
 */
export interface Stats extends Totals {
  /** Bytes of the stream's own ring. */
  capacity: number
  /** Bytes of the stream's own ring in use now, and the most that ever were. */
  used: number
  highWater: number
  /** Times the writer was started again. */
  restarts: number
  /** The cores that the kernel says the writer is pinned to; null if it is not. */
  pinned: number[] | null
  writerState: WriterStateName
  /** CPU time of the writer's thread in milliseconds, a tenth of a second old at most; 0 without the addon. */
  writerCpuMs: number
  /** A row for each thread that logs through this writer, this stream's first. Threads that are gone are in the totals. */
  producers: ProducerStats[]
}

/** How a stream came to its writer. */
export interface Connection {
  port: Port
  writer: WriterAccess
  /** Makes a handle for other threads. */
  handle: () => Handle
  /** Longest wait without progress when leaving, in milliseconds. */
  exitTimeout: number
  /** Bytes waiting from which `write` says false; without it, half the ring. */
  bufferSize: number | undefined
}

/** Gives a stream another way to a writer than one of its own. */
export type Connect = (stream: RingStream) => Connection

/**
 * A stream for pino that copies each line into shared memory and returns. It has the methods, getters and events of a
 * ThreadStream and can stand wherever one stands.
 *
 * Events: `ready`, `drain`, `drop` ({@link DropCounts}), `writer-restart` (how many so far, the reason), `error` (the sink
 * failed for good, only if somebody listens), `finish`, `close`, and whatever the target sends.
 */
export class RingStream extends EventEmitter implements SupervisorHost {
  /** Set by pino while `[METADATA]` is true. */
  lastLevel: number | undefined = undefined
  lastObj: unknown = undefined
  lastMsg: unknown = undefined
  lastTime: unknown = undefined
  lastLogger: unknown = undefined;
  [METADATA] = false

  readonly #producer: Producer
  readonly #port: Port
  readonly #writer: WriterAccess
  readonly #exitTimeout: number
  readonly #handle: () => Handle
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
  #isRefusalDue = false
  /** Lines accepted when the stream last held an idle process. */
  #acceptedWhenIdle = 0

  #ticker: NodeJS.Timeout | undefined
  #tickMs = TICK_MS
  #isTicking = false
  /** Totals at the last 'drop' event, and when it was. */
  #told = { lines: 0, bytes: 0, byLevel: {} as DroppedByLevel, at: -Infinity }

  /**
   * @param options what `new ThreadStream` takes (`filename`, `workerData`, `workerOpts`, `bufferSize`, `sync`) and the
   *   options of the ring: then the stream holds the process until `unref` or `end`, as a ThreadStream does; or options
   *   that have been read, or a way to the writer of another thread
   * @throws {TypeError|RangeError} `ERR_PINO_PINNED_…`: an option is wrong
   */
  constructor (options: RingStreamOptions | Settings | Connect) {
    super()
    const connect: Connect = typeof options === 'function'
      ? options
      : () => connectOwn(this, 'sink' in options ? options : readThreadStreamOptions(options))
    const { port, writer, exitTimeout, bufferSize, handle } = connect(this)
    this.#port = port
    this.#producer = port.producer
    this.#writer = writer
    this.#exitTimeout = exitTimeout
    this.#handle = handle
    const half = port.ring.capacity / 2
    this.#drainAt = bufferSize === undefined ? half : Math.min(half, recordBytes(bufferSize))
    // The quick way looks at nothing but room.
    if (this.#drainAt < half) this.write = this.#writeCarefully
    // As a ThreadStream, which holds the process until somebody says otherwise.
    if ('filename' in options) this.ref()
    if (writer.isOver) this.onWriterState() // another thread's, ended already
    this.on('newListener', (event: string | symbol) => {
      if (event === 'ready' && !this.#isReady) this.#watchReady()
    })
  }

  /** Holds the process until there is an answer; not for a sink that can't be opened now, as a FIFO without a reader. */
  #watchReady (): void {
    const hasStalled = stallWatch(this.#writer, this.#exitTimeout)
    this.#watcher.watch(() => {
      if (this.#writer.isUp) this.onReady()
      return this.#isReady || this.#isClosed || hasStalled()
    })
  }

  /** @internal How long a line waits for room before it is dropped. */
  patienceMs (settings: Pick<Settings, 'onFull'>): number {
    return settings.onFull === 'block' ? Infinity : 0
  }

  /**
   * Takes a line. Never throws and, unless `onFull` is 'block', never waits.
   *
   * @returns false if the line was dropped, or the ring is more than half full: 'drain' will tell when there is room
   */
  write (line: string | Uint8Array): boolean {
    if (typeof line === 'string' && this.#producer.tryPublish(line)) return true
    return this.#writeCarefully(line)
  }

  #writeCarefully (line: string | Uint8Array): boolean {
    const isAccepted = this.#port.writeCarefully(textOf(line), this.lastLevel)
    if (!isAccepted && !this.#isEnding && this.#writer.isOver) this.#refused()
    this.#wantMetadata(!this.#producer.isCalm)
    this.#needsDrain = !isAccepted || this.#producer.used > this.#drainAt
    if (this.#needsDrain || this.#producer.hasUntold) this.#tickSoon()
    return !this.#needsDrain
  }

  /** Whoever listens hears of writes to a writer that failed, as under thread-stream, once a turn of the event loop at most. */
  #refused (): void {
    if (this.#isRefusalDue || this.#port.isLeaving) return
    this.#isRefusalDue = true
    setImmediate(() => {
      this.#isRefusalDue = false
      this.onRefused(hasExited())
    })
  }

  /** Levels matter while room is short; what pino left here must not stay for the next line, nor hold what it points to. */
  #wantMetadata (isWanted: boolean): void {
    this.lastLevel = undefined
    if (this[METADATA] === isWanted) return
    this[METADATA] = isWanted
    this.lastObj = this.lastMsg = this.lastTime = this.lastLogger = undefined
  }

  /**
   * Calls back when everything written so far is delivered: taken by the kernel (on disk with `fsync`), or handed to the
   * target and flushed by it. Holds the process until then.
   *
   * @param callback gets an error if nothing moved for 10 seconds, or nobody will take the lines
   */
  flush (callback?: (error?: Error) => void): void {
    const number = this.#port.requestFlush()
    if (typeof callback !== 'function') return
    const hasStopped = progressWatch(this.#port, FLUSH_PATIENCE_MS)
    this.#watcher.watch(() => {
      const isDone = this.#port.isFlushed(number) || (this.#writer.hasEnded && this.#port.used === 0)
      if (!isDone && !this.#writer.isOver && !hasStopped()) return false
      process.nextTick(callback, isDone ? undefined : this.#writer.isOver ? hasExited() : this.#leftError('flush'))
      return true
    })
  }

  /**
   * Waits until everything written so far is delivered, without an event loop.
   *
   * @param patienceMs longest time without progress, in milliseconds; default: the option `exitTimeout`
   * @returns false if that time ran out, or nobody will take the lines
   */
  flushSync (patienceMs: number = this.#exitTimeout): boolean {
    return this.#port.flushSync(patienceMs)
  }

  /** Delivers what there is, closes the sink and ends the writer: 'finish', then 'close'. Later lines are dropped and counted. */
  end (): void {
    if (this.#isEnding || this.#isClosed) return
    this.#isEnding = true
    this.#port.close()
    // While the process leaves, others may log after us: the departure ends the writer when all have.
    if (!this.#port.isLeaving) this.#endWriter()
  }

  #endWriter (): void {
    const hasStopped = progressWatch(this.#port, this.#exitTimeout)
    let isOrdered = false
    const order = (): void => {
      // What was dropped is told first; room for that comes as the writer goes on.
      if (isOrdered || !this.#producer.tryPublishNotice()) return
      isOrdered = true
      this.#writer.end()
    }
    order()
    this.#watcher.watch(() => {
      order()
      if (this.#writer.hasEnded) this.#finish()
      if (this.#writer.isClosed) this.#close()
      if (this.#isClosed) return true
      if (this.#writer.isOver && !this.#writer.hasEnded) this.#close()
      else if (!this.#writer.hasEnded && hasStopped()) this.#giveUp()
      return this.#isClosed
    })
  }

  #giveUp (): void {
    this.onWarning(this.#leftError('end'))
    this.#writer.abandon()
    this.#close()
  }

  #leftError (what: string): Error {
    const left = this.#port.linesLeft
    return Object.assign(new Error(`${what}: the sink does not take lines, ${left} ${left === 1 ? 'is' : 'are'} left in the ring`), { code: 'ERR_PINO_PINNED_TIMEOUT' })
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
    process.nextTick(() => {
      this.#tellDrops(0) // while somebody listens
      this.emit('close')
    })
  }

  /**
   * Opens the file again under its path, for logrotate: whole lines go to the old file until then, whole lines to the new
   * one from then on. Without effect on a descriptor or a target.
   *
   * @param callback is called when it is done; gets an error if the writer ended or failed before
   */
  reopen (callback?: (error?: Error) => void): void {
    const number = this.#writer.reopen()
    if (typeof callback !== 'function') return
    this.#watcher.watch(() => {
      const isDone = this.#writer.hasReopened(number)
      if (!isDone && !this.#writer.isOver) return false
      process.nextTick(callback, isDone ? undefined : codedError('ERR_PINO_PINNED_ENDED', 'reopen: the writer has ended'))
      return true
    })
  }

  /** Starts a writer again after it failed for good. */
  restart (): void {
    if (this.#isEnding || !this.#writer.restart()) return
    this.#opened()
  }

  #opened (): void {
    this.#error = null
    this.#isClosed = this.#isDestroyed = this.#isReady = false
    this.#port.open()
  }

  /**
   * A handle for other threads of the process, to be sent by `postMessage` or as `workerData`: `attach(handle)` there
   * gives a stream with a ring of its own into this stream's writer.
   */
  handle (): Handle { return this.#handle() }

  stats (): Stats {
    const { ring, used } = this.#port
    const writer = this.#writer
    const own = totalsOf(ring)
    const { totals, producers } = writer.others()
    addTotals(totals, own)
    const highWater = highWaterOf(ring)
    return {
      ...totals,
      capacity: ring.capacity,
      used,
      highWater,
      restarts: writer.restarts,
      pinned: writer.pinned,
      writerState: writer.state,
      writerCpuMs: writer.cpuMs,
      producers: [{ threadId, name: threadName(), accepted: own.linesAccepted, dropped: own.linesDropped, highWater }, ...producers]
    }
  }

  /** Lets the writer's thread hold the process, as a ThreadStream does until `unref`. */
  ref (): void { this.#writer.ref() }

  unref (): void { this.#writer.unref() }

  /** The writer's thread; another one after a restart. Undefined on a stream attached to the writer of another thread. */
  get worker (): Worker { return this.#writer.worker as Worker }

  get ready (): boolean { return this.#isReady }
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
  onWarning (error: Error): void { process.emitWarning(error) }

  /** @internal */
  onRestart (restarts: number, reason: Error): void {
    if (restarts === 1) this.onWarning(new Error(`the log writer died and is started again: ${reason.message}`, { cause: reason }))
    // Later, because this may be inside a write that waits: a listener must not log or throw in there.
    process.nextTick(() => this.emit('writer-restart', restarts, reason))
  }

  /**
   * @internal The sink failed for good: lines are dropped and counted from now on. It may turn out inside `write`, where a
   * listener must not throw.
   */
  onFailed (error: Error): void {
    this.#error = error
    process.nextTick(() => {
      if (this.listenerCount('error') > 0) this.emit('error', error)
      else this.onWarning(error)
    })
    this.#close()
  }

  /** A write that nobody will take. */
  protected onRefused (error: Error): void {
    if (this.listenerCount('error') > 0) this.emit('error', error)
  }

  /**
   * @internal The event loop has nothing left to do. If somebody listens for what lines in the ring may bring about (an event
   * of the target, 'error', 'drain'), this holds it until they are delivered or nothing moves any more.
   *
   * @returns whether it is held
   */
  holdIdle (): boolean {
    const accepted = totalsOf(this.#port.ring).linesAccepted
    const isServed = accepted === this.#acceptedWhenIdle && !this.#needsDrain
    if (isServed || this.#isClosed || this.eventNames().every((name) => NOT_OF_LINES.has(name))) return false
    this.#acceptedWhenIdle = accepted
    const number = this.#port.requestFlush()
    const hasStopped = progressWatch(this.#port, Math.min(this.#exitTimeout, IDLE_PATIENCE_MS))
    this.#watcher.watch(() => {
      // A writer that is over will say why.
      if (hasStopped() || this.#isClosed) return true
      if (!this.#port.isFlushed(number)) return false
      if (this.#needsDrain) this.#tick()
      return true
    })
    return true
  }

  /** @internal */
  onEnded (): void {
    this.#finish()
    this.#close()
  }

  /** @internal The owner of the writer has ended it, lost it, or started it again. */
  onWriterState (): void {
    if (this.#writer.isOver) this.#close()
    else if (this.#isClosed && !this.#isEnding) this.#opened()
  }

  #tickSoon (): void {
    if (this.#isTicking) return
    this.#isTicking = true
    // One timer for the stream's life, or two: a write in a flood must not make objects.
    const tickMs = this.#needsDrain && this.listenerCount('drain') > 0 ? DRAIN_TICK_MS : TICK_MS
    if (this.#ticker !== undefined && this.#tickMs === tickMs) {
      this.#ticker.refresh()
    } else {
      this.#tickMs = tickMs
      this.#ticker = setTimeout(() => this.#tick(), tickMs).unref()
    }
  }

  #tick (): void {
    this.#isTicking = false
    this.#producer.tryPublishNotice()
    this.#wantMetadata(!this.#producer.isCalm)
    this.#tellDrops(DROP_EVENT_EVERY_MS)
    if (this.#needsDrain && this.#port.used <= this.#drainAt && !this.#writer.isOver) {
      this.#needsDrain = false
      this.emit('drain')
    }
    const isUntold = totalsOf(this.#port.ring).linesDropped > this.#told.lines
    if ((this.#needsDrain || isUntold || this.#producer.hasUntold) && !this.#isClosed) this.#tickSoon()
  }

  #tellDrops (everyMs: number): void {
    const { linesDropped, bytesDropped, droppedByLevel } = totalsOf(this.#port.ring)
    const now = performance.now()
    if (linesDropped === this.#told.lines || now - this.#told.at < everyMs) return
    const counts: DropCounts = {
      linesDropped: linesDropped - this.#told.lines,
      bytesDropped: bytesDropped - this.#told.bytes,
      droppedByLevel: difference(droppedByLevel, this.#told.byLevel),
      totalLinesDropped: linesDropped
    }
    this.#told = { lines: linesDropped, bytes: bytesDropped, byLevel: droppedByLevel, at: now }
    dropChannel.publish(counts)
    this.emit('drop', counts)
  }
}

function difference (now: DroppedByLevel, before: DroppedByLevel): DroppedByLevel {
  const entries = Object.entries(now) as Array<[keyof DroppedByLevel, number]>
  return Object.fromEntries(entries.map(([name, count]) => [name, count - (before[name] ?? 0)]).filter(([, count]) => count !== 0))
}

/** A look that says whether the sink has kept the writer waiting for `patienceMs`. */
function stallWatch (writer: WriterAccess, patienceMs: number): () => boolean {
  let since = Infinity
  return () => {
    since = writer.isStalled ? Math.min(since, performance.now()) : Infinity
    return performance.now() - since > patienceMs
  }
}

/** In thread-stream's words: applications compare them. */
function hasExited (): Error {
  return codedError('ERR_PINO_PINNED_ENDED', 'the worker has exited')
}

/** pino writes strings. Whatever else somebody writes becomes text as far as it can; `write` does not throw. */
function textOf (line: unknown): string | Uint8Array {
  if (typeof line === 'string' || line instanceof Uint8Array) return line
  try {
    return String(line)
  } catch {
    return '[unprintable]'
  }
}
