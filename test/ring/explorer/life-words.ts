import { RingWord, ThreadWord, WriterWord } from '../../../src/ring/layout'
import type { Announcement } from '../../../src/writer-data'
import { geometryOf, Memory } from './memory'
import { type Place, shared } from './thread'

/** Where things stand in the memory in which the life of rings is explored, and what stands for the system. */

export const CAPACITY = 128
export const GEOMETRY = geometryOf(CAPACITY)

/** The owner's ring is the first; it stays empty. */
export const ringAt = (ring: number): number => ring * GEOMETRY.block
/** Those that other threads attach. */
export const RINGS = [1, 2]

export const BLOCK = ringAt(1 + RINGS.length)
export const SEATS = WriterWord.Taken + 1
export const MOST_SEATS = 2

const THREADS = BLOCK + SEATS + MOST_SEATS
export const threadAt = (producer: number): number => THREADS + producer * 2
const MOST_PRODUCERS = 2

/** What the system knows: of which writer the thread was started, has said its first word, and has ended. */
export const STARTED = threadAt(MOST_PRODUCERS)
export const REGISTERED = STARTED + 1
export const EXITED = STARTED + 2
/** The rings that the owner tells a new writer of, a bit for each. */
export const ATTACHED = STARTED + 3
/** Rings whose threads were told that they have a seat, and have not ended them. */
export const HELD = STARTED + 4
/** 1 while the owner's thread is being terminated. */
export const DYING = STARTED + 5
/** Who listens for rings, and messages under way to them by ring. */
export const LISTENS = STARTED + 6
const MAIL = LISTENS + 2
const WORDS = MAIL + 2 * (1 + RINGS.length)

/** The threads. Producers come behind these. */
export const OWNER = 0
export const WRITER = 1
export const PRODUCER = 2

export const mailAt = (listener: number, ring: number): number => MAIL + listener * (1 + RINGS.length) + ring

const NAMES = new Map<number, string>([
  ...RINGS.flatMap((ring): Array<[number, string]> => [
    [ringAt(ring) + RingWord.Published, `Published of ring ${ring}`],
    [ringAt(ring) + RingWord.ProducerDone, `ProducerDone of ring ${ring}`],
    [ringAt(ring) + RingWord.Adopted, `Adopted of ring ${ring}`],
    [ringAt(ring) + RingWord.Closed, `Closed of ring ${ring}`],
    [ringAt(ring) + RingWord.Released, `Released of ring ${ring}`]
  ]),
  [BLOCK + WriterWord.Wake, 'Wake'],
  [BLOCK + WriterWord.Sleeping, 'Sleeping'],
  [BLOCK + WriterWord.RingsAnnounced, 'RingsAnnounced'],
  [BLOCK + WriterWord.Listening, 'Listening'],
  [BLOCK + WriterWord.State, 'State'],
  [BLOCK + WriterWord.Command, 'Command'],
  [BLOCK + WriterWord.Claim, 'Claim'],
  [BLOCK + WriterWord.Gone, 'Gone of the writer'],
  [BLOCK + WriterWord.Generation, 'Generation'],
  [BLOCK + WriterWord.OwnerGone, 'OwnerGone'],
  [BLOCK + SEATS, 'the first seat'],
  [BLOCK + SEATS + 1, 'the second seat'],
  [threadAt(0) + ThreadWord.Gone, 'Gone of the producer'],
  [threadAt(1) + ThreadWord.Gone, 'Gone of the other producer']
])

export const nameOf = (at: number): string => NAMES.get(at) ?? `word ${at}`

export const baseOf = (place: SharedArrayBuffer): number => (place as unknown as Place).base

/** Number of the ring that starts there. */
export const numberOf = (place: SharedArrayBuffer): number => baseOf(place) / GEOMETRY.block

export function announcementOf (ring: number, producers: readonly unknown[][]): Announcement {
  const producer = producerOf(ring, producers)
  return { ring: shared(ringAt(ring)), thread: shared(threadAt(producer)), threadId: 1 + producer, name: 'explored' }
}

/** Number of the first ring of a producer; its others follow. */
export function firstRingOf (producer: number, producers: readonly unknown[][]): number {
  return 1 + producers.slice(0, producer).reduce((sum, lives) => sum + lives.length, 0)
}

export function producerOf (ring: number, producers: readonly unknown[][]): number {
  return producers.findLastIndex((_, producer) => firstRingOf(producer, producers) <= ring)
}

export function newMemory (threads: number): Memory {
  const memory = new Memory(new Int32Array(WORDS), Array.from({ length: threads }, () => []))
  for (const ring of [0, ...RINGS]) {
    memory.words[ringAt(ring) + RingWord.Capacity] = CAPACITY
    memory.words[ringAt(ring) + RingWord.BatchBase] = -1
  }
  return memory
}
