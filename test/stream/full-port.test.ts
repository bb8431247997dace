import * as fc from 'fast-check'
import { addon } from '../../src/affinity/addon'
import { Consumer } from '../../src/ring/consumer'
import { createRing, createWriterBlock, LEAST_CAPACITY_BYTES, type Ring } from '../../src/ring/layout'
import { totalsOf } from '../../src/stream/counts'
import { Port } from '../../src/stream/port'
import { drain, noticeOf, takeBatch } from '../ring/support'

/** A port into a ring of the smallest size, and what takes lines out of it. */
class Way {
  readonly ring: Ring = createRing(LEAST_CAPACITY_BYTES)
  readonly #consumer = new Consumer(this.ring, noticeOf)
  readonly #port: Port
  readonly #isHasty: boolean
  taken = ''
  dropsAtOnce = 0

  /** @param isHasty whether it drops at once where it can, as a stream does */
  constructor (isHasty: boolean, reserve: { level: number, ratio: number } | null) {
    this.#isHasty = isHasty
    const keeper = {
      isUp: true, isWaitingForSink: false, saysIfWaiting: true, isOver: false, isTakenIn: true, othersProgress: 0, keepAlive () {}, wake () {}
    }
    this.#port = new Port(this.ring, new Int32Array(createWriterBlock()), keeper, {
      onFull: 'drop', patienceMs: 0, reserve, exitTimeout: 0, wait: 'poll', order: 'ring'
    })
  }

  write (line: string, told: number | undefined): boolean {
    if (this.#port.producer.tryPublish(line)) return true
    if (this.#isHasty && this.#port.tryDrop(line, told)) {
      this.dropsAtOnce++
      return false
    }
    return this.#port.writeCarefully(line, told)
  }

  tell (): boolean { return this.#port.producer.tryPublishNotice() }

  take (mostLines: number): void {
    if (this.#consumer.gather(mostLines)) this.taken += takeBatch(this.#consumer)
  }

  get counts (): unknown { return totalsOf(this.ring) }
  get rest (): string { return this.taken + drain(this.#consumer) }
}

/** Lines, each some bytes shorter than the one before: sooner or later one fits into what room is left. */
interface Flood { level: string, length: number, told: number | undefined, times: number }

const flood = fc.record({
  level: fc.constantFrom('10', '20', '30', '40', '50', '60', '35', '"info"'),
  length: fc.oneof(fc.nat(400), fc.integer({ min: 1000, max: 4000 }), fc.constant(9000), fc.constant(60_000)),
  told: fc.option(fc.constantFrom(30, 50, NaN), { nil: undefined, freq: 9 }),
  times: fc.nat(60)
})
const step = fc.oneof(
  { weight: 6, arbitrary: flood },
  { weight: 2, arbitrary: fc.record({ take: fc.nat(30) }) },
  { weight: 1, arbitrary: fc.constant({ tell: true }) })

function linesOf ({ level, length, times }: Flood, number: number): string[] {
  return Array.from({ length: times }, (_, time) => `{"level":${level},"n":${number},"msg":"${'é'.repeat(Math.max(0, length - time * 8) / 2)}"}\n`)
}

test('a line that is dropped at once is one that a closer look would have dropped, and counts the same', () => {
  expect(addon).toBeDefined() // without it nothing is dropped at once
  let dropsAtOnce = 0
  fc.assert(fc.property(fc.constantFrom(null, { level: 50, ratio: 1 / 8 }), fc.array(step, { minLength: 10, maxLength: 80 }), (reserve, steps) => {
    const [hasty, careful] = [new Way(true, reserve), new Way(false, reserve)]
    steps.forEach((step, number) => {
      if ('take' in step) [hasty, careful].forEach((way) => way.take(step.take))
      else if ('tell' in step) expect(hasty.tell()).toBe(careful.tell())
      else {
        const lines = linesOf(step, number)
        expect(lines.map((line) => hasty.write(line, step.told))).toEqual(lines.map((line) => careful.write(line, step.told)))
      }
      expect(hasty.counts).toEqual(careful.counts)
    })
    expect(hasty.rest).toBe(careful.rest)
    dropsAtOnce += hasty.dropsAtOnce
  }), { numRuns: 100 })
  expect(dropsAtOnce).toBeGreaterThan(0)
})
