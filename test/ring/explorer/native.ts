import type { CreatePublisher } from '../../../src/ring/producer'
import type { Thread } from './thread'

/**
 * What native/producer.cc does to the ring, access by access, on the simulated memory of `thread`; that it does this and
 * nothing else, native.test.ts shows on the real one.
 */
export function nativeOn (thread: Thread): CreatePublisher {
  return (words, { capacity, dataStart, headerBytes, mostPayload, published, quickEnd, linesAccepted, meta }) => (text) => {
    if (text.length * 3 > mostPayload) return false
    const position = words[published]!
    const most = text.length * 3
    if (((position + most + headerBytes + 7 - words[quickEnd]!) | 0) > 0) return false
    const place = dataStart + (position & (capacity - 1))
    const size = (thread.ring.bytes as Buffer & { utf8Write (text: string, at: number, most: number): number }).utf8Write(text, place + headerBytes, most)
    words[place >> 2] = size
    words[(place >> 2) + 1] = meta
    thread.ring.counts[linesAccepted]! += 1
    thread.atomics.store(words as never, published, (position + headerBytes + ((size + 7) & ~7)) | 0)
    return true
  }
}
