import { Command, RingWord, ThreadWord, WriterWord } from '../../../src/ring/layout'
import type { WriterData } from '../../../src/writer-data'
import type { Body } from './explore'
import type { LifePlan } from './life'
import { type LifeCode, loadLife, type Surroundings, type WorkerEvents } from './life-load'
import {
  announcementOf, ATTACHED, BLOCK, CAPACITY, DYING, EXITED, firstRingOf, HELD, LISTENS, mailAt, MOST_SEATS, numberOf, OWNER, PRODUCER, REGISTERED, ringAt, RINGS,
  SEATS, STARTED, threadAt, WRITER
} from './life-words'
import type { Plant } from './load'
import type { Memory } from './memory'
import { shared, type Thread } from './thread'

/** What the threads do: what is between the real classes and the system. */

type Totals = ReturnType<LifeCode['totalsOf']>

/** What a producer says of a ring at the end, and how many lines it logged there. */
export interface OwnWord { ring: number, logged: number, accepted: number, dropped: number }

/** What the owner says. */
export interface OwnersWord { totals: Totals, isClosed: boolean }

const PRODUCERS_SETTINGS = { onFull: 'drop', patienceMs: 0, reserve: null, exitTimeout: 0, order: 'ring' } as const
const OWNERS_SETTINGS = { sink: { kind: 'fd' }, order: 'ring', dropNotice: true, name: 'explored', maxRestarts: 10 }
const HOST = { onReady () {}, onEvent () {}, onWarning () {}, onRestart () {}, holdIdle: () => false, onFailed () {}, onEnded () {} }

/** What the classes need around them, in a thread. */
function surroundings (thread: Thread, plan: LifePlan): Surroundings {
  const { id } = thread
  const hasSteps = (id === OWNER ? plan.ownersSteps : plan.steps)?.test('messages') === true
  const act = (what: string, run: (memory: Memory) => number): number => hasSteps ? thread.do(what, run) : thread.together(run)
  return {
    workerData: () => { throw new Error('no writer') },
    seats: { at: SEATS, count: plan.seats ?? 2 },
    createRing: () => { throw new Error('no producer') },
    threadBlock: shared(threadAt(id - PRODUCER)),
    send: ({ ring }) => {
      const number = numberOf(ring)
      act(`a message of ring ${number} is sent`, (memory) => {
        for (const to of [WRITER, OWNER]) memory.words[mailAt(to, number)]! += memory.words[LISTENS + to]!
        return 0
      })
    },
    listen: (does) => {
      const how = id === OWNER && does ? (_: string, run: (memory: Memory) => number) => thread.together(run) : act
      how(does ? 'listens' : 'listens no more', (memory) => {
        memory.words[LISTENS + id] = does ? 1 : 0
        if (!does) for (const ring of RINGS) memory.words[mailAt(id, ring)] = 0
        return 0
      })
    },
    receive: () => {
      const ring = act('reads its messages', (memory) => {
        const ring = RINGS.find((ring) => memory.words[mailAt(id, ring)]! > 0) ?? 0
        if (ring > 0) memory.words[mailAt(id, ring)]! -= 1
        return ring
      })
      return ring === 0 ? undefined : announcementOf(ring, plan.producers)
    },
    later: () => ({ unref () {} }) as NodeJS.Timeout, // the producer does not turn its event loop, nor does the writer
    notLater: () => {},
    startWriter: () => { throw new Error('no owner') },
    atExit: () => {},
    made: () => {},
    passed: () => {}
  }
}

/** One ring after another; then the thread ends. */
export function producing (thread: Thread, plan: LifePlan, plants: Plant[]): Body {
  const producer = thread.id - PRODUCER
  const lives = plan.producers[producer]!
  const first = firstRingOf(producer, plan.producers)
  let ring = 0
  const around = { ...surroundings(thread, plan), createRing: () => thread.ringAt(ringAt(ring)) }
  const { Guest, openGuestWords, Port, totalsOf } = loadLife(thread, around, plants)
  const live = (lines: readonly string[], own: OwnWord): void => {
    const guest = new Guest({ block: shared(BLOCK), channel: 'channel', sink: 'sink' }, CAPACITY, openGuestWords({ channel: 'channel' }))
    const port = new Port(guest.ring, guest.block, guest, { ...PRODUCERS_SETTINGS, wait: plan.wait ?? 'poll' })
    if (plan.seats !== undefined) sit(thread, plan.seats)
    const log = (line: string): void => { if (!port.producer.tryPublish(line)) port.writeCarefully(line, undefined) }
    if (plan.isTakenIn === true) thread.change(new Map([[ringAt(own.ring) + RingWord.Adopted, 0]]))
    lines.forEach(log)
    if (plan.stays === true) {
      while (!guest.isOver) thread.change(thread.peek([BLOCK + WriterWord.State, BLOCK + WriterWord.OwnerGone]))
      log('late\n')
      guest.others()
      const { linesAccepted, linesDropped } = totalsOf(guest.ring)
      Object.assign(own, { logged: lines.length + 1, accepted: linesAccepted, dropped: linesDropped })
    }
    if (plan.seats !== undefined) rise(thread, guest.ring.words[RingWord.Id]!)
    guest.end()
  }
  return () => {
    const words: OwnWord[] = thread.notes = []
    if (plan.isUp === true) thread.change(new Map([[BLOCK + WriterWord.Opened, 0]]))
    lives.forEach((lines, life) => {
      ring = first + life
      const own = { ring, logged: lines.length, accepted: NaN, dropped: NaN }
      words.push(own)
      try {
        live(lines, own)
      } catch (error) {
        // All seats were taken: it does without.
        if ((error as { code?: unknown }).code !== 'ERR_PINO_PINNED_TOO_MANY_RINGS') throw error
        own.logged = 0
      }
      thread.rest([life, words])
    })
    gone(thread)
  }
}

