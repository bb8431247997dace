import { MOST_ATTACHED_RINGS, WriterWord } from './layout'

/**
 * The seats of a writer bound how many rings other threads may have attached to it at a time. A seat holds the number of its
 * ring, so that freeing it twice, after a writer was terminated in the middle of that, frees no other's.
 */

/** Whether there is room for another ring now. */
export function hasFreeSeat (block: Int32Array): boolean { return seatOf(block, 0, 0) >= 0 }

/** @returns false if all are taken */
export function takeSeat (block: Int32Array, ring: number): boolean {
  for (let at = seatOf(block, 0, ring); at >= 0; at = seatOf(block, 0, ring)) {
    // Pairs with the one in freeSeat, and with those of other threads that look for a seat.
    if (Atomics.compareExchange(block, WriterWord.Seats + at, 0, ring) === 0) return true
  }
  return false
}

/** Frees the seat of a ring, if it has one. */
export function freeSeat (block: Int32Array, ring: number): void {
  const at = seatOf(block, ring, ring)
  if (at >= 0) Atomics.compareExchange(block, WriterWord.Seats + at, ring, 0)
}

/** Numbers of the rings that have seats. */
export function seated (block: Int32Array): number[] {
  const rings: number[] = []
  for (let at = 0; at < MOST_ATTACHED_RINGS; at++) {
    const ring = Atomics.load(block, WriterWord.Seats + at)
    if (ring !== 0) rings.push(ring)
  }
  return rings
}

/** A seat that holds `ring` (0: a free one), looked for from the place where `near` is likely to sit; -1 if there is none. */
function seatOf (block: Int32Array, ring: number, near: number): number {
  for (let i = 0; i < MOST_ATTACHED_RINGS; i++) {
    const at = (near + i) % MOST_ATTACHED_RINGS
    if (Atomics.load(block, WriterWord.Seats + at) === ring) return at
  }
  return -1
}
