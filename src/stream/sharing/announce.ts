import { BroadcastChannel } from 'node:worker_threads'
import { GIVEN_BACK, RingWord, type Ring, WriterWord } from '../../ring/layout'
import { type Announcement, guestsChannelName, type GuestWord } from '../../writer-data'

/**
 * Tells the writer and its owner of a ring. Both ends read the channel without an event loop if they must. Whoever does
 * not listen yet misses it: a ring that is not `isTakenIn` after a while is to be announced again.
 *
 * @param announcements what is told; none only makes the writer listen
 */
export function announce (channelName: string, block: Int32Array, announcements: readonly Announcement[]): void {
  if (announcements.length > 0) {
    // Closed again at once: a channel that stays open would collect everybody else's announcements.
    const channel = new BroadcastChannel(channelName)
    for (const each of announcements) channel.postMessage(each)
    channel.close()
  }
  Atomics.add(block, WriterWord.RingsAnnounced, 1)
  Atomics.add(block, WriterWord.Wake, 1)
  Atomics.notify(block, WriterWord.Wake)
}

/** Tells the streams that are attached to a writer. */
export function tellGuests (channelName: string, word: GuestWord): void {
  const channel = new BroadcastChannel(guestsChannelName(channelName))
  channel.postMessage(word)
  channel.close()
}

/** Whether a writer has taken the ring in; its successors then find it in the owner's list. */
export function isTakenIn (ring: Ring): boolean {
  return Atomics.load(ring.words, RingWord.Adopted) !== 0
}

/** Whether the producer is done and everything is delivered. */
export function isGivenBack (ring: Ring): boolean {
  return Atomics.load(ring.words, RingWord.Adopted) === GIVEN_BACK
}
