/** Lists of cores as the kernel writes them: `0-3,8,10-11`. */

/** Above what any kernel numbers; keeps `0-4000000000` from filling the memory. */
const HIGHEST_CORE = 65535

function invalid (list: string, why: string): RangeError {
  const error = new RangeError(`${JSON.stringify(list)} is not a list of cores such as '3' or '2-3,5': ${why}`)
  return Object.assign(error, { code: 'ERR_PINO_PINNED_INVALID_CORE_LIST' })
}

/**
 * Reads a list of cores, e.g. `'2-3,5'`, as in `/sys/devices/system/cpu` and `taskset -c`.
 *
 * @returns The cores, ascending, each once. Empty for an empty list.
 * @throws {RangeError} `ERR_PINO_PINNED_INVALID_CORE_LIST`, saying which part can't be read and why.
 */
export function parseCpuList (list: string): number[] {
  const cores = new Set<number>()
  if (list.trim() === '') return []
  for (const part of list.split(',')) {
    const match = /^\s*(\d+)(?:\s*-\s*(\d+))?\s*$/.exec(part)
    if (match === null) throw invalid(list, `'${part.trim()}' is neither a number nor a range`)
    const first = Number(match[1])
    const last = match[2] === undefined ? first : Number(match[2])
    if (last < first) throw invalid(list, `the range '${part.trim()}' runs backwards`)
    if (last > HIGHEST_CORE) throw invalid(list, `${last} is more than ${HIGHEST_CORE}`)
    for (let core = first; core <= last; core++) cores.add(core)
  }
  return [...cores].sort((a, b) => a - b)
}

/** Writes cores as the kernel does: `[0, 1, 2, 5]` is `'0-2,5'`. Order and repetition don't matter. */
export function formatCpuList (cores: readonly number[]): string {
  const runs: Array<{ first: number, last: number }> = []
  for (const core of [...new Set(cores)].sort((a, b) => a - b)) {
    const run = runs.at(-1)
    if (run !== undefined && core === run.last + 1) run.last = core
    else runs.push({ first: core, last: core })
  }
  return runs.map(({ first, last }) => first === last ? `${first}` : `${first}-${last}`).join(',')
}
