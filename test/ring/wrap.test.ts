import { Consumer } from '../../src/ring/consumer'
import { createRing, DATA_START, HEADER_BYTES, LEAST_CAPACITY_BYTES, recordBytes, RingWord } from '../../src/ring/layout'
import { Producer } from '../../src/ring/producer'
import { drain, noticeOf, noticeText } from './support'

const CAPACITY = LEAST_CAPACITY_BYTES

/** Rounds of the ring whose end is also where 32-bit positions change sign, or wrap, or nothing special. */
const rounds: Array<[name: string, end: number]> = [['an end of the ring', CAPACITY], ['2^31', 2 ** 31], ['2^32', 2 ** 32]]

describe.each(rounds)('around %s', (_, end) => {
  test('a line is whole at every place that it can start', () => {
    const lines = ['1234567\n', 'ä€😀 and somewhat more text\n', '\n', '', 'x'.repeat(300) + '\n', 'the one behind\n']
    const expected = lines.join('')
    for (let before = 0; before <= 512; before += 8) {
      const ring = createRing(CAPACITY, (end - before) | 0)
      const producer = new Producer(ring)
      for (const line of lines) expect(producer.tryPublish(line)).toBe(true)
      expect([before, drain(new Consumer(ring, noticeOf)).toString()]).toEqual([before, expected])
      expect(ring.words[RingWord.Released]).toBe((end - before + lines.reduce((sum, line) => sum + recordBytes(Buffer.byteLength(line)), 0)) | 0)
    }
  })

  test('the longest record runs on into the slack from every place, and no further', () => {
    const ring = createRing(CAPACITY)
    const longest = 'x'.repeat(ring.mostPayload - 1) + '\n'
    for (let before = 8; before <= recordBytes(ring.mostPayload); before += before < 256 ? 8 : 1000) {
      const ring = createRing(CAPACITY, (end - before) | 0)
      const producer = new Producer(ring)
      expect(producer.tryPublishWithin(longest, CAPACITY)).toBe(true)
      const endOfRecord = DATA_START + CAPACITY - before + HEADER_BYTES + longest.length
      expect(ring.bytes.indexOf('x', endOfRecord)).toBe(-1)
      expect(producer.tryPublishWithin('next\n', CAPACITY)).toBe(true)
      expect(drain(new Consumer(ring, noticeOf)).toString()).toBe(longest + 'next\n')
    }
  })

  test('a notice is whole at every place that it can start', () => {
    for (let before = 0; before <= 128; before += 8) {
      const ring = createRing(CAPACITY, (end - before) | 0)
      const producer = new Producer(ring)
      producer.drop(5, 123)
      expect(producer.tryPublishWithin('next\n', CAPACITY)).toBe(true)
      expect(drain(new Consumer(ring, noticeOf)).toString()).toBe(noticeText(5, 1, 123) + 'next\n')
    }
  })

  test('a full ring is full, and holds everything, from every place', () => {
    const line = 'y'.repeat(1016 - 1) + '\n'
    for (let before = 0; before <= 2048; before += 8) {
      const ring = createRing(CAPACITY, (end - before) | 0)
      const producer = new Producer(ring)
      let published = 0
      while (producer.tryPublishWithin(line, CAPACITY)) published++
      expect(published).toBe(CAPACITY / 1024)
      expect(producer.tryPublishWithin('', CAPACITY)).toBe(false)
      const consumer = new Consumer(ring, noticeOf)
      expect(consumer.available).toBe(CAPACITY)
      expect(drain(consumer).toString() === line.repeat(published)).toBe(true)
    }
  })

  test('lines of every length follow one another for many rounds', () => {
    const ring = createRing(CAPACITY, (end - CAPACITY * 2 - 8) | 0)
    const producer = new Producer(ring)
    const consumer = new Consumer(ring, noticeOf)
    for (let i = 0, bytes = 0; bytes < CAPACITY * 5; i++) {
      const line = `${i} ${'z'.repeat(i * 31 % 997)}\n`
      expect(producer.tryPublishWithin(line, CAPACITY)).toBe(true)
      bytes += line.length
      expect(drain(consumer).toString()).toBe(line)
    }
  })
})
