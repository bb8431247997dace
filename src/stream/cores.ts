import { addon, addonError } from '../affinity/addon'
import { chooseCores } from '../affinity/choose'
import { allowedCores } from '../affinity/machine'
import { type CoreProblem, show, warn } from '../errors'
import type { Settings } from '../options'

let hasSaidThatAddonIsMissing = false

/**
 * The cores for the writer; null for none. What can't be had is a process warning.
 *
 * @throws {RangeError} `CoreProblem`, with `coreRequired`
 */
export function resolveCores ({ core, coreRequired }: Settings): number[] | null {
  if (core === null) return null
  const { cores, problem, code } = chooseCores(core)
  if (problem === undefined) return cores
  const message = `option 'core' is ${show(core)}: ${problem}`
  const details: Omit<CoreProblem, keyof Error> = { code: code!, option: 'core', value: core, allowedCores: allowedCores() }
  if (coreRequired) throw Object.assign(new RangeError(message), details)
  warn(Object.assign(new Error(`${message}; the writer runs unpinned`), { name: 'PinoPinnedWarning' }, details))
  return null
}

/** Without the addon everything works, less well: that is worth one sentence, unless it was switched off on purpose. */
export function sayOnceThatAddonIsMissing (): void {
  if (addon !== undefined || hasSaidThatAddonIsMissing || process.env.PINO_PINNED_ADDON === 'off') return
  hasSaidThatAddonIsMissing = true
  const code = 'PINO_PINNED_NO_ADDON'
  process.emitWarning(`the native addon does not load, so writers run unpinned: ${addonError?.message.trim()}`, { type: 'PinoPinnedWarning', code })
}
