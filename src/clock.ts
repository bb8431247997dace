import { performance } from 'node:perf_hooks'

/** `performance.now` as it was when this loaded: an application's tests may put one in its place that stands. */
export const clockMs: () => number = performance.now.bind(performance)
