/** From what the user wrote as `core` to the cores a thread is pinned to. */

import { allowedCores, isolatedCores, permittedCores, pinningObstacle } from './machine'
import { formatCpuList, parseCpuList } from './cpu-list'
import { processRank } from './rank'

/** The option `core`: a core, several, a list such as `'2-3,5'`, or `'auto'`. */
export type CoreOption = number | readonly number[] | string

/** What there is to choose from. */
export interface Machine {
  /** The cores of this process's mask, ascending. */
  allowed: readonly number[]
  /** The cores the kernel keeps free of other work. */
  isolated: readonly number[]
  /** Cores outside the mask that the kernel would grant nevertheless; asked only when that decides. */
  permitted: () => readonly number[]
  /** Which of its siblings the process is; asked only for `'auto'`. */
  rank?: () => number
  /** Why nothing can be pinned here, if so. */
  obstacle?: string | undefined
}

export interface CoreChoice {
  /** The cores to pin to, ascending; null for a thread that is not to be pinned. */
  cores: number[] | null
  /** What is wrong with the request; a sentence without its subject's name, e.g. `core 99 is not among …`. */
  problem?: string
  /**
   * `ERR_PINO_PINNED_INVALID_CORE`: wrong on any machine. `ERR_PINO_PINNED_CORE_NOT_ALLOWED`: wrong here.
   * `ERR_PINO_PINNED_NOT_SUPPORTED`: nothing can be pinned here.
   */
  code?: 'ERR_PINO_PINNED_INVALID_CORE' | 'ERR_PINO_PINNED_CORE_NOT_ALLOWED' | 'ERR_PINO_PINNED_NOT_SUPPORTED'
}

/** The machine this process runs on. */
function thisMachine (): Machine {
  return { allowed: allowedCores(), isolated: isolatedCores(), permitted: permittedCores, rank: processRank, obstacle: pinningObstacle() }
}

/**
 * Resolves the option `core`. Never throws: a caller warns of the problem and goes on unpinned, or throws it.
 *
 * `'auto'` takes an isolated core of the mask if there is one (the last), else the last core of the mask, and with only
 * one core in the mask none at all, since pinning there has nothing to give. Processes of a cluster, and those that
 * `child_process.fork` started, take turns: each one core lower than the one before it, then from the last again. A core named outright may also be
 * an isolated one outside the mask (`isolcpus` keeps those out of every process's mask), if the kernel grants it.
 */
export function chooseCores (core: CoreOption | undefined | null, machine: Machine = thisMachine()): CoreChoice {
  if (core === undefined || core === null) return { cores: null }
  const wanted = core === 'auto' ? 'auto' : readCores(core)
  if (!Array.isArray(wanted) && wanted !== 'auto') return wanted
  if (machine.obstacle !== undefined) {
    return { cores: null, problem: machine.obstacle, code: 'ERR_PINO_PINNED_NOT_SUPPORTED' }
  }
  return wanted === 'auto' ? chooseAuto(machine) : checkAllowed(wanted, machine)
}

function chooseAuto ({ allowed, isolated, rank = () => 0 }: Machine): CoreChoice {
  if (allowed.length <= 1) return { cores: null }
  const isolatedAllowed = allowed.filter((each) => isolated.includes(each))
  const candidates = isolatedAllowed.length > 0 ? isolatedAllowed : allowed
  const core = candidates.at(-1 - rank() % candidates.length)
  return { cores: core === undefined ? null : [core] }
}

function checkAllowed (wanted: number[], { allowed, isolated, permitted }: Machine): CoreChoice {
  const isOutside = (core: number): boolean => !allowed.includes(core)
  const grantedIsolated = wanted.some((core) => isOutside(core) && isolated.includes(core))
    ? isolated.filter((core) => isOutside(core) && permitted().includes(core))
    : []
  const refused = wanted.filter((core) => isOutside(core) && !grantedIsolated.includes(core))
  if (refused.length === 0) return { cores: wanted }
  const what = refused.length === 1 ? `core ${refused[0]} is` : `cores ${formatCpuList(refused)} are`
  return {
    cores: null,
    problem: `${what} not among the allowed cores ${formatCpuList([...allowed, ...grantedIsolated])}`,
    code: 'ERR_PINO_PINNED_CORE_NOT_ALLOWED'
  }
}

const ALLOWED_FORMS = "a core number (0 or more), a list of them, a string such as '2-3,5', or 'auto'"

function readCores (core: CoreOption): number[] | CoreChoice {
  const refuse = (problem: string): CoreChoice => ({ cores: null, problem, code: 'ERR_PINO_PINNED_INVALID_CORE' })
  if (typeof core === 'string') {
    try {
      const cores = parseCpuList(core)
      return cores.length > 0 ? cores : refuse(`an empty string is not ${ALLOWED_FORMS}`)
    } catch (error) {
      return refuse((error as Error).message)
    }
  }
  const cores: unknown[] = Array.isArray(core) ? core : [core]
  if (cores.length === 0) return refuse(`an empty list is not ${ALLOWED_FORMS}`)
  const wrong = cores.findIndex((each) => !Number.isSafeInteger(each) || (each as number) < 0)
  if (wrong >= 0) return refuse(`${show(cores[wrong])} is not ${ALLOWED_FORMS}`)
  return [...new Set(cores as number[])].sort((a, b) => a - b)
}

/** A value in an error message; never throws, whatever it is. */
function show (value: unknown): string {
  try {
    return typeof value === 'object' ? JSON.stringify(value) : String(value)
  } catch {
    return `a value of type ${typeof value}`
  }
}
