// How long each call takes, at a pace and in a burst. At a pace the schedule starts the clock, so that a stall is charged to
// every line that it delayed.
import { monitorEventLoopDelay } from 'node:perf_hooks'
import hdr from 'hdr-histogram-js'
import { spinUntil, turn } from '../clock.mjs'
import { endAll, interleave, muster, roundsOf, stepsOf } from '../fleet.mjs'
import { quantile, ratio } from '../statistics.mjs'
import { available, EVERYONE } from '../subjects.mjs'

export const subjects = EVERYONE
const FASTEST = 100_000
const RATES = [1_000, 10_000, FASTEST]
const PERCENTILES = [50, 90, 99, 99.9, 99.99]
/** Short, so that those that are compared are neighbours in time. */
const ROUND_MS = 50
/** A percentile of the worst calls needs more lines than a round has: so many rounds are taken as one. */
const ROUNDS_POOLED = 4
/** The event loop turns at least so often. */
const TURN_EVERY_MS = 0.1

export const title = 'Latency of a call'

export const actions = {
  /** @returns ns, from the schedule (`sinceDue`) and from the call (`call`), and the delays of the event loop */
  async paced (subject, { rate, ms }) {
    const lines = Math.ceil(rate * ms / 1000)
    const sinceDue = new Float64Array(lines)
    const call = new Float64Array(lines)
    const delays = monitorEventLoopDelay({ resolution: 1 })
    await turn()
    delays.enable()
    const start = performance.now() + 1
    let turned = start
    for (let i = 0; i < lines; i++) {
      const due = start + i * 1000 / rate
      while (performance.now() < due) {
        if (due - performance.now() > 0.01 || performance.now() - turned > TURN_EVERY_MS) {
          await turn()
          turned = performance.now()
        }
      }
      if (performance.now() - turned > TURN_EVERY_MS) {
        await turn()
        turned = performance.now()
      }
      const called = performance.now()
      subject.log()
      const returned = performance.now()
      sinceDue[i] = (returned - due) * 1e6
      call[i] = (returned - called) * 1e6
    }
    await new Promise((resolve) => setTimeout(resolve, 2))
    delays.disable()
    return { sinceDue: encoded(sinceDue), call: encoded(call), loop: { p50: delays.percentile(50), p99: delays.percentile(99), max: delays.max }, dropped: subject.stats?.()?.linesDropped ?? 0 }
  },

  async burst (subject, { lines }) {
    const call = new Float64Array(lines)
    for (let i = 0; i < lines; i++) {
      const called = performance.now()
      subject.log()
      call[i] = (performance.now() - called) * 1e6
    }
    await new Promise((resolve) => subject.flush(resolve))
    spinUntil(performance.now() + 1)
    return { call: encoded(call), dropped: subject.stats?.()?.linesDropped ?? 0 }
  }
}

function encoded (values) {
  const histogram = hdr.build({ numberOfSignificantValueDigits: 3 })
  for (const value of values) histogram.recordValue(Math.max(1, Math.round(value)))
  return hdr.encodeIntoCompressedBase64(histogram)
}

const decoded = (text) => hdr.decodeFromCompressedBase64(text)

function added (texts) {
  const sum = hdr.build({ numberOfSignificantValueDigits: 3 })
  for (const text of texts) sum.add(decoded(text))
  return sum
}

export async function run (context) {
  const members = await muster(available(subjects), 'latency', context)
  const rounds = (rate) => context.isQuick ? roundsOf(rate === FASTEST ? 12 : 1, 1, 1) : roundsOf(rate === FASTEST ? 40 : 12, 6, 3)
  const bursts = context.isQuick ? roundsOf(2, 1, 1) : roundsOf(4, 4, 2)
  context.expect(RATES.reduce((sum, rate) => sum + stepsOf(members, rounds(rate)), stepsOf(members, bursts) + members.length))
  await interleave(members, () => 1, context, (member) => member.ask('paced', { rate: FASTEST, ms: ROUND_MS })) // warm up
  const sections = []
  const curves = []
  const targets = []
  for (const rate of RATES) {
    const ask = (member) => member.ask('paced', { rate, ms: ROUND_MS })
    const kept = await interleave(members, rounds(rate), context, ask)
    const name = `${rate.toLocaleString('en')} lines/s`
    report(name, 'sinceDue', kept, sections, curves)
    sections.push({
      title: `${name}: what the event loop feels`,
      columns: { p50: 'p50, ns', p99: 'p99, ns', max: 'max, ns' },
      rows: [...kept].map(([name, results]) => ({ name, ...feltBy(results.map(({ loop }) => loop)) }))
    })
    if (rate === FASTEST) {
      const at = (name, percentile) => pooled(kept.get(name).map(({ call }) => call)).map((each) => each.getValueAtPercentile(percentile))
      for (const [name, what] of [['pinned', ''], ['js', ', no addon']]) {
        targets.push({ what: `paced call at 100 k lines/s, p50 ÷ pino.transport's${what}`, value: ratio(at(name, 50), at('transport', 50)), most: 1.0 })
        targets.push({ what: `the same, p99.9 ÷ no-op's${what}`, value: ratio(at(name, 99.9), at('noop', 99.9)), most: 1.5 })
      }
    }
  }
  const kept = await interleave(members, bursts, context, (member) => member.ask('burst', { lines: 20_000 }))
  report('burst of 20,000', 'call', kept, sections, curves)
  await endAll(members)
  return { sections, curves, targets }
}

/** Histograms of several rounds each. */
function pooled (texts) {
  const starts = Array.from({ length: Math.floor(texts.length / ROUNDS_POOLED) }, (_, i) => i * ROUNDS_POOLED)
  return starts.map((start) => added(texts.slice(start, start + ROUNDS_POOLED)))
}

function feltBy (loops) {
  const of = (what) => loops.map((loop) => loop[what])
  return { p50: quantile(of('p50'), 0.5), p99: quantile(of('p99'), 0.5), max: Math.max(...of('max')) }
}

function report (name, which, kept, sections, curves) {
  const sums = [...kept].map(([name, results]) => [name, added(results.map((each) => each[which])), results.at(-1).dropped])
  sections.push({
    title: name,
    columns: { ...Object.fromEntries(PERCENTILES.map((p) => [`p${p}`, `p${p}, ns`])), max: 'max, ns' },
    rows: sums.map(([name, sum, dropped]) => ({ name, dropped, ...Object.fromEntries(PERCENTILES.map((p) => [`p${p}`, sum.getValueAtPercentile(p)])), max: sum.maxValue }))
  })
  const points = [0, 10, 25, 50, 75, 90, 95, 99, 99.5, 99.9, 99.95, 99.99, 99.999]
  curves.push({ title: `Latency of a call, ${name}`, unit: 'ns', series: sums.map(([name, sum]) => ({ name, points: points.map((p) => [p, sum.getValueAtPercentile(p)]) })) })
}
