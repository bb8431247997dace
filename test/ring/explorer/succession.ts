import { GIVEN_BACK, RingWord } from '../../../src/ring/layout'
import type { End, Scenario } from './explore'
import { GEOMETRY, ringAt } from './life-words'
import type { Plant } from './load'
import { type HeirsWord, moving, ownerGone, owning, peerGone, type SuccessionPlan, writing, writingAgain } from './succession-threads'
import { keptAt, leftAt, nameOf, newMemory, NEXT, OLD, PEER, PEERS_RING, RINGS } from './succession-words'
import { Thread } from './thread'

/**
 * A ring of one writer goes on to the next: the old writer's owner ends its stream or is terminated, another thread makes the
 * next writer, and a third one, the peer, takes its ring there, or is terminated before it has. What steps are is told at
 * LifePlan.
 */
export function successionScenario (plan: SuccessionPlan, plants: Plant[] = []): Scenario {
  const stepsOf = (id: number): RegExp => (id === NEXT.writer ? plan.nextWritersSteps : undefined) ?? plan.steps
  const threads = [OLD.owner, OLD.writer, NEXT.owner, NEXT.writer, PEER].map((id) => new Thread(id, GEOMETRY, (at) => !stepsOf(id).test(nameOf(at)), () => false))
  const next = writing(threads[NEXT.writer]!, NEXT, plan, plants)
  return {
    threads,
    names: ['the old owner', 'the old writer', 'the heir', 'the next writer', 'the peer'],
    bodies: [
      owning(threads[OLD.owner]!, OLD, plan, plants), writing(threads[OLD.writer]!, OLD, plan, plants),
      owning(threads[NEXT.owner]!, NEXT, plan, plants), next, moving(threads[PEER]!, plan, plants)
    ],
    memory: newMemory(),
    mortals: [
      { id: PEER, kills: plan.peerKills ?? 0, successor: peerGone, told: 'the peer is terminated' },
      { id: OLD.owner, kills: plan.ownerKills ?? 0, successor: ownerGone, told: 'the old owner is terminated' },
      { id: OLD.writer, kills: plan.ownerKills ?? 0, successor: writingAgain(OLD, () => {}), told: 'the old writer is terminated with its owner', when: OLD.dying },
      { id: NEXT.writer, kills: plan.writerKills ?? 0, successor: writingAgain(NEXT, next), told: 'the next writer is terminated' }
    ],
    mostSteps: 20_000,
    nameOf,
    verify: (end) => verify(plan, end)
  }
}

function verify ({ before, after }: SuccessionPlan, { memory: { words }, output, notes, hasEnded }: End): string | null {
  const heir = notes[NEXT.owner] as HeirsWord | null
  // Its owner is still to be terminated, or its writer with it: other orders show that.
  if (words[OLD.dying] === 1 && words[OLD.exited] !== words[OLD.started]) return null
  if (heir?.isClosed !== true) return `the heir waits for ever: ${JSON.stringify({ heir, hasEnded })}`
  let left = words[ringAt(PEERS_RING) + RingWord.Published]!
  const published = [...before, ...after].filter((line) => (left -= 8 + ((line.length + 7) & ~7)) >= 0)
  if (output !== published.join('')) return `${JSON.stringify(output)} was written, ${JSON.stringify(published)} was published`
  const { linesAccepted, linesWritten, linesDropped, linesSkipped } = heir.totals
  if (linesAccepted !== linesWritten || linesDropped + linesSkipped !== 0 || linesWritten > published.length) {
    return `the totals are ${JSON.stringify(heir.totals)}, of ${published.length} lines`
  }
  const isLeft = RINGS.find((ring) => words[leftAt(ring)] !== 0)
  if (isLeft !== undefined) return `ring ${isLeft} was left, and nobody took it`
  const isKept = RINGS.find((ring) => words[keptAt(ring)] !== 0)
  if (isKept !== undefined) return `ring ${isKept} is kept for ever, by ${words[keptAt(isKept)]}`
  const adopted = words[ringAt(PEERS_RING) + RingWord.Adopted]
  return adopted === GIVEN_BACK || (adopted === 0 && published.length === 0) ? null : 'the ring of the peer is not given back'
}
