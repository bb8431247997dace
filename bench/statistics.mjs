// Medians, quartiles, and when a ratio means nothing.

/** Wider than this between the quartiles, against the median: whatever the median says, the machine said it. */
const WIDEST_SPREAD = 0.5

export function quantile (values, q) {
  // Ten times as fast as an array with a comparison, which tells with a million calls.
  const sorted = Float64Array.from(values).sort()
  const at = (sorted.length - 1) * q
  const below = Math.floor(at)
  return sorted[below] + (sorted[Math.min(below + 1, sorted.length - 1)] - sorted[below]) * (at - below)
}

/** Fewer rounds have no spread to speak of. */
const FEWEST_ROUNDS = 3

/** @returns {{ median: number, q1: number, q3: number, rounds: number }} */
export function summary (values) {
  return { median: quantile(values, 0.5), q1: quantile(values, 0.25), q3: quantile(values, 0.75), rounds: values.length }
}

/**
 * Ratios of what was measured side by side, round by round.
 *
 * @returns a summary, with `isMeaningless` and `why` if the figure must not be shown
 */
export function ratio (numerators, denominators) {
  if (quantile(denominators, 0.25) <= 0) return { isMeaningless: true, why: 'what it is compared with is lost in the noise' }
  const result = summary(numerators.map((value, i) => value / denominators[i]).filter(Number.isFinite))
  if (result.rounds < FEWEST_ROUNDS) return { ...result, isMeaningless: true, why: `only ${result.rounds} ${result.rounds === 1 ? 'round' : 'rounds'}` }
  const spread = (result.q3 - result.q1) / Math.abs(result.median)
  if (!(spread <= WIDEST_SPREAD)) return { ...result, isMeaningless: true, why: `spread ${(spread * 100).toFixed(0)} %` }
  return result
}

export const minus = (values, base) => values.map((value, i) => value - base[i])
