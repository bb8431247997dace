import { existsSync } from 'node:fs'
import { setTimeout } from 'node:timers'
import { SHARE_ENV, Worker, type WorkerOptions } from 'node:worker_threads'
import { addon } from '../affinity/addon'
import { clockMs } from '../clock'
import { codedError } from '../errors'
import { nameOfSink } from '../option-sink'
import type { Settings } from '../options'
import { Command, WriterState, WriterWord, type Ring } from '../ring/layout'
import type { WriterData, WriterMessage } from '../writer-data'
import { tellGuests } from './sharing/announce'
import { type Totals, totalsOf } from './counts'
import { type Handle, makeHandle, type Sharing } from './sharing/handle'
import { addOwnWriter, removeOwnWriter } from './sharing/own-writers'
import { awaitExit } from './ending-thread'
import { standAgain } from './process-exit'
import { Deaths, growingPauseMs, LONGEST_PAUSE_MS } from './deaths'
import { heapLimits } from './heap-limits'
import { claimEnd, letEndGo } from './kept-end'
import { type Lack, Lacks } from './lacks'
import { type OsThreads } from './os-threads'
import { withoutPreloads, withPreloads } from './preloads'
import { Roster } from './roster'
import { startThread } from './start-thread'
import { isConfig, strongReference, type SupervisorHost } from './supervisor-host'
import type { ProducerStats, WriterAccess, WriterStateName } from './writer-access'
import { WriterBlock } from './writer-block'
import { asError, inWords, type InWords, notStartedNow } from './writer-errors'

/** How long a thread may take to come up where the system can't be asked for it: with thirty others on two cores it has taken half a second. */
const CLAIM_PATIENCE_MS = 3000

/** Which thread-stream's messages we speak: targets look here before they send events of their own. */
const CONTEXT = { threadStreamVersion: '4.2.1' }

/** Starts the writer, watches it, and starts another on the same rings when it dies. */
export class Supervisor extends WriterBlock implements WriterAccess {
  readonly #settings: Settings
  readonly #cores: number[] | null
  readonly #sharing: Sharing
  readonly #ring: Ring
  /** The rings of other threads. */
  readonly #roster: Roster
  /** Held weakly from when the writer is up, or will never be: until then somebody may wait for the stream to say which. */
  #host: Pick<WeakRef<SupervisorHost>, 'deref'>
  /** Called when there is no writer and none will come, also when the host is gone. */
  onClosed: () => void = () => {}
  #worker!: Worker
  /** The generation of the last writer that the application terminated. */
  #terminated = 0
  #threads!: OsThreads
  #generation = 0
  #restarts = 0
  readonly #deaths: Deaths
  readonly #lacks = new Lacks(this.block)
  #startedAt = 0
  #reason: Error | undefined
  /** Set while a dead writer is not replaced yet: not before this time (`performance.now`). */
  #restartAt: number | undefined
  #isFailed = false
  #isClosed = false
  #isRef = false
  #isShared = false
  #isEndWanted = false
  /** Of what `WriterWord.WarnedOf` counts, as many have been heard of. */
  #heardOf = 0
  /** The last message that the stream sent to the target, for its successor. */
  #config: unknown

  constructor (block: SharedArrayBuffer, ring: Ring, settings: Settings, cores: number[] | null, host: SupervisorHost, sharing: Sharing) {
    super(block)
    // A target may wait for anything.
    Atomics.store(this.block, WriterWord.SaysIfWaiting, settings.sink.kind === 'fd' ? 1 : 0)
    this.#sharing = sharing
    this.#ring = ring
    this.#roster = new Roster(`pino-pinned/${process.pid}/${Math.random().toString(36).slice(2)}`, this.block, () => this.#orderEnd(), settings.sink.kind === 'target' ? (message) => this.#postFor(message) : undefined)
    this.#settings = settings
    this.#deaths = new Deaths(settings.maxRestarts)
    this.#cores = cores
    this.#host = strongReference(host)
    if (sharing.key !== null) this.#roster.open() // the writer may have rings to tell of as soon as it is up
    this.#start()
  }

