'use strict'

const { createHistogram } = require('node:perf_hooks')
const { requireSource } = require('../support/source')

const { threadCpuMs } = requireSource('affinity/addon')

/** What the main thread does at one go: makes a line and writes it; or turns its event loop, with nothing of the test's in it. */
const KINDS = ['line', 'turn']
/** By the clock, in which others may have had the core; and by what the thread itself worked. */
const CLOCKS = { time: () => performance.now(), CPU: threadCpuMs }
const PERCENTILES = [99, 99.9, 99.99, 100]

/** How long this thread was held at one go, over rounds. */
class Pauses {
  #histograms = {}
  #start = {}
  #longest = { time: 0, CPU: 0 }

  constructor () {
    for (const kind of KINDS) for (const clock in CLOCKS) this.#histograms[kind + clock] = createHistogram()
  }

  start () { for (const clock in CLOCKS) this.#start[clock] = CLOCKS[clock]() }

  stop (kind) {
    for (const clock in CLOCKS) {
      const ms = CLOCKS[clock]() - this.#start[clock]
      this.#histograms[kind + clock].record(Math.max(1, Math.round(ms * 1e6)))
      this.#longest[clock] = Math.max(this.#longest[clock], ms)
    }
  }

  /** The longest of the round that ends, by either clock, in milliseconds. */
  endRound () {
    const longest = this.#longest
    this.#longest = { time: 0, CPU: 0 }
    return longest
  }

  /** Of all rounds, by kind and clock: the percentiles in milliseconds. */
  toJSON () {
    const percentiles = (histogram) => PERCENTILES.map((percentile) => (percentile === 100 ? histogram.max : histogram.percentile(percentile)) / 1e6)
    return Object.fromEntries(Object.entries(this.#histograms).map(([name, histogram]) => [name, percentiles(histogram)]))
  }
}

/** Whose pauses they are. */
const TITLES = { ours: 'ours', noOp: 'a no-op stream', thread: 'a no-op stream and a bare thread' }

/**
 * How the longest pauses of the rounds compare: medians, the worst of all, and in how many pairs of rounds ours was the longer one.
 *
 * @param pauses of ours and of each other kind: the longest of each of its `rounds`, and percentiles of `all`
 */
function compareLongest (pauses, kind, clock) {
  const longest = ({ rounds }) => rounds.map((round) => round[clock])
  const others = longest(pauses[kind])
  const pairs = longest(pauses.ours).map((ms, at) => [ms, others[at]])
  return {
    ours: median(longest(pauses.ours)),
    other: median(others),
    ratio: median(pairs.map(([a, b]) => a / b)),
    worst: Math.max(...pairs.map(([a]) => a)) / Math.max(...others),
    longer: pairs.filter(([a, b]) => a > b).length,
    rounds: pairs.length
  }
}

/** A table of all, in milliseconds. */
function report (pauses) {
  const row = (title, cells) => title.padEnd(46) + cells.map((cell) => (typeof cell === 'number' ? cell.toFixed(3) : cell).padStart(10)).join('')
  const lines = [row('pauses of the main thread, ms', PERCENTILES.map((percentile) => percentile === 100 ? 'max' : `p${percentile}`))]
  for (const kind of KINDS) {
    for (const clock in CLOCKS) {
      for (const who in pauses) lines.push(row(`a ${kind}, ${clock}, ${TITLES[who]}`, pauses[who].all[kind + clock]))
    }
  }
  for (const clock in CLOCKS) {
    for (const kind of Object.keys(pauses).filter((who) => who !== 'ours')) {
      const longest = compareLongest(pauses, kind, clock)
      lines.push(`the longest of a round, ${clock}: ${longest.ours.toFixed(2)} ms with ours, ${longest.other.toFixed(2)} with ${TITLES[kind]} (medians); ratio ${longest.ratio.toFixed(2)} (median of pairs), longer with ours in ${longest.longer} of ${longest.rounds} rounds`)
    }
  }
  return lines.join('\n')
}

function median (numbers) {
  return numbers.toSorted((a, b) => a - b)[numbers.length >> 1] ?? NaN
}

module.exports = { Pauses, TITLES, report, compareLongest }