/** Counts those who were told that they have a seat. */
function sit (thread: Thread, seats: number): void {
  const held = thread.together((memory) => (memory.words[HELD]! += 1))
  if (held > seats) throw new Error(`${held} rings are attached at a time, with ${seats} seats`)
}

/** A step of its own: others may do much while a ring is in use. */
function rise (thread: Thread, ring: number): void {
  const isSeated = thread.do('is done with its ring', ({ words }) => {
    words[HELD]! -= 1
    return words.subarray(BLOCK + SEATS, BLOCK + SEATS + MOST_SEATS).includes(ring) ? 1 : 0
  })
  if (isSeated === 0) throw new Error(`ring ${ring} is in use and has no seat`)
}

/** The last word of a producer's thread. */
export function gone (thread: Thread): void {
  thread.atomics.store(thread.view(threadAt(thread.id - PRODUCER)) as never, ThreadWord.Gone, 1)
}

const writersNews = (producers: number): number[] => [
  BLOCK + WriterWord.RingsAnnounced, BLOCK + WriterWord.Command, ...Array.from({ length: producers }, (_, at) => threadAt(at) + ThreadWord.Gone),
  ...RINGS.flatMap((ring) => [ringAt(ring) + RingWord.Published, ringAt(ring) + RingWord.ProducerDone])
]

export function writing (thread: Thread, plan: LifePlan, plants: Plant[]): Body {
  const news = writersNews(plan.producers.length)
  let data: WriterData
  let seen = new Map<number, number>()
  let outlets: ReadonlyArray<{ consumer: { ring: { shared: SharedArrayBuffer }, mark: () => unknown, released: number } }> | undefined
  let writer: { outlets: typeof outlets } | undefined
  const { runWriter } = loadLife(thread, {
    ...surroundings(thread, plan),
    workerData: () => data,
    atExit: () => {
      const says = (memory: Memory): number => (memory.words[REGISTERED] = memory.words[STARTED]!)
      if (plan.ownerKills === undefined) thread.together(says)
      else thread.do('its thread is up', says)
    },
    made: (object) => { writer = object as never },
    ...plan.wait === 'park' ? {} : { idle: () => { thread.change(seen) } },
    passed: () => {
      if (plan.wait !== 'park') seen = thread.peek(news)
      outlets = writer?.outlets
      // What it still is to take before it ends stands nowhere to be seen.
      if (thread.lastLoaded(BLOCK + WriterWord.Command) === Command.End) return
      thread.rest([data.generation, outlets?.map(({ consumer }) => [numberOf(consumer.ring.shared), consumer.mark(), consumer.released]), thread.lastLoaded(BLOCK + WriterWord.RingsAnnounced), [...seen].map(([, value]) => value)], true)
    }
  }, plants)
  return () => {
    const words = thread.peek([STARTED, ATTACHED])
    data = {
      block: shared(BLOCK),
      ring: shared(ringAt(0)),
      attached: RINGS.filter((ring) => (words.get(ATTACHED)! >> ring & 1) === 1).map((ring) => announcementOf(ring, plan.producers)),
      channel: 'channel',
      generation: words.get(STARTED)!,
      sink: { kind: 'fd' },
      wait: plan.wait ?? 'poll',
      order: 'ring',
      dropNotice: true
    } as WriterData
    writer = undefined
    seen = plan.wait === 'park' ? new Map() : thread.peek(news)
    thread.rest([data.generation, [...words]])
    runWriter()
    thread.together(tornDown)
  }
}

/** What is left of a writer's thread: its channel is closed, what it wanted stored is, and its owner will hear of it. */
function tornDown ({ words }: Memory): number {
  words[LISTENS + WRITER] = 0
  for (const ring of RINGS) words[mailAt(WRITER, ring)] = 0
  if (words[REGISTERED] === words[STARTED]) words[BLOCK + WriterWord.Gone] = words[STARTED]!
  return (words[EXITED] = words[STARTED]!)
}

/** A writer's thread is torn down; when its owner has started another, that one goes on. */
export function succeeding (body: Body): Body {
  return (thread) => {
    thread.straight(() => {
      const generation = thread.do('its thread is gone', tornDown)
      thread.change(new Map([[STARTED, generation]]))
    })
    body(thread)
  }
}

