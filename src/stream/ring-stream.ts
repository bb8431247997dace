import { channel } from 'node:diagnostics_channel'
import { EventEmitter } from 'node:events'
import { setTimeout } from 'node:timers'
import type { Transferable, Worker } from 'node:worker_threads'
import { codedError } from '../errors'
import { readThreadStreamOptions, type RingStreamOptions, type Settings } from '../options'
import { createRing, createWriterBlock, LEAST_CAPACITY_BYTES } from '../ring/layout'
import type { Producer } from '../ring/producer'
import { resolveCores, sayOnceThatAddonIsMissing } from './cores'
import { Departure } from './departure'
import { type DroppedByLevel, Port } from './port'
import { addLeaver, removeLeaver } from './process-exit'
import { leaveOnSignals, onSignals } from './signals'
import { Supervisor, type SupervisorHost } from './supervisor'
import { Watcher } from './watcher'

/** With this property true pino sets `lastLevel` and its like before each write; it costs 160 ns a line. */
const METADATA = Symbol.for('pino.metadata')
/** How often the event loop looks while there are drops to tell of, and while somebody waits for 'drain'. */
const TICK_MS = 100
const DRAIN_TICK_MS = 5
/** 'drop' is emitted at most this often. */
const DROP_EVENT_EVERY_MS = 1000
/** A flush callback hears that nothing moves after this long; as long as thread-stream waits. */
const FLUSH_PATIENCE_MS = 10_000

const dropChannel = channel('pino-pinned:drop')

/** Lines that were dropped since the last 'drop' event. */
export interface DropCounts {
  linesDropped: number
  bytesDropped: number
  droppedByLevel: DroppedByLevel
  /** Lines dropped since the stream was made. */
  totalLinesDropped: number
}

/** What a stream has done so far. Lines are writes: pino makes one write a line. */
export interface Stats {
  /** Lines that the sink has taken. */
  linesWritten: number
  /** Bytes that the sink has taken, drop notices included. */
  bytesWritten: number
  /** Lines that the ring has taken. */
  linesAccepted: number
  /** Lines refused because the ring was full, closed, or without a writer. */
  linesDropped: number
  droppedByLevel: DroppedByLevel
  /** UTF-8 bytes of the lines dropped. */
  bytesDropped: number
  /** Lines given up by the writer: each killed its target twice, or its producer died inside it. */
  linesSkipped: number
  /** Bytes of the ring. */
  capacity: number
  /** Bytes of the ring in use now, and the most that ever were. */
  used: number
  highWater: number
  /** Times the writer was started again. */
  restarts: number
  /** The cores that the kernel says the writer is pinned to; null if it is not. */
  pinned: number[] | null
  writerState: Supervisor['state']
  /** CPU time of the writer's thread in milliseconds, a tenth of a second old at most; 0 without the addon. */
  writerCpuMs: number
}

/** Ends the writer of a stream that the application forgot. */
const forgotten = new FinalizationRegistry<{ port: Port, supervisor: Supervisor }>(({ port, supervisor }) => {
  port.close()
  port.producer.tryPublishNotice()
  supervisor.end()
})

