import { Consumer } from '../../src/ring/consumer'
import {
  createRing, createWriterBlock, DATA_START, DROPPED_PAYLOAD_BYTES, Flag, HEADER_BYTES, Kind, LEAST_CAPACITY_BYTES, LEVEL_SLOTS,
  recordBytes, RingCount, RingWord, WriterWord, type Ring
} from '../../src/ring/layout'
import { Producer } from '../../src/ring/producer'
import { contents, drain, droppedLines, noticeOf, noticeText, starts, usedBytes } from './support'

const CAPACITY = LEAST_CAPACITY_BYTES
const NOTICE_BYTES = recordBytes(DROPPED_PAYLOAD_BYTES)
/** A line whose record takes 1 KiB. */
const KIB_LINE = 'x'.repeat(1024 - HEADER_BYTES - 1) + '\n'

function newPair (start = 0): { ring: Ring, producer: Producer, consumer: Consumer } {
  const ring = createRing(CAPACITY, start)
  return { ring, producer: new Producer(ring), consumer: new Consumer(ring, noticeOf) }
}

/** Publishes lines of 1 KiB until `bytes` are used. */
function fill (producer: Producer, bytes: number): void {
  while (producer.used < bytes) expect(producer.tryPublishWithin(KIB_LINE, CAPACITY)).toBe(true)
}

/** Everything that the producer may write. */
function snapshot (ring: Ring): Buffer { return Buffer.from(ring.bytes) }

describe('tryPublish', () => {
  test.each(starts)('publishes text that a consumer finds, from position %s', (_, start) => {
    const { ring, producer } = newPair(start)
    const lines = ['{"level":30}\n', 'ä\n', '€ uro\n', '😀\n', '']
    for (const line of lines) expect(producer.tryPublish(line)).toBe(true)
    expect(contents(ring)).toBe(lines.join(''))
    expect(ring.counts[RingCount.LinesAccepted]).toBe(lines.length)
  })

  test('writes a header, the text, and moves the position by a multiple of 8', () => {
    const { ring, producer } = newPair()
    producer.tryPublish('häl\n')
    expect(ring.words[DATA_START / 4]).toBe(5)
    expect(ring.bytes[DATA_START + 4]).toBe(Kind.Line)
    expect(ring.bytes.readUInt16LE(DATA_START + 6)).toBe(Flag.First | Flag.Last)
    expect(ring.bytes.toString('utf8', DATA_START + HEADER_BYTES, DATA_START + HEADER_BYTES + 5)).toBe('häl\n')
    expect(ring.words[RingWord.Published]).toBe(16)
  })

  test('writes lone surrogates as U+FFFD, as Buffer.from does', () => {
    for (const text of ['\uD800', '\uDC00', 'a\uD83D', '\uDE00b', '\uD83D\uD83D\uDE00', '\uDE00\uD83D\n']) {
      const { ring, producer } = newPair()
      expect(producer.tryPublish(text)).toBe(true)
      expect(contents(ring)).toBe(Buffer.from(text).toString())
    }
  })

  test('refuses in silence what could be longer than a record', () => {
    const { ring, producer } = newPair()
    const before = snapshot(ring)
    expect(producer.tryPublish('x'.repeat(ring.mostPayload / 3 + 1))).toBe(false)
    expect(snapshot(ring).equals(before)).toBe(true)
    expect(producer.tryPublish('x'.repeat(Math.floor(ring.mostPayload / 3)))).toBe(true)
  })

  test('leaves the second half of the ring to the careful way, until it is quarter full again', () => {
    const { producer, consumer } = newPair()
    while (producer.tryPublish(KIB_LINE));
    expect(producer.used).toBeLessThanOrEqual(CAPACITY / 2)
    expect(producer.used).toBeGreaterThan(CAPACITY / 2 - 4096)
    fill(producer, CAPACITY / 2 + 1024)
    expect(producer.isCalm).toBe(false)

    consumer.gather(CAPACITY / 4096)
    consumer.release()
    expect(producer.tryPublish('a\n')).toBe(false)
    expect(producer.tryPublishWithin('a\n', CAPACITY)).toBe(true)
    expect(producer.isCalm).toBe(false)

    drain(consumer)
    expect(producer.tryPublishWithin('b\n', CAPACITY)).toBe(true)
    expect(producer.isCalm).toBe(true)
    expect(producer.tryPublish('c\n')).toBe(true)
  })

  test('refuses everything once closed, and the careful ways stay open', () => {
    const { ring, producer } = newPair()
    producer.close()
    expect(producer.tryPublish('')).toBe(false)
    expect(producer.tryPublishWithin('late\n', CAPACITY)).toBe(true)
    expect(producer.tryPublish('x\n')).toBe(false)
    expect(producer.isCalm).toBe(false)
    expect(contents(ring)).toBe('late\n')
  })
})

