import { GIVEN_BACK, RingWord, ThreadWord, WriterWord } from '../../../src/ring/layout'
import type { Announcement, WriterData } from '../../../src/writer-data'
import type { Body, End, Scenario } from './explore'
import { loadLife } from './life-load'
import type { Plant } from './load'
import { geometryOf, Memory } from './memory'
import { type Place, shared, Thread } from './thread'

/**
 * The life of rings that a thread attaches to the writer of another one: attached, written to, done with or orphaned,
 * drained, given back and counted. How a ring's own protocol holds in every order is shown
 * elsewhere: here it matters who knows of the ring, and until when. The owner's look is one step: it only reads what is
 * settled, and what is not it reads again.
 */
export interface LifePlan {
  /** What the producer writes, a list for each of its rings, one after another. */
  lives: string[][]
  /** Accesses to words of these names are steps, and so are messages if they are among them: the more, the more orders. */
  steps: RegExp
  /** How often the producer and the writer may be terminated. */
  producerKills?: number
  writerKills?: number
}

const PRODUCER = 0
const WRITER = 1
const OWNER = 2

const CAPACITY = 128
const GEOMETRY = geometryOf(CAPACITY)
/** The owner's ring is the first; it stays empty. */
const ringAt = (ring: number): number => ring * GEOMETRY.block
const BLOCK = ringAt(3)
const SEATS = 60
const SEAT_COUNT = 2
const THREAD = BLOCK + 64
/** Messages under way to the writer and to the owner by ring, whether each listens, and what the owner tells a new writer. */
const MAIL = THREAD + 2
const LISTENS = MAIL + 6
const ATTACHED = LISTENS + 2
const WORDS = ATTACHED + 1

const mailAt = (listener: number, ring: number): number => MAIL + (listener - WRITER) * 3 + ring

const NAMES: Array<[at: number, name: string]> = [
  ...[1, 2].flatMap((ring): Array<[number, string]> => [
    [ringAt(ring) + RingWord.Published, `Published of ring ${ring}`],
    [ringAt(ring) + RingWord.ProducerDone, `ProducerDone of ring ${ring}`],
    [ringAt(ring) + RingWord.Adopted, `Adopted of ring ${ring}`],
    [ringAt(ring) + RingWord.Closed, `Closed of ring ${ring}`]
  ]),
  [BLOCK + WriterWord.RingsAnnounced, 'RingsAnnounced'],
  [BLOCK + WriterWord.Listening, 'Listening'],
  [BLOCK + WriterWord.State, 'State'],
  [BLOCK + WriterWord.Command, 'Command'],
  [BLOCK + WriterWord.Gone, 'Gone of the writer'],
  [BLOCK + WriterWord.Generation, 'Generation'],
  [BLOCK + SEATS, 'the first seat'],
  [BLOCK + SEATS + 1, 'the second seat'],
  [THREAD + ThreadWord.Gone, 'Gone of the producer']
]
const HOT = new Map(NAMES)

export function lifeScenario (plan: LifePlan, plants: Plant[] = []): Scenario {
  const threads = [PRODUCER, WRITER, OWNER].map((id) => new Thread(id, GEOMETRY, (at) => id === OWNER || !plan.steps.test(HOT.get(at) ?? '')))
  const writing = write(threads[WRITER]!, plan, plants)
  return {
    threads,
    names: ['the producer', 'the writer', 'the owner'],
    bodies: [produce(threads[PRODUCER]!, plan, plants), writing, own(threads[OWNER]!, plan, plants)],
    memory: newMemory(),
    mortals: [
      { id: PRODUCER, kills: plan.producerKills ?? 0, successor: gone, told: 'the producer is terminated' },
      { id: WRITER, kills: plan.writerKills ?? 0, successor: succeed(writing), told: 'the writer is terminated' }
    ],
    mostSteps: 20_000,
    nameOf: (at) => HOT.get(at) ?? `word ${at}`,
    verify: (end) => verify(plan, end)
  }
}

function newMemory (): Memory {
  const memory = new Memory(new Int32Array(WORDS), [[], [], []])
  for (const ring of [0, 1, 2]) {
    memory.words[ringAt(ring) + RingWord.Capacity] = CAPACITY
    memory.words[ringAt(ring) + RingWord.BatchBase] = -1
  }
  memory.words[BLOCK + WriterWord.Generation] = 1
  // The handle has been made: the owner listens, and whoever comes up as the writer is to.
  memory.words[BLOCK + WriterWord.RingsAnnounced] = 1
  memory.words[LISTENS + OWNER - WRITER] = 1
  return memory
}

const baseOf = (place: SharedArrayBuffer): number => (place as unknown as Place).base

const announcementOf = (ring: number): Announcement => ({ ring: shared(ringAt(ring)), thread: shared(THREAD), threadId: 1, name: 'explored' })

