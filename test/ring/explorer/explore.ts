import { createHash } from 'node:crypto'
import { type Memory } from './memory'
import { type Access, perform, type Result, type Sink, type Standing, type Thread } from './thread'

export type Body = (thread: Thread) => void

/** What is tried: bodies of code on one memory, in every order of their steps. */
export interface Scenario {
  threads: Thread[]
  names: string[]
  bodies: Body[]
  memory: Memory
  /**
   * Threads that may be terminated, each at any step: how often, and what comes after it on the same memory; with `when`,
   * once that word is not 0.
   */
  mortals: Array<{ id: number, kills: number, successor: Body, told: string, when?: number }>
  /** How often, in all, a wait that ends by itself after a time may do that, when nobody else can go on. None without it. */
  looks?: number | undefined
  /** No thread needs so many accesses: one that does reads garbage. */
  mostSteps?: number
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
  bodies: Body[]
  isWaiting: boolean[]
  sink: Sink
  /** How often each of the mortals may still be terminated. */
  kills: number[]
  looks: number
  steps: Steps | null
}

interface Steps { before: Steps | null, step: string }

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
    }
    // Who waits for ever can be terminated too.
    stack.push(...nexts, ...killed(scenario, state))
  }
  return { states: seen.size, ends, violation: null }
}

function first ({ threads, bodies, memory, mortals, looks = 0 }: Scenario): State {
  const sink = { text: '' }
  const standings = threads.map((thread, i) => thread.advance(bodies[i]!, [], memory, sink))
  return { memory, standings, bodies, isWaiting: threads.map(() => false), sink, kills: mortals.map(({ kills }) => kills), looks, steps: null }
}

function successors (scenario: Scenario, state: State): State[] {
  const nexts: State[] = []
  state.standings.forEach(({ next }, id) => {
    if (next === null || state.isWaiting[id]) return
    for (const result of resultsOf(state, id, next)) nexts.push(stepped(scenario, state, id, next, result))
  })
  if (nexts.length > 0) return nexts
  // Time goes by: a timer's turn comes when everybody else has had his.
  return state.standings.flatMap(({ next }, id) => {
    if (next?.kind === 'change' && next.hasTimer) return [stepped(scenario, state, id, next, 0)]
    return next?.kind === 'wait' && next.hasTimer && state.looks > 0 ? [lookedUp(scenario, state, id)] : []
  })
}

/** The wait of a thread has lasted as long as it may. */
function lookedUp (scenario: Scenario, state: State, id: number): State {
  const steps = { before: state.steps, step: `${scenario.names[id]} has slept long enough` }
  const next = { ...state, memory: state.memory.copy(), standings: [...state.standings], isWaiting: state.isWaiting.with(id, false), sink: { ...state.sink }, looks: state.looks - 1, steps }
  goOn(scenario, next, id, 0)
  return next
}

/** Everything that the next step of a thread may return; nothing if it cannot be made now. */
function resultsOf ({ memory, standings }: State, id: number, access: Access): Result[] {
  switch (access.kind) {
    case 'load': return memory.candidates(id, access.at)
    case 'read': return mixes(Array.from({ length: access.count }, (_, i) => memory.candidates(id, access.at + i)))
    case 'choose': return Array.from({ length: access.count }, (_, i) => i)
    case 'await': {
      if (memory.candidates(id, access.at).some((value) => value !== access.value)) return [1]
      return standings.every(({ next }, other) => other === id || next === null) ? [0] : []
    }
    case 'change': return [...access.values].some(([at, value]) => memory.candidates(id, at).some((now) => now !== value)) ? [1] : []
    case 'do': return [access.run(memory.copy())]
    case 'add': case 'exchange': return [memory.words[access.at]!]
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
    steps: { before: state.steps, step: `${scenario.names[id]}: ${describe(access, scenario.nameOf)} → ${result}` }
  }
  const { memory } = next
  switch (access.kind) {
    case 'load':
      memory.see(id, access.at, result as number)
      break
    case 'read':
      (result as number[]).forEach((value, i) => memory.see(id, access.at + i, value))
      break
    case 'store': case 'add': case 'exchange':
      perform(memory, id, access)
      break
    case 'do':
      access.run(memory)
      break
    case 'notify':
      for (const other of next.standings.keys()) if (other !== id) wake(scenario, next, other, access.at)
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

function goOn ({ threads, names, mostSteps = MOST_STEPS }: Scenario, state: State, id: number, result: Result): void {
  const { results: before, restsAt } = state.standings[id]!
  const results = [...before, result]
  if (results.length > mostSteps) throw new Error(`the ${names[id]} runs away`)
  state.standings[id] = threads[id]!.advance(state.bodies[id]!, results, state.memory, state.sink, restsAt)
}

/** The states after a mortal was terminated here, if it can be, and what comes after it has started. */
function killed ({ threads, mortals }: Scenario, state: State): State[] {
  return mortals.flatMap(({ id, successor, told, when }, mortal) => {
    const { next, isStraight } = state.standings[id]!
    if (state.kills[mortal] === 0 || next === null || isStraight || (when !== undefined && state.memory.words[when] === 0)) return []
    const memory = state.memory.copy()
    memory.drain(id)
    const sink = { ...state.sink }
    return [{
      ...state,
      memory,
      sink,
      standings: state.standings.with(id, threads[id]!.advance(successor, [], memory, sink)),
      bodies: state.bodies.with(id, successor),
      isWaiting: state.isWaiting.with(id, false),
      kills: state.kills.with(mortal, state.kills[mortal]! - 1),
      steps: { before: state.steps, step: told }
    }]
  })
}

function keyOf ({ memory, standings, isWaiting, sink, kills, looks }: State): string {
  const threads = standings.map(({ results, restsAs, restsAt, next }) => [restsAs, results.slice(restsAt), next === null])
  return createHash('sha1')
    .update(memory.words)
    .update(JSON.stringify([memory.pending, threads, isWaiting, sink, kills, looks]))
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
  if (access.kind === 'do') return access.what
  return `${access.kind}${what}${'value' in access ? ` ${access.value}` : ''}`
}

function told (steps: Steps | null): string {
  const lines: string[] = []
  for (let at = steps; at !== null; at = at.before) lines.unshift(at.step)
  return `, after\n  ${lines.join('\n  ')}`
}
