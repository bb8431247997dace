import { explore } from './explorer/explore'
import { type LifePlan, lifeScenario } from './explorer/life'
import type { Plant } from './explorer/load'

/**
 * Every order of steps of the real Guest, Port, Supervisor, Roster, writer's main, WriterThread, FdWriter, Intake and
 * Waiter, over the life of rings that other threads attach. As many orders as all steps have would take hours: each plan
 * has steps where its matter is (LifePlan says why that is sound).
 */

// On a busy machine every order of steps takes a while.
jest.setTimeout(600_000)

const one = [[['a\n']]]
const two = [[['a\n']], [['b\n']]]

const ends: LifePlan = { producers: [[['a\n', 'b\n']]], steps: /^(Published|ProducerDone|Gone of the producer|Adopted)/ }
const dies: LifePlan = { ...ends, producerKills: 1 }
const isSucceeded: LifePlan = { producers: one, writerKills: 1, steps: /^(ProducerDone|Adopted)/ }
const attaches: LifePlan = { producers: one, steps: /^(RingsAnnounced|Listening|Adopted|messages)/ }

const attachesAsItDies: LifePlan = { producers: one, steps: /^(Adopted|messages)/, writerKills: 1 }
const twoRings: LifePlan = { producers: two, steps: /^ProducerDone/, isUp: true }

const seats: LifePlan = { producers: two, steps: /seat/, seats: 1, isUp: true }

const parks: LifePlan = { producers: [[[]]], steps: /^(Wake|Sleeping|ProducerDone)/, ownersSteps: /^Wake/, wait: 'park', isUp: true, isTakenIn: true }
/** It can be terminated between publishing a line and waking the writer: nobody else will. */
const parksAsItDies: LifePlan = { ...parks, producers: one, steps: /^Wake/, producerKills: 1, looks: 1 }

const closes: LifePlan = { producers: one, steps: /^(Published|State|Closed)/, ends: true, stays: true, isUp: true }
const closesAsItAttaches: LifePlan = { ...closes, steps: /^messages/, ownersSteps: /^messages/ }
const closesAsItDies: LifePlan = { producers: one, steps: /^(ProducerDone|Closed|Gone of the producer)/, producerKills: 1, ends: true, isUp: true }
const closesTwice: LifePlan = { producers: one, steps: /^(State|Closed|Gone of the producer)/, writerKills: 1, ends: true, isUp: true }
const closesParked: LifePlan = { producers: [], steps: /^(Wake|Sleeping|Command)/, ownersSteps: /^(Wake|Command)/, wait: 'park', ends: true, isUp: true }

const isForsaken: LifePlan = { producers: one, steps: /^(Published|Adopted|OwnerGone|Closed)/, ownerKills: 1, stays: true }

function isSound (plan: LifePlan): void {
  const { violation, ends } = explore(lifeScenario(plan))
  expect(violation).toBeNull()
  expect(ends).toBeGreaterThan(1)
}

/** What a plan promises, told with the steps that break it; anything else is an error of the program. */
const BROKEN_PROMISE = /^(\[.*\] of ring|ring \d|seat \d|of ring|the totals|the owner waits|\d+ (lines|rings)).*, after\n/

describe('in every order of steps', () => {
  test.each<[string, LifePlan]>([
    ['of a producer that ends', ends],
    ['of a producer that is terminated at any of them', dies],
    ['of a producer that ends while the writer is terminated at any of its own and another one takes over', isSucceeded],
    ['of a producer that attaches while the writer comes up and the owner stands still', attaches],
    ['of a producer that attaches while the writer is terminated and another one takes over', attachesAsItDies],
    ['of two producers that attach at a time', twoRings],
    ['of a producer that ends while the writer parks', parks],
    ['of a producer that is terminated while the writer parks, which looks once by itself', parksAsItDies]
  ])('%s, its lines come out once, its ring is given back once they have, its seat is free, the totals are exact', (_, plan) => isSound(plan))

  test('of two producers that take one seat and of the writer that frees it, one alone has it', () => isSound(seats))

  test.each<[string, LifePlan]>([
    ['of a producer that logs meanwhile and goes on', closes],
    ['of a producer that attaches meanwhile', closesAsItAttaches],
    ['of a producer that ends or is terminated meanwhile', closesAsItDies],
    ['of a writer that is terminated as it ends', closesTwice],
    ['of a writer that parks', closesParked]
  ])('%s, an owner that ends its stream hears the end, and each line is delivered or counted as dropped', (_, plan) => isSound(plan))

  test('of a producer whose owner is terminated, each line is delivered or counted as dropped', () => isSound(isForsaken))
})

