import { Command, RingWord, ThreadWord, WriterWord } from '../../../src/ring/layout'
import type { WriterData } from '../../../src/writer-data'
import type { Body } from './explore'
import { type KeepersOfThread, type LifeCode, loadLife, type Surroundings, type WorkerEvents } from './life-load'
import { Timers } from './life-threads'
import { CAPACITY, numberOf, ringAt, SEATS } from './life-words'
import type { Plant } from './load'
import type { Memory } from './memory'
import {
  announcementOf, CLAIM, type House, keptAt, leaveAll, leftAt, letGo, listensAt, MADE, mailAt, NEXT, nobodysThread, OLD, PEER, PEERS_RING, PEERS_THREAD,
  restore, RESTORED, RINGS, ringOf
} from './succession-words'
import { shared, type Thread } from './thread'

/** What the threads of a succession do: what is between the real classes and the system. */

export interface SuccessionPlan {
  /** What the peer logs under the old writer, and what it does when that one is gone. */
  before: string[]
  after: string[]
  /** Accesses to words of these names are steps; so are messages, and what the addon does with rings (keepers), if they are among them. */
  steps: RegExp
  /** As `steps`, of the next writer alone. */
  nextWritersSteps?: RegExp
  /** How the old owner goes; if it may not be terminated it ends its stream. */
  ownerKills?: number
  peerKills?: number
  /** How often the heir's writer may be terminated. */
  writerKills?: number
}

const PEERS_SETTINGS = { onFull: 'drop', patienceMs: 0, reserve: null, exitTimeout: 0, order: 'ring' } as const
const OWNERS_SETTINGS = { sink: { kind: 'fd' }, order: 'ring', dropNotice: true, name: 'explored', maxRestarts: 10, wait: 'poll' }
const HOST = { onReady () {}, onEvent () {}, onWarning () {}, onRestart () {}, holdIdle: () => false, onFailed () {}, onEnded () {} }

type Totals = ReturnType<LifeCode['totalsOf']>
/** What the heir says. */
export interface HeirsWord { totals: Totals, isClosed: boolean }

/** Does something as one step if the plan has such steps. */
const actor = (thread: Thread, { steps }: SuccessionPlan, kind: string) => (what: string, run: (memory: Memory) => number): number =>
  steps.test(kind) ? thread.do(what, run) : thread.together(run)

function keepersOf (thread: Thread, plan: SuccessionPlan): KeepersOfThread {
  const { id } = thread
  const step = actor(thread, plan, 'keepers')
  /** An owner's own ring is its own to keep, whatever the others do. */
  const act = (what: string, run: (memory: Memory) => number, ring: number): number => ring === PEERS_RING || RESTORED.includes(ring) ? step(what, run) : thread.together(run)
  return {
    keepRing: (words) => {
      const ring = ringOf(words)
      act(`keeps ring ${ring}`, (memory) => {
        memory.words[keptAt(ring)]! |= 1 << id
        for (const each of RINGS) if (memory.words[leftAt(each)] === 2 + id) memory.words[leftAt(each)] = 0
        return 0
      }, ring)
    },
    keepRingToo: (words) => {
      const ring = ringOf(words)
      act(`keeps ring ${ring} too`, (memory) => {
        if (memory.words[keptAt(ring)] !== 0) memory.words[keptAt(ring)]! |= 1 << id
        return 0
      }, ring)
    },
    letRingGo: (words) => {
      const ring = ringOf(words)
      act(`lets ring ${ring} go`, (memory) => {
        letGo(memory, id, ring)
        return 0
      }, ring)
    },
    inherit: () => {
      const find = ({ words }: Memory): number => RINGS.find((ring) => words[leftAt(ring)] === 1 || words[leftAt(ring)] === 2 + id) ?? -1
      // A look at nothing is no step: it is repeated when there is something.
      const ring = thread.together(find) < 0
        ? -1
        : step('takes what was left', (memory) => {
          const ring = find(memory)
          if (ring >= 0) memory.words[leftAt(ring)] = 2 + id
          return ring
        })
      return ring < 0 ? undefined : ring
    },
    restoreRing: (estate, number) => {
      const to = thread.together((memory) => {
        const to = RESTORED[memory.words[MADE]!++ % RESTORED.length]!
        if (memory.words[keptAt(to)] !== 0) throw new Error('a ring is restored over another')
        restore(memory, estate as number, to, number)
        return to
      })
      return thread.ringAt(ringAt(to))
    },
    createThreadBlock: nobodysThread
  }
}

