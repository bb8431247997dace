import type { Consumer } from '../ring/consumer'
import { nameOf } from '../errno'
import { Patience } from '../patience'
import type { FdSink as FdSinkSettings } from '../options'
import { FdSink, type SystemError } from './fd-sink'
import { isUnexpected, pausesOf, remedyOfOpen, remedyOfWrite } from './sink-errors'
import type { RingOutlet } from './rings'
import type { WriterThread } from './thread'
import { Turns } from './turns'

/** A batch of less is worth waiting for more: a system call costs as much as copying some ten kilobytes. */
const MUCH_BYTES = 32 * 1024
/** Each pause is this much longer than the one before. */
const PAUSE_GROWTH = 1.5
/** What failed within this time of working again is the same trouble, and told already. */
const QUIET_MS = 1000
/** How long the rest of a line is awaited that an owner's thread took away with it: threads look ten times a second. */
const REST_PATIENCE_MS = 500

/** Takes lines to a file descriptor in a plain loop, without an event loop, until told to end. */
export class FdWriter {
  readonly #thread: WriterThread
  readonly #sink: FdSink
  readonly #fsync: boolean
  /** After a batch of so many bytes there may be another already. */
  readonly #much: number
  /** The pause after the next failure; 0 while the sink takes lines. */
  #pauseMs = 0
  /** Until when no error is told: for ever while the sink takes nothing because of one that was. */
  #quietUntil = 0
  #hasWarnedOfSync = false

  readonly #turns: Turns

  constructor (thread: WriterThread, settings: FdSinkSettings) {
    this.#thread = thread
    this.#turns = new Turns(thread, ({ consumer }) => this.#deliver(consumer))
    this.#sink = new FdSink(settings, thread.isSuccessor, thread.data.channel)
    this.#fsync = settings.fsync
    if (thread.isStalled) this.#quietUntil = Infinity // the writer before this one has told
    this.#much = Math.min(MUCH_BYTES, thread.outlets[0]!.consumer.ring.capacity / 8)
  }

