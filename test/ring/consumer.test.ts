import { Consumer } from '../../src/ring/consumer'
import {
  createRing, DATA_START, Ending, Flag, LEAST_CAPACITY_BYTES, recordBytes, RingCount, RingWord, type Ring
} from '../../src/ring/layout'
import { Producer } from '../../src/ring/producer'
import { drain, noticeOf, noticeText, starts, takeBatch, takeBytes, usedBytes } from './support'

const CAPACITY = LEAST_CAPACITY_BYTES

function newPair (start = 0): { ring: Ring, producer: Producer, consumer: Consumer } {
  const ring = createRing(CAPACITY, start)
  return { ring, producer: new Producer(ring), consumer: new Consumer(ring, noticeOf) }
}

function publish (producer: Producer, ...lines: string[]): void {
  for (const line of lines) expect(producer.tryPublishWithin(line, CAPACITY)).toBe(true)
}

const counts = ({ counts }: Ring): number[] => [counts[RingCount.LinesWritten]!, counts[RingCount.BytesWritten]!, counts[RingCount.LinesSkipped]!]

describe('a batch', () => {
  test.each(starts)('is what was published, in order and once, from position %s', (_, start) => {
    const { ring, producer, consumer } = newPair(start)
    expect(consumer.gather()).toBe(false)
    publish(producer, 'one\n', 'zwei ä\n', '')
    expect(consumer.available).toBe(usedBytes(ring))
    expect(consumer.gather()).toBe(true)
    expect(consumer.hasBatch).toBe(true)
    expect(takeBatch(consumer).toString()).toBe('one\nzwei ä\n')
    expect(consumer.gather()).toBe(false)
    expect(counts(ring)).toEqual([3, 12, 0])
    expect(usedBytes(ring)).toBe(0)
    expect(consumer.released).toBe(consumer.published)
  })

  test('gives no space back before it is released, and nothing counts before', () => {
    const { ring, producer, consumer } = newPair()
    publish(producer, 'one\n')
    consumer.gather()
    takeBytes(consumer, Infinity)
    expect(consumer.hasBatch).toBe(false)
    expect(counts(ring)).toEqual([0, 0, 0])
    expect(usedBytes(ring)).toBe(16)
    expect(consumer.held).toBe(16)
    consumer.release()
    expect(consumer.held).toBe(0)
    expect(usedBytes(ring)).toBe(0)
  })

  test('counts once, also when it is released twice', () => {
    const { ring, producer, consumer } = newPair()
    publish(producer, 'one\n')
    drain(consumer)
    consumer.release()
    expect(counts(ring)).toEqual([1, 4, 0])
  })

  test('holds as many records as the gather space, and the next batch goes on there', () => {
    const ring = createRing(1 << 20)
    const producer = new Producer(ring)
    const lines = Array.from({ length: 12 }, (_, i) => String.fromCharCode(97 + i).repeat(60000) + '\n')
    publishAll(producer, lines, ring.capacity)
    const consumer = new Consumer(ring, noticeOf)
    consumer.gather()
    expect(consumer.batchStop - consumer.batchStart).toBe(60001 * 4)
    expect(takeBatch(consumer).toString() + drain(consumer).toString()).toBe(lines.join(''))
  })

  test('stops after so many lines if told, with the whole of a long one', () => {
    const { ring, producer, consumer } = newPair()
    const long = 'y'.repeat(ring.mostPayload * 2) + '\n'
    publish(producer, 'a\n', 'b\n', long, 'c\n')
    const batches: string[] = []
    while (consumer.gather(1)) batches.push(takeBatch(consumer).toString())
    expect(batches).toEqual(['a\n', 'b\n', long, 'c\n'])
  })

  test('skips a record of a kind that this version does not know', () => {
    const { ring, producer, consumer } = newPair()
    publish(producer, 'a\n', 'b\n', 'c\n')
    ring.bytes[DATA_START + recordBytes(2) + 4] = 99
    expect(drain(consumer).toString()).toBe('a\nc\n')
    expect(usedBytes(ring)).toBe(0)
  })

  test('sees the most bytes that ever waited', () => {
    const { ring, producer, consumer } = newPair()
    publish(producer, 'a\n', 'b\n')
    drain(consumer)
    publish(producer, 'c\n')
    drain(consumer)
    expect(ring.words[RingWord.HighWater]).toBe(32)
  })

  test('can be held while others follow, and be released up to a mark', () => {
    const { ring, producer, consumer } = newPair()
    publish(producer, 'one\n')
    consumer.gather()
    const mark = consumer.mark()
    publish(producer, 'two\n', 'three')
    consumer.gather()
    expect(ring.bytes.toString('utf8', consumer.batchStart, consumer.batchStop)).toBe('two\nthree')
    consumer.release(mark)
    expect(counts(ring)).toEqual([1, 4, 0])
    expect(new Consumer(ring, () => null).mark().outputEnds).toBe(Ending.AtLineStart)
    expect(consumer.held).toBe(32)
    expect(consumer.gather()).toBe(false)
    consumer.release()
    expect(counts(ring)).toEqual([3, 13, 0])
    expect(new Consumer(ring, () => null).mark().outputEnds).toBe(Ending.InsideText)
    expect(usedBytes(ring)).toBe(0)
  })
})

