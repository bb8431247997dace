/**
 * Shared memory, word by word: its place, its unit, and the one side that writes it.
 *
 * A **ring** is one SharedArrayBuffer between one producer and the writer:
 *
 *     control block | data (capacity) | slack | gather space
 *
 * A record starts inside the data region and is never split: the last one before the wrap runs on into the slack. The
 * gather space belongs to the writer, which joins payloads there before it hands them to the sink.
 *
 * A **writer block** is a second, small SharedArrayBuffer between everybody and the writer thread; a **thread block** a
 * third, for each other thread that has rings into the same writer.
 *
 * `i32` words are indexes into an Int32Array over the whole buffer, `f64` words into a Float64Array. Each side's words
 * keep two cache lines (128 bytes) to themselves, because processors prefetch lines in pairs.
 */

/** i32 words of the ring. */
export const enum RingWord {
  /** Bytes in the data region, a power of two. Written once, by the maker of the ring. */
  Capacity = 0,
  /**
   * Number of the ring among those of its writer; 0 is its owner's. Written by the producer's thread: once, and when the ring
   * goes on to another writer. (Of a ring that a writer makes of what a thread left, it writes the producer's words too.)
   */
  Id = 1,
  /**
   * 1 when the writer's owner has added up the counts of a ring that nobody will use any more. Written by the writer's owner;
   * by the addon, for the last thread that keeps the ring, when that leaves it: its counts go with what is in it.
   */
  Tallied = 2,
  /** 1 if the producer takes the ring to another writer when this one has ended. Written by the producer's thread, as `Id` is. */
  MovesOn = 3,
  /** Of the producer's thread, as `worker_threads` numbers them, if the ring is kept for a next writer. Written by that thread, once. */
  ThreadId = 4,

  /** Position after the last visible record, in bytes; runs on and wraps at 2^32. Written by the producer. */
  Published = 32,
  /** Number of the last flush asked for. Written by the producer's thread, answered in `Flushed`. */
  FlushWanted = 33,
  /** 1 while the producer waits for room and wants to be notified on `Released`. Written by the producer's thread. */
  ProducerWaits = 34,
  /** 1 when the producer will publish no more. Written by the producer's thread; by the writer when that thread is gone. */
  ProducerDone = 35,
  /** Position up to which the quick way may publish. Written by the producer, for its native half. */
  QuickEnd = 36,

  /** Position up to which space is given back. Written by the writer. */
  Released = 96,
  /** Which batch `BatchTaken` counts (`Consumer` says how); with any other value no batch is under way. Written by the writer. */
  BatchBase = 97,
  /** Bytes of the batch under way that the kernel has taken. Written by the writer. */
  BatchTaken = 98,
  /** Which of the two `RingCount.Totals` holds, 0 or 1; the other one is for the next release. Written by the writer. */
  TotalsSlot = 99,
  /** Number of the last flush done. Written by the writer. */
  Flushed = 100,
  /** Most bytes ever seen waiting in the ring. Written by the writer. */
  HighWater = 101,
  /** What a target has of the ring and has not let go of, 0 if nothing: a sum of `Fed` bits. Written by the writer. */
  Fed = 102,
  /**
   * The generation of the writer that took the ring in, 0 before the first, or `GIVEN_BACK`. Written by the writer; put back
   * to 0 by the producer's thread when it takes the ring to another writer, the one before being gone; and `GIVEN_BACK` by
   * the addon for the last thread that keeps the ring, when that leaves it.
   */
  Adopted = 103,
  /**
   * 1 when the writer has ended: what is published behind `Released` goes nowhere, and counts as dropped. Written by the
   * writer; once that has ended without having taken the ring in, or has gone with its owner's thread, by who finds it so.
   * Between lie its `RingCount`s.
   */
  Closed = 136
}