  /** Returns when the owner said so and everything is written, or when the sink failed for good. */
  run (): void {
    const thread = this.#thread
    try {
      if (this.#sink.wasLeftDeleted) for (const { consumer } of thread.outlets) consumer.rewind(true)
      this.#open()
      thread.ready()
      // What a writer before this one left half written comes first.
      for (const outlet of thread.outlets) if (outlet.consumer.gatherUnderWay()) this.#takeGathered(outlet)
      this.#awaitRest()
      // Before the look at the order to end: one that comes meanwhile must not be slept through.
      for (thread.waiter.begin(); !this.#isDone; thread.waiter.begin()) {
        this.#turns.tookIn(thread.takeRings())
        if (thread.wantsReopen && !this.#isInsideLine) this.#reopen()
        const taken = this.#drain()
        if (taken > 0) thread.waiter.worked()
        else if (this.#turns.isHolding) thread.waiter.hold()
        else thread.waiter.idle(thread.hasNothingToTake)
        if (taken > 0 && taken < this.#much) thread.waiter.rest()
      }
      this.#turns.end()
      this.#sink.close()
      thread.ended()
    } catch (error) {
      // Only what the system said is the sink's doing. Anything else kills this thread, and another takes over.
      if ((error as SystemError).syscall === undefined) throw error
      this.#sink.close()
      thread.fail(error as Error)
    }
  }

  /** The owner has said so, and everything is written, also what others have left meanwhile. */
  get #isDone (): boolean {
    if (!this.#thread.isEnding) return false
    this.#turns.tookIn(this.#thread.takeLeft())
    return this.#thread.isDrained
  }

  /** A file that another owner's writer left inside a line: the ring with the rest of it will come soon, or the line is ended. */
  #awaitRest (): void {
    const thread = this.#thread
    if (!thread.data.isHeir || this.#turns.hasBegun || !this.#sink.endsInsideLine) return
    const patience = new Patience()
    while (!this.#turns.hasBegun && !thread.isEnding && patience.look() < REST_PATIENCE_MS) {
      this.#turns.tookIn(thread.takeRings())
      thread.waiter.hold()
    }
    if (!this.#turns.hasBegun) this.#sink.endLine()
  }

  /** One batch of each ring. Returns the bytes of the largest. */
  #drain (): number {
    const { outlets } = this.#thread
    const most = this.#turns.round((outlet, until, mostLines) => {
      const { consumer } = outlet
      if (!consumer.gatherUnderWay()) return consumer.gather(mostLines, until) ? this.#takeGathered(outlet) : 0
      // Under another owner's writer; what the sink has of a line is not its end any more if another ring's came behind it.
      if (!this.#turns.isLast(outlet) && consumer.isTakenInsideLine) consumer.rewind(false)
      return this.#takeGathered(outlet)
    })
    for (const outlet of outlets) outlet.answerFlush()
    this.#turns.endGone()
    this.#thread.giveBackRings()
    return most
  }

  /** Returns the bytes of the ring that the batch took. */
  #takeGathered (outlet: RingOutlet): number {
    const { consumer } = outlet
    // Left by a writer before this one, in a file that was emptied since.
    if (consumer.isTakenInsideLine && this.#sink.size === 0) consumer.rewind(false)
    const taken = Math.max(1, consumer.held) // a batch that only closes a line holds nothing
    this.#turns.had(outlet)
    this.#deliver(consumer)
    return taken
  }

  #deliver (consumer: Consumer): void {
    const sink = this.#sink
    do {
      while (consumer.hasBatch) {
        const taken = sink.write(consumer.ring, consumer.batchStart, consumer.batchStop)
        if (taken > 0) {
          consumer.took(taken, sink.storesTaken)
          if (this.#pauseMs > 0) this.#resumed()
        } else {
          this.#waitOut(taken, consumer)
        }
      }
    } while (this.#wasLost(consumer))
    if (this.#fsync) this.#sync()
    consumer.release()
    this.#thread.took()
  }

  /** Whether the batch went into a file that is on no path any more; then the file is made again and the batch repeated. */
  #wasLost (consumer: Consumer): boolean {
    if (!this.#sink.isDeleted) return false
    consumer.rewind(true)
    this.#open()
    return true
  }

  #sync (): void {
    try {
      this.#sink.sync()
      this.#hasWarnedOfSync = false
    } catch (error) {
      // What a failed fsync leaves behind nobody can tell: the kernel may have given the pages up. Say so once and go on.
      const { errno } = error as SystemError
      if (!this.#hasWarnedOfSync) this.#thread.warn(Object.assign(error as SystemError, { code: nameOf(errno) }))
      this.#hasWarnedOfSync = true
    }
  }

  #waitOut (errno: number, consumer: Consumer): void {
    if (this.#wasLost(consumer)) return // now: without the addon a successor could not tell
    const code = nameOf(errno)
    const pause = (): void => { this.#pause(code, errno) }
    switch (remedyOfWrite(code, this.#sink.kind)) {
      case 'wait': {
        const { size } = this.#sink
        pause()
        // Somebody has made room in the file itself, and taken the beginning of the line under way.
        if (this.#sink.size < size) consumer.rewind(false)
        if (this.#thread.wantsReopen) {
          // The line under way begins anew in the new file; what the old one has of it must not be all there is.
          this.#reopen()
          if (this.#sink.isPath && !this.#sink.isSameFile) consumer.rewind(false)
        }
        return
      }
      case 'next-reader':
        // What the pipe holds waits there for the next reader, as long as we keep it open. But he must not begin in the
        // middle of the line under way: if the one who left has read into it, it is all that the pipe holds, and begins
        // anew. And a pipe on no path any more will get no reader.
        if (this.#isReadInto(consumer) || this.#sink.isUnlinked) this.#openForLine(consumer, pause)
        else pause()
        return
      case 'reopen': {
        const number = this.#thread.reopenWanted
        if (isUnexpected(code, 'write')) this.#tell(code, errno)
        this.#openForLine(consumer, pause)
        this.#thread.reopened(number)
        return
      }
      case 'final':
        throw this.#sink.error(code, errno)
    }
  }

  /**
   * Whether somebody who has left had read the beginning of the line under way from the pipe, or may have. One who has come
   * since may have read it too, and goes on reading: asked in this order, he is seen.
   */
  #isReadInto (consumer: Consumer): boolean {
    return consumer.isTakenInsideLine && this.#sink.unreadBytes < consumer.takenOfLine && !this.#sink.hasReader
  }

  /**
   * Opens the sink again. The line under way goes on in the file that has its beginning; in any other it starts anew.
   *
   * @param pause waits between closing and opening: a descriptor that is finished keeps a file system from being repaired,
   *   and the number of one that somebody closed may be another file's by the end of it
   */
  #openForLine (consumer: Consumer, pause: () => void): void {
    const { isFile, size } = this.#sink
    // Before: it may take long, and a successor of this thread must find it so.
    if (!isFile) consumer.rewind(false)
    this.#sink.close()
    pause()
    this.#open()
    const isShorter = this.#sink.size < size // cut by somebody, or by a repair
    if (!this.#sink.isSameFile || isShorter) consumer.rewind(false)
    if (isShorter && this.#sink.endsInsideLine) this.#sink.endLine()
  }

  /** Opens the sink, waiting as long as the table says that it may still open. */
  #open (): void {
    for (;;) {
      try {
        this.#sink.open()
        return
      } catch (error) {
        const { errno } = error as SystemError
        const code = nameOf(errno)
        if (remedyOfOpen(code, this.#sink) === 'final') throw Object.assign(error as SystemError, { code })
        if (isUnexpected(code, 'open')) this.#tell(code, errno)
        this.#pause(code, errno)
        this.#thread.waits()
      }
    }
  }

  /** Whether a line came in parts and the rest is still to come: a file must not end there. */
  get #isInsideLine (): boolean {
    return this.#thread.outlets.some(({ consumer }) => consumer.isInsideLine)
  }

  /** The owner wants the path opened again: logrotate has moved the file. */
  #reopen (): void {
    // Which order is carried out is settled before, and told after: one that comes meanwhile may mean a later file.
    const number = this.#thread.reopenWanted
    if (this.#sink.isPath) this.#open()
    this.#thread.reopened(number)
  }

  #pause (code: string, errno: number): void {
    const pauses = pausesOf(code)
    // Of several errors that take turns (one of opening, one of writing) none is tried more often than one alone.
    this.#pauseMs = Math.min(Math.max(this.#pauseMs, pauses.first), pauses.longest)
    this.#thread.setStalled(Math.abs(errno))
    this.#thread.waiter.pause(this.#pauseMs)
    this.#thread.answer()
    this.#pauseMs *= PAUSE_GROWTH
    for (const outlet of this.#thread.outlets) outlet.consumer.look() // keeps the high water true
  }

  /** Tells of an error that is waited out, and not again with each try. */
  #tell (code: string, errno: number): void {
    const isTold = performance.now() < this.#quietUntil
    this.#quietUntil = Infinity
    if (!isTold) this.#thread.warn(this.#sink.error(code, errno, ', and tries again until it can'))
  }

  #resumed (): void {
    this.#pauseMs = 0
    if (this.#quietUntil === Infinity) this.#quietUntil = performance.now() + QUIET_MS
    this.#thread.setStalled(0)
  }
}