/** What brings a turn of its event loop. One that ends its stream looks at what was given back in its other turns. */
const ownersNews = ({ producers, ends }: LifePlan): number[] => [
  EXITED, BLOCK + WriterWord.Opened, ...RINGS.map((ring) => mailAt(OWNER, ring)), ...producers.map((_, at) => threadAt(at) + ThreadWord.Gone),
  ...ends === true ? [] : RINGS.map((ring) => ringAt(ring) + RingWord.Adopted)
]

type Timer = NodeJS.Timeout & { action: () => void }

/** Timers fire in the order in which they were set, that none keeps another from it, and when nobody else can go on. */
export class Timers {
  #timers: Timer[] = []

  readonly later = (action: () => void): NodeJS.Timeout => {
    const timer = { action, unref: () => timer } as Timer
    this.#timers.push(timer)
    return timer
  }

  readonly notLater = (timer: NodeJS.Timeout | undefined): void => { this.#timers = this.#timers.filter((each) => each !== timer) }

  get count (): number { return this.#timers.length }
  fire (): void { this.#timers.shift()!.action() }
  clear (): void { this.#timers = [] }
}

/** Supervises, counts what the rings did, and in some plans ends the writer. */
export function owning (thread: Thread, plan: LifePlan, plants: Plant[]): Body {
  const news = ownersNews(plan)
  const timers = new Timers()
  let worker: WorkerEvents = {}
  let roster: InstanceType<LifeCode['Roster']>
  const { Supervisor, totalsOf } = loadLife(thread, {
    ...surroundings(thread, plan),
    later: timers.later,
    notLater: timers.notLater,
    startWriter: ({ attached, generation }, events) => {
      worker = events
      thread.together((memory) => {
        memory.words[ATTACHED] = attached.reduce((sum, { ring }) => sum | 1 << numberOf(ring), 0)
        return (memory.words[STARTED] = generation)
      })
    },
    made: (object) => { roster = object as never }
  }, plants)
  /** Counts of rings in use stand there, and are read again. */
  const tallied = (): number[] => roster.rings.map(totalsOf)
    .reduce((sum, own) => sum.map((count, i) => count - countsOf(own)[i]!), countsOf(roster.stats().totals))
  return () => {
    timers.clear()
    const supervisor = new Supervisor(shared(BLOCK), thread.ringAt(0), { ...OWNERS_SETTINGS, wait: plan.wait ?? 'poll' } as never, null, HOST, { key: null, isHeir: false, isPassedOn: false })
    supervisor.share()
    let mayEnd = plan.ends === true
    /** In a last turn, when nobody else did anything any more. */
    let hasLooked = false
    const end = (): void => {
      mayEnd = false
      supervisor.end()
    }
    const hear = hearing(() => worker)
    // Its thread is blocked until there is something that only it can do: the rings must get along without it.
    if (!mayEnd) thread.change(new Map([EXITED, ...plan.producers.map((_, at) => threadAt(at) + ThreadWord.Gone)].map((at) => [at, 0])))
    for (;;) {
      const seen = thread.peek(news)
      hear(seen)
      // Counting is one with the turn, or left for the last: in between it shows nothing that others depend on.
      if (plan.ends === true && !hasLooked) roster.look()
      else thread.notes = { totals: counted(supervisor, plan), isClosed: supervisor.isClosed }
      thread.rest([[...seen], tallied(), roster.announcements.map(({ ring }) => numberOf(ring)), supervisor.state, mayEnd, hasLooked, timers.count], true)
      if (thread.change(seen, !hasLooked)) hasLooked = false
      else if (timers.count > 0) timers.fire()
      else if (mayEnd) end()
      else hasLooked = true
      if (mayEnd && thread.choose(2) === 1) end()
    }
  }
}

function counted (supervisor: InstanceType<LifeCode['Supervisor']>, { producers }: LifePlan): Totals {
  const { totals } = supervisor.others()
  const most = producers.flat(2).length
  if (totals.linesWritten > most) throw new Error(`${totals.linesWritten} lines are counted as written, ${most} were logged`)
  return totals
}

const countsOf = ({ linesAccepted, linesWritten, linesDropped }: Totals): number[] => [linesAccepted, linesWritten, linesDropped]

/** What the event loop brings of the writer's thread. */
function hearing (worker: () => WorkerEvents): (seen: Map<number, number>) => void {
  let opened = 0
  let exited = 0
  return (seen) => {
    const nowOpened = seen.get(BLOCK + WriterWord.Opened)!
    const nowExited = seen.get(EXITED)!
    const { message, exit } = worker()
    if (nowOpened !== opened) message?.({ code: 'READY' })
    if (nowExited !== exited) exit?.(1)
    opened = nowOpened
    exited = nowExited
  }
}

/** An owner's thread is torn down: behind its workers. */
export function forsaking (thread: Thread): void {
  thread.straight(() => {
    const started = thread.do('listens no more', (memory) => {
      memory.words[LISTENS + OWNER] = 0
      memory.words[DYING] = 1
      return memory.words[STARTED]!
    })
    while (thread.peek([EXITED]).get(EXITED) !== started) thread.change(thread.peek([EXITED]))
    thread.atomics.store(thread.view(BLOCK) as never, WriterWord.OwnerGone, 1)
  })
}
