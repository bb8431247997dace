// Into a pipe that is read, and then no longer.
import { execFileSync } from 'node:child_process'
import { constants, openSync } from 'node:fs'
import { Socket } from 'node:net'
import { join } from 'node:path'
import { peakRss, sleep, turn } from '../clock.mjs'
import { directory, Member, roundsOf, stepsOf } from '../fleet.mjs'
import { quantile, ratio, summary } from '../statistics.mjs'
import { available, EVERYONE, isForContext } from '../subjects.mjs'

export const subjects = EVERYONE
const PER_TURN = 500
const WARM_UP = 20_000
const LINES = 1_000_000
const LINES_QUICK = 100_000
export const linesOf = (name, isQuick) => !isQuick ? LINES : isForContext(name) ? LINES_QUICK / 5 : LINES_QUICK
/** More than fits into a ring; what others keep by count is full sooner. */
const linesToFill = (name) => isForContext(name) ? 20_000 : 100_000
/** Who takes so many times as long for a line as before, and then some, waits for the reader. */
const STANDS_STILL = { times: 5, ms: 500 }

export const title = 'Stalled sink'

export const actions = {
  async calls (subject, { lines }) {
    const rss = peakRss()
    const ns = new Float64Array(lines)
    for (let i = 0; i < lines; i++) {
      const called = performance.now()
      subject.log()
      ns[i] = (performance.now() - called) * 1e6
      if (i % PER_TURN === 0) await turn()
    }
    return { p999: quantile(ns, 0.999), rss: (peakRss() - rss) / 1e6, dropped: subject.stats?.()?.linesDropped ?? 0 }
  }
}

export async function run (context) {
  if (process.platform === 'win32') return { sections: [] }
  const rounds = roundsOf(3, 1, 1)
  const most = context.isQuick ? LINES_QUICK : LINES
  const names = available(subjects)
  const asMembers = names.map((name) => ({ name }))
  context.expect(stepsOf(asMembers, rounds))
  const kept = new Map(names.map((name) => [name, []]))
  for (let round = 0; round < Math.max(...asMembers.map(rounds)); round++) {
    for (const name of names) {
      // Standing still is not measured twice.
      if (round >= rounds({ name }) || standsStill(kept.get(name))) continue
      kept.get(name).push(await stall(name, `${name}-${round}`, linesOf(name, context.isQuick)))
      context.tick()
    }
  }
  const of = (name, when, what) => kept.get(name).map((each) => each[when][what])
  const rows = names.map((name) => {
    const before = summary(of(name, 'before', 'p999'))
    const lines = linesOf(name, context.isQuick)
    if (standsStill(kept.get(name))) return { name, before, during: 'stands still' }
    return {
      name,
      fewerLines: lines < most ? lines : 0,
      before,
      during: summary(of(name, 'during', 'p999')),
      ratio: ratio(of(name, 'during', 'p999'), of(name, 'before', 'p999')),
      rss: summary(of(name, 'during', 'rss')),
      droppedLines: quantile(of(name, 'during', 'dropped'), 0.5)
    }
  })
  return {
    sections: [{
      title: `${most.toLocaleString('en')} lines into a pipe that nobody reads any more`,
      columns: { before: 'p99.9 before, ns', during: 'p99.9 during, ns', ratio: 'during ÷ before', rss: 'RSS growth, MB', droppedLines: 'dropped' },
      rows
    }],
    targets: ['pinned', 'js'].map((name) => ({ what: `stalled sink, p99.9 ÷ before (${name})`, value: rows.find((row) => row.name === name).ratio, most: 1.1 }))
  }
}

const standsStill = (results) => results.some(({ during }) => during === null)

async function stall (name, id, lines) {
  const pipe = join(directory, `pipe-${id}`)
  execFileSync('mkfifo', [pipe])
  const reader = new Socket({ fd: openSync(pipe, constants.O_RDWR | constants.O_NONBLOCK), readable: true, writable: false })
  reader.resume()
  const member = new Member(name, 'stalled', { file: pipe })
  try {
    await member.ready
    await member.ask('calls', { lines: WARM_UP })
    const started = performance.now()
    const before = await member.ask('calls', { lines: lines / 4 })
    const patienceMs = STANDS_STILL.ms + STANDS_STILL.times * (performance.now() - started) * linesToFill(name) / (lines / 4)
    reader.pause()
    const filling = member.ask('calls', { lines: linesToFill(name) })
    const isFull = await Promise.race([filling.then(() => true), sleep(patienceMs).then(() => false)])
    if (isFull) return { before, during: await member.ask('calls', { lines }) }
    filling.catch(() => {}) // it ends with its process
    return { before, during: null }
  } finally {
    await member.end()
    reader.destroy()
  }
}