/** f64 words of the ring. */
export const enum RingCount {
  /**
   * Lines published. Written by the producer, beside `Published` so that a line dirties one cache line; by the writer when
   * the producer's thread is gone and the ring is empty.
   */
  LinesAccepted = 20,
  /** Lines dropped, one word for each of `LEVEL_SLOTS`. Written by the producer. */
  LinesDropped = 32,
  /** UTF-8 bytes of the lines dropped. Written by the producer. */
  BytesDropped = 40,

  /** Lines the sink has taken. Written by the writer. */
  LinesWritten = 52,
  /** Bytes the sink has taken, drop notices included. Written by the writer. */
  BytesWritten = 53,
  /** Lines given up by the writer: a producer died inside it, or it killed the target twice. Written by the writer. */
  LinesSkipped = 54,
  /**
   * What a successor goes on from, twice, `TOTALS_WORDS` each: position released, lines, bytes, lines skipped, how the
   * output ends (a sum of `Ending` bits), and the time that dates the next line. Written by the writer.
   */
  Totals = 56
}

export const TOTALS_WORDS = 6

/** How the output ends. */
export const enum Ending {
  AtLineStart = 0,
  /** The last byte is not a newline. */
  InsideText = 1,
  /** The last record was not the last of its line. */
  InsideLine = 2,
  /** That line was closed early: the rest of it goes nowhere. */
  InsideGivenUp = 4
}

/** What a target has and has not let go of. */
export const enum Fed {
  Nothing = 0,
  /** One line alone, to find the one that kills it. */
  Alone = 1,
  /** The same one again. */
  AloneAgain = 2,
  Lines = 4,
  /** The last of it is a line's beginning. */
  InsideLine = 8
}

/** i32 words of the writer block. */
export const enum WriterWord {
  /** Bumped (atomic add, then notify) by any thread that wants the writer to look: the one word with many writers. */
  Wake = 0,
  /** A `Command`. Written by the thread that owns the writer. */
  Command = 16,
  /** Number of the last `reopen` asked for. Written by the thread that owns the writer. */
  ReopenWanted = 17,
  /** Which start of the writer is the current one, from 1. Written by the thread that owns the writer. */
  Generation = 18,
  /** 1 if the writer always says when it waits for its sink, as it can of a descriptor. Written once, by the thread that owns the writer. */
  SaysIfWaiting = 19,
  /**
   * Whose the rings are: twice the generation while its thread may still claim them, one more when it has, 0 when the owner
   * took the offer back. Written by compare-exchange, by the owner and by a thread that claims; stored by the owner when the thread
   * has died before it could.
   */
  Claim = 24,
  /** A bump each time a ring is announced, or may be from now on. Written (atomic add) by any thread that announces one. */
  RingsAnnounced = 20,
  /** Rings attached so far, which numbers them. Written (atomic add) by the thread that attaches one. */
  RingsMade = 21,
  /** 1 when the thread that owns the writer is gone. Written as that thread's environment is torn down. */
  OwnerGone = 23,

  /** Lines that the log goes without and that warnings tell of, which the writer sent to its owner: a running count over all generations. Written by the writer. */
  WarnedOf = 47,
  /** A `WriterState`. Written by the writer; put back to `Starting` by its owner while there is no writer. */
  State = 48,
  /** The generation whose thread is up and has opened its sink. Written by the writer. */
  Opened = 49,
  /** The generation whose thread is known gone. Written as that thread's environment is torn down. */
  Gone = 50,
  /** Odd while the writer sleeps until woken (`wait: 'park'`), even while it is awake. Written by the writer. */
  Sleeping = 51,
  /** The OS thread's id, 0 where unknown. Written by the writer. */
  ThreadId = 52,
  /** Number of the last `reopen` done. Written by the writer. */
  Reopened = 53,
  /** errno (positive) that the sink is waiting out, 0 if none. Written by the writer; by its owner while no thread comes up for it. */
  Stalled = 54,
  /** Cores in `PinnedCores`, 0 = not pinned. Written by the writer. */
  PinnedCount = 55,
  /** A bump each time the target was seen at work on what it holds. Written by the writer. Between lies `WriterCount.CpuMs`. */
  TargetWork = 58,
  /** The generation that hears of every ring announced from now on. Written by the writer. */
  Listening = 59,
  /** The generation that is up and knows its sink: open, or there and not to be had yet, as a FIFO without a reader. Written by the writer. */
  Ready = 60,
  /** A bump each time the sink has taken something, of whichever ring. Written by the writer. */
  Taken = 61,
  /** The generation whose target has all lines and was told to end. Written by the writer. */
  Closing = 62,
  /** Lines that one of several targets would miss if the writer died now, at most: no notice tells of them, and the ring has them no more. Written by the writer. */
  Untold = 63,
  /** The cores that the kernel says the thread may use, at most `MOST_PINNED_CORES`. Written by the writer. */
  PinnedCores = 64,

  /**
   * Who holds the `MOST_ATTACHED_RINGS` seats: numbers of rings, 0 where nobody sits. Taken by the thread that attaches a
   * ring, freed by the writer that gives it back, both by compare-exchange.
   */
  Seats = 1088
}