function publishAll (producer: Producer, lines: string[], limit: number): void {
  for (const line of lines) expect(producer.tryPublishWithin(line, limit)).toBe(true)
}

describe('a notice', () => {
  test('begins a line, also behind text without a newline', () => {
    const { producer, consumer } = newPair()
    publish(producer, 'no newline')
    producer.drop(1, 3)
    publish(producer, 'x\n')
    expect(drain(consumer).toString()).toBe(`no newline\n${noticeText(1, 1, 3)}x\n`)
  })

  test('begins a line, also when the text before it is in a batch that is gone', () => {
    const { producer, consumer } = newPair()
    publish(producer, 'no newline')
    expect(drain(consumer).toString()).toBe('no newline')
    producer.drop(1, 3)
    producer.tryPublishNotice()
    expect(drain(consumer).toString()).toBe('\n' + noticeText(1, 1, 3))
  })

  test.each([['whole line\n', ''], ['no newline', '\n']])('behind empty text is where the text before that left it: %j', (before, newline) => {
    const { producer, consumer } = newPair()
    publish(producer, before)
    drain(consumer)
    publish(producer, '')
    producer.drop(1, 3)
    producer.tryPublishNotice()
    expect(drain(consumer).toString()).toBe(newline + noticeText(1, 1, 3))
  })

  test('leaves the output alone when notices are off', () => {
    const { ring, producer } = newPair()
    publish(producer, 'no newline, ')
    producer.drop(1, 3)
    publish(producer, 'the rest\n')
    const consumer = new Consumer(ring, () => null)
    expect(drain(consumer).toString()).toBe('no newline, the rest\n')
    expect(counts(ring)).toEqual([2, 21, 0])
  })
})

