/**
 * `pino-pinned/affinity`: on which cores the threads of this process run.
 *
 * Errors carry a `code`: `ERR_PINO_PINNED_NOT_SUPPORTED` without the native addon or on a system that can't pin;
 * `ERR_PINO_PINNED_INVALID_CORE` and `ERR_PINO_PINNED_CORE_NOT_ALLOWED` for cores; what the system itself refuses has the
 * system's code (`EPERM`, `EACCES` …).
 */

import { addon } from './addon'
import type { Addon } from './addon'
import { chooseCores } from './choose'
import type { CoreOption } from './choose'
import { pinningObstacle } from './machine'

export { allowedCores, isolatedCores } from './machine'

function notSupported (what: string, why: string): Error {
  return Object.assign(new Error(`${what}: ${why}`), { code: 'ERR_PINO_PINNED_NOT_SUPPORTED' })
}

function requireAddon (what: string): Addon {
  if (addon === undefined) throw notSupported(what, pinningObstacle() ?? 'the native addon is missing')
  return addon
}

/**
 * Pins the calling thread (in a worker: that worker) to one core or several. Threads that exist already stay as they are
 * and so does libuv's pool; threads this one starts later inherit its cores, except pino-pinned's writers.
 *
 * @param cores A core number, several, a list such as `'2-3,5'`, or `'auto'` (an isolated core if there is one, else the
 *   last allowed one; with one allowed core nothing is done).
 * @throws {TypeError|RangeError} `ERR_PINO_PINNED_INVALID_CORE`: not a core at all.
 * @throws {RangeError} `ERR_PINO_PINNED_CORE_NOT_ALLOWED`: a core this process may not use; names those it may.
 * @throws {Error} `ERR_PINO_PINNED_NOT_SUPPORTED`, or the system's own refusal.
 */
export function pinThread (cores: CoreOption): void {
  const choice = chooseCores(requireCores(cores))
  if (choice.code === 'ERR_PINO_PINNED_NOT_SUPPORTED') throw notSupported('pinThread', choice.problem ?? '')
  if (choice.problem !== undefined) {
    throw Object.assign(new RangeError(`pinThread: cores: ${choice.problem}`), { code: choice.code })
  }
  if (choice.cores !== null) requireAddon('pinThread').pinThread(choice.cores)
}

function requireCores (cores: unknown): CoreOption {
  if (typeof cores === 'number' || typeof cores === 'string' || Array.isArray(cores)) return cores as CoreOption
  const message = `pinThread: cores must be a number, an array of numbers or a string such as '2-3,5', got ${typeof cores}`
  throw Object.assign(new TypeError(message), { code: 'ERR_PINO_PINNED_INVALID_CORE' })
}

/**
 * The cores the calling thread may run on, by the kernel's word, ascending.
 *
 * @throws {Error} `ERR_PINO_PINNED_NOT_SUPPORTED` without the addon.
 */
export function threadAffinity (): number[] {
  return requireAddon('threadAffinity').threadAffinity()
}

/**
 * The core the calling thread is on at this moment; unless it is pinned, that may change at any time.
 *
 * @throws {Error} `ERR_PINO_PINNED_NOT_SUPPORTED` without the addon.
 */
export function currentCore (): number {
  return requireAddon('currentCore').currentCore()
}

/**
 * Lowers or raises the priority of the calling thread alone.
 *
 * @param nice -20 (most favoured) to 19 (least favoured), 0 being usual. Less than now needs a privilege on Linux
 *   (CAP_SYS_NICE or RLIMIT_NICE): `EACCES` or `EPERM` without it.
 * @throws {TypeError} `ERR_PINO_PINNED_INVALID_ARG_TYPE`, {RangeError} `ERR_PINO_PINNED_OUT_OF_RANGE`.
 * @throws {Error} `ERR_PINO_PINNED_NOT_SUPPORTED` without the addon, or the system's own refusal.
 */
export function setThreadPriority (nice: number): void {
  requireAddon('setThreadPriority').setThreadPriority(nice)
}