describe('the explorer finds', () => {
  test.each<[string, Plant[], LifePlan]>([
    ['a ring given back without a last look at what was published', [{
      file: 'writer/rings.ts', replace: 'return this.isIdle && !this.consumer.isInsideLine', by: 'return !this.consumer.isInsideLine'
    }], ends],
    ['counts added up when the ring is given back, and again while it is kept', [{
      file: 'stream/roster.ts', replace: 'this.#rings.delete(id) opened.words', by: 'opened.words'
    }], ends],
    ['a line counted whose producer was terminated before it published', [{
      file: 'writer/rings.ts', replace: 'if (this.#life?.isGone !== true) return', by: 'if (this.#life !== undefined) return'
    }], dies],
    ['a seat that is kept', [{ file: 'writer/thread.ts', replace: 'freeSeat(this.block, ring.words[RingWord.Id]!)', by: '' }], ends],
    ['a ring that a successor is not told of', [{
      file: 'stream/supervisor.ts', replace: 'attached: this.#roster.announcements', by: 'attached: []'
    }], attachesAsItDies],
    ['two rings of which one is taken in', [{
      file: 'writer/thread.ts', replace: 'this.outlets = [...this.outlets, ...taken]', by: 'this.outlets = [this.outlets[0]!, taken.at(-1)!]'
    }], twoRings],
    ['a seat taken without a look who else takes it', [{
      file: 'ring/seats.ts',
      replace: 'if (Atomics.compareExchange(block, WriterWord.Seats + at, 0, ring) === 0) return true',
      by: 'Atomics.store(block, WriterWord.Seats + at, ring); return true'
    }], seats],
    ['a writer that reads Wake when it goes to sleep', [{
      file: 'writer/waiter.ts',
      replace: 'this.#wake, PARKED_LOOK_MS',
      by: 'Atomics.load(block, WriterWord.Wake), PARKED_LOOK_MS'
    }], parks],
    ['a producer that ends and does not wake the writer', [{
      file: 'stream/sharing/guest.ts', replace: 'this.keepAlive() this.wake() if', by: 'this.keepAlive(); if'
    }], parks],
    ['a parked writer that never looks by itself', [{ file: 'writer/waiter.ts', replace: 'PARKED_LOOK_MS = 1000', by: 'PARKED_LOOK_MS = Infinity' }], parksAsItDies],
    ['a writer that reads Wake behind its look at the order to end', [{
      file: 'writer/fd-writer.ts',
      replace: 'this.#isDone; thread.waiter.begin()) {',
      by: 'this.#isDone;) { thread.waiter.begin()'
    }], closesParked],
    ['a ring left open by a writer that ends', [{
      file: 'writer/thread.ts', replace: 'Atomics.store(words, RingWord.Closed, 1)', by: 'this.outlets[0]!.consumer.look()'
    }], closes],
    ['a writer that says it has ended before it closes its rings', [{
      file: 'writer/thread.ts',
      replace: 'for (const { consumer: { ring: { words } } } of this.outlets) {',
      by: 'this.#setState(WriterState.Ended); for (const { consumer: { ring: { words } } } of this.outlets) {'
    }], closes],
    ['counts added up of a closed ring whose thread still logs', [{
      file: 'stream/roster.ts', replace: '!(hasEnded && isClosed(opened) && gone.includes(thread))', by: '!(hasEnded && isClosed(opened))'
    }], closes],
    ['a ring that nobody closes, because the writer never heard of it', [{
      file: 'stream/left-behind.ts', replace: 'Atomics.load(words, RingWord.Adopted) === 0', by: 'words === undefined'
    }], closesAsItAttaches],
    ['an owner that takes a writer which has ended for one that died', [{
      file: 'stream/supervisor.ts', replace: 'if (this.hasEnded) { this.#closed()', by: 'if (this.#isFailed) { this.#closed()'
    }], closesTwice],
    ['a guest that waits for the last word of a writer that never came up', [{
      file: 'stream/sharing/guest.ts',
      replace: 'if (this.#isOwnerGone) Atomics.store',
      by: 'if (this.#isOwnerGone && Atomics.load(this.block, WriterWord.Gone) === Atomics.load(this.block, WriterWord.Generation)) Atomics.store'
    }], isForsaken]
  ])('%s', (_, planted, plan) => {
    expect(explore(lifeScenario(plan, planted)).violation).toMatch(BROKEN_PROMISE)
  })
})