describe('tryPublishWithin', () => {
  test.each(starts)('uses the ring to the last byte and not one more, from position %s', (_, start) => {
    const { ring, producer } = newPair(start)
    fill(producer, CAPACITY - 1024)
    const before = snapshot(ring)
    expect(producer.tryPublishWithin(KIB_LINE + 'x', CAPACITY)).toBe(false)
    expect(snapshot(ring).equals(before)).toBe(true)
    expect(producer.tryPublishWithin(KIB_LINE, CAPACITY)).toBe(true)
    expect(usedBytes(ring)).toBe(CAPACITY)
    expect(producer.tryPublishWithin('', CAPACITY)).toBe(false)
    expect(contents(ring)).toBe(KIB_LINE.repeat(CAPACITY / 1024))
  })

  test('keeps what is behind its limit for those with a higher one', () => {
    const { ring, producer } = newPair()
    const limit = CAPACITY * 7 / 8
    while (producer.tryPublishWithin(KIB_LINE, limit));
    expect(usedBytes(ring)).toBe(limit)
    expect(producer.tryPublishWithin('error\n', CAPACITY)).toBe(true)
    expect(producer.tryPublishWithin('', limit)).toBe(false)
  })

  test('measures text exactly: what needs one byte a unit fits where three would not', () => {
    const { producer } = newPair()
    fill(producer, CAPACITY - 2048)
    expect(producer.tryPublishWithin('x'.repeat(2048 - HEADER_BYTES), CAPACITY)).toBe(true)
  })

  test('takes bytes as they are', () => {
    const { ring, producer } = newPair()
    const bytes = Uint8Array.from([0, 255, 195, 10])
    expect(producer.tryPublishWithin(bytes, CAPACITY)).toBe(true)
    expect(drain(new Consumer(ring, noticeOf))).toEqual(Buffer.from(bytes))
  })

  test('finds the room that the consumer gave back', () => {
    const { producer, consumer } = newPair()
    fill(producer, CAPACITY)
    drain(consumer)
    expect(producer.tryPublishWithin(KIB_LINE, CAPACITY)).toBe(true)
    expect(producer.used).toBe(1024)
  })
})