/** What the classes need around them, in a thread that belongs to a house, or to both. */
function surroundings (thread: Thread, plan: SuccessionPlan, own?: House): Surroundings {
  const { id } = thread
  const act = actor(thread, plan, 'messages')
  const houseOf = (channel: string): House => own ?? (channel === OLD.channel ? OLD : NEXT)
  return {
    workerData: () => { throw new Error('no writer') },
    seats: { at: SEATS, count: 4 },
    createRing: () => { throw new Error('the peer has a ring') },
    threadBlock: shared(PEERS_THREAD),
    send: ({ ring }, channel) => {
      const number = numberOf(ring)
      const { owner, writer } = houseOf(channel)
      act(`a message of ring ${number} is sent`, (memory) => {
        for (const to of [owner, writer]) memory.words[mailAt(to, number)]! += memory.words[listensAt(to)]!
        return 0
      })
    },
    listen: (does) => {
      act(does ? 'listens' : 'listens no more', (memory) => listen(memory, id, does))
    },
    receive: () => {
      const ring = act('reads its messages', (memory) => {
        const ring = RINGS.find((ring) => memory.words[mailAt(id, ring)]! > 0) ?? -1
        if (ring >= 0) memory.words[mailAt(id, ring)]! -= 1
        return ring
      })
      return ring < 0 ? undefined : announcementOf(ring)
    },
    later: () => ({ unref () {} }) as NodeJS.Timeout,
    notLater: () => {},
    startWriter: () => { throw new Error('no owner') },
    atExit: () => {},
    made: () => {},
    passed: () => {},
    keepers: keepersOf(thread, plan)
  }
}

function listen ({ words }: Memory, thread: number, does: boolean): number {
  words[listensAt(thread)] = does ? 1 : 0
  if (!does) for (const ring of RINGS) words[mailAt(thread, ring)] = 0
  return 0
}

/** Logs under the old writer; when that one is gone, goes on to the next one, logs there and ends. */
export function moving (thread: Thread, plan: SuccessionPlan, plants: Plant[]): Body {
  const around = surroundings(thread, plan)
  const { Guest, openGuestWords, Port } = loadLife(thread, around, plants)
  return () => {
    const ring = thread.ringAt(ringAt(PEERS_RING))
    around.keepers!.keepRing(ring.words)
    const enter = ({ block, channel }: House): InstanceType<LifeCode['Guest']> => new Guest({ block: shared(block), channel, sink: 'sink' }, CAPACITY, openGuestWords({ channel }), { ring, isPassedOn: true, onLost () {} })
    let guest = enter(OLD)
    const port = new Port(ring, guest.block, guest, { ...PEERS_SETTINGS, wait: 'poll' })
    const log = (line: string): void => { if (!port.producer.tryPublish(line)) port.writeCarefully(line, undefined) }
    plan.before.forEach(log)
    const rest = (phase: string, { block }: House): void => { thread.rest([phase, thread.lastLoaded(block + WriterWord.Listening), port.producer.used, port.producer.isCalm], true) }
    rest('old', OLD)
    for (;;) {
      // Before the look: what changes behind it is news.
      const seen = thread.peek([OLD.block + WriterWord.State, OLD.block + WriterWord.OwnerGone])
      if (guest.isLost) break
      thread.change(seen)
      rest('old', OLD)
    }
    guest.leave()
    thread.change(new Map([[NEXT.started, 0]]))
    guest = enter(NEXT)
    port.moveTo(guest, guest.block)
    rest('next', NEXT)
    plan.after.forEach(log)
    guest.end()
    rest('ended', NEXT)
    peerGone(thread)
  }
}

/** The peer's thread is torn down. */
export function peerGone (thread: Thread): void {
  thread.straight(() => {
    thread.atomics.store(thread.view(PEERS_THREAD) as never, ThreadWord.Gone, 1)
    thread.do('is gone', (memory) => leaveAll(memory, PEER))
  })
}

export function writing (thread: Thread, house: House, plan: SuccessionPlan, plants: Plant[]): Body {
  const news = [
    house.block + WriterWord.RingsAnnounced, house.block + WriterWord.Command, PEERS_THREAD + ThreadWord.Gone,
    ...RINGS.flatMap((ring) => [leftAt(ring), ringAt(ring) + RingWord.Published, ringAt(ring) + RingWord.ProducerDone])
  ]
  let data: WriterData
  let seen = new Map<number, number>()
  let writer: { outlets?: ReadonlyArray<{ consumer: { ring: { shared: SharedArrayBuffer }, mark: () => unknown, released: number } }> } | undefined
  const { runWriter } = loadLife(thread, {
    ...surroundings(thread, plan, house),
    workerData: () => data,
    atExit: () => { thread.together((memory) => (memory.words[house.registered] = memory.words[house.started]!)) },
    idle: () => { thread.change(seen) },
    made: (object) => { writer = object as never },
    passed: () => {
      seen = thread.peek(news)
      // What it still is to take before it ends stands nowhere to be seen.
      if (thread.lastLoaded(house.block + WriterWord.Command) === Command.End) return
      const rings = writer?.outlets?.map(({ consumer }) => [numberOf(consumer.ring.shared), consumer.mark(), consumer.released])
      thread.rest([data.generation, rings, thread.lastLoaded(house.block + WriterWord.RingsAnnounced), [...seen.values()]], true)
    }
  }, plants)
  return () => {
    thread.change(new Map([[house.started, 0]]))
    const words = thread.peek([house.started, house.attached])
    data = {
      block: shared(house.block),
      ring: shared(ringAt(house.ring)),
      attached: RINGS.filter((ring) => (words.get(house.attached)! >> ring & 1) === 1).map(announcementOf),
      channel: house.channel,
      generation: words.get(house.started)!,
      sink: { kind: 'fd' },
      wait: 'poll',
      order: 'ring',
      dropNotice: true,
      shared: { key: 'key', handle: {} }
    } as unknown as WriterData
    writer = undefined
    seen = thread.peek(news)
    thread.rest([data.generation, [...words]])
    runWriter()
    writerGone(thread, house)
  }
}

