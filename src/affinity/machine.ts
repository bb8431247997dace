/** What this process may use of the machine, as far as that can be known with or without the addon. */

import { readFileSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { addon, addonError } from './addon'
import { parseCpuList } from './cpu-list'

function readText (path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return ''
  }
}

/** Without the addon: `/proc/self` is the process's first thread, whichever thread reads it. */
function readAllowed (): number[] {
  const initial = addon?.initialAffinity() ?? []
  if (initial.length > 0) return initial
  const list = /^Cpus_allowed_list:\s*(\S+)/m.exec(readText('/proc/self/status'))?.[1]
  return list === undefined ? Array.from({ length: availableParallelism() }, (_, core) => core) : parseCpuList(list)
}

/** Taken at load: once the first thread is pinned, the kernel no longer tells what the process started with. */
const allowed: readonly number[] = readAllowed()

/**
 * The cores this process may use: its affinity mask when this module was first loaded, which is what `taskset`, a
 * cpuset or a container left of the machine. Ascending. Pinning a thread does not change it.
 */
export function allowedCores (): number[] {
  return [...allowed]
}

/** The cores that the kernel keeps free of other work (`isolcpus`), ascending; `[]` when none, or when not on Linux. */
export function isolatedCores (): number[] {
  try {
    return parseCpuList(readText('/sys/devices/system/cpu/isolated'))
  } catch {
    return []
  }
}

/** The cores the kernel would grant this process if asked, whatever its mask is. */
export function permittedCores (): number[] {
  return addon?.permittedCores() ?? allowedCores()
}

/** Why no thread can be pinned here; undefined where it can. */
export function pinningObstacle (): string | undefined {
  if (addon === undefined) {
    return `threads can't be pinned: the native addon is missing (${addonError?.message.split('\n')[0]?.trim() ?? 'not loaded'})`
  }
  if (addon.affinitySupport === 'none') return `${process.platform} on ${process.arch} can't pin threads to cores`
  return undefined
}
