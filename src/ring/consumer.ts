import { DATA_START, Flag, HEADER_BYTES, Kind, type Mark, readTotals, recordBytes, type Ring, RingCount, RingWord, writeTotals } from './layout'
import { type GatherLines, GatheringTime, GatheringWord, type NativeHalf, nativeHalf } from './native-half'
import { type FormatNotice, NEWLINE, Output } from './output'

/** Behind a notice there mostly are whole lines again; behind a line without a newline, more of the kind. */
const MOST_ASKED_IN_VAIN = 8

/**
 * The side of a ring that the writer owns: it takes records in batches and gives their space back.
 *
 * A batch is `gather`, any number of `took`, then `release`. A writer that takes over from a dead one gathers the same bytes
 * again (`gatherUnderWay`), and goes on behind the last that the sink took.
 * A sink that confirms late may gather several batches before it releases up to a `mark`.
 */
export class Consumer {
  readonly ring: Ring
  readonly #words: Int32Array
  readonly #counts: Float64Array
  readonly #bytes: Buffer
  readonly #mask: number
  readonly #output: Output
  readonly #native: NativeHalf | null

  /** Which of the two totals holds. */
  #slot: number
  #released: number
  /** The producer's position as last read. */
  #published: number

  /** Where the next batch starts, and the bytes of output up to there. */
  #position: number
  #bytesBefore: number

  /** The batch under way: its bytes in the gather space, and how many of them the sink has taken. */
  #batchBytes = 0
  #batchTaken = 0