/** A writer's thread is torn down. Returns which. */
function writerGone (thread: Thread, { writer, block, started, registered, exited }: House): number {
  return thread.do('its thread is gone', (memory) => {
    const { words } = memory
    leaveAll(memory, writer)
    listen(memory, writer, false)
    if (words[registered] === words[started]) words[block + WriterWord.Gone] = words[started]!
    return (words[exited] = words[started]!)
  })
}

/** A terminated writer; if its owner starts another, that goes on. */
export function writingAgain (house: House, body: Body): Body {
  return (thread) => {
    thread.straight(() => {
      const generation = writerGone(thread, house)
      thread.change(new Map([[house.started, generation]]))
    })
    body(thread)
  }
}

/** Claims the key, and has a writer until it ends its stream: the old owner at any time, the heir when nobody does anything more. */
export function owning (thread: Thread, house: House, plan: SuccessionPlan, plants: Plant[]): Body {
  const isHeir = house === NEXT
  const news = [house.exited, house.block + WriterWord.Opened, ...RINGS.flatMap((ring) => [mailAt(house.owner, ring), ringAt(ring) + RingWord.Adopted])]
  const timers = new Timers()
  let worker: WorkerEvents = {}
  let roster: InstanceType<LifeCode['Roster']>
  const around: Surroundings = {
    ...surroundings(thread, plan, house),
    later: timers.later,
    notLater: timers.notLater,
    startWriter: ({ attached, generation }, events) => {
      worker = events
      thread.together((memory) => {
        memory.words[house.attached] = attached.reduce((sum, { ring }) => sum | 1 << numberOf(ring), 0)
        return (memory.words[house.started] = generation)
      })
    },
    made: (object) => { roster = object as never }
  }
  const { Supervisor } = loadLife(thread, around, plants)
  return () => {
    timers.clear()
    if (isHeir) {
      thread.change(new Map([[OLD.started, 0], [OLD.dying, 0]]))
      while (thread.peek([CLAIM]).get(CLAIM) === 1) thread.change(new Map([[CLAIM, 1]]))
    }
    const ring = thread.ringAt(ringAt(house.ring))
    thread.together((memory) => (memory.words[CLAIM] = 1))
    around.keepers!.keepRing(ring.words)
    const supervisor = new Supervisor(shared(house.block), ring, OWNERS_SETTINGS as never, null, HOST, { key: 'key', isHeir, isPassedOn: true })
    supervisor.share()
    let seen = new Map<number, number>()
    const told = [0, 0]
    let isEnding = false
    while (!supervisor.isClosed) {
      seen = thread.peek(news)
      // What the event loop brings of the writer's thread.
      if (seen.get(house.block + WriterWord.Opened) !== told[0]) worker.message?.({ code: 'READY' })
      if (seen.get(house.exited) !== told[1]) worker.exit?.(1)
      told.splice(0, 2, seen.get(house.block + WriterWord.Opened)!, seen.get(house.exited)!)
      if (supervisor.isClosed) break
      roster.look()
      const { totals } = supervisor.others()
      thread.notes = { totals, isClosed: false }
      thread.rest([[...seen.values()], told, totals, roster.announcements.map(({ ring }) => numberOf(ring)), supervisor.state, isEnding, timers.count], true)
      const isAtOnce = !isHeir && !isEnding && thread.choose(2) === 1
      if (!isAtOnce && thread.change(seen, true)) continue
      if (!isAtOnce && timers.count > 0) {
        timers.fire()
        continue
      }
      if (isEnding) return
      isEnding = true
      supervisor.end()
    }
    thread.notes = { totals: supervisor.others().totals, isClosed: true }
    around.keepers!.letRingGo(ring.words)
    thread.do('gives the key back', (memory) => (memory.words[CLAIM] = 0))
  }
}

/** The old owner's thread is torn down, behind its writer. */
export function ownerGone (thread: Thread): void {
  thread.straight(() => {
    const started = thread.do('its thread is being torn down', (memory) => {
      listen(memory, OLD.owner, false)
      memory.words[OLD.dying] = 1
      return memory.words[OLD.started]!
    })
    while (thread.peek([OLD.exited]).get(OLD.exited) !== started) thread.change(thread.peek([OLD.exited]))
    thread.atomics.store(thread.view(OLD.block) as never, WriterWord.OwnerGone, 1)
    // The claim came after the ring, and goes before it.
    thread.do('its key is free', (memory) => (memory.words[CLAIM] = 0))
    thread.do('its rings are nobody\'s', (memory) => leaveAll(memory, OLD.owner))
  })
}