describe('a batch of whole lines', () => {
  const gather = (consumer: Consumer): boolean => consumer.gather(Infinity, Infinity, Infinity, true)

  test('ends before a line of which only the beginning is there, and leaves that until the rest comes', () => {
    const { ring, producer, consumer } = newPair()
    publish(producer, 'one\n')
    producer.tryPublishPart('ha', Flag.First)
    expect(gather(consumer)).toBe(true)
    expect(takeBatch(consumer).toString()).toBe('one\n')
    expect(gather(consumer)).toBe(false)
    expect({ held: consumer.held, isInsideLine: consumer.isInsideLine, counts: counts(ring) }).toEqual({ held: 0, isInsideLine: false, counts: [1, 4, 0] })
    producer.tryPublishPart('lf\n', Flag.Last)
    publish(producer, 'two\n')
    expect(gather(consumer)).toBe(true)
    expect(takeBatch(consumer).toString()).toBe('half\ntwo\n')
    expect(counts(ring)).toEqual([3, 13, 0])
  })

  test('has the beginning of a line for whose next part there may be no room, or whose producer will publish no more', () => {
    const part = 'x'.repeat(CAPACITY / 4)
    const { producer, consumer } = newPair()
    let published = ''
    for (let parts = 1; parts <= 3; parts++, published += part) {
      expect(gather(consumer)).toBe(false) // another part still fits
      expect(producer.tryPublishPart(part, parts === 1 ? Flag.First : 0 as Flag)).toBe(true)
    }
    expect(gather(consumer)).toBe(true)
    expect(takeBatch(consumer).toString()).toBe(published)
    expect(consumer.isInsideLine).toBe(true)

    const done = newPair()
    done.producer.tryPublishPart('half', Flag.First)
    done.ring.words[RingWord.ProducerDone] = 1
    expect(gather(done.consumer)).toBe(true)
    expect(takeBatch(done.consumer).toString()).toBe('half')
  })

  test('knows whether the rest of a line that it has the beginning of is there', () => {
    const ring = createRing(1 << 20)
    const producer = new Producer(ring)
    const consumer = new Consumer(ring, noticeOf)
    const long = 'x'.repeat(600_000) + '\n'
    expect(producer.tryPublishWithin(long, 1 << 20)).toBe(true)
    expect(producer.tryPublishWithin('next\n', 1 << 20)).toBe(true)
    expect(gather(consumer)).toBe(true)
    let text = takeBatch(consumer).toString()
    while (consumer.hasRest && consumer.gather(1)) text += takeBatch(consumer).toString()
    expect({ text, hasRest: consumer.hasRest }).toEqual({ text: long, hasRest: false })
    expect(gather(consumer)).toBe(true)
    expect(takeBatch(consumer).toString()).toBe('next\n')

    const givenUp = newPair()
    givenUp.producer.tryPublishPart('given up', Flag.First)
    expect(givenUp.consumer.gather()).toBe(true)
    takeBatch(givenUp.consumer)
    expect(givenUp.consumer.hasRest).toBe(false)
    publish(givenUp.producer, 'next\n')
    givenUp.consumer.look()
    expect(givenUp.consumer.hasRest).toBe(false)
  })

  test('has the beginning of a line that is longer than the gather space, alone', () => {
    const ring = createRing(1 << 20)
    const producer = new Producer(ring)
    const consumer = new Consumer(ring, noticeOf)
    const long = 'x'.repeat(300_000) + '\n'
    expect(producer.tryPublishWithin('one\n', 1 << 20)).toBe(true)
    expect(producer.tryPublishWithin(long, 1 << 20)).toBe(true)
    const batches: string[] = []
    while (gather(consumer)) batches.push(takeBatch(consumer).toString())
    expect(batches[0]).toBe('one\n')
    expect(batches).toHaveLength(3)
    expect(batches.join('')).toBe(`one\n${long}`)
  })

  test('closes a line that its producer gave up, before the next', () => {
    const { ring, producer, consumer } = newPair()
    producer.tryPublishPart('given up', Flag.First)
    publish(producer, 'next\n')
    producer.tryPublishPart('ha', Flag.First)
    expect(gather(consumer)).toBe(true)
    expect(takeBatch(consumer).toString()).toBe('given up\nnext\n')
    expect(counts(ring)).toEqual([1, 14, 1])
  })
})

