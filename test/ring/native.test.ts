import fc from 'fast-check'
import { theAddon } from '../affinity/support'
import { Consumer } from '../../src/ring/consumer'
import { createRing, DATA_START, Flag, LEAST_CAPACITY_BYTES, LINE_META, type Ring, RingCount, RingWord, TIME_META } from '../../src/ring/layout'
import { GatheringWord, type GatherLines } from '../../src/ring/native-half'
import { type CreatePublisher, Producer, type PublisherLayout } from '../../src/ring/producer'
import { TimedProducer } from '../../src/ring/timed-producer'

/** One ring with native halves and one without; whatever is done to one is done to the other. */

const { createPublisher, gatherLines } = theAddon()

interface Side { ring: Ring, producer: Producer, consumer: Consumer }

function side (start: number, publisher: CreatePublisher | null, gatherer: GatherLines | null = null, Class = Producer): Side {
  const ring = createRing(LEAST_CAPACITY_BYTES, start)
  return { ring, producer: new Class(ring, null, publisher), consumer: new Consumer(ring, (counts) => `${[...counts.subarray(0, 9)].join()}\n`, gatherer) }
}

/** Lines of every width of character, lone surrogates among them, short and around the longest that the quick way takes. */
const line = fc.oneof(
  { weight: 4, arbitrary: fc.string({ unit: 'binary', maxLength: 300 }) },
  { weight: 2, arbitrary: fc.string({ unit: 'grapheme', maxLength: 300 }) },
  { weight: 2, arbitrary: fc.array(fc.integer({ min: 0, max: 0xFFFF }), { maxLength: 100 }).map((units) => String.fromCharCode(...units)) },
  { weight: 1, arbitrary: fc.tuple(fc.constantFrom('a', 'é', '€', '\uD800'), fc.integer({ min: 5400, max: 5500 })).map(([c, n]) => c.repeat(n)) }
)

type Step = (side: Side) => unknown

const step: fc.Arbitrary<[string, Step]> = fc.oneof(
  {
    weight: 20,
    arbitrary: line.map((text): [string, Step] => [`write ${text.length}`, ({ producer, ring }) => {
      if (producer.tryPublish(text)) return 'quickly'
      if (producer.tryPublishWithin(text, ring.capacity * 7 / 8)) return 'carefully'
      producer.drop(2, Buffer.byteLength(text))
      return 'dropped'
    }])
  },
  {
    weight: 6,
    arbitrary: fc.constant<[string, Step]>(['drain', ({ consumer, ring }) => {
      if (!consumer.gather()) return null
      const text = ring.bytes.toString('latin1', consumer.batchStart, consumer.batchStop)
      consumer.release()
      return text
    }])
  },
  { weight: 1, arbitrary: fc.constant<[string, Step]>(['part', ({ producer }) => producer.tryPublishPart('part', Flag.First | Flag.Last)]) },
  { weight: 1, arbitrary: fc.constant<[string, Step]>(['notice', ({ producer }) => producer.tryPublishNotice()]) },
  { weight: 1, arbitrary: fc.constant<[string, Step]>(['close', ({ producer }) => producer.close()]) },
  { weight: 1, arbitrary: fc.constant<[string, Step]>(['open', ({ producer }) => producer.open()]) }
)

const start = fc.constantFrom(0, -64, 0x7FFFFFC0, LEAST_CAPACITY_BYTES - 8)

describe('the native half of a producer', () => {
  test('accepts, drops and writes byte for byte what JavaScript alone does', () => {
    jest.spyOn(Date, 'now').mockReturnValue(1)
    fc.assert(fc.property(start, fc.array(step, { maxLength: 60 }), (start, steps) => {
      const js = side(start, null)
      const native = side(start, createPublisher)
      for (const [name, take] of steps) {
        expect([name, take(native)]).toEqual([name, take(js)])
        expect([native.producer.used, native.producer.isCalm, native.producer.hasUntold]).toEqual([js.producer.used, js.producer.isCalm, js.producer.hasUntold])
        for (const word of [RingWord.Published, RingWord.Released, RingWord.QuickEnd]) expect(native.ring.words[word]).toBe(js.ring.words[word])
        for (const count of [RingCount.LinesAccepted, RingCount.LinesWritten, RingCount.BytesWritten]) expect(native.ring.counts[count]).toBe(js.ring.counts[count])
      }
    }), { numRuns: 300 })
  })

  test('counts the lines it publishes and none that it refuses', () => {
    const { ring, producer } = side(0, createPublisher)
    let accepted = 0
    while (producer.tryPublish('a line\n')) accepted++
    expect(accepted).toBeGreaterThan(1000)
    expect(ring.counts[RingCount.LinesAccepted]).toBe(accepted)
    expect(producer.used).toBe(accepted * 16)
  })

  test('refuses what is no string, and writes nothing then', () => {
    const { ring } = side(0, null)
    const tryPublish = createPublisher(ring.words, layout) as (text: unknown) => boolean
    for (const text of [undefined, null, 1, 1n, Symbol('x'), {}, [], Buffer.from('x'), () => 'x']) expect(tryPublish(text)).toBe(false)
    expect((tryPublish as () => boolean)()).toBe(false)
    expect(ring.words[RingWord.Published]).toBe(0)
  })

  test('keeps the memory that it writes to', () => {
    const { ring } = side(0, null)
    const tryPublish = createPublisher(ring.words, layout)
    expect(Object.getOwnPropertyDescriptor(tryPublish, 'words')).toEqual({ value: ring.words, writable: false, enumerable: false, configurable: false })
  })
})

