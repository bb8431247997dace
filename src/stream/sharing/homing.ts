import { setTimeout } from 'node:timers'
import { type BroadcastChannel, isMainThread } from 'node:worker_threads'
import { codedError } from '../../errors'
import { createRing, LEAST_CAPACITY_BYTES } from '../../ring/layout'
import type { Settings } from '../../options'
import { release } from './claims'
import type { Connection } from '../connection'
import { Guest, openGuestWords } from './guest'
import type { Handle } from './handle'
import { HomeSearch } from './home-search'
import { Homeless } from './homeless'
import { HostQuestion } from './host-question'
import { keepRing, letRingGo } from './keeping'
import { inheritedHandle, isUsable, offer } from './offer'
import { Port } from '../port'
import { addLeaver, type Leaver, removeLeaver } from '../process-exit'
import type { RingStream } from '../ring-stream'
import { leaveOnSignals, onSignals, type SignalLeaver } from '../signals'
import { startWriter } from '../start-writer'
import { isConfig } from '../supervisor-host'
import type { WriterAccess } from '../writer-access'

/** When no thread is to be had for a writer, it is tried again so soon. */
const TRY_AGAIN_MS = 250
/** Whoever has claimed a writer tells of it at once, and so does that writer when it is up. */
const HANDLE_PATIENCE_MS = 10_000

/** Ends what a stream had that the application forgot: its writer gives the ring back. */
const forgotten = new FinalizationRegistry<Homing>((homing) => homing.forget())

/**
 * A stream's way to the writer that the threads of the process share, wherever that is. Its ring takes lines from the first
 * moment, and goes from writer to writer: it attaches to the one there is, or makes one if this thread is the one to do so;
 * and when that writer has ended with its owner, it looks for the next.
 */
export class Homing implements Leaver, SignalLeaver {
  readonly #key: string
  readonly #settings: Settings
  readonly #port: Port
  readonly #stream: WeakRef<RingStream>
  /** The same, while a writer is looked for: the application may hold nothing but lines in the ring. */
  #held: RingStream | undefined
  #writer: WriterAccess
  #handle: Handle | undefined
  #search: HomeSearch | undefined
  /** Nobody asked for it: the main thread is asked to make the writer, which outlives the others. */
  readonly #asksHost: boolean
  /** If that does not, it makes its own, for nobody else: what a target has buffered goes with its thread. */
  readonly #isAlone: boolean
  /** Of a writer of its own that no other thread may have. */
  #ownHandle: (() => Handle) | undefined
  #isConnected = false
  #isOwner = false
  #isEnding = false
  /** What pino told a target, for the next one too. */
  #config: unknown
  #forgetSignals: Array<() => void> = []

