import { explore } from './explorer/explore'
import type { Plant } from './explorer/load'
import { successionScenario } from './explorer/succession'
import type { SuccessionPlan } from './explorer/succession-threads'

/**
 * Orders of steps of the real Guest, Port, Supervisor, Roster and writer as a ring goes from one owner's writer to the next
 * one's. Who waits and who is terminated are the steps here: what happens between two waits of a thread is one.
 */

// On a busy machine every order of steps takes a while.
jest.setTimeout(600_000)

const moves: SuccessionPlan = { before: ['a\n'], after: ['b\n'], steps: /^$/ }
const dies: SuccessionPlan = { ...moves, peerKills: 1 }
const bothDie: SuccessionPlan = { ...dies, ownerKills: 1 }
const isSucceeded: SuccessionPlan = { ...dies, after: [], writerKills: 1 }

/** Between the writer's look at who had the ring before and its word that it has it, and before its owner has heard of the ring. */
const leavesAsItIsTakenIn: SuccessionPlan = { ...dies, nextWritersSteps: /^Adopted of ring 1/ }

const BROKEN_PROMISE = /^(".*" was written|the totals|ring \d|the ring of the peer|the heir waits).*, after\n/

test.each<[string, SuccessionPlan]>([
  ['whose owner ends its stream', moves],
  ['whose owner ends its stream, and of which the producer is terminated at any time', dies],
  ['whose owner may be terminated, as may its producer', bothDie],
  ['whose owner ends its stream, and whose producer and next writer are terminated', isSucceeded],
  ['whose owner ends its stream, and whose producer ends or is terminated as the next writer takes it in', leavesAsItIsTakenIn]
])('a ring of a writer %s, comes out once under the next writer, is counted there and given back', (_, plan) => {
  const { violation, ends } = explore(successionScenario(plan))
  expect(violation).toBeNull()
  expect(ends).toBeGreaterThan(1)
})

describe('the explorer finds', () => {
  test.each<[string, Plant, SuccessionPlan]>([
    ['a ring closed by a writer from which it goes on', {
      file: 'writer/thread.ts', replace: 'if (words[RingWord.MovesOn] === 0) Atomics.store(words, RingWord.Closed, 1)', by: 'Atomics.store(words, RingWord.Closed, 1)'
    }, dies],
    ['a ring that comes to a writer as if that had taken it in', {
      file: 'stream/sharing/guest.ts', replace: 'Atomics.store(ring.words, RingWord.Adopted, 0)', by: ''
    }, moves],
    ['an owner that has ended and holds on to a ring that went on', {
      file: 'stream/roster.ts', replace: 'letRingGo(opened, threadId) if (opened.words[RingWord.MovesOn]', by: 'if (opened.words[RingWord.MovesOn]'
    }, dies],
    ['counts added up of a ring that was left, and of what was made of it', {
      file: 'stream/roster.ts', replace: 'if (opened.words[RingWord.Tallied] === 1) {', by: 'if (false) {'
    }, dies],
    ['a writer that takes in a ring and does not keep it', {
      file: 'writer/thread.ts', replace: 'addon?.keepRingToo(opened.words)', by: ''
    }, leavesAsItIsTakenIn]
  ])('%s', (_, planted, plan) => {
    expect(explore(successionScenario(plan, [planted])).violation).toMatch(BROKEN_PROMISE)
  })
})
