import {
  DATA_START, DROPPED_PAYLOAD_BYTES, Flag, HEADER_BYTES, Kind, LEVEL_SLOTS, LINE_META, RingCount, RingWord, recordBytes, TIME_META, WriterWord,
  type Ring
} from './layout'

/** `Buffer.prototype.utf8Write`, without the encoding look-up that `write` does first. Lone surrogates become U+FFFD. */
interface Utf8Buffer extends Buffer {
  utf8Write (text: string, offset: number, most: number): number
}

/** What can be published: text, or bytes that are UTF-8 already. */
export type Line = string | Uint8Array

/** Publishes a line as `Producer.tryPublish` does. */
export type TryPublish = (text: string) => boolean

/** Takes a line while that is quick: {@link Producer}, or who never does. */
export interface QuickWay { tryPublish: TryPublish }

/** For streams that must look at more than room with each line. */
export const NO_QUICK_WAY: QuickWay = { tryPublish: () => false }

/** Where a native publisher finds things in a ring; bytes, and indexes of i32 and f64 words. */
export interface PublisherLayout {
  capacity: number
  dataStart: number
  headerBytes: number
  mostPayload: number
  published: number
  quickEnd: number
  linesAccepted: number
  /** Kind and flags of a whole line. */
  meta: number
}

/** Makes the native half of a producer (the addon's `createPublisher`). */
export type CreatePublisher = (words: Int32Array, layout: PublisherLayout) => TryPublish

const BYTES_AT = LEVEL_SLOTS
const SINCE_AT = LEVEL_SLOTS + 1
const TIME_PAYLOAD_BYTES = 8
const TIME_BYTES = recordBytes(TIME_PAYLOAD_BYTES)
const NOTICE_BYTES = recordBytes(DROPPED_PAYLOAD_BYTES)

/**
 * The side of a ring that the logging thread owns. One thread, one producer, one ring.
 *
 * `tryPublish` is the hot path and has one way to say no. Everything that makes a write special (room is short, lines
 * were dropped and the log must say so, the ring is closed) works by bringing `#quickEnd` nearer, so the hot path pays
 * one comparison for all of it. Where there is an addon it does that path in one call; the careful ways are here alone.
 */
export class Producer {
  readonly ring: Ring
  readonly #words: Int32Array
  readonly #counts: Float64Array
  readonly #bytes: Utf8Buffer
  readonly #mask: number
  readonly #mostPayload: number
  readonly #calmLimit: number
  /** The writer block, only when the writer sleeps until woken. */
  #wake: Int32Array | null
  /** The `Sleeping` number that this producer has already answered with a wake. */
  #woken = 0

  /** The addon's `tryPublish`, which moves the position and counts by itself. */
  readonly #native: TryPublish | null

  #position: number
  /** The writer's position as last read: reading the shared word costs a cache miss while the writer works. */
  #released: number
  /** Position up to which the quick way may publish; the present one sends every write the careful way. */
  #quickEnd = 0
  #isCalm = true
  #isClosed = false

  /** Lines (by slot), bytes and first time of the drops that no `dropped` record tells of yet. */
  readonly #untold = new Float64Array(LEVEL_SLOTS + 2)
  #hasUntold = false

  /**
   * @param wake the words of the writer block if the writer parks (`wait: 'park'`), else null
   * @param createPublisher makes the native half; without it the producer is JavaScript alone
   */
  constructor (ring: Ring, wake: Int32Array | null = null, createPublisher: CreatePublisher | null = null) {
    this.ring = ring
    this.#words = ring.words
    this.#counts = ring.counts
    this.#bytes = ring.bytes as Utf8Buffer
    this.#mask = ring.capacity - 1
    this.#mostPayload = ring.mostPayload
    this.#calmLimit = ring.capacity / 2
    this.#wake = wake
    this.#position = Atomics.load(ring.words, RingWord.Published)
    this.#released = Atomics.load(ring.words, RingWord.Released)
    this.#native = createPublisher === null ? null : createPublisher(ring.words, layoutOf(ring))
    this.#settle()
  }