/** What the classes need around them, in a thread; `me` listens. */
function surroundings (thread: Thread, me: number, plan: LifePlan, watched: readonly number[] = [], state: () => unknown = () => null): Parameters<typeof loadLife>[1] {
  let rings = 0
  let seen = new Map<number, number>()
  const act = (what: string, run: (memory: Memory) => number): number => me === OWNER || !plan.steps.test('messages') ? thread.together(run) : thread.do(what, run)
  return {
    workerData: () => { throw new Error('no writer') },
    seats: { at: SEATS, count: SEAT_COUNT },
    createRing: () => thread.ringAt(ringAt(1 + rings++ % 2)),
    threadBlock: shared(THREAD),
    send: ({ ring }) => {
      const number = [1, 2].find((number) => ringAt(number) === baseOf(ring))!
      act(`a message of ring ${number} is sent`, (memory) => {
        for (const to of [WRITER, OWNER]) memory.words[mailAt(to, number)]! += memory.words[LISTENS + to - WRITER]!
        return 0
      })
    },
    listen: () => {
      if (me === WRITER) thread.do('listens', (memory) => { memory.words[LISTENS] = 1; return 0 })
    },
    receive: () => {
      const ring = act('reads its messages', (memory) => {
        const ring = [1, 2].find((ring) => memory.words[mailAt(me, ring)]! > 0) ?? 0
        if (ring > 0) memory.words[mailAt(me, ring)]! -= 1
        return ring
      })
      return ring === 0 ? undefined : announcementOf(ring)
    },
    later: () => ({ unref () {} }), // the producer does not turn its event loop, nor does the writer
    worked: () => {
      seen = thread.peek(watched)
      thread.rest([state(), [...seen]])
    },
    idle: () => {
      thread.change(seen)
      seen = thread.peek(watched)
      thread.rest([state(), [...seen]])
    }
  }
}

/** One ring after another; then the thread ends. */
function produce (thread: Thread, plan: LifePlan, plants: Plant[]): Body {
  let rings = 0
  const around = { ...surroundings(thread, PRODUCER, plan), createRing: () => thread.ringAt(ringAt(1 + rings++ % 2)) }
  const { Guest, Port } = loadLife(thread, around, plants)
  const settings = { onFull: 'drop', patienceMs: 0, reserve: null, exitTimeout: 0, wait: 'poll', order: 'ring' } as const
  return () => {
    rings = 0
    for (const lines of plan.lives) {
      const guest = new Guest(shared(BLOCK), 'channel', CAPACITY)
      const port = new Port(guest.ring, guest.block, guest, settings)
      for (const line of lines) if (!port.producer.tryPublish(line)) port.writeCarefully(line, undefined)
      guest.end()
    }
    gone(thread)
  }
}

/** The last word of a producer's thread. */
function gone (thread: Thread): void { thread.atomics.store(thread.view(THREAD) as never, ThreadWord.Gone, 1) }

const WRITERS_NEWS = [
  BLOCK + WriterWord.RingsAnnounced, BLOCK + WriterWord.Command, THREAD + ThreadWord.Gone,
  ...[1, 2].flatMap((ring) => [ringAt(ring) + RingWord.Published, ringAt(ring) + RingWord.ProducerDone])
]

function write (thread: Thread, plan: LifePlan, plants: Plant[]): Body {
  let writer: InstanceType<typeof WriterThread> | undefined
  const state = (): unknown => [data.generation, writer?.outlets.map(({ consumer }) => [baseOf(consumer.ring.shared), consumer.mark(), consumer.released])]
  const around = surroundings(thread, WRITER, plan, WRITERS_NEWS, state)
  let data: WriterData
  const { WriterThread, FdWriter } = loadLife(thread, { ...around, workerData: () => data }, plants)
  return () => {
    const words = thread.peek([BLOCK + WriterWord.Generation, ATTACHED])
    data = {
      block: shared(BLOCK),
      ring: shared(ringAt(0)),
      attached: [1, 2].filter((ring) => (words.get(ATTACHED)! >> ring & 1) === 1).map(announcementOf),
      channel: 'channel',
      generation: words.get(BLOCK + WriterWord.Generation)!,
      sink: { kind: 'fd' },
      wait: 'poll',
      order: 'ring',
      dropNotice: true
    } as WriterData
    writer = undefined
    around.worked()
    writer = new WriterThread()
    new FdWriter(writer, data.sink as never).run()
  }
}

/** A writer's thread is torn down; when the owner has seen that, another one starts. */
function succeed (writing: Body): Body {
  return (thread) => {
    thread.straight(() => {
      const generation = thread.do('its channel closes', (memory) => {
        for (const ring of [1, 2]) memory.words[mailAt(WRITER, ring)] = 0
        memory.words[LISTENS] = 0
        return memory.words[BLOCK + WriterWord.Generation]!
      })
      thread.atomics.store(thread.view(BLOCK) as never, WriterWord.Gone, generation)
      thread.change(new Map([[BLOCK + WriterWord.Generation, generation]]))
    })
    writing(thread)
  }
}