  /** @param gatherLines the native half; without it the consumer is JavaScript alone */
  constructor (ring: Ring, formatNotice: FormatNotice, gatherLines: GatherLines | null = null) {
    this.ring = ring
    this.#native = gatherLines === null ? null : nativeHalf(ring, gatherLines)
    this.#words = ring.words
    this.#counts = ring.counts
    this.#bytes = ring.bytes
    this.#mask = ring.capacity - 1
    this.#slot = Atomics.load(ring.words, RingWord.TotalsSlot)
    const totals = readTotals(ring.counts, this.#slot)
    this.#output = new Output(ring, formatNotice, totals)
    this.#released = this.#published = this.#position = totals.position
    this.#bytesBefore = totals.bytes
    this.#tell(totals) // a writer before this one may have died before it could
    const base = Atomics.load(ring.words, RingWord.BatchBase)
    if (base === this.#baseOf(this.#position)) this.#batchTaken = Atomics.load(ring.words, RingWord.BatchTaken)
    // The sink has the newline that ends this ring's text; the writer that put it there did not get to say so.
    else if (base === this.#baseOfNewline(this.#position) && Atomics.load(ring.words, RingWord.BatchTaken) > 0) this.#newlineTaken()
  }

  /**
   * Names a batch: by where it starts (positions are multiples of 8), and by the totals that hold until it is released, so
   * that the store that makes new ones hold is the end of it too.
   */
  #baseOf (position: number): number { return position | this.#slot }

  /** Names the newline that ends this ring's text where no record does. */
  #baseOfNewline (position: number): number { return position | 2 | this.#slot }

  /** Bytes published and not yet gathered. */
  get available (): number { return this.look() }

  /** Reads the producer's position afresh; returns what is `available`. */
  look (): number {
    // Pairs with the store in Producer.#publish.
    this.#published = Atomics.load(this.#words, RingWord.Published)
    const used = (this.#published - this.#released) | 0
    if (used > this.#words[RingWord.HighWater]!) this.#words[RingWord.HighWater] = used
    return (this.#published - this.#position) | 0
  }

  /** Bytes gathered and not yet released. */
  get held (): number { return (this.#position - this.#released) | 0 }

  /** Whether the output ends inside a line whose producer will publish no more: `gather` then ends it with a newline. */
  get mustClose (): boolean {
    // Looks at the ring after the word: what was published before the word was set must be seen.
    return this.isInsideLine && Atomics.load(this.#words, RingWord.ProducerDone) === 1 && this.available === 0
  }

  /** Whether the output ends inside a line of which more parts may come. */
  get isInsideLine (): boolean { return this.#output.isInsideLine }

  /** Whether the output ends in text without a newline. */
  get isInsideText (): boolean { return this.#output.isInsideText }

  /** Lines given up so far. */
  get skipped (): number { return this.#output.skipped }

  /** Whether a writer before this one died with a part of a batch taken: that batch must come before any other ring's. */
  get isUnderWay (): boolean { return this.#batchTaken > 0 }

  /** Position after the last record that `available` saw. */
  get published (): number { return this.#published }

  /** Position up to which it was gathered. */
  get position (): number { return this.#position }

  /** Position up to which space was given back. */
  get released (): number { return this.#released }

  /** Where the bytes of the batch that the sink has not taken start and end in `ring.bytes`. */
  get batchStart (): number { return this.ring.gatherStart + this.#batchTaken }
  get batchStop (): number { return this.ring.gatherStart + this.#batchBytes }

  /** Whether bytes of the batch under way are still to be taken. */
  get hasBatch (): boolean { return this.#batchTaken < this.#batchBytes }

  /**
   * Joins the payloads of the following records in the gather space, as many as fit.
   *
   * @param mostLines stop after so many lines, or after a notice
   * @param until stop before a record that is dated later, in milliseconds of the machine's monotonic clock
   * @param enoughBytes stop when the batch has so many
   * @param isWhole leave the beginning of a line where the rest may still come: for a sink that, if it dies, has lines or not
   * @returns false if there was nothing to gather
   */
  gather (mostLines = Infinity, until = Infinity, enoughBytes = Infinity, isWhole = false): boolean {
    const start = this.#position
    if (this.available === 0) {
      if (!this.mustClose) return false
      this.#begin(start, this.#output.closeLine(this.ring.gatherStart))
      return true
    }
    const words = this.#words
    const output = this.#output
    const linesStop = output.lines + mostLines
    let position = start
    let to = this.ring.gatherStart
    const enough = this.ring.gatherStart + enoughBytes
    let longLine: Mark | undefined
    let longLineAt = to
    let mayAsk = mostLines === Infinity ? MOST_ASKED_IN_VAIN : 0
    while (position !== this.#published && output.lines < linesStop && to < enough) {
      if (mayAsk > 0 && this.#native !== null && !output.isInsideLine) {
        if (this.#gatherLines(this.#native, position, to, until, enough)) {
          const { gathering } = this.#native
          position = gathering[GatheringWord.Position]!
          to = gathering[GatheringWord.To]!
          if (position === this.#published || to >= enough) break
        } else {
          mayAsk--
        }
      }
      const place = DATA_START + (position & this.#mask)
      const size = words[place >> 2]!
      if (until !== Infinity && this.#timeAt(place) > until) break
      const meta = words[(place >> 2) + 1]!
      if (isWhole && meta >> 16 === Flag.First) {
        longLine = { ...this.mark(), position }
        longLineAt = to
      }
      const next = output.append(place + HEADER_BYTES, size, meta, to)
      if (next < 0) break
      const isNotice = next > to && (meta & 0xFF) === Kind.Dropped
      to = next
      position = (position + recordBytes(size)) | 0
      if (isNotice && mostLines !== Infinity) break
    }
    this.#position = position
    if (longLine !== undefined && output.isInsideLine && (longLine.position !== start || this.#mayComeWhole(start))) {
      this.#position = longLine.position
      output.goBack(longLine)
      to = longLineAt
      if (longLine.position === start) return false
    }
    this.#begin(start, to)
    return true
  }

  /** Has the native half gather what it knows, whole lines; returns whether there were any. Where they end stands in `gathering`. */
  #gatherLines ({ gatherLines, gathering, times }: NativeHalf, position: number, to: number, until: number, enough: number): boolean {
    times[GatheringTime.Last] = this.#output.time
    times[GatheringTime.Until] = until
    gathering[GatheringWord.Enough] = Math.min(enough, this.ring.gatherEnd)
    gatherLines(this.#words, gathering, position, this.#published, to)
    if (gathering[GatheringWord.Position] === position) return false
    this.#output.tookWhole(gathering[GatheringWord.Lines]!, times[GatheringTime.Last]!)
    return true
  }

  /** Whether the rest of a line that was gathered from `start` on is not there, and may yet come while the ring holds all of it. */
  #mayComeWhole (start: number): boolean {
    if (Atomics.load(this.#words, RingWord.ProducerDone) === 1 || this.#nextEdge !== 0) return false
    const { capacity, mostPayload } = this.ring
    return start !== this.#released || ((this.#published - start) | 0) + recordBytes(mostPayload) <= capacity
  }

  /** Whether the rest of the line under way is published. */
  get hasRest (): boolean { return this.isInsideLine && this.#nextEdge === Flag.Last }

  /** Whether the next record that does not go on with the line under way ends it, or begins another; 0 if there is none. */
  get #nextEdge (): Flag | 0 {
    for (let position = this.#position; position !== this.#published;) {
      const place = DATA_START + (position & this.#mask)
      const meta = this.#words[(place >> 2) + 1]!
      const flags = meta >> 16
      if ((meta & 0xFF) !== Kind.Line || (flags & Flag.First) !== 0) return Flag.First
      if ((flags & Flag.Last) !== 0) return Flag.Last
      position = (position + recordBytes(this.#words[place >> 2]!)) | 0
    }
    return 0
  }

  /** Gathers no more of the batch under way than a writer before this one began: what it had in mind of the rest, nobody knows. */
  gatherUnderWay (): boolean { return this.isUnderWay && this.gather(Infinity, Infinity, this.#batchTaken) }

  /** When the next record was published, as its producer says; undefined if there is none. */
  get headTime (): number | undefined {
    return this.available === 0 ? undefined : this.#timeAt(DATA_START + (this.#position & this.#mask))
  }

  #timeAt (place: number): number {
    return (this.#words[(place >> 2) + 1]! & 0xFF) === Kind.Time ? this.#counts[(place + HEADER_BYTES) / 8]! : this.#output.time
  }

  #begin (start: number, to: number): void {
    this.#batchBytes = to - this.ring.gatherStart
    this.#bytesBefore += this.#batchBytes
    this.#setBase(this.#baseOf(start))
  }

  #setBase (base: number): void {
    const words = this.#words
    if (Atomics.load(words, RingWord.BatchBase) !== base) {
      // In this order: a successor that finds the new base must not find the old count.
      this.#batchTaken = 0
      Atomics.store(words, RingWord.BatchTaken, 0)
      Atomics.store(words, RingWord.BatchBase, base)
    }
  }

  /**
   * Gathers a newline that ends the text of this ring, because another ring's output is to follow. A line under way is
   * given up: counted, and its rest goes nowhere.
   *
   * @returns false if the output is at the start of a line
   */
  gatherNewline (): boolean {
    const { isInsideText } = this
    this.cutOff()
    if (!isInsideText) return false
    this.#bytes[this.ring.gatherStart] = NEWLINE
    this.#batchBytes = 1
    this.#bytesBefore++
    this.#setBase(this.#baseOfNewline(this.#position))
    return true
  }

  /** What this ring left unfinished, under a writer of another owner, other rings' output has followed since. */
  cutOff (): void { this.#output.cutOff() }

  #newlineTaken (): void {
    this.cutOff()
    this.#bytesBefore++
    this.release()
  }

  /**
   * The sink has taken `count` more bytes of the batch.
   *
   * @param isStored the count stands in `BatchTaken` already (the addon stores it together with the system call)
   */
  took (count: number, isStored = false): void {
    this.#batchTaken += count
    if (!isStored) Atomics.store(this.#words, RingWord.BatchTaken, this.#batchTaken)
  }

  /** Whether the sink has taken a part of a line of the batch and not its end. */
  get isTakenInsideLine (): boolean {
    return this.#batchTaken > 0 && this.#bytes[this.batchStart - 1] !== NEWLINE
  }

  /** How many bytes of the line under way the sink has taken, as far as they are in this batch. */
  get takenOfLine (): number {
    const taken = this.#bytes.subarray(this.ring.gatherStart, this.batchStart)
    return taken.length - 1 - taken.lastIndexOf(NEWLINE)
  }

  /** The sink lost what it had taken of the batch: take it again from its start, or from the start of the line under way. */
  rewind (toStart: boolean): void {
    const from = this.ring.gatherStart
    const line = this.#batchTaken === 0 ? -1 : this.#bytes.subarray(from, from + this.#batchTaken).lastIndexOf(NEWLINE)
    this.#batchTaken = toStart ? 0 : line + 1
    Atomics.store(this.#words, RingWord.BatchTaken, this.#batchTaken)
  }

  /**
   * Gives up what would be gathered next on its own: a line, which is counted as skipped, or a notice. It goes nowhere.
   *
   * @returns the notice, if it was one
   */
  skipNext (): string | null {
    const words = this.#words
    let notice: string | null = null
    for (let isLast = false; !isLast && notice === null && this.available > 0;) {
      const place = DATA_START + (this.#position & this.#mask)
      const size = words[place >> 2]!
      const meta = words[(place >> 2) + 1]!
      if ((meta & 0xFF) === Kind.Dropped) notice = this.#output.noticeOf(place + HEADER_BYTES, size)
      isLast = (meta & 0xFF) === Kind.Line && (meta >> 16 & Flag.Last) !== 0
      this.#position = (this.#position + recordBytes(size)) | 0
    }
    this.#output.leftOut(notice !== null)
    this.release()
    return notice
  }

  /** How far `gather` has come, to release up to there later. */
  mark (): Mark {
    const { lines, skipped, ends, time } = this.#output
    return { position: this.#position, lines, bytes: this.#bytesBefore, skipped, outputEnds: ends, time }
  }

  /**
   * Gives space back, up to what was gathered last or up to a mark. The thread may be terminated at any step of it: one
   * store decides whether a line counts as written, and its batch as done.
   */
  release (mark = this.mark()): void {
    const slot = 1 - this.#slot
    writeTotals(this.#counts, slot, mark)
    // Pairs with the load in a successor's constructor: the totals are written before they hold.
    Atomics.store(this.#words, RingWord.TotalsSlot, slot)
    this.#slot = slot
    this.#released = mark.position
    this.#batchBytes = 0
    this.#batchTaken = 0
    this.#tell(mark)
  }

  /** Tells the producer's side what has been released. */
  #tell ({ position, lines, bytes, skipped }: Mark): void {
    const counts = this.#counts
    const words = this.#words
    counts[RingCount.LinesWritten] = lines
    counts[RingCount.BytesWritten] = bytes
    counts[RingCount.LinesSkipped] = skipped
    // Pairs with the load in Producer.#refresh: the bytes were read before their space is given back.
    Atomics.store(words, RingWord.Released, position)
    if (Atomics.load(words, RingWord.ProducerWaits) === 1) Atomics.notify(words, RingWord.Released)
  }
}
