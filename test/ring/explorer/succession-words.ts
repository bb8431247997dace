import { RingWord, ThreadWord, WriterWord } from '../../../src/ring/layout'
import type { Announcement } from '../../../src/writer-data'
import { GEOMETRY, numberOf, ringAt, SEATS } from './life-words'
import { Memory } from './memory'
import { firstWordOf, shared } from './thread'

/** Where things stand in the memory in which a succession is explored, and what stands for the system. */

/** The threads. */
export const PEER = 4

/** An owner's writer: its threads, its rings, its words. */
export interface House {
  readonly name: string
  readonly owner: number
  readonly writer: number
  readonly channel: string
  readonly ring: number
  readonly block: number
  /** Of which writer the thread was started, has said its first word, and has ended; the rings it was told of, a bit for each. */
  readonly started: number
  readonly registered: number
  readonly exited: number
  readonly attached: number
  /** 1 while the owner's thread is being terminated. */
  readonly dying: number
}

export const OLD_RING = 0
export const PEERS_RING = 1
export const HEIRS_RING = 2
/** Made of what was left, in this order. */
export const RESTORED = [3, 4]
export const RINGS = [OLD_RING, PEERS_RING, HEIRS_RING, ...RESTORED]

const BLOCKS = [ringAt(RINGS.length), ringAt(RINGS.length + 1)]
const EXTRA = BLOCKS[1]! + SEATS + 4
export const PEERS_THREAD = EXTRA
/** Of threads that are gone. */
const NOBODYS_THREAD = EXTRA + 2
const HOUSES = EXTRA + 4
/** 1 while somebody has the key. */
export const CLAIM = HOUSES + 10
const LISTENS = CLAIM + 1
const MAIL = LISTENS + 4
const KEPT = MAIL + 4 * RINGS.length
const LEFT = KEPT + RINGS.length
/** Rings made of what was left. */
export const MADE = LEFT + RINGS.length
/** What was left of each ring, as it was then: whoever had it unbeknown to the addon may go on with the ring itself. */
const ESTATES = MADE + 1
const WORDS = ESTATES + RINGS.length * GEOMETRY.block

const house = (at: number, name: string, channel: string, ring: number): House => ({
  name,
  owner: 2 * at,
  writer: 2 * at + 1,
  channel,
  ring,
  block: BLOCKS[at]!,
  started: HOUSES + 5 * at,
  registered: HOUSES + 5 * at + 1,
  exited: HOUSES + 5 * at + 2,
  attached: HOUSES + 5 * at + 3,
  dying: HOUSES + 5 * at + 4
})
export const OLD = house(0, 'old', 'the old channel', OLD_RING)
export const NEXT = house(1, 'next', 'the next channel', HEIRS_RING)
/** What a thread listens to, other than nothing. */
export const listensAt = (thread: number): number => LISTENS + thread
export const mailAt = (thread: number, ring: number): number => MAIL + thread * RINGS.length + ring
/** Who has the ring, a bit for each thread; 0 where nobody has said that it is to be kept. */
export const keptAt = (ring: number): number => KEPT + ring
const estateAt = (ring: number): number => ESTATES + ring * GEOMETRY.block
/** Whether something was left of the ring: 1, or 2 + the thread that makes another of it. */
export const leftAt = (ring: number): number => LEFT + ring

const ringNames = RINGS.flatMap((ring): Array<[number, string]> => [
  [ringAt(ring) + RingWord.Published, `Published of ring ${ring}`],
  [ringAt(ring) + RingWord.Adopted, `Adopted of ring ${ring}`],
  [ringAt(ring) + RingWord.ProducerDone, `ProducerDone of ring ${ring}`]
])
const houseNames = [OLD, NEXT].flatMap(({ name, block }): Array<[number, string]> => [
  [block + WriterWord.State, `State of the ${name} writer`],
  [block + WriterWord.Command, `Command of the ${name} writer`],
  [block + WriterWord.RingsAnnounced, `RingsAnnounced to the ${name} writer`],
  [block + WriterWord.Listening, `Listening of the ${name} writer`],
  [block + WriterWord.OwnerGone, `OwnerGone of the ${name} writer`]
])
const NAMES = new Map<number, string>([...ringNames, ...houseNames, [PEERS_THREAD + ThreadWord.Gone, 'Gone of the peer'], [CLAIM, 'the claim']])
export const nameOf = (at: number): string => NAMES.get(at) ?? `word ${at}`

export const nobodysThread = (): SharedArrayBuffer => shared(NOBODYS_THREAD)

export function announcementOf (ring: number): Announcement {
  const thread = shared(ring === PEERS_RING ? PEERS_THREAD : NOBODYS_THREAD)
  return { ring: shared(ringAt(ring)), thread, threadId: ring, name: 'explored' }
}

export function newMemory (): Memory {
  const memory = new Memory(new Int32Array(WORDS), Array.from({ length: PEER + 1 }, () => []))
  for (const ring of RINGS) {
    memory.words[ringAt(ring) + RingWord.Capacity] = 128
    memory.words[ringAt(ring) + RingWord.BatchBase] = -1
  }
  return memory
}

/** A thread lets a ring go. What the last one leaves, unless the ring is given back or closed, is for the next writer. */
export function letGo ({ words }: Memory, thread: number, ring: number): void {
  if ((words[keptAt(ring)]! >> thread & 1) === 0) return
  words[keptAt(ring)]! &= ~(1 << thread)
  const base = ringAt(ring)
  if (words[keptAt(ring)] !== 0 || words[base + RingWord.Adopted] === -1 || words[base + RingWord.Closed] === 1) return
  words[base + RingWord.Tallied] = 1
  words[base + RingWord.Adopted] = -1
  words[leftAt(ring)] = 1
  words.copyWithin(estateAt(ring), base, base + GEOMETRY.block)
}

/** The addon's part of a thread's end. */
export function leaveAll (memory: Memory, thread: number): number {
  for (const ring of RINGS) {
    letGo(memory, thread, ring)
    if (memory.words[leftAt(ring)] === 2 + thread) memory.words[leftAt(ring)] = 1
  }
  return 0
}

/** Makes a ring of what was left of one, as restoreRing does. */
export function restore ({ words }: Memory, from: number, to: number, id: number): void {
  const [source, target] = [estateAt(from), ringAt(to)]
  words.copyWithin(target, source, source + GEOMETRY.block)
  Object.entries({ [RingWord.Id]: id, [RingWord.ProducerDone]: 1, [RingWord.MovesOn]: 1, [RingWord.Adopted]: 0, [RingWord.Tallied]: 0 })
    .forEach(([word, value]) => { words[target + Number(word)] = value })
}

/** Number of the ring with these words. */
export const ringOf = (words: Int32Array): number => numberOf(shared(firstWordOf(words)))
