import { GIVEN_BACK, RingWord, WriterWord } from '../../../src/ring/layout'
import type { Scenario, End } from './explore'
import { forsaking, gone, type OwnersWord, type OwnWord, owning, producing, succeeding, writing } from './life-threads'
import { BLOCK, DYING, GEOMETRY, nameOf, newMemory, OWNER, PRODUCER, ringAt, SEATS, WRITER } from './life-words'
import type { Plant } from './load'
import { Thread } from './thread'

/**
 * The life of rings that threads attach to the writer of another one: attached, written to, done with or orphaned,
 * drained, given back and counted, or closed when the writer ends. How a ring's own protocol holds in every order is shown
 * elsewhere: here it matters who knows of the ring, and until when.
 *
 * Only accesses to the words that a plan names are steps. Any other is made together with the step before it. That leaves
 * orders out, and is sound for a word that others look at only when a step has let them, as they do with what a ring holds
 * (Published lets them) and with counts (Adopted and Closed do). A word that two plans need is a step in each of them.
 */
export interface LifePlan {
  /** The threads that attach; what each writes, a list for each of its rings, one after another. Two rings in all. */
  producers: string[][][]
  /** Accesses to words of these names are steps, and so are messages if they are among them: the more, the more orders. */
  steps: RegExp
  /** The same for the owner. Without it all that it does between two waits is one step: it only reads what is settled. */
  ownersSteps?: RegExp
  /** How often a producer, the writer, and its owner may be terminated; with its owner the writer is, in any case. */
  producerKills?: number
  writerKills?: number
  ownerKills?: number
  wait?: 'park'
  /** How often a parked writer looks by itself. */
  looks?: number
  seats?: number
  /** Nobody attaches before the writer is up. */
  isUp?: boolean
  /** Producers write when the writer has taken their rings in. */
  isTakenIn?: boolean
  /** The owner ends its stream, sooner or later. */
  ends?: boolean
  /** Producers keep their rings until the writer has ended, log another line, and then ask what became of them. */
  stays?: boolean
}

export function lifeScenario (plan: LifePlan, plants: Plant[] = []): Scenario {
  const producers = plan.producers.map((_, at) => PRODUCER + at)
  const threads = [OWNER, WRITER, ...producers].map((id) => new Thread(id, GEOMETRY, isQuietIn(id === OWNER ? plan.ownersSteps : plan.steps), (at) => at === BLOCK + WriterWord.Wake))
  const body = writing(threads[WRITER]!, plan, plants)
  return {
    threads,
    names: ['the owner', 'the writer', 'the producer', 'the other producer'],
    bodies: [owning(threads[OWNER]!, plan, plants), body, ...producers.map((id) => producing(threads[id]!, plan, plants))],
    memory: newMemory(threads.length),
    mortals: [
      ...plan.producerKills === undefined ? [] : [{ id: PRODUCER, kills: plan.producerKills, successor: gone, told: 'the producer is terminated' }],
      { id: WRITER, kills: plan.writerKills ?? 0, successor: succeeding(body), told: 'the writer is terminated' },
      ...plan.ownerKills === undefined
        ? []
        : [
            { id: OWNER, kills: plan.ownerKills, successor: forsaking, told: 'the owner is terminated' },
            { id: WRITER, kills: 1, successor: succeeding(body), told: 'the writer is terminated with its owner', when: DYING }
          ]
    ],
    looks: plan.looks,
    mostSteps: 20_000,
    nameOf,
    verify: (end) => verify(plan, end)
  }
}

const isQuietIn = (steps: RegExp | undefined) => (at: number): boolean => steps?.test(nameOf(at)) !== true

function verify (plan: LifePlan, end: End): string | null {
  const { memory, output, notes } = end
  const hasOwner = memory.words[BLOCK + WriterWord.OwnerGone] === 0
  // Its thread is still to be terminated, or cannot be gone before its writer is: other orders show that.
  if (plan.ownerKills !== undefined && hasOwner) return null
  // Lines of one ring in their order; the rings of one thread come after one another, but are drained side by side.
  const inSink = output.split('\n').slice(0, -1).map((line) => `${line}\n`)
  if (inSink.join('') !== output) return `half a line came out: ${JSON.stringify(output)}`
  const rings = plan.producers.flat().map((lines, i) => ringOf(end, i + 1, lines, inSink))
  for (const ring of rings) {
    const wrong = wrongWith(ring, end, plan)
    if (wrong !== null) return wrong
  }
  const words = notes.slice(PRODUCER).flat() as OwnWord[]
  if (plan.stays === true && plan.producerKills === undefined) {
    for (const { ring, logged, accepted, dropped } of words) {
      const { delivered } = rings[ring - 1]!
      if (accepted !== delivered || accepted + dropped !== logged) return `of ring ${ring} its thread says ${accepted} accepted, ${dropped} dropped: ${logged} were logged, ${delivered} delivered`
    }
  }
  return hasOwner ? wrongWithOwner(rings, words, end, plan) : null
}

interface RingEnd { number: number, published: string[], own: string[], delivered: number }

function ringOf ({ memory }: End, number: number, lines: string[], inSink: string[]): RingEnd {
  // The lines that became visible: a producer may have been terminated before the others.
  let left = memory.words[ringAt(number) + RingWord.Published]!
  const published = lines.filter((line) => (left -= 8 + ((line.length + 7) & ~7)) >= 0)
  const own = inSink.filter((line) => lines.includes(line))
  return { number, published, own, delivered: own.length }
}

function wrongWith ({ number, published, own }: RingEnd, { memory }: End, { ends, ownerKills }: LifePlan): string | null {
  const mayLose = ends === true || ownerKills !== undefined
  const expected = mayLose ? published.slice(0, own.length) : published
  if (own.join('') !== expected.join('')) return `${JSON.stringify(own)} of ring ${number} was written, ${JSON.stringify(published)} was published`
  if (mayLose) return null
  const base = ringAt(number)
  const adopted = memory.words[base + RingWord.Adopted]!
  const isKnown = memory.words[base + RingWord.Id] !== 0 && (published.length > 0 || adopted !== 0)
  return isKnown && adopted !== GIVEN_BACK ? `ring ${number} is not given back` : null
}

function wrongWithOwner (rings: RingEnd[], words: OwnWord[], { memory, notes }: End, plan: LifePlan): string | null {
  const { totals, isClosed } = notes[OWNER] as OwnersWord
  const { linesAccepted, linesWritten, linesDropped, linesSkipped } = totals
  const delivered = rings.reduce((sum, ring) => sum + ring.delivered, 0)
  const said = `the totals are ${JSON.stringify(totals)}`
  if (linesAccepted !== delivered || linesWritten !== delivered || linesSkipped !== 0) return `${said}; ${delivered} lines were delivered`
  if (plan.ends === true) {
    if (!isClosed) return 'the owner waits for ever'
    // A ring of which nothing was published may have been attached after the end: it counts for itself.
    const least = rings.reduce((sum, { published }, i) => sum + (published.length === 0 ? 0 : plan.producerKills === undefined ? words[i]!.logged : published.length), 0)
    const most = words.reduce((sum, { logged }) => sum + logged, 0)
    const lines = linesAccepted + linesDropped
    return lines < least || lines > most ? `${said}; ${least} to ${most} lines were logged` : null
  }
  if (linesDropped !== 0) return `${said}; no line was dropped`
  for (let seat = 0; seat < (plan.seats ?? 2); seat++) {
    const ring = memory.words[BLOCK + SEATS + seat]!
    if (ring !== 0) return `seat ${seat} is not free again: ring ${ring}`
  }
  return null
}