describe('drop', () => {
  test('counts lines by level slot and bytes, exactly', () => {
    const { ring, producer } = newPair()
    const expected = new Array(LEVEL_SLOTS).fill(0)
    for (let i = 0; i < 1000; i++) {
      producer.drop(i * 7 % LEVEL_SLOTS, i)
      expected[i * 7 % LEVEL_SLOTS]++
    }
    expect(droppedLines(ring)).toEqual(expected)
    expect(ring.counts[RingCount.BytesDropped]).toBe(999 * 500)
    expect(ring.counts[RingCount.LinesAccepted]).toBe(0)
  })

  test('is told in front of the next line, in the same store', () => {
    const { ring, producer } = newPair()
    producer.tryPublish('before\n')
    producer.drop(2, 100)
    producer.drop(2, 11)
    expect(producer.hasUntold).toBe(true)
    expect(producer.tryPublish('x\n')).toBe(false)
    expect(producer.tryPublishWithin('after\n', CAPACITY)).toBe(true)
    expect(producer.hasUntold).toBe(false)
    expect(producer.isCalm).toBe(true)
    expect(contents(ring)).toBe(`before\n${noticeText(2, 2, 111)}after\n`)
  })

  test('is told once, and each gap by itself', () => {
    const { ring, producer } = newPair()
    producer.drop(0, 1)
    producer.tryPublishWithin('a\n', CAPACITY)
    producer.tryPublishWithin('b\n', CAPACITY)
    producer.drop(7, 2)
    producer.tryPublishWithin('c\n', CAPACITY)
    expect(contents(ring)).toBe(`${noticeText(0, 1, 1)}a\nb\n${noticeText(7, 1, 2)}c\n`)
    expect(droppedLines(ring)).toEqual([1, 0, 0, 0, 0, 0, 0, 1])
  })

  test('is not told while notice and line do not fit together', () => {
    const { ring, producer } = newPair()
    fill(producer, CAPACITY - 1024)
    producer.drop(1, 5)
    const line = 'x'.repeat(1024 - NOTICE_BYTES - HEADER_BYTES + 1)
    expect(producer.tryPublishWithin(line, CAPACITY)).toBe(false)
    expect(producer.hasUntold).toBe(true)
    expect(producer.tryPublishWithin(line.slice(1), CAPACITY)).toBe(true)
    expect(usedBytes(ring)).toBe(CAPACITY)
  })

  test('says when the first line of the gap was dropped', () => {
    const { ring, producer } = newPair()
    const now = jest.spyOn(Date, 'now').mockReturnValueOnce(1234).mockReturnValue(5678)
    producer.drop(1, 5)
    producer.drop(1, 5)
    now.mockRestore()
    producer.tryPublishNotice()
    let since = 0
    drain(new Consumer(ring, (counts) => {
      since = counts[LEVEL_SLOTS + 1]!
      return null
    }))
    expect(since).toBe(1234)
  })
})

describe('tryPublishNotice', () => {
  test('says yes and publishes nothing when nothing was dropped', () => {
    const { ring, producer } = newPair()
    expect(producer.tryPublishNotice()).toBe(true)
    expect(usedBytes(ring)).toBe(0)
  })

  test('says no while the ring is full, and tells when there is room', () => {
    const { ring, producer, consumer } = newPair()
    fill(producer, CAPACITY)
    producer.drop(3, 9)
    const before = snapshot(ring)
    expect(producer.tryPublishNotice()).toBe(false)
    expect(snapshot(ring).equals(before)).toBe(true)
    drain(consumer)
    expect(producer.tryPublishNotice()).toBe(true)
    expect(producer.isCalm).toBe(true)
    expect(drain(consumer).toString()).toBe(noticeText(3, 1, 9))
  })
})

describe('a producer that comes after another', () => {
  test('goes on at its position and with its counts', () => {
    const { ring, producer } = newPair()
    producer.tryPublish('one\n')
    producer.drop(1, 1)
    const next = new Producer(ring)
    expect(next.used).toBe(16)
    next.tryPublish('two\n')
    next.drop(1, 1)
    expect(ring.counts[RingCount.LinesAccepted]).toBe(2)
    expect(droppedLines(ring)[1]).toBe(2)
    expect(contents(ring)).toBe('one\ntwo\n')
  })
})

describe('a producer whose writer parks', () => {
  test('wakes it once for each time that it sleeps, and never while it is awake', () => {
    const block = new Int32Array(createWriterBlock())
    const producer = new Producer(createRing(CAPACITY), block)
    const publish = (): number => {
      producer.tryPublish('x\n')
      return block[WriterWord.Wake]!
    }
    expect([publish(), publish()]).toEqual([0, 0])
    block[WriterWord.Sleeping] = 1
    expect([publish(), publish()]).toEqual([1, 1])
    block[WriterWord.Sleeping] = 2
    expect(publish()).toBe(1)
    block[WriterWord.Sleeping] = 3
    expect([publish(), publish()]).toEqual([2, 2])
  })
})
