import { type Line, Producer } from './producer'
import { Flag, recordBytes } from './layout'

/** Enough for the code to be compiled on the way. */
const OFFSET_TRIES = 300

/**
 * A producer that dates its lines, so that the writer can merge those of several rings by time. The date is a record of
 * its own in front of the line: whoever does not want it pays nothing.
 */
export class TimedProducer extends Producer {
  /** From this thread's clock to the one that all threads of the machine share, in milliseconds. */
  readonly #offsetMs = clockOffsetMs()

  override tryPublish (text: string): boolean {
    if (this.isCalm) this.#date(this.ring.capacity / 2)
    return super.tryPublish(text)
  }

  override tryPublishWithin (line: Line, limit: number, size = Buffer.byteLength(line)): boolean {
    this.#date(limit - recordBytes(size))
    return super.tryPublishWithin(line, limit, size)
  }

  override tryPublishPart (part: Line, flags: number): boolean {
    if ((flags & Flag.First) !== 0) this.#date(this.ring.capacity - recordBytes(Buffer.byteLength(part)))
    return super.tryPublishPart(part, flags)
  }

  /** Only where the line fits too: times without lines must not fill the ring. */
  #date (limit: number): void { this.publishTime(performance.now() + this.#offsetMs, limit) }
}

/** Of many tries the one that was interrupted least: lines of two threads can be a microsecond apart. */
function clockOffsetMs (): number {
  let shortest = Infinity
  let offset = 0
  for (let tries = 0; tries < OFFSET_TRIES; tries++) {
    const before = performance.now()
    const shared = monotonicMs()
    const after = performance.now()
    if (after - before >= shortest) continue
    shortest = after - before
    offset = shared - (before + after) / 2
  }
  return offset
}

/** Milliseconds on the system's monotonic clock, the same in all threads. */
export function monotonicMs (): number {
  const [seconds, nanos] = process.hrtime()
  return seconds * 1000 + nanos / 1e6
}