const OWNERS_NEWS = [
  BLOCK + WriterWord.Gone, BLOCK + WriterWord.Listening, BLOCK + WriterWord.State, THREAD + ThreadWord.Gone,
  ...[1, 2].flatMap((ring) => [ringAt(ring) + RingWord.Adopted, mailAt(OWNER, ring)])
]

/** Counts what the rings did, tells of those that were missed, and starts a writer where one died, as Supervisor does. */
function own (thread: Thread, plan: LifePlan, plants: Plant[]): Body {
  let timer: (() => void) | undefined
  const later = (action: () => void): { unref: () => void } => {
    timer = action
    return { unref () {} }
  }
  const { Roster } = loadLife(thread, { ...surroundings(thread, OWNER, plan), later }, plants)
  const most = plan.lives.flat().length
  return () => {
    timer = undefined
    const roster = new Roster('channel', thread.view(BLOCK), () => {})
    roster.open()
    // Its thread is blocked until there is something that only it can do: the rings must get along without it.
    thread.change(new Map([[THREAD + ThreadWord.Gone, 0], [BLOCK + WriterWord.Gone, 0]]))
    let heardBy = 0
    for (;;) {
      const seen = thread.peek(OWNERS_NEWS)
      const { totals, producers } = roster.stats()
      thread.notes = totals
      thread.rest([[...seen], totals, producers, roster.announcements.map(({ ring }) => baseOf(ring)), heardBy, timer !== undefined])
      if (totals.linesWritten > most) throw new Error(`${totals.linesWritten} lines are counted as written, ${most} were logged`)
      const listening = seen.get(BLOCK + WriterWord.Listening)!
      if (listening !== heardBy) roster.announceAgain()
      heardBy = listening
      if (seen.get(BLOCK + WriterWord.Gone)! > 0) replace(thread, roster)
      if (thread.change(seen, timer !== undefined)) continue
      const fire = timer!
      timer = undefined
      fire()
    }
  }
}

function replace (thread: Thread, roster: { look: () => void, announcements: Announcement[] }): void {
  const generation = thread.peek([BLOCK + WriterWord.Generation]).get(BLOCK + WriterWord.Generation)!
  if (thread.peek([BLOCK + WriterWord.Gone]).get(BLOCK + WriterWord.Gone) !== generation) return
  roster.look()
  const mask = roster.announcements.reduce((sum, { ring }) => sum | 1 << baseOf(ring) / GEOMETRY.block, 0)
  thread.do('starts a writer', (memory) => {
    memory.words[ATTACHED] = mask
    memory.words[BLOCK + WriterWord.Generation] = generation + 1
    return 0
  })
}

function verify (plan: LifePlan, { memory, output, notes }: End): string | null {
  const word = (at: number): number => memory.words[at]!
  const published = plan.lives.map((lines, i) => publishedOf(memory, ringAt(i + 1), lines))
  const totals = notes[OWNER] as { linesAccepted: number, linesWritten: number, linesDropped: number, linesSkipped: number }
  const all = published.flat()
  // Lines of one ring in their order; the rings of one thread come after one another, but are drained side by side.
  const inSink = output.split('\n').slice(0, -1).map((line) => `${line}\n`)
  if (inSink.join('') !== output) return `half a line came out: ${JSON.stringify(output)}`
  for (const [i, lines] of published.entries()) {
    const own = inSink.filter((line) => plan.lives[i]!.includes(line))
    if (own.join('') !== lines.join('')) return `${JSON.stringify(own)} of ring ${i + 1} was written, ${JSON.stringify(lines)} was published`
  }
  for (const [i, lines] of published.entries()) {
    const base = ringAt(i + 1)
    const isUsed = word(base + RingWord.Id) !== 0
    if (isUsed && word(base + RingWord.Adopted) !== GIVEN_BACK && (lines.length > 0 || word(base + RingWord.Adopted) !== 0)) return `ring ${i + 1} is not given back`
  }
  for (let seat = 0; seat < SEAT_COUNT; seat++) if (word(BLOCK + SEATS + seat) !== 0) return `seat ${seat} is not free again: ring ${word(BLOCK + SEATS + seat)}`
  if (totals.linesAccepted !== all.length || totals.linesWritten !== all.length || totals.linesDropped !== 0 || totals.linesSkipped !== 0) {
    return `the totals are ${JSON.stringify(totals)}; ${all.length} lines were published`
  }
  return null
}

/** The lines that became visible: a producer may have been terminated before the others. */
function publishedOf (memory: Memory, base: number, lines: string[]): string[] {
  let left = memory.words[base + RingWord.Published]!
  return lines.filter((line) => (left -= 8 + ((line.length + 7) & ~7)) >= 0)
}
