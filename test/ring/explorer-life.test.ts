import { explore } from './explorer/explore'
import { type LifePlan, lifeScenario } from './explorer/life'
import type { Plant } from './explorer/load'

/**
 * Every order of steps of the real Guest, Port, WriterThread, FdWriter and Roster, over the life of a ring that another
 * thread attaches. As many orders as all steps have would take hours: each plan has steps where its matter is.
 */

// On a busy machine every order of steps takes a while.
jest.setTimeout(180_000)

const ends: LifePlan = { lives: [['a\n', 'b\n']], steps: /^(Published|ProducerDone|Gone of the producer|Adopted)/ }
const dies: LifePlan = { ...ends, producerKills: 1 }
const isSucceeded: LifePlan = { lives: [['a\n']], writerKills: 1, steps: /^(ProducerDone|Adopted)/ }
const attaches: LifePlan = { lives: [['a\n']], steps: /^(RingsAnnounced|Listening|Adopted|messages)/ }

describe('in every order of steps', () => {
  test.each<[string, LifePlan]>([
    ['of a producer that ends', ends],
    ['of a producer that is terminated at any of them', dies],
    ['of a producer that ends while the writer is terminated at any of its own and another one takes over', isSucceeded],
    ['of a producer that attaches while the writer comes up and the owner stands still', attaches]
  ])('%s, its lines come out once, its ring is given back once they have, its seat is free, the totals are exact', (_, plan) => {
    const { violation, ends } = explore(lifeScenario(plan))
    expect(violation).toBeNull()
    expect(ends).toBeGreaterThan(1)
  })
})

describe('the explorer finds', () => {
  test.each<[string, Plant[], LifePlan]>([
    ['a ring given back without a last look at what was published', [{
      file: 'writer/rings.ts', replace: 'return this.isIdle && (this.consumer.outputEnds', by: 'return (this.consumer.outputEnds'
    }], ends],
    ['counts added up when the ring is given back, and again while it is kept', [{
      file: 'stream/roster.ts', replace: 'this.#rings.delete(id)', by: ''
    }], ends],
    ['a line counted whose producer was terminated before it published', [{
      file: 'writer/rings.ts', replace: 'if (this.#life?.isGone !== true) return', by: 'if (this.#life !== undefined) return'
    }], dies],
    ['a seat that is kept', [{ file: 'writer/thread.ts', replace: 'freeSeat(this.block, ring.words[RingWord.Id]!)', by: '' }], ends]
  ])('%s', (_, planted, plan) => {
    expect(explore(lifeScenario(plan, planted)).violation).toMatch(/, after\n/)
  })
})
