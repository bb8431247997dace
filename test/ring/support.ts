import { Consumer } from '../../src/ring/consumer'
import type { FormatNotice } from '../../src/ring/output'
import { LEVEL_SLOTS, type Ring, RingCount, RingWord } from '../../src/ring/layout'

/** A notice that shows every count: `<0,0,1,0,0,0,0,0:17>`. */
export const noticeOf: FormatNotice = (counts) => `<${counts.subarray(0, LEVEL_SLOTS).join()}:${counts[LEVEL_SLOTS]}>\n`

/** The notice of lines dropped in one slot. */
export function noticeText (slot: number, lines: number, bytes: number): string {
  const counts = new Float64Array(LEVEL_SLOTS + 2)
  counts[slot] = lines
  counts[LEVEL_SLOTS] = bytes
  return noticeOf(counts)!
}

/** Takes everything there is, as a sink does that takes every batch whole. */
export function drain (consumer: Consumer, mostLines?: number): Buffer {
  const batches: Buffer[] = []
  while (consumer.gather(mostLines)) batches.push(takeBatch(consumer))
  return Buffer.concat(batches)
}

/** Takes the batch under way and releases it. */
export function takeBatch (consumer: Consumer): Buffer {
  const bytes = takeBytes(consumer, Infinity)
  consumer.release()
  return bytes
}

/** Takes at most `count` bytes of the batch under way. */
export function takeBytes (consumer: Consumer, count: number): Buffer {
  const from = consumer.batchStart
  const bytes = Buffer.from(consumer.ring.bytes.subarray(from, Math.min(consumer.batchStop, from + count)))
  consumer.took(bytes.length)
  return bytes
}

/** What a new consumer of this ring finds, as text. */
export function contents (ring: Ring): string {
  return drain(new Consumer(ring, noticeOf)).toString()
}

export function droppedLines (ring: Ring): number[] {
  return Array.from(ring.counts.subarray(RingCount.LinesDropped, RingCount.LinesDropped + LEVEL_SLOTS))
}

/** Bytes published and not released, by the shared words. */
export function usedBytes (ring: Ring): number {
  return (ring.words[RingWord.Published]! - ring.words[RingWord.Released]!) | 0
}

/** First positions worth a test: anywhere, and where 32-bit positions change sign or wrap. */
export const starts: Array<[name: string, position: number]> = [
  ['0', 0],
  ['just below 2^31', 0x7FFFFFF8 | 0],
  ['just below 2^32', -8]
]