/** f64 words of the writer block. */
export const enum WriterCount {
  /** CPU time of the writer's thread in milliseconds, over all generations. Written by the writer. */
  CpuMs = 28
}

/** i32 words of a thread block: a small SharedArrayBuffer between a thread that attached rings, their writer and its owner. */
export const enum ThreadWord {
  /** 1 when the thread is gone. Written as its environment is torn down. */
  Gone = 0,
  /** The OS thread's id, 0 where unknown. Written once, by the thread. */
  OsThread = 1
}

/** f64 words of a thread block: lines dropped after their stream had ended and its ring was given back. */
export const enum ThreadCount {
  /** One word for each of `LEVEL_SLOTS`. Written by the thread. */
  LinesDropped = 8,
  /** Their UTF-8 bytes. Written by the thread. */
  BytesDropped = 16
}

/** `RingWord.Adopted` of a ring whose producer is done and whose lines are delivered: nobody will look at it again. */
export const GIVEN_BACK = -1

/** Rings that one writer serves at most, its owner's not counted: far more than threads, and a bound on memory. */
export const MOST_ATTACHED_RINGS = 1024

/** What the owner wants of the writer. */
export const enum Command { Run = 0, End = 1 }

/** What the writer is doing. */
export const enum WriterState { Starting = 0, Running = 1, Ended = 2, Failed = 3 }

/** Kinds of record. */
export const enum Kind {
  /** UTF-8 text. */
  Line = 1,
  /** Counts of lines dropped here: `DROPPED_PAYLOAD_BYTES` of f64. */
  Dropped = 2,
  /** A time that dates the records behind it, up to the next: f64, milliseconds on the machine's monotonic clock. */
  Time = 3
}

/** Flags of a record: a line longer than one record is several, in order. */
export const enum Flag { First = 1, Last = 2 }

/** The second word of a record's header, of one that is a line by itself and of a time. */
export const LINE_META = Kind.Line | (Flag.First | Flag.Last) << 16
export const TIME_META = Kind.Time | (Flag.First | Flag.Last) << 16

/** Levels are counted in slots, lowest first; slot 0 takes lines whose level is not known. */
export const LEVEL_SLOTS = 8

/** A `dropped` record: lines by level slot, then bytes, then the time of the first drop (ms since the epoch). */
export const DROPPED_PAYLOAD_BYTES = (LEVEL_SLOTS + 2) * 8

/** Bytes before the payload: u32 payload length, u8 kind, u8 level slot, u16 flags. */
export const HEADER_BYTES = 8

/** Longest payload of one record. A longer line is several records. */
export const MOST_PAYLOAD_BYTES = 64 * 1024

export const LEAST_CAPACITY_BYTES = 64 * 1024
export const MOST_CAPACITY_BYTES = 1024 * 1024 * 1024
export const MOST_PINNED_CORES = 1024

const CONTROL_BYTES = 1024
/** One payload, and a cache line for the NUL that a native encoder puts behind the text. */
const SLACK_BYTES = MOST_PAYLOAD_BYTES + 64
/** A batch: about two thousand lines a system call; more than one payload and a notice must fit. */
const GATHER_BYTES = 256 * 1024
export const WRITER_BLOCK_BYTES = (WriterWord.Seats + MOST_ATTACHED_RINGS) * 4
const THREAD_BLOCK_BYTES = 256
const PAGE_BYTES = 4096

export const DATA_START = CONTROL_BYTES

/** A ring with its views. Making one allocates; the hot path only uses it. */
export interface Ring {
  readonly shared: SharedArrayBuffer
  readonly words: Int32Array
  readonly counts: Float64Array
  readonly bytes: Buffer
  readonly capacity: number
  /** Where the gather space starts and ends in `bytes`. */
  readonly gatherStart: number
  readonly gatherEnd: number
  /** Longest payload of a record in this ring: small enough that a long line can stream through it. */
  readonly mostPayload: number
}

