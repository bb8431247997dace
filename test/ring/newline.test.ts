import { Consumer } from '../../src/ring/consumer'
import { createRing, Flag, LEAST_CAPACITY_BYTES, RingCount, type Ring } from '../../src/ring/layout'
import { Producer } from '../../src/ring/producer'
import { contents, drain, noticeOf, starts, takeBatch, takeBytes } from './support'

function newPair (start = 0): { ring: Ring, producer: Producer, consumer: Consumer } {
  const ring = createRing(LEAST_CAPACITY_BYTES, start)
  return { ring, producer: new Producer(ring), consumer: new Consumer(ring, noticeOf) }
}

const skipped = ({ counts }: Ring): number => counts[RingCount.LinesSkipped]!

describe('a newline between the output of two rings', () => {
  test.each(starts)('ends text without one, once, from position %s', (_, start) => {
    const { ring, producer, consumer } = newPair(start)
    producer.tryPublish('text')
    expect(drain(consumer).toString()).toBe('text')
    expect(consumer.isInsideText).toBe(true)
    expect(consumer.gatherNewline()).toBe(true)
    expect(takeBatch(consumer).toString()).toBe('\n')
    expect(consumer.gatherNewline()).toBe(false)
    expect(ring.counts[RingCount.BytesWritten]).toBe(5)
    producer.tryPublish('more\n')
    expect(drain(consumer).toString()).toBe('more\n')
    expect(skipped(ring)).toBe(0)
  })

  test.each([0, 1])('stands there once when the writer dies with %d bytes of it taken', (taken) => {
    const { ring, producer, consumer } = newPair()
    producer.tryPublish('text')
    drain(consumer)
    consumer.gatherNewline()
    takeBytes(consumer, taken)
    const successor = new Consumer(ring, noticeOf)
    expect(successor.gatherNewline()).toBe(taken === 0)
    if (taken === 0) takeBatch(successor)
    producer.tryPublish('more\n')
    expect(drain(successor).toString()).toBe('more\n')
    expect(ring.counts[RingCount.BytesWritten]).toBe(10)
  })

  test('gives up a line under way: counted as skipped, its rest goes nowhere, the next line is whole', () => {
    const { ring, producer, consumer } = newPair()
    producer.tryPublishPart('one', Flag.First)
    expect(drain(consumer).toString()).toBe('one')
    expect(consumer.isInsideLine).toBe(true)
    expect(consumer.gatherNewline()).toBe(true)
    expect(takeBatch(consumer).toString()).toBe('\n')
    producer.tryPublishPart('two', 0)
    expect(drain(consumer).toString()).toBe('')
    producer.tryPublishPart('three\n', Flag.Last)
    producer.tryPublish('next\n')
    expect(contents(ring)).toBe('next\n')
    expect(skipped(ring)).toBe(1)
    expect(ring.counts[RingCount.LinesWritten]).toBe(1)
  })

  test('leaves a line that was given up behind also when its producer begins another', () => {
    const { ring, producer, consumer } = newPair()
    producer.tryPublishPart('one', Flag.First)
    drain(consumer)
    consumer.gatherNewline()
    takeBatch(consumer)
    producer.tryPublish('next\n')
    expect(drain(consumer).toString()).toBe('next\n')
    expect(skipped(ring)).toBe(1)
  })
})
