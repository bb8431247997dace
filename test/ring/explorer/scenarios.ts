import { Flag, LEVEL_SLOTS, RingCount, RingWord, WriterWord } from '../../../src/ring/layout'
import type { End, Scenario } from './explore'
import { type Code, load, type Plant } from './load'
import { geometryOf, newMemory } from './memory'
import { nativeOn } from './native'
import { shared, Thread } from './thread'

export interface Plan {
  /** Lines to write. One that begins with `>` is written in the parts that `|` marks, waiting for room. */
  lines: string[]
  capacity?: number
  /** First position. */
  start?: number
  /** The consumer sleeps until woken, instead of looking. */
  park?: boolean
  /** The producer publishes through the addon. */
  native?: boolean
  /** How often the consumer may be terminated. */
  kills?: number
  /** The sink may take half of what it is given. */
  bites?: boolean
}

/** What the producer knows about what it did. */
interface Journal { text: string, accepted: number, dropped: number, droppedBytes: number }

const PRODUCER = 0
const CONSUMER = 1

/** Where names of words of the writer block start in `NAMES`. */
const BLOCK = 1_000_000
const NAMES = new Map<number, string>([
  [RingWord.Published, 'Published'],
  [RingWord.ProducerWaits, 'ProducerWaits'],
  [RingWord.Released, 'Released'],
  [RingWord.BatchBase, 'BatchBase'],
  [RingWord.TotalsSlot, 'TotalsSlot'],
  [RingWord.BatchTaken, 'BatchTaken'],
  [BLOCK + WriterWord.Wake, 'Wake'],
  [BLOCK + WriterWord.Sleeping, 'Sleeping']
])

const noticeOf = (counts: Float64Array): string => `<${counts.subarray(0, LEVEL_SLOTS).join('')}:${counts[LEVEL_SLOTS]}>\n`

/** Producer and consumer of one ring, with bugs planted or without. */
export function scenario (plan: Plan, plants: Plant[] = []): Scenario {
  const geometry = geometryOf(plan.capacity ?? 128)
  const producer = new Thread(PRODUCER, geometry)
  const consumer = new Thread(CONSUMER, geometry)
  const consumption = consume(load(consumer, plants), plan, geometry.block)
  return {
    threads: [producer, consumer],
    names: ['producer', 'consumer'],
    bodies: [produce(load(producer, plants), plan), consumption],
    memory: newMemory(geometry, plan.start ?? 0),
    mortals: [{ id: CONSUMER, kills: plan.kills ?? 0, successor: consumption, told: 'the consumer is terminated, a successor starts' }],
    nameOf: (at) => NAMES.get(at) ?? NAMES.get(at - geometry.block + BLOCK) ?? `word ${at}`,
    verify
  }
}

/** Each line the quick way, else the careful way, else dropped; at the end everything is told. */
function produce ({ Producer }: Code, { lines, park, native }: Plan) {
  return (thread: Thread): void => {
    const journal: Journal = { text: '', accepted: 0, dropped: 0, droppedBytes: 0 }
    thread.notes = journal
    const untold = new Float64Array(LEVEL_SLOTS + 1)
    const producer = new Producer(thread.ring, park === true ? thread.block : null, native === true ? nativeOn(thread) : null)
    const tell = (): void => {
      if (untold[LEVEL_SLOTS]! > 0) journal.text += noticeOf(untold)
      untold.fill(0)
    }
    const rest = (...at: number[]): void => {
      // Which sleep it has answered is the producer's secret: when the consumer parks, states count as different.
      if (park !== true) thread.rest([at, journal, [...untold], producer.used, producer.isCalm])
    }
    lines.forEach((line, i) => {
      rest(i)
      if (line.startsWith('>')) {
        line.split('|').forEach((part, at, parts) => {
          const flags = (at === 0 ? Flag.First : 0) | (at === parts.length - 1 ? Flag.Last : 0)
          rest(i, at)
          while (!producer.tryPublishPart(part, flags)) thread.changed(RingWord.Released)
          if (at === 0) tell()
          journal.text += part
        })
        journal.accepted++
      } else if (producer.tryPublish(line)) {
        journal.text += line
        journal.accepted++
      } else if (producer.tryPublishWithin(line, thread.ring.capacity)) {
        tell()
        journal.text += line
        journal.accepted++
      } else {
        producer.drop(i % LEVEL_SLOTS, line.length)
        untold[i % LEVEL_SLOTS]! += 1
        untold[LEVEL_SLOTS]! += line.length
        journal.dropped++
        journal.droppedBytes += line.length
      }
    })
    while (!producer.tryPublishNotice()) thread.changed(RingWord.Released)
    tell()
  }
}

/** Batch after batch, as the writer takes them to a file. */
function consume ({ Consumer, Waiter }: Code, { park, bites }: Plan, block: number) {
  return (thread: Thread): void => {
    const { words, gatherStart } = thread.ring
    const consumer = new Consumer(thread.ring, noticeOf)
    const waiter = park === true ? new Waiter(shared(block), 'park', thread.ring.capacity) : null
    for (;;) {
      thread.rest([consumer.mark(), consumer.released, consumer.batchStart])
      waiter?.begin()
      if (!consumer.gather()) {
        if (waiter !== null) waiter.idle(() => consumer.available === 0)
        else if (!thread.changed(RingWord.Published)) return
        continue
      }
      while (consumer.hasBatch) {
        const all = consumer.batchStop - consumer.batchStart
        const count = bites === true && all > 1 && thread.choose(2) === 1 ? all >> 1 : all
        // The addon stores the count together with the system call.
        thread.straight(() => {
          thread.write(consumer.batchStart, consumer.batchStart + count)
          thread.atomics.store(words as never, RingWord.BatchTaken, consumer.batchStart + count - gatherStart)
        })
        consumer.took(count, true)
      }
      consumer.release()
    }
  }
}

function verify ({ memory, output, notes, hasEnded }: End): string | null {
  const journal = notes[PRODUCER] as Journal
  const count = (at: number): number => new Float64Array(memory.words.buffer, at * 8, 1)[0]!
  let dropped = 0
  for (let slot = 0; slot < LEVEL_SLOTS; slot++) dropped += count(RingCount.LinesDropped + slot)
  if (hasEnded[PRODUCER] !== true) return 'the producer waits for ever'
  if (output !== journal.text) {
    const isAsleep = hasEnded[CONSUMER] !== true && journal.text.startsWith(output)
    return `${isAsleep ? 'the consumer sleeps for ever: ' : ''}${JSON.stringify(output)} was written, ${JSON.stringify(journal.text)} was published`
  }
  const totals: Array<[name: string, is: number, expected: number]> = [
    ['lines accepted', count(RingCount.LinesAccepted), journal.accepted],
    ['lines written', count(RingCount.LinesWritten), journal.accepted],
    ['bytes written', count(RingCount.BytesWritten), output.length],
    ['lines skipped', count(RingCount.LinesSkipped), 0],
    ['lines dropped', dropped, journal.dropped],
    ['bytes dropped', count(RingCount.BytesDropped), journal.droppedBytes],
    ['released position', memory.words[RingWord.Released]!, memory.words[RingWord.Published]!]
  ]
  const wrong = totals.find(([, is, expected]) => is !== expected)
  return wrong === undefined ? null : `${wrong[0]}: ${wrong[1]}, not ${wrong[2]}`
}