  constructor (stream: RingStream, settings: Settings, key: string) {
    this.#key = key
    this.#asksHost = settings.share === 'unasked' && !isMainThread
    this.#isAlone = this.#asksHost && settings.sink.kind === 'target'
    this.#settings = settings
    this.#stream = new WeakRef(stream)
    const ring = createRing(Math.max(settings.capacity, LEAST_CAPACITY_BYTES))
    keepRing(ring, key, settings.sink)
    this.#writer = new Homeless(ring, () => this.#look())
    this.#port = new Port(ring, this.#writer.block, this.#writer, { ...settings, patienceMs: stream.patienceMs(settings) })
    const found = inheritedHandle(key)
    if (found === undefined || !this.#join(found)) this.#leaveHome(false)
    addLeaver(this)
    // An owner says what becomes of them in other threads.
    if (isMainThread) {
      const { flushOnSignal, reopenOnSignal } = settings
      this.#forgetSignals = [leaveOnSignals(flushOnSignal, this), onSignals(reopenOnSignal, 'reopenOnSignal', () => this.#writer.reopen())]
    }
    forgotten.register(stream, this, this)
    stream.once('close', () => this.#stop())
    if (settings.sink.kind === 'target') stream.on('message', (message: unknown) => this.#post(message))
  }

  /** What the stream is made with. */
  connect (): Connection {
    this.#isConnected = true
    return this.connection
  }

  get connection (): Connection {
    const { exitTimeout, sync, bufferSize, sink } = this.#settings
    return { port: this.#port, writer: this.#writer, exitTimeout, isTarget: sink.kind === 'target', bufferSize: sync ? undefined : bufferSize, handle: () => this.handle() }
  }

  /** Waits for a writer if there is none yet: whoever has claimed it is about to say where it is. */
  handle (): Handle {
    if (this.#ownHandle !== undefined) return this.#ownHandle()
    if (this.#search !== undefined) this.#port.waitFor(() => this.#search === undefined, HANDLE_PATIENCE_MS)
    if (this.#handle === undefined) throw codedError('ERR_PINO_PINNED_ENDED', 'handle: there is no writer')
    return this.#handle
  }

  hurry (): void { this.#port.hurry() }
  leave (): void { this.#port.leave() }

  /** Files answer nothing. */
  holdIdle (): boolean { return this.#settings.sink.kind === 'target' && this.#stream.deref()?.holdIdle() === true }

  /** What a thread leaves in its ring is not to be lost with the owner of a writer that may be gone the next moment. */
  leaveNow (): void {
    const port = this.#port
    if (!this.#writer.isOver) port.waitFor(() => port.producer.tryPublishNotice(), port.patienceLeftMs)
    this.#end()
    if (this.#handle?.isPassedOn === false && !this.#isOwner) return
    port.waitFor(() => this.#isOwner ? this.#writer.hasEnded : port.used === 0, port.patienceLeftMs)
  }

  forget (): void {
    this.#leaveProcess()
    this.#end()
    letRingGo(this.#port.ring)
  }

  #leaveProcess (): void {
    removeLeaver(this)
    for (const forget of this.#forgetSignals.splice(0)) forget()
  }

  #end (): void {
    this.#isEnding = true
    this.#writer.end()
  }

  #post (message: unknown): void {
    if (this.#isOwner) return // it does so itself
    if (isConfig(message)) this.#config = message
    if (!isConfig(message) || this.#writer instanceof Guest) this.#writer.post(message)
  }

  /** The stream has closed: nothing more will come of it. */
  #stop (): void {
    this.#leaveProcess()
    forgotten.unregister(this)
    this.#endSearch()
    if (this.#writer instanceof Guest) this.#writer.leave()
    if (!this.#isOwner) letRingGo(this.#port.ring)
  }

  #endSearch (): void {
    this.#search?.close()
    this.#search = undefined
    this.#held = undefined
  }

  /** From here on the stream is kept, until there is a writer. */
  #leaveHome (wasHome: boolean): void {
    this.#held = this.#stream.deref()
    const question = this.#asksHost ? new HostQuestion(this.#key, this.#settings) : undefined
    this.#search = new HomeSearch(this.#key, wasHome, question, this.#isAlone)
    this.#lookLater(this.#search)
  }

  #lookLater (search: HomeSearch): void {
    setTimeout(() => {
      if (this.#search !== search) return
      this.#look()
      if (this.#search === search) this.#lookLater(search)
    }, search.pauseMs).unref()
  }

  /** Looks for a writer: from the event loop, and from whatever waits without one. */
  #look (): void {
    const found = this.#search?.look()
    if (found === undefined) return
    if (!('handle' in found)) return this.#make(found.isHeir)
    try {
      this.#join(found.handle)
    } catch {} // it has no seat left now
  }

  /**
   * @returns false if that writer is over by now
   * @throws {RangeError} it has no seat left
   */
  #join (handle: Handle): boolean {
    const words = openGuestWords(handle)
    if (isUsable(handle)) {
      this.#enter(this.#guestOf(handle, words), handle)
      return true
    }
    words.close()
    return false
  }

  #guestOf (handle: Handle, words: BroadcastChannel): Guest {
    const { ring } = this.#port
    const moving = { ring, isPassedOn: handle.isPassedOn, onLost: () => this.#lost() }
    const guest = new Guest(handle, ring.capacity, words, moving)
    guest.listen({
      onState: () => {
        if (guest.isLost) this.#lost()
        else this.#stream.deref()?.onWriterState()
      },
      onEvent: (name, args) => this.#stream.deref()?.onEvent(name, args)
    })
    return guest
  }

  /** The writer has ended with its owner, or is gone with its owner's thread. */
  #lost (): void {
    if (this.#search !== undefined || !(this.#writer instanceof Guest)) return
    this.#writer.leave()
    // Of a stream that the application forgot there is nobody left who could own a writer.
    if (this.#stream.deref() === undefined) return
    this.#move(new Homeless(this.#port.ring, () => this.#look()))
    this.#leaveHome(true)
  }

  #enter (writer: Guest, handle: Handle): void {
    this.#handle = handle
    this.#move(writer)
    this.#endSearch()
  }

  #move (writer: WriterAccess): void {
    this.#takeOver(writer)
    this.#port.moveTo(writer, writer.block)
    this.#tellStream()
  }

  /** Each target hears who logs, and what came for it while there was none. */
  #takeOver (writer: WriterAccess): void {
    const before = this.#writer
    this.#writer = writer
    if (writer instanceof Homeless) return
    if (this.#config !== undefined) writer.post(this.#config)
    if (before instanceof Homeless) for (const message of before.messages.splice(0)) writer.post(message)
  }

  #tellStream (): void {
    // The stream that is being made is told by `connection`.
    if (this.#isConnected) this.#stream.deref()?.onMoved(this.connection)
    if (this.#isEnding) this.#writer.end()
  }

  /** This thread is the one to make the writer: the stream is its owner now. */
  #make (isHeir: boolean): void {
    const stream = this.#held!
    try {
      const connection = startWriter(stream, this.#settings, { key: this.#isAlone ? null : this.#key, isHeir }, this.#port)
      this.#isOwner = true
      if (this.#isAlone) this.#ownHandle = connection.handle
      else this.#handle = offer(stream, connection, this.#key, this.#settings.share === true)
      this.#takeOver(connection.writer)
    } catch (error) {
      release(this.#key, null, false)
      this.#notMade(stream, error as Error & { code?: string })
      return
    }
    this.#leaveProcess() // it leaves as an owner now
    forgotten.unregister(this)
    this.#endSearch()
    this.#tellStream()
  }

  #notMade (stream: RingStream, error: Error & { code?: string }): void {
    if (error.code?.startsWith('ERR_PINO_PINNED') !== true) {
      this.#search!.rest(TRY_AGAIN_MS) // no thread to be had now
      return
    }
    this.#writer.abandon()
    this.#endSearch()
    stream.onFailed(error)
  }
}