  /** Bytes in use, by the writer's position as last read. */
  get used (): number {
    if (this.#native !== null) this.#position = this.#words[RingWord.Published]!
    return (this.#position - this.#released) | 0
  }

  /** Whether the quick way is open: room is plenty, nothing is to be told, nobody closed. */
  get isCalm (): boolean { return this.#isCalm }

  get hasUntold (): boolean { return this.#hasUntold }

  /**
   * Publishes one line while there is plenty of room: no allocation, no system call, no lock, no throw.
   *
   * @returns false if the line must go the careful way; nothing was written then
   */
  tryPublish (text: string): boolean {
    if (this.#native !== null) {
      // A call that would say no costs as much as the rest of a drop.
      if (!this.#isCalm || !this.#native(text)) return false
      if (this.#wake !== null) this.#wakeWriter(this.#wake)
      return true
    }
    const position = this.#position
    const most = text.length * 3 // UTF-8 needs at most three bytes a UTF-16 unit
    if (most > this.#mostPayload || ((position + most + HEADER_BYTES + 7 - this.#quickEnd) | 0) > 0) return false
    const place = DATA_START + (position & this.#mask)
    const size = this.#bytes.utf8Write(text, place + HEADER_BYTES, most)
    this.#seal(place, size, LINE_META)
    this.#counts[RingCount.LinesAccepted]! += 1
    this.#publish(position + recordBytes(size))
    return true
  }

  /**
   * Publishes one line, measured exactly, in the first `limit` bytes of the ring; a line longer than a record is
   * published whole, with one store. What was dropped before it is told first.
   *
   * @param size the line's UTF-8 bytes
   * @returns false if it does not fit; nothing was written then
   */
  tryPublishWithin (line: Line, limit: number, size = Buffer.byteLength(line)): boolean {
    this.#refresh()
    if (!this.#hasRoom(size, limit)) return false
    let position = this.#hasUntold ? this.#putNotice(this.#position) : this.#position
    if (size <= this.#mostPayload) {
      position = this.#put(position, line, size, Flag.First | Flag.Last)
    } else {
      for (let from = 0; from < line.length;) {
        const to = this.partEnd(line, from)
        const flags = (from === 0 ? Flag.First : 0) | (to === line.length ? Flag.Last : 0)
        position = this.#put(position, line.slice(from, to), this.#mostPayload, flags)
        from = to
      }
    }
    this.#counts[RingCount.LinesAccepted]! += 1
    this.#publish(position)
    this.#settle()
    return true
  }

  /** Whether a line of `size` UTF-8 bytes still has no room in the first `limit` bytes of the ring: none was given back since the last look. */
  isFullFor (size: number, limit: number): boolean {
    return Atomics.load(this.#words, RingWord.Released) === this.#released && !this.#hasRoom(size, limit)
  }

  /** Where the part of a long line that starts at `from` ends: short enough for a record, never inside a surrogate pair. */
  partEnd (line: Line, from: number): number {
    const end = from + Math.floor(this.#mostPayload / 3)
    if (end >= line.length) return line.length
    if (typeof line !== 'string') return end
    const last = line.charCodeAt(end - 1)
    return last >= 0xD800 && last <= 0xDBFF ? end - 1 : end
  }

  /**
   * Publishes a part of a long line at once, so that the line can be longer than the ring. The line counts as accepted
   * with its last part.
   *
   * @returns false if there is no room now; nothing was written then
   */
  tryPublishPart (part: Line, flags: number): boolean {
    this.#refresh()
    const size = Buffer.byteLength(part)
    const notice = this.#hasUntold && (flags & Flag.First) !== 0 ? NOTICE_BYTES : 0
    if (this.used + notice + recordBytes(size) > this.ring.capacity) return false
    const position = notice > 0 ? this.#putNotice(this.#position) : this.#position
    const end = this.#put(position, part, size, flags)
    if ((flags & Flag.Last) !== 0) this.#counts[RingCount.LinesAccepted]! += 1
    this.#publish(end)
    this.#settle()
    return true
  }

  /** Publishes the time that dates the lines to come, if it fits in the first `limit` bytes; else the last one stays valid. */
  protected publishTime (time: number, limit: number): void {
    if (this.used + TIME_BYTES > limit) this.#refresh()
    if (this.used + TIME_BYTES > limit) return
    const place = DATA_START + (this.#position & this.#mask)
    this.#counts[(place + HEADER_BYTES) / 8] = time
    this.#seal(place, TIME_PAYLOAD_BYTES, TIME_META)
    this.#publish(this.#position + TIME_BYTES)
  }

  /**
   * Counts a line as dropped.
   *
   * @param slot its level slot, 0 to `LEVEL_SLOTS` - 1
   * @param size its UTF-8 bytes
   */
  drop (slot: number, size: number): void {
    const counts = this.#counts
    const untold = this.#untold
    counts[RingCount.LinesDropped + slot]! += 1
    counts[RingCount.BytesDropped]! += size
    untold[slot]! += 1
    untold[BYTES_AT]! += size
    if (this.#hasUntold) return // and the quick way is closed already
    untold[SINCE_AT] = Date.now()
    this.#hasUntold = true
    this.#settle()
  }

  /**
   * Publishes a `dropped` record if lines were dropped that none tells of yet.
   *
   * @returns false if there is something to tell and no room for it
   */
  tryPublishNotice (): boolean {
    if (!this.#hasUntold) return true
    this.#refresh()
    if (this.used + NOTICE_BYTES > this.ring.capacity) return false
    this.#publish(this.#putNotice(this.#position))
    this.#settle()
    return true
  }

  /** From now on the quick way refuses everything; the careful ways stay open to whoever still may write. */
  close (): void {
    this.#isClosed = true
    this.#settle()
  }

  /**
   * The ring has another writer.
   *
   * @param block its words
   */
  wakes (block: Int32Array): void {
    if (this.#wake === null) return
    this.#wake = block
    this.#woken = 0
  }

  /** Undoes `close`. */
  open (): void {
    this.#isClosed = false
    this.#settle()
  }

  /** Reads the writer's position afresh and decides which way the next write goes. */
  #refresh (): void {
    // Pairs with the store in Consumer.release: the writer has read the bytes before it gives their space back.
    const released = Atomics.load(this.#words, RingWord.Released)
    // Once the quick way is closed nothing but space given back can open it.
    if (released === this.#released && !this.#isCalm) return
    this.#released = released
    this.#settle()
  }

  #settle (): void {
    const used = this.used
    // Half full and quarter full, so that a ring about half full does not change its mind with every line.
    this.#isCalm = !this.#isClosed && !this.#hasUntold && used <= (this.#isCalm ? this.#calmLimit : this.#calmLimit / 2)
    this.#quickEnd = this.#isCalm ? (this.#released + this.#calmLimit) | 0 : this.#position
    this.#words[RingWord.QuickEnd] = this.#quickEnd
  }

  /** For a line, and for what is to be told before it. */
  #hasRoom (size: number, limit: number): boolean {
    return this.used + (this.#hasUntold ? NOTICE_BYTES : 0) + this.#mostRecordBytes(size) <= limit
  }

  /** Room that `size` bytes of text surely fit in, as one record or as several. */
  #mostRecordBytes (size: number): number {
    if (size <= this.#mostPayload) return recordBytes(size)
    // A part holds at least a third of a record's bytes, less a unit moved on for a surrogate pair.
    const parts = Math.ceil(size / (Math.floor(this.#mostPayload / 3) - 1))
    return size + parts * (HEADER_BYTES + 7)
  }

  #put (position: number, line: Line, most: number, flags: number): number {
    const place = DATA_START + (position & this.#mask)
    let size = line.length
    if (typeof line === 'string') size = this.#bytes.utf8Write(line, place + HEADER_BYTES, most)
    else this.#bytes.set(line, place + HEADER_BYTES)
    this.#seal(place, size, Kind.Line | flags << 16)
    return position + recordBytes(size)
  }

  #putNotice (position: number): number {
    const place = DATA_START + (position & this.#mask)
    this.#counts.set(this.#untold, (place + HEADER_BYTES) / 8)
    this.#seal(place, DROPPED_PAYLOAD_BYTES, Kind.Dropped | (Flag.First | Flag.Last) << 16)
    this.#untold.fill(0)
    this.#hasUntold = false
    return position + NOTICE_BYTES
  }

  #seal (place: number, size: number, meta: number): void {
    this.#words[place >> 2] = size
    this.#words[(place >> 2) + 1] = meta
  }

  #publish (position: number): void {
    this.#position = position | 0
    // Pairs with the load in Consumer.available: payload, header and count are written before they can be seen.
    Atomics.store(this.#words, RingWord.Published, this.#position)
    if (this.#wake !== null) this.#wakeWriter(this.#wake)
  }

  #wakeWriter (words: Int32Array): void {
    // Pairs with the store in the writer's park: it says it sleeps, then looks once more; we publish, then look whether
    // it sleeps. One of the two sees the other. One wake for each time it fell asleep is enough.
    const sleeping = Atomics.load(words, WriterWord.Sleeping)
    if ((sleeping & 1) === 0 || sleeping === this.#woken) return
    this.#woken = sleeping
    Atomics.add(words, WriterWord.Wake, 1)
    Atomics.notify(words, WriterWord.Wake)
  }
}

function layoutOf (ring: Ring): PublisherLayout {
  return {
    capacity: ring.capacity,
    dataStart: DATA_START,
    headerBytes: HEADER_BYTES,
    mostPayload: ring.mostPayload,
    published: RingWord.Published,
    quickEnd: RingWord.QuickEnd,
    linesAccepted: RingCount.LinesAccepted,
    meta: LINE_META
  }
}