/** What ends a run of whole lines: parts, lines without a newline, empty ones, notices; and what each gather leaves. */
const gathererStep: fc.Arbitrary<[string, Step]> = fc.oneof(
  {
    weight: 20,
    arbitrary: fc.tuple(line, fc.constantFrom('\n', '\n', '\n', '')).map(([text, end]): [string, Step] => [`write ${text.length}`, ({ producer, ring }) => {
      const isPublished = producer.tryPublishWithin(text + end, ring.capacity * 7 / 8)
      if (!isPublished) producer.drop(2, Buffer.byteLength(text))
      return isPublished
    }])
  },
  {
    weight: 4,
    arbitrary: fc.tuple(fc.constantFrom('', 'part', 'part\n'), fc.constantFrom(Flag.First, Flag.Last, 0 as Flag, Flag.First | Flag.Last)).map(([part, flags]): [string, Step] => [
      `part ${flags}`, ({ producer }) => producer.tryPublishPart(part, flags)
    ])
  },
  { weight: 1, arbitrary: fc.constant<[string, Step]>(['notice', ({ producer }) => producer.tryPublishNotice()]) },
  {
    weight: 6,
    arbitrary: fc.record({
      mostLines: fc.constantFrom(Infinity, Infinity, 1),
      until: fc.constantFrom(Infinity, Infinity, 20, 300),
      enoughBytes: fc.constantFrom(Infinity, Infinity, 10, 500),
      isWhole: fc.boolean(),
      releases: fc.boolean()
    })
      .map(({ mostLines, until, enoughBytes, isWhole, releases }): [string, Step] => ['gather', ({ consumer, ring }) => {
        const isAny = consumer.gather(mostLines, until, enoughBytes, isWhole)
        const text = ring.bytes.toString('latin1', consumer.batchStart, consumer.batchStop)
        const mark = consumer.mark()
        if (releases || consumer.held > ring.capacity / 2) consumer.release()
        return { isAny, text, mark }
      }])
  }
)

describe('the native half of a consumer', () => {
  test.each([['without', Producer], ['with', TimedProducer]])('gathers byte for byte what JavaScript alone does, from lines %s times', (_, Class) => {
    jest.spyOn(Date, 'now').mockReturnValue(1)
    let ms = 0
    jest.spyOn(performance, 'now').mockImplementation(() => ms)
    jest.spyOn(process, 'hrtime').mockImplementation(() => [0, ms * 1e6])
    fc.assert(fc.property(start, fc.array(gathererStep, { maxLength: 60 }), (start, steps) => {
      const js = side(start, null, null, Class)
      const native = side(start, null, gatherLines, Class)
      ms = 0
      for (const [name, take] of steps) {
        ms += 10
        expect([name, take(native)]).toEqual([name, take(js)])
        expect(native.ring.words.subarray(0, DATA_START / 4)).toEqual(js.ring.words.subarray(0, DATA_START / 4))
      }
    }), { numRuns: 300 })
  })

  test('takes as much as fits into the gather space, and the rest the next time', () => {
    const { ring, consumer } = side(0, null, gatherLines)
    const producer = new Producer(ring)
    const text = `${'x'.repeat(15_999)}\n`
    let published = 0
    while (producer.tryPublishWithin(text, ring.capacity)) published++
    let gathered = 0
    while (consumer.gather()) {
      gathered += (consumer.batchStop - consumer.batchStart) / text.length
      consumer.release()
    }
    expect(gathered).toBe(published)
  })
})

const layout: PublisherLayout = {
  capacity: LEAST_CAPACITY_BYTES,
  dataStart: DATA_START,
  headerBytes: 8,
  mostPayload: LEAST_CAPACITY_BYTES / 4,
  published: RingWord.Published,
  quickEnd: RingWord.QuickEnd,
  linesAccepted: RingCount.LinesAccepted,
  meta: 1
}