describe('a half-written line', () => {
  const abandon = (producer: Producer, text = 'half a li'): void => {
    expect(producer.tryPublishPart(text, Flag.First)).toBe(true)
  }

  test.each([
    ['line', (producer: Producer) => { publish(producer, 'next\n') }, 'next\n'],
    ['long line', (producer: Producer) => {
      producer.tryPublishPart('ne', Flag.First)
      producer.tryPublishPart('xt\n', Flag.Last)
    }, 'next\n'],
    ['notice', (producer: Producer) => {
      producer.drop(0, 9)
      producer.tryPublishNotice()
    }, noticeText(0, 1, 9)]
  ])('is closed with a newline and counted when another %s follows', (_, follow, expected) => {
    for (const isTwoBatches of [false, true]) {
      const { ring, producer, consumer } = newPair()
      abandon(producer)
      let output = isTwoBatches ? drain(consumer).toString() : ''
      follow(producer)
      output += drain(consumer).toString()
      expect(output).toBe('half a li\n' + expected)
      expect(counts(ring)).toEqual([expected === 'next\n' ? 1 : 0, output.length, 1])
    }
  })

  test('needs no newline when it happens to end with one', () => {
    const { ring, producer, consumer } = newPair()
    abandon(producer, 'half\n')
    publish(producer, 'next\n')
    expect(drain(consumer).toString()).toBe('half\nnext\n')
    expect(counts(ring)).toEqual([1, 10, 1])
  })

  test('is finished by an empty last part', () => {
    const { ring, producer, consumer } = newPair()
    abandon(producer, 'whole\n')
    producer.tryPublishPart('', Flag.Last)
    publish(producer, 'next\n')
    expect(drain(consumer).toString()).toBe('whole\nnext\n')
    expect(counts(ring)).toEqual([2, 11, 0])
  })

  test('stays open as long as its producer may go on', () => {
    const { producer, consumer } = newPair()
    abandon(producer)
    expect(drain(consumer).toString()).toBe('half a li')
    expect(consumer.mustClose).toBe(false)
    expect(consumer.gather()).toBe(false)
    producer.tryPublishPart('ne\n', Flag.Last)
    expect(drain(consumer).toString()).toBe('ne\n')
  })

  test('is closed when its producer will publish no more, once', () => {
    const { ring, producer, consumer } = newPair()
    abandon(producer)
    Atomics.store(ring.words, RingWord.ProducerDone, 1)
    expect(consumer.mustClose).toBe(false)
    expect(drain(consumer).toString()).toBe('half a li\n')
    expect(counts(ring)).toEqual([0, 10, 1])
    expect(consumer.mustClose).toBe(false)
    expect(drain(new Consumer(ring, noticeOf)).toString()).toBe('')
    // The newline was a batch without a record: what was taken of it is nothing to who comes next.
    publish(producer, 'after all\n')
    expect(drain(new Consumer(ring, noticeOf)).toString()).toBe('after all\n')
  })

  test('is closed by a successor too', () => {
    const { ring, producer, consumer } = newPair()
    abandon(producer)
    drain(consumer)
    Atomics.store(ring.words, RingWord.ProducerDone, 1)
    expect(drain(new Consumer(ring, noticeOf)).toString()).toBe('\n')
    expect(counts(ring)).toEqual([0, 10, 1])
  })

  test('does not make text without a newline a line that must be closed', () => {
    const { ring, producer, consumer } = newPair()
    publish(producer, 'no newline')
    Atomics.store(ring.words, RingWord.ProducerDone, 1)
    expect(drain(consumer).toString()).toBe('no newline')
    expect(counts(ring)).toEqual([1, 10, 0])
  })
})