/**
 * Makes a ring and touches every page that the producer writes to, so that no later write meets a page fault.
 *
 * @param capacity bytes, a power of two from `LEAST_CAPACITY_BYTES` to `MOST_CAPACITY_BYTES`
 * @param start first position; tests put it just below a wrap
 */
export function createRing (capacity: number, start = 0): Ring {
  if (!isCapacity(capacity)) {
    throw new RangeError(`ring capacity must be a power of two from ${LEAST_CAPACITY_BYTES} to ${MOST_CAPACITY_BYTES}, not ${capacity}`)
  }
  const shared = new SharedArrayBuffer(CONTROL_BYTES + capacity + SLACK_BYTES + GATHER_BYTES)
  const words = new Int32Array(shared)
  const producersWords = (DATA_START + capacity + SLACK_BYTES) / 4
  for (let at = 0; at < producersWords; at += PAGE_BYTES / 4) words[at] = 0
  words[RingWord.Capacity] = capacity
  words[RingWord.Published] = start
  words[RingWord.Released] = start
  words[RingWord.BatchBase] = start - 1 // of no batch
  new Float64Array(shared)[RingCount.Totals] = start
  return openRing(shared)
}

/** How far a writer has come: where it stands, and totals up to there. Kept as one of the two `RingCount.Totals`. */
export interface Mark {
  readonly position: number
  readonly lines: number
  readonly bytes: number
  readonly skipped: number
  readonly outputEnds: number
  /** The time that dates the next line, if none of its own does. */
  readonly time: number
}

/** @param slot which of the two, as in `RingWord.TotalsSlot` */
export function readTotals (counts: Float64Array, slot: number): Mark {
  const at = RingCount.Totals + slot * TOTALS_WORDS
  return { position: counts[at]! | 0, lines: counts[at + 1]!, bytes: counts[at + 2]!, skipped: counts[at + 3]!, outputEnds: counts[at + 4]!, time: counts[at + 5]! }
}

/** They hold when `RingWord.TotalsSlot` says so. */
export function writeTotals (counts: Float64Array, slot: number, { position, lines, bytes, skipped, outputEnds, time }: Mark): void {
  const at = RingCount.Totals + slot * TOTALS_WORDS
  counts[at] = position
  counts[at + 1] = lines
  counts[at + 2] = bytes
  counts[at + 3] = skipped
  counts[at + 4] = outputEnds
  counts[at + 5] = time
}

/** Whether a ring may have so many bytes of data. */
export function isCapacity (bytes: number): boolean {
  return bytes >= LEAST_CAPACITY_BYTES && bytes <= MOST_CAPACITY_BYTES && (bytes & (bytes - 1)) === 0
}

/** Views on a ring that another thread made. */
export function openRing (shared: SharedArrayBuffer): Ring {
  const words = new Int32Array(shared)
  const capacity = words[RingWord.Capacity]!
  const gatherStart = DATA_START + capacity + SLACK_BYTES
  return {
    shared,
    words,
    counts: new Float64Array(shared),
    bytes: Buffer.from(shared),
    capacity,
    gatherStart,
    gatherEnd: gatherStart + GATHER_BYTES,
    mostPayload: Math.min(MOST_PAYLOAD_BYTES, capacity / 4)
  }
}

export function createWriterBlock (): SharedArrayBuffer {
  return new SharedArrayBuffer(WRITER_BLOCK_BYTES)
}

export function createThreadBlock (): SharedArrayBuffer {
  return new SharedArrayBuffer(THREAD_BLOCK_BYTES)
}

/**
 * For whoever drops its last reference to a ring: V8 does not count shared memory as a thread's own, so a thread that makes
 * little garbage would keep dropped rings for hours. An ordinary buffer of that size, never touched, makes it collect.
 */
export function letGo (ring: Ring): void {
  try {
    Reflect.construct(ArrayBuffer, [ring.shared.byteLength])
  } catch {} // so much address space is not to be had; the collector will come in its own time
}

/** Bytes a record takes in the ring: header, and payload padded to 8. */
export function recordBytes (payload: number): number {
  return HEADER_BYTES + ((payload + 7) & ~7)
}