/** Apart from the stream: what is made here lives as long as the writer, and must not hold the stream. */
function followProcess (port: Port, supervisor: Supervisor, { exitTimeout, flushOnSignal, reopenOnSignal, worker }: Settings): void {
  const departure = new Departure(port, supervisor, exitTimeout)
  if (worker.autoEnd !== false) addLeaver(departure)
  const forgetReopen = onSignals(reopenOnSignal, 'reopenOnSignal', () => supervisor.reopen())
  const forgetFlush = leaveOnSignals(flushOnSignal, departure)
  supervisor.onClosed = () => {
    removeLeaver(departure)
    forgetReopen()
    forgetFlush()
  }
}

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
  readonly #supervisor: Supervisor
  readonly #settings: Settings
  readonly #watcher = new Watcher()
  #isReady = false
  #isEnding = false
  #isFinished = false
  #isClosed = false
  #isDestroyed = false
  #needsDrain = false
  #error: Error | null = null

  #ticker: NodeJS.Timeout | undefined
  #tickMs = TICK_MS
  #isTicking = false
  /** Totals at the last 'drop' event, and when it was. */
  #told = { lines: 0, bytes: 0, byLevel: {} as DroppedByLevel, at: -Infinity }

  /**
   * @param options what `new ThreadStream` takes (`filename`, `workerData`, `workerOpts`, `bufferSize`, `sync`) and the
   *   options of the ring; or options that have been read
   * @throws {TypeError|RangeError} `ERR_PINO_PINNED_…`: an option is wrong
   */
  constructor (options: RingStreamOptions | Settings) {
    super()
    const settings = 'sink' in options ? options : readThreadStreamOptions(options)
    this.#settings = settings
    const cores = resolveCores(settings)
    sayOnceThatAddonIsMissing()
    const ring = createRing(Math.max(settings.capacity, LEAST_CAPACITY_BYTES))
    const block = createWriterBlock()
    this.#supervisor = new Supervisor(block, [ring], settings, cores, this)
    this.#port = new Port(ring, this.#supervisor.block, this.#supervisor, { ...settings, patienceMs: this.patienceMs(settings) })
    this.#producer = this.#port.producer
    followProcess(this.#port, this.#supervisor, settings)
    forgotten.register(this, { port: this.#port, supervisor: this.#supervisor })
    this.on('message', (message: unknown, transferList?: readonly Transferable[]) => {
      if (settings.sink.kind === 'target') this.#supervisor.post(message, transferList)
    })
    this.on('newListener', (event: string | symbol) => {
      if (event === 'ready' && !this.#isReady) this.#watcher.watch(() => this.#isReady || this.#supervisor.isOver)
    })
  }

  /** How long a line waits for room before it is dropped. */
  protected patienceMs (settings: Settings): number {
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
    this.#wantMetadata(!this.#producer.isCalm)
    this.#needsDrain = !isAccepted || this.#producer.used > this.#port.ring.capacity / 2
    if (this.#needsDrain || this.#producer.hasUntold) this.#tickSoon()
    return !this.#needsDrain
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
    const hasStopped = this.#progressWatch(FLUSH_PATIENCE_MS)
    this.#watcher.watch(() => {
      const isDone = this.#port.isFlushed(number) || (this.#supervisor.hasEnded && this.#port.used === 0)
      if (!isDone && !this.#supervisor.isOver && !hasStopped()) return false
      process.nextTick(callback, isDone ? undefined : this.#leftError('flush'))
      return true
    })
  }

  /**
   * Waits until everything written so far is delivered, without an event loop.
   *
   * @param patienceMs longest time without progress, in milliseconds; default: the option `exitTimeout`
   * @returns false if that time ran out, or nobody will take the lines
   */
  flushSync (patienceMs: number = this.#settings.exitTimeout): boolean {
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
    this.#producer.tryPublishNotice()
    this.#supervisor.end()
    const hasStopped = this.#progressWatch(this.#settings.exitTimeout)
    this.#watcher.watch(() => {
      if (this.#supervisor.hasEnded) this.#finish()
      if (this.#isClosed) return true
      if (this.#supervisor.isOver && !this.#supervisor.hasEnded) this.#close()
      else if (!this.#supervisor.hasEnded && hasStopped()) this.#giveUp()
      return this.#isClosed
    })
  }

  /** A look that says whether nothing has moved for `patienceMs`. */
  #progressWatch (patienceMs: number): () => boolean {
    let progress = this.#port.progress
    let since = performance.now()
    return () => {
      const now = performance.now()
      if (this.#port.progress !== progress) {
        progress = this.#port.progress
        since = now
      }
      return now - since > this.#port.patience(patienceMs)
    }
  }

  #giveUp (): void {
    this.onWarning(this.#leftError('end'))
    this.#supervisor.abandon()
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
    const number = this.#supervisor.reopen()
    if (typeof callback !== 'function') return
    this.#watcher.watch(() => {
      const isDone = this.#supervisor.hasReopened(number)
      if (!isDone && !this.#supervisor.isOver) return false
      process.nextTick(callback, isDone ? undefined : codedError('ERR_PINO_PINNED_ENDED', 'reopen: the writer has ended'))
      return true
    })
  }

  /** Starts a writer again after it failed for good. */
  restart (): void {
    if (this.#isEnding || !this.#supervisor.restart()) return
    this.#error = null
    this.#isClosed = this.#isDestroyed = this.#isReady = false
    this.#port.open()
  }

  stats (): Stats {
    const port = this.#port
    const supervisor = this.#supervisor
    return {
      linesWritten: port.linesWritten,
      bytesWritten: port.bytesWritten,
      linesAccepted: port.linesAccepted,
      linesDropped: port.linesDropped,
      droppedByLevel: port.droppedByLevel,
      bytesDropped: port.bytesDropped,
      linesSkipped: port.linesSkipped,
      capacity: port.ring.capacity,
      used: port.used,
      highWater: port.highWater,
      restarts: supervisor.restarts,
      pinned: supervisor.pinned,
      writerState: supervisor.state,
      writerCpuMs: supervisor.cpuMs
    }
  }

  /** Lets the writer's thread hold the process, as a ThreadStream does until `unref`. */
  ref (): void { this.#supervisor.ref() }

  unref (): void { this.#supervisor.unref() }

  /** The writer's thread; another one after a restart. */
  get worker (): Worker { return this.#supervisor.worker }

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

  /** @internal The sink failed for good: lines are dropped and counted from now on. */
  onFailed (error: Error): void {
    this.#error = error
    process.nextTick(() => { // later, as above
      if (this.listenerCount('error') > 0) this.emit('error', error)
      else this.onWarning(error)
    })
    this.#close()
  }

  /** @internal */
  onEnded (): void {
    this.#finish()
    this.#close()
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
    if (this.#needsDrain && this.#port.used <= this.#port.ring.capacity / 2 && !this.#supervisor.isOver) {
      this.#needsDrain = false
      this.emit('drain')
    }
    const isUntold = this.#port.linesDropped > this.#told.lines
    if ((this.#needsDrain || isUntold || this.#producer.hasUntold) && !this.#isClosed) this.#tickSoon()
  }

  #tellDrops (everyMs: number): void {
    const { linesDropped, bytesDropped, droppedByLevel } = this.#port
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

/** pino writes strings. Whatever else somebody writes becomes text as far as it can; `write` does not throw. */
function textOf (line: unknown): string | Uint8Array {
  if (typeof line === 'string' || line instanceof Uint8Array) return line
  try {
    return String(line)
  } catch {
    return '[unprintable]'
  }
}