  get worker (): Worker { return this.#worker }
  get restarts (): number { return this.#restarts }
  override get isUp (): boolean { return this.#restartAt === undefined && super.isUp }

  /** Nobody will take another line, unless `restart` is called. */
  get isOver (): boolean { return this.#isFailed || this.#isClosed || this.writerState >= WriterState.Ended }

  /** Writers failed for good, and the host has heard why. */
  get hasFailed (): boolean { return this.#isFailed }

  /** The writer has taken everything and closed its sink. */
  get hasEnded (): boolean { return this.writerState === WriterState.Ended }

  get closingTarget (): string | undefined {
    const isClosing = Atomics.load(this.block, WriterWord.Closing) === this.#generation && !this.hasEnded
    return isClosing ? nameOfSink(this.#settings.sink) : undefined
  }

  get untold (): number {
    return Atomics.load(this.block, WriterWord.Untold) + ((Atomics.load(this.block, WriterWord.WarnedOf) - this.#heardOf) | 0)
  }

  /** The writer's thread is gone, and no other will come. */
  get isClosed (): boolean { return this.#isClosed }

  override get state (): WriterStateName {
    if (this.#isFailed) return 'failed'
    return this.#restartAt === undefined ? super.state : 'restarting'
  }

  /** The owner's ring, since before there was a writer. */
  get isTakenIn (): boolean { return true }
  get othersProgress (): number { return this.#roster.progress }
  get othersLinesLeft (): number { return this.#roster.linesLeft }
  get hasGuests (): boolean { return this.#roster.rings.length > 0 }
  others (): { totals: Totals, producers: ProducerStats[] } { return this.#roster.stats() }

  /** Lets other threads attach rings. Returns what they need for it. */
  share (): Handle {
    if (!this.#isShared) addon?.storeAtThreadExit(this.block, WriterWord.OwnerGone, 1)
    this.#isShared = true
    if (!this.isOver) this.#roster.open()
    if (!this.#isClosed) addOwnWriter(this.#roster.channelName, this)
    return this.#handle
  }

  get #handle (): Handle {
    return makeHandle(this.block.buffer as SharedArrayBuffer, this.#roster.channelName, this.#settings, this.#sharing.isPassedOn)
  }

  /** Tells the writer to take everything to the sink, close it and end; first of all the rings that it may not know yet. */
  end (): void {
    this.#isEndWanted = true
    this.#roster.look()
    this.#orderEnd()
  }

  #orderEnd (): void {
    if (!this.#isEndWanted) return
    if (!this.#roster.areTakenIn) {
      this.#roster.announceAgain()
      return
    }
    Atomics.store(this.block, WriterWord.Command, Command.End)
    this.wake()
  }

  holdIdle (): boolean { return this.#host.deref()?.holdIdle() ?? false }

  /** To the target, in its thread. */
  post (message: unknown, transferList?: readonly unknown[]): void {
    if (isConfig(message)) this.#config = message
    this.#worker.postMessage(message, transferList as [])
  }

  /** For a stream of another thread. What pino says of itself a target is to hear once. */
  #postFor (message: unknown): void {
    if (!isConfig(message) || this.#config === undefined) this.post(message)
  }

  ref (): void {
    this.#isRef = true
    this.#worker.ref()
  }

  unref (): void {
    this.#isRef = false
    this.#worker.unref()
  }

  /** The writer has ended with the process: what other threads log now, they have to themselves. */
  letOthersGo (): void { this.#roster.close() }

  /** Ends the thread as it stands: its time to end by itself ran out. */
  abandon (): void {
    this.#closed()
    this.#worker.terminate().catch(() => {}) // it was ending already
  }

  /**
   * For those who wait without an event loop: if the writer is known to be gone, starts another right now. The event that
   * would tell of the death can't arrive while they wait.
   */
  keepAlive (): void {
    if (this.isOver) return
    this.#roster.look()
    if (this.#isEndWanted && Atomics.load(this.block, WriterWord.Command) !== Command.End) this.#orderEnd()
    // Asked again: it may have ended as it was told to, and gone, since the first look.
    if (this.#restartAt === undefined && this.#isKnownGone() && !this.isOver) this.#died(new Error('the writer thread is gone'))
    if (this.#restartAt !== undefined && clockMs() >= this.#restartAt) this.#restart()
  }

  /**
   * Starts a writer again after the last one failed for good.
   *
   * @returns false if it did not, or has been ended
   */
  restart (): boolean {
    if (this.#isClosed || this.hasEnded || !this.isOver) return false
    this.#isFailed = false
    this.#deaths.forget()
    this.#lacks.forget()
    this.#restart()
    this.#tellState()
    return true
  }

  #isKnownGone (): boolean {
    if (Atomics.load(this.block, WriterWord.Gone) === this.#generation || this.#hasTakenBack()) return true
    if (addon !== undefined || process.platform !== 'linux') return false
    const thread = Atomics.load(this.block, WriterWord.ThreadId)
    return thread > 0 && !existsSync(`/proc/self/task/${thread}`)
  }

  /**
   * A thread can die before it has any way to tell. So one that is gone, or has not claimed the rings in good time, loses
   * its right to them, and may be replaced: should it come up after all, it ends at once.
   */
  #hasTakenBack (): boolean {
    const offer = this.#generation * 2
    if (Atomics.load(this.block, WriterWord.Claim) !== offer) return false
    const patienceMs = Math.min(CLAIM_PATIENCE_MS * 2 ** this.#deaths.inRow, LONGEST_PAUSE_MS) * this.#threads.patience
    if (clockMs() - this.#startedAt < patienceMs && !this.#threads.areGone) return false
    // Pairs with the compare-exchange in the writer's main.ts: one of the two has the rings.
    return Atomics.compareExchange(this.block, WriterWord.Claim, offer, 0) === offer
  }

  #start (): void {
    const generation = ++this.#generation
    this.#startedAt = clockMs()
    Atomics.store(this.block, WriterWord.ThreadId, 0)
    Atomics.store(this.block, WriterWord.State, WriterState.Starting)
    Atomics.store(this.block, WriterWord.Generation, generation)
    Atomics.store(this.block, WriterWord.Claim, generation * 2)
    claimEnd(this.#roster.channelName, this.#settings.sink)
    this.#lacks.starts()
    const { worker, threads } = startThread(this.block, this.#cores, this.#workerOptions())
    this.#threads = threads
    this.#worker = worker
    worker.terminate = () => {
      this.#terminated = generation
      return Worker.prototype.terminate.call(worker)
    }
    worker.on('message', (message: WriterMessage) => this.#received(generation, message))
    worker.on('error', (error: unknown) => { if (generation === this.#generation) this.#reason = error as Error })
    worker.on('exit', (code) => this.#exited(generation, code))
    // After the listeners: adding one for messages later would hold the process again.
    if (!this.#isRef) worker.unref()
    if (this.#config !== undefined) worker.postMessage(this.#config)
  }

  #workerOptions (): WorkerOptions {
    const { sink, worker, wait, order, dropNotice, onFull, name } = this.#settings
    this.#roster.look()
    const isBlameless = this.#terminated === this.#generation - 1
    const data: WriterData = {
      block: this.block.buffer as SharedArrayBuffer,
      ring: this.#ring.shared,
      attached: this.#roster.announcements,
      channel: this.#roster.channelName,
      generation: this.#generation,
      sink: sink.kind === 'fd' ? sink : { kind: 'target', filename: sink.filename, usesMultistream: sink.usesMultistream },
      wait,
      order,
      dropNotice,
      onFull,
      name,
      cores: this.#cores,
      isCareful: this.#deaths.callForCare && !isBlameless,
      isBlameless,
      isHeir: this.#sharing.isHeir,
      shared: this.#sharing.key === null ? undefined : { key: this.#sharing.key, handle: this.#handle }
    }
    if (sink.kind === 'fd') return { name, env: SHARE_ENV, ...withoutPreloads(), workerData: data } // to copy it takes time
    return { name, ...withPreloads(worker), ...worker, resourceLimits: heapLimits(worker.resourceLimits), workerData: { ...data, workerData: { $context: CONTEXT, ...sink.options } } }
  }

  #received (generation: number, message: WriterMessage): void {
    const host = this.#host.deref()
    switch (message?.code) {
      case 'READY':
        standAgain()
        this.#letHostGo()
        this.#roster.look()
        this.#roster.announceAgain()
        return host?.onReady()
      case 'RINGS': return this.#roster.look()
      case 'EVENT': return host?.onEvent(message.name, Array.isArray(message.args) ? message.args : [message.args])
      case 'WARNING': {
        const isTargets = message.details === undefined
        host?.onWarning(Object.assign(asError(message.err), message.details), isTargets)
        // When that has been told: whoever listens may leave before.
        if (!isTargets) process.nextTick(() => { this.#heardOf += message.lines ?? 0 })
        return
      }
      case 'ERROR':
        if (generation !== this.#generation) return // what its successor does is what counts
        this.#reason = Object.assign(asError(message.err), message.details)
        awaitExit(this.#worker)
        if (message.isFinal === true) this.#fail(this.#reason)
        else if (message.isFinal === undefined) Worker.prototype.terminate.call(this.#worker).catch(() => {}) // the target's own word for having failed
    }
  }

  #exited (generation: number, code: number): void {
    if (this.#isClosed) this.#settleState()
    if (this.isOver) letEndGo(this.#roster.channelName, this.#worker)
    if (generation !== this.#generation || this.#isClosed || this.#restartAt !== undefined) return
    if (this.hasEnded) {
      this.#closed()
      return this.#host.deref()?.onEnded()
    }
    const reason = this.#reason ?? codedError('ERR_PINO_PINNED_WRITER_EXIT', 'the worker thread exited', { exitCode: code })
    if (this.isOver) this.#fail(reason) // it was ended before it could say why
    else this.#died(reason)
  }

  /** Plans the next start. Lines wait in the ring meanwhile. */
  #died (reason: Error): void {
    awaitExit(this.#worker)
    this.#reason = undefined
    const lack = this.#lacks.behind(reason)
    if (lack !== undefined) return this.#waitFor(lack)
    this.#lacks.forget()
    const all = [totalsOf(this.#ring), this.others().totals]
    const pauseMs = this.#deaths.add(this.#rings, all, this.isStalled, this.#startedAt)
    if (pauseMs === undefined) {
      const { inRow } = this.#deaths
      return this.#fail(inRow === 1 ? reason : new Error(`the writer died ${inRow} times without getting a line through; the last time: ${reason.message}`, { cause: reason }))
    }
    this.#restarts++
    this.#restartIn(pauseMs)
    this.#host.deref()?.onRestart(this.#restarts, reason, nameOfSink(this.#settings.sink))
  }

  #restartIn (pauseMs: number): void {
    const restartAt = clockMs() + pauseMs
    this.#restartAt = restartAt
    // The timer's word is enough: it may come a little before that time by this clock, and it comes once.
    setTimeout(() => { if (this.#restartAt === restartAt && !this.isOver) this.#restart() }, pauseMs).unref()
  }

  #waitFor (lack: Lack): void {
    if (!this.#lacks.isKnown) this.#host.deref()?.onWarning(notStartedNow(lack, nameOfSink(this.#settings.sink)))
    this.#restartIn(growingPauseMs(this.#lacks.found(lack)))
  }

  #letHostGo (): void {
    const host = this.#host.deref()
    if (host !== undefined) this.#host = new WeakRef(host)
  }

  get #rings (): Ring[] { return [this.#ring, ...this.#roster.rings] }

  #restart (): void {
    this.#restartAt = undefined
    const lack = this.#lacks.look()
    if (lack !== undefined) return this.#waitFor(lack)
    try {
      this.#start()
    } catch (error) {
      this.#died(error as Error) // no thread to be had now
    }
  }

  #closed (): void {
    this.#isClosed = true
    this.#letHostGo()
    this.#roster.close()
    letEndGo(this.#roster.channelName, this.#worker)
    removeOwnWriter(this.#roster.channelName)
    // One that was given up is at work until its thread has exited: rings must not go on to another before.
    if (!this.#sharing.isPassedOn) this.#settleState()
    this.#tellState()
    this.onClosed()
  }

  /** The writer is closed, and did not get to say so. */
  #settleState (): void {
    if (this.writerState < WriterState.Ended) Atomics.store(this.block, WriterWord.State, this.#sharing.isPassedOn ? WriterState.Ended : WriterState.Failed)
    this.#tellState()
  }

  /** Streams of other threads look at the state now. */
  #tellState (failed: InWords | null = null): void {
    if (this.#isShared) tellGuests(this.#roster.channelName, { failed })
  }

  #fail (error: Error): void {
    if (this.#isFailed) return
    this.#isFailed = true
    this.#letHostGo()
    letEndGo(this.#roster.channelName, this.#worker)
    Atomics.store(this.block, WriterWord.State, WriterState.Failed) // also when there is no writer that could say so
    this.#tellState(inWords(error))
    this.#host.deref()?.onFailed(error)
  }
}