describe('a consumer that takes over from a dead one', () => {
  /** Everything that makes output differ from what lies in the ring. */
  function publishMixture (producer: Producer): void {
    publish(producer, 'first\n', 'äöü €\n')
    producer.tryPublishPart('half', Flag.First)
    publish(producer, 'no newline')
    producer.drop(4, 10)
    publish(producer, 'last\n')
  }
  const mixture = `first\näöü €\nhalf\nno newline\n${noticeText(4, 1, 10)}last\n`

  test.each(starts)('goes on behind every byte that the sink took, from position %s', (_, start) => {
    for (let taken = 0; taken <= Buffer.byteLength(mixture); taken++) {
      const { ring, producer, consumer } = newPair(start)
      publishMixture(producer)
      consumer.gather()
      const before = Buffer.concat([takeBytes(consumer, taken >> 1), takeBytes(consumer, taken - (taken >> 1))])
      if (taken % 2 === 1) publish(producer, 'published meanwhile\n')

      const output = Buffer.concat([before, drain(new Consumer(ring, noticeOf))])
      expect(output.toString()).toBe(mixture + (taken % 2 === 1 ? 'published meanwhile\n' : ''))
      expect(counts(ring)).toEqual([4 + taken % 2, output.length, 1])
    }
  })

  test('starts at the beginning of a batch that was gathered and not begun', () => {
    const { ring, producer, consumer } = newPair()
    publish(producer, 'one\n')
    consumer.gather()
    takeBatch(consumer)
    publish(producer, 'two\n')
    consumer.gather()
    expect(drain(new Consumer(ring, noticeOf)).toString()).toBe('two\n')
  })

  test('repeats what was gathered in several batches and not released', () => {
    const { ring, producer, consumer } = newPair()
    publish(producer, 'one\n')
    consumer.gather()
    publish(producer, 'two\n')
    consumer.gather()
    expect(drain(new Consumer(ring, noticeOf)).toString()).toBe('one\ntwo\n')
    expect(counts(ring)).toEqual([2, 8, 0])
  })

  test('finds what the addon stored together with the system call', () => {
    const { ring, producer, consumer } = newPair()
    publish(producer, 'one\n')
    consumer.gather()
    Atomics.store(ring.words, RingWord.BatchTaken, 3)
    expect(drain(new Consumer(ring, noticeOf)).toString()).toBe('\n')
  })

  test('believes no count that belongs to another batch', () => {
    const { ring, producer, consumer } = newPair()
    publish(producer, 'one\n')
    consumer.gather()
    takeBytes(consumer, 3)
    consumer.release()
    publish(producer, 'two\n')
    expect(drain(new Consumer(ring, noticeOf)).toString()).toBe('two\n')
  })
})

describe('rewind', () => {
  test('takes the batch again from its start, or from the start of the line under way', () => {
    for (const [taken, toStart, expected] of [[6, true, 'one\ntwo\n'], [6, false, 'two\n'], [4, false, 'two\n'], [3, false, 'one\ntwo\n']] as const) {
      const { ring, producer, consumer } = newPair()
      publish(producer, 'one\n', 'two\n')
      consumer.gather()
      takeBytes(consumer, taken)
      consumer.rewind(toStart)
      // The successor finds the same place.
      const successor = new Consumer(ring, noticeOf)
      successor.gather()
      expect(takeBytes(successor, Infinity).toString()).toBe(expected)
      expect(takeBatch(consumer).toString()).toBe(expected)
    }
  })
})

describe('skipNext', () => {
  test('gives up one line, a long one whole, and counts it', () => {
    const { ring, producer, consumer } = newPair()
    publish(producer, 'culprit\n', 'y'.repeat(ring.mostPayload * 2) + '\n', 'good\n')
    expect(consumer.skipNext()).toBeNull()
    expect(counts(ring)).toEqual([0, 0, 1])
    consumer.skipNext()
    expect(drain(consumer).toString()).toBe('good\n')
    expect(counts(ring)).toEqual([1, 5, 2])
  })

  test('gives up what was gathered alone: the line behind a notice, not the notice with it', () => {
    const { ring, producer, consumer } = newPair()
    producer.drop(3, 10)
    publish(producer, 'culprit\n', 'good\n')
    expect(consumer.gather(1)).toBe(true)
    const notice = takeBatch(consumer).toString()
    expect(notice).toBe(noticeText(3, 1, 10))
    consumer.skipNext()
    expect(drain(consumer).toString()).toBe('good\n')
    expect(counts(ring)).toEqual([1, Buffer.byteLength(notice) + 5, 1])
  })

  test('gives up a notice alone, which is no line', () => {
    const { ring, producer, consumer } = newPair()
    producer.drop(3, 10)
    publish(producer, 'good\n')
    expect(consumer.skipNext()).toBe(noticeText(3, 1, 10))
    expect(drain(consumer).toString()).toBe('good\n')
    expect(counts(ring)).toEqual([1, 5, 0])
  })
})