describe('a layout that does not fit the memory is refused', () => {
  const { words } = createRing(LEAST_CAPACITY_BYTES)
  test.each<[unknown, unknown, string]>([
    [undefined, layout, 'words must be an Int32Array'],
    [new Int32Array(40_000), layout, 'over a SharedArrayBuffer'],
    [new Uint8Array(words.buffer), layout, 'Int32Array'],
    [new Int32Array(words.buffer, 0, 100), layout, 'layout.capacity must be an integer from 8 to 400'],
    [new Int32Array(words.buffer, 4), layout, 'aligned to 8 bytes'],
    [words, undefined, 'layout must be an object'],
    [words, {}, 'layout.capacity must be a number'],
    [words, { ...layout, capacity: 65537 }, 'a power of two'],
    [words, { ...layout, capacity: NaN }, 'layout.capacity'],
    [words, { ...layout, capacity: 2 ** 31 }, 'layout.capacity'],
    [words, { ...layout, dataStart: -8 }, 'layout.dataStart'],
    [words, { ...layout, dataStart: 4 }, 'aligned to 8 bytes'],
    [words, { ...layout, dataStart: words.byteLength }, 'layout.dataStart'],
    [words, { ...layout, headerBytes: 16 }, 'layout.headerBytes must be an integer from 8 to 8, got 16'],
    [words, { ...layout, mostPayload: words.byteLength - DATA_START - LEAST_CAPACITY_BYTES }, 'layout.mostPayload'],
    [words, { ...layout, published: words.length }, 'layout.published'],
    [words, { ...layout, quickEnd: -1 }, 'layout.quickEnd'],
    [words, { ...layout, linesAccepted: words.length / 2 }, 'layout.linesAccepted'],
    [words, { ...layout, meta: '1' }, 'layout.meta must be a number'],
    [words, { ...layout, get meta () { throw new Error('from a getter') } }, 'from a getter']
  ])('%#', (words, layout, message) => {
    expect(() => (createPublisher as (...args: unknown[]) => unknown)(words, layout)).toThrow(message)
  })
})

describe('a gathering that would leave the memory is refused', () => {
  const ring = createRing(LEAST_CAPACITY_BYTES)
  const { words, capacity, mostPayload, gatherStart, gatherEnd } = ring
  const layout = [DATA_START, capacity, mostPayload, gatherStart, gatherEnd, LINE_META, TIME_META]
  const gathering = (at = -1, value = 0): Int32Array => {
    const gathering = new Int32Array(new SharedArrayBuffer(64))
    gathering.set(layout.map((right, place) => place === at ? value : right), GatheringWord.Layout)
    return gathering
  }
  const wrong = 'where things stand'

  test('and one that fits is not', () => {
    expect(() => gatherLines(words, gathering(), 0, capacity, gatherStart)).not.toThrow()
  })

  test.each<[unknown[], string]>([
    [[], 'words must be an Int32Array'],
    [[new Int32Array(100_000), gathering(), 0, 8, gatherStart], 'over a SharedArrayBuffer'],
    [[words, new Int32Array(14), 0, 8, gatherStart], 'over a SharedArrayBuffer'],
    [[words, gathering().subarray(0, 15), 0, 8, gatherStart], '16 words'],
    [[words, gathering().subarray(1), 0, 8, gatherStart], 'aligned to 8 bytes'],
    [[words.subarray(0, 100), gathering(), 0, 8, gatherStart], wrong],
    [[words, gathering(0, 4), 0, 8, gatherStart], wrong],
    [[words, gathering(0, -8), 0, 8, gatherStart], wrong],
    [[words, gathering(1, 65537), 0, 8, gatherStart], wrong],
    [[words, gathering(1, 0), 0, 8, gatherStart], wrong],
    [[words, gathering(1, 2 ** 30), 0, 8, gatherStart], wrong],
    [[words, gathering(2, 2 ** 20), 0, 8, gatherStart], wrong],
    [[words, gathering(2, -1), 0, 8, gatherStart], wrong],
    [[words, gathering(3, gatherStart - 70_000), 0, 8, gatherStart], wrong],
    [[words, gathering(4, gatherEnd + 1), 0, 8, gatherStart], wrong],
    [[words, gathering(4, gatherStart - 1), 0, 8, gatherStart], wrong],
    [[words, gathering(), 'x', 8, gatherStart], 'position must be a number'],
    [[words, gathering(), 0, 0.5, gatherStart], 'published must be an integer'],
    [[words, gathering(), 0, 8, NaN], 'to must be an integer'],
    [[words, gathering(), 4, 8, gatherStart], 'a multiple of 8'],
    [[words, gathering(), 8, 0, gatherStart], 'before published'],
    [[words, gathering(), 0, capacity + 8, gatherStart], 'before published'],
    [[words, gathering(), 0, 8, gatherStart - 1], 'in the gather space'],
    [[words, gathering(), 0, 8, gatherEnd + 1], 'in the gather space']
  ])('%#', (args, message) => {
    expect(() => (gatherLines as (...args: unknown[]) => unknown)(...args)).toThrow(message)
  })
})
