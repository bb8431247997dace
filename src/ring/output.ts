import { Ending, Flag, Kind, type Mark, type Ring } from './layout'

export const NEWLINE = 10

/** Turns the counts of a `dropped` record (see `DROPPED_PAYLOAD_BYTES`) into a line of the log, or null for none. */
export type FormatNotice = (counts: Float64Array) => string | null

/** What the records of a ring become, one after the other: text in its gather space. */
export class Output {
  readonly #bytes: Buffer
  readonly #counts: Float64Array
  readonly #gatherEnd: number
  readonly #formatNotice: FormatNotice

  /** Totals up to what was appended last. */
  lines = 0
  skipped = 0
  /** How the text ends: a sum of `Ending` bits. */
  ends = 0
  /** The last time that was appended; what follows it is as old. */
  time = 0

  /** @param mark where it goes on */
  constructor ({ bytes, counts, gatherEnd }: Ring, formatNotice: FormatNotice, mark: Mark) {
    this.#bytes = bytes
    this.#counts = counts
    this.#gatherEnd = gatherEnd
    this.#formatNotice = formatNotice
    this.goBack(mark)
  }

  /** Whether it ends inside a line of which more parts may come. */
  get isInsideLine (): boolean { return (this.ends & Ending.InsideLine) !== 0 }

  /** Whether it ends in text without a newline. */
  get isInsideText (): boolean { return (this.ends & Ending.InsideText) !== 0 }

  /** Forgets what was appended since. */
  goBack ({ lines, skipped, outputEnds, time }: Mark): void {
    this.lines = lines
    this.skipped = skipped
    this.ends = outputEnds
    this.time = time
  }

  /** Whole lines, and times, that the native half has appended. */
  tookWhole (lines: number, time: number): void {
    this.lines += lines
    if (lines > 0) this.ends = Ending.AtLineStart
    this.time = time
  }

  /** The one place that knows kinds. Appends what a record becomes at `to`; returns its end, or -1 if it does not fit. */
  append (payload: number, size: number, meta: number, to: number): number {
    switch (meta & 0xFF) {
      case Kind.Line: {
        const flags = meta >> 16
        if (to + size + 1 > this.#gatherEnd) return -1
        // A first part inside an unfinished line: its producer gave up half way.
        if ((flags & Flag.First) !== 0) to = this.closeLine(to)
        else if ((this.ends & Ending.InsideGivenUp) !== 0) return this.#leaveOut(flags, to)
        this.#bytes.copyWithin(to, payload, payload + size)
        const isWhole = (flags & Flag.Last) !== 0
        if (isWhole) this.lines++
        return this.#endAt(to + size, size > 0, isWhole ? 0 : Ending.InsideLine)
      }
      case Kind.Dropped: {
        const text = this.noticeOf(payload, size)
        if (text === null) return to
        if (to + Buffer.byteLength(text) + 1 > this.#gatherEnd) return -1
        to = this.closeLine(to)
        if (this.isInsideText) this.#bytes[to++] = NEWLINE
        return this.#endAt(to + this.#bytes.write(text, to), true, 0)
      }
      case Kind.Time:
        this.time = this.#counts[payload / 8]!
        return to
      default: // of a kind that this version does not know
        return to
    }
  }

  noticeOf (payload: number, size: number): string | null {
    return this.#formatNotice(this.#counts.subarray(payload / 8, (payload + size) / 8))
  }

  /** Ends a line that will never be finished, and counts it. */
  closeLine (to: number): number {
    this.ends &= ~Ending.InsideGivenUp
    if (!this.isInsideLine) return to
    this.skipped++
    if (this.isInsideText) this.#bytes[to++] = NEWLINE
    this.ends = Ending.AtLineStart
    return to
  }

  /** Something else follows, at the start of a line. A line under way is given up: counted, and its rest goes nowhere. */
  cutOff (): void {
    if (this.isInsideLine) {
      this.skipped++
      this.ends = Ending.InsideGivenUp
    }
    this.ends &= ~Ending.InsideText
  }

  /** What would have come next goes nowhere: a notice, or a line, which counts as skipped. */
  leftOut (isNotice: boolean): void {
    if ((this.ends & Ending.InsideGivenUp) !== 0) this.ends = Ending.AtLineStart // the rest of one that counts as skipped
    else if (!isNotice) this.skipped++
  }

  /** A part of a line that was given up. */
  #leaveOut (flags: number, to: number): number {
    if ((flags & Flag.Last) !== 0) this.ends = Ending.AtLineStart
    return to
  }

  #endAt (to: number, hasText: boolean, inside: number): number {
    const text = hasText ? (this.#bytes[to - 1] === NEWLINE ? 0 : Ending.InsideText) : this.ends & Ending.InsideText
    this.ends = text | inside
    return to
  }
}
