import { createHash } from 'node:crypto'
import { type Memory } from './memory'
import type { Access, Result, Sink, Standing, Thread } from './thread'

/** What is tried: two bodies of code on one memory, in every order of their steps. */
export interface Scenario {
  threads: [producer: Thread, consumer: Thread]
  bodies: Array<(thread: Thread) => void>
  memory: Memory
  /** How often the consumer may be terminated, at any step; a new one starts on the same memory. */
  kills: number
  /** What a word is called in a report. */
  nameOf: (at: number) => string
  /** Told when nobody can go on: what is wrong, or null. */
  verify: (end: End) => string | null
}

export interface End {
  memory: Memory
  output: string
  /** What the bodies left in `notes`. */
  notes: unknown[]
  hasEnded: boolean[]
}

export interface Report {
  /** Different states seen, and different ways it ended. */
  states: number
  ends: number
  /** What is wrong, and the steps that lead there; null if nothing is. */
  violation: string | null
}

interface State {
  memory: Memory
  standings: Standing[]
  isWaiting: boolean[]
  sink: Sink
  kills: number
  steps: Steps | null
}

interface Steps { before: Steps | null, step: string }

const NAMES = ['producer', 'consumer']
const CONSUMER = 1
/** No side needs so many steps: one that does reads garbage. */
const MOST_STEPS = 600

/** Tries every order of steps, depth first; stops at the first that breaks a promise. */
export function explore (scenario: Scenario): Report {
  const seen = new Set<string>()
  const stack = [first(scenario)]
  let ends = 0
  while (stack.length > 0) {
    const state = stack.pop()!
    const key = keyOf(state)
    if (seen.has(key)) continue
    seen.add(key)
    let nexts: State[]
    try {
      nexts = successors(scenario, state)
    } catch (error) {
      return { states: seen.size, ends, violation: `${(error as Error).message}${told(state.steps)}` }
    }
    if (nexts.length === 0) {
      ends++
      const wrong = scenario.verify(endOf(state))
      if (wrong !== null) return { states: seen.size, ends, violation: wrong + told(state.steps) }
    } else {
      for (const next of nexts) stack.push(next)
      if (state.kills > 0) stack.push(...killed(scenario, state))
    }
  }
  return { states: seen.size, ends, violation: null }
}

function first ({ threads, bodies, memory, kills }: Scenario): State {
  const sink = { text: '' }
  const standings = threads.map((thread, i) => thread.advance(bodies[i]!, [], memory, sink))
  return { memory, standings, isWaiting: [false, false], sink, kills, steps: null }
}

function successors (scenario: Scenario, state: State): State[] {
  const nexts: State[] = []
  state.standings.forEach(({ next }, id) => {
    if (next === null || state.isWaiting[id]) return
    for (const result of resultsOf(state, id, next)) nexts.push(stepped(scenario, state, id, next, result))
  })
  return nexts
}

/** Everything that the next step of a thread may return; nothing if it cannot be made now. */
function resultsOf ({ memory, standings }: State, id: number, access: Access): Result[] {
  switch (access.kind) {
    case 'load': return memory.candidates(id, access.at)
    case 'read': return mixes(Array.from({ length: access.count }, (_, i) => memory.candidates(id, access.at + i)))
    case 'choose': return Array.from({ length: access.count }, (_, i) => i)
    case 'await': {
      if (memory.candidates(id, access.at).some((value) => value !== access.value)) return [1]
      return standings[1 - id]!.next === null ? [0] : []
    }
    case 'add': return [memory.words[access.at]!]
    default: return [0]
  }
}

/** Every way to take one of each. */
function mixes (choices: number[][]): number[][] {
  return choices.reduce<number[][]>((mixed, values) => mixed.flatMap((mix) => values.map((value) => [...mix, value])), [[]])
}

function stepped (scenario: Scenario, state: State, id: number, access: Access, result: Result): State {
  const next: State = {
    ...state,
    memory: state.memory.copy(),
    standings: [...state.standings],
    isWaiting: [...state.isWaiting],
    sink: { ...state.sink },
    steps: { before: state.steps, step: `${NAMES[id]}: ${describe(access, scenario.nameOf)} → ${result}` }
  }
  const { memory } = next
  switch (access.kind) {
    case 'load':
      memory.see(id, access.at, result as number)
      break
    case 'read':
      (result as number[]).forEach((value, i) => memory.see(id, access.at + i, value))
      break
    case 'store':
      memory.drain(id)
      memory.words[access.at] = access.value
      break
    case 'add':
      memory.drain(id)
      memory.words[access.at]! += access.value
      break
    case 'notify':
      wake(scenario, next, 1 - id, access.at)
      break
    case 'wait':
      memory.drain(id)
      next.isWaiting[id] = memory.words[access.at] === access.value
  }
  if (!next.isWaiting[id]) goOn(scenario, next, id, result)
  return next
}

function wake (scenario: Scenario, state: State, id: number, at: number): void {
  const { next } = state.standings[id]!
  if (!state.isWaiting[id] || next?.kind !== 'wait' || next.at !== at) return
  state.isWaiting[id] = false
  goOn(scenario, state, id, 0)
}

function goOn ({ threads, bodies }: Scenario, state: State, id: number, result: Result): void {
  const results = [...state.standings[id]!.results, result]
  if (results.length > MOST_STEPS) throw new Error(`the ${NAMES[id]} runs away`)
  state.standings[id] = threads[id]!.advance(bodies[id]!, results, state.memory, state.sink)
}

/** The state after the consumer was terminated here, if it can be, and a successor has started. */
function killed ({ threads, bodies }: Scenario, state: State): State[] {
  const { next, isStraight } = state.standings[CONSUMER]!
  if (next === null || isStraight) return []
  const memory = state.memory.copy()
  memory.drain(CONSUMER)
  const sink = { ...state.sink }
  const successor = threads[CONSUMER]!.advance(bodies[CONSUMER]!, [], memory, sink)
  return [{
    memory,
    sink,
    standings: [state.standings[0]!, successor],
    isWaiting: [state.isWaiting[0]!, false],
    kills: state.kills - 1,
    steps: { before: state.steps, step: 'the consumer is terminated, a successor starts' }
  }]
}

function keyOf ({ memory, standings, isWaiting, sink, kills }: State): string {
  const threads = standings.map(({ results, restsAs, restsAt, next }) => [restsAs, results.slice(restsAt), next === null])
  return createHash('sha1')
    .update(memory.words)
    .update(JSON.stringify([memory.pending, threads, isWaiting, sink, kills]))
    .digest('base64')
}

function endOf ({ memory, standings, sink }: State): End {
  return {
    memory,
    output: sink.text,
    notes: standings.map(({ notes }) => notes),
    hasEnded: standings.map(({ next }) => next === null)
  }
}

function describe (access: Access, nameOf: Scenario['nameOf']): string {
  const what = 'at' in access ? ` ${nameOf(access.at)}` : ''
  return `${access.kind}${what}${'value' in access ? ` ${access.value}` : ''}`
}

function told (steps: Steps | null): string {
  const lines: string[] = []
  for (let at = steps; at !== null; at = at.before) lines.unshift(at.step)
  return `, after\n  ${lines.join('\n  ')}`
}
