import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { Worker } from 'node:worker_threads'
import { createRing, LEAST_CAPACITY_BYTES, LEVEL_SLOTS, RingCount, RingWord, type Ring } from '../../src/ring/layout'
import { Producer } from '../../src/ring/producer'
import { temporaryDirectory } from '../support/process'
import { droppedLines, usedBytes } from './support'

/** Consumers in a real thread: the built code, on a ring that this thread fills. */

const LINES = 1_000_000
const TERMINATIONS = 25

async function start (file: string, ring: Ring, more: object = {}): Promise<Worker> {
  const worker = new Worker(join(__dirname, 'workers', file), {
    workerData: {
      shared: ring.shared,
      published: RingWord.Published,
      done: RingWord.ProducerDone,
      batchTaken: RingWord.BatchTaken,
      levelSlots: LEVEL_SLOTS,
      ...more
    }
  })
  await once(worker, 'message')
  return worker
}

const PADDING = 'abcdefghijklmnopqrstuvwxyz'.repeat(6)

function lineOf (number: number): string {
  const from = number % 26
  return `${number} ${PADDING.slice(from, from + number % 97)}\n`
}

function checksumOf (lines: number): number {
  let checksum = 0
  for (let number = 0; number < lines; number++) checksum = (Math.imul(checksum, 31) + number) | 0
  return checksum
}

/** The careful way again and again, as a producer does that may wait. */
function publishWaiting (producer: Producer, ring: Ring, line: string): void {
  while (!producer.tryPublishWithin(line, ring.capacity)) {
    Atomics.store(ring.words, RingWord.ProducerWaits, 1)
    const released = Atomics.load(ring.words, RingWord.Released)
    // Looks once more: what is released from here on changes the word, or notifies.
    if (producer.tryPublishWithin(line, ring.capacity)) break
    Atomics.wait(ring.words, RingWord.Released, released, 1)
  }
  Atomics.store(ring.words, RingWord.ProducerWaits, 0)
}

describe('with a consumer in another thread', () => {
  test.each([['the smallest ring', LEAST_CAPACITY_BYTES], ['a ring of 1 MiB', 1 << 20]])('millions of lines go through %s, each whole, once and in order', async (_, capacity) => {
    const ring = createRing(capacity, -4096)
    const worker = await start('counting-sink.js', ring)
    const producer = new Producer(ring)
    for (let number = 0; number < LINES; number++) {
      const line = lineOf(number)
      if (!producer.tryPublish(line)) publishWaiting(producer, ring, line)
    }
    Atomics.store(ring.words, RingWord.ProducerDone, 1)
    const [report] = await once(worker, 'message')
    expect(report).toEqual({ lines: LINES, next: LINES, missing: 0, gaps: 0, checksum: checksumOf(LINES), wrong: null })
    expect(ring.counts[RingCount.LinesAccepted]).toBe(LINES)
    expect(ring.counts[RingCount.LinesWritten]).toBe(LINES)
    expect(usedBytes(ring)).toBe(0)
  }, 180_000)

  test('of a producer that drops, every gap in the numbers is told where it is, exactly', async () => {
    const ring = createRing(LEAST_CAPACITY_BYTES, -4096)
    const worker = await start('counting-sink.js', ring)
    const producer = new Producer(ring)
    let accepted = 0
    let dropped = 0
    for (let number = 0; number < LINES; number++) {
      const line = lineOf(number)
      // The last line waits, so that the last gap has a line behind it; some are dropped however fast the consumer is.
      if (number === LINES - 1) {
        publishWaiting(producer, ring, line)
      } else if (number % 9973 === 0 || (!producer.tryPublish(line) && !producer.tryPublishWithin(line, ring.capacity))) {
        producer.drop(number % LEVEL_SLOTS, line.length)
        dropped++
        continue
      }
      accepted++
    }
    Atomics.store(ring.words, RingWord.ProducerDone, 1)
    const [report] = await once(worker, 'message')
    expect(report).toMatchObject({ lines: accepted, next: LINES, missing: 0, wrong: null })
    expect(report.gaps).toBeGreaterThan(0)
    expect(accepted + dropped).toBe(LINES)
    expect(droppedLines(ring).reduce((sum, count) => sum + count)).toBe(dropped)
    expect(ring.counts[RingCount.LinesWritten]).toBe(accepted)
  }, 180_000)

  test('terminated again and again at any moment, a successor leaves no byte out, writes none twice and counts each line once', async () => {
    const LINES_EACH = 4000
    const ring = createRing(LEAST_CAPACITY_BYTES, -4096)
    const path = join(temporaryDirectory(), 'sink')
    const producer = new Producer(ring)
    const expected: string[] = []
    const publish = (): void => {
      const line = lineOf(expected.length)
      publishWaiting(producer, ring, line)
      expected.push(line)
    }
    for (let life = 0; life < TERMINATIONS; life++) {
      const worker = await start('mortal-sink.js', ring, { path })
      for (let i = 0; i < LINES_EACH; i++) publish()
      // Somewhere in the middle of the ring's worth of lines that it still has to take.
      const target = Atomics.load(ring.words, RingWord.Released) + (life * 1237) % 20_000
      while (((Atomics.load(ring.words, RingWord.Released) - target) | 0) < 0 && usedBytes(ring) > 0);
      await worker.terminate()
    }
    const last = await start('mortal-sink.js', ring, { path })
    publish()
    Atomics.store(ring.words, RingWord.ProducerDone, 1)
    await once(last, 'exit')

    const text = expected.join('')
    const output = readFileSync(path, 'utf8')
    expect(output.length).toBe(text.length)
    expect(output === text).toBe(true)
    expect(ring.counts[RingCount.LinesWritten]).toBe(expected.length)
    expect(ring.counts[RingCount.BytesWritten]).toBe(text.length)
    expect(ring.counts[RingCount.LinesSkipped]).toBe(0)
  }, 180_000)
})
