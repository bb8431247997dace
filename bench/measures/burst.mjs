// A million lines without a turn of the event loop.
import { statSync } from 'node:fs'
import { peakRss, sleep } from '../clock.mjs'
import { Member, roundsOf, stepsOf } from '../fleet.mjs'
import { summary } from '../statistics.mjs'
import { available, EVERYONE, isForContext } from '../subjects.mjs'

export const subjects = EVERYONE
const LINES = 1_000_000
const LINES_QUICK = 100_000
const WARM_UP = 20_000

export const linesOf = (name, isQuick) => !isQuick ? LINES : isForContext(name) ? LINES_QUICK / 4 : LINES_QUICK

export const title = 'Burst'

export const actions = {
  async burst (subject, { file, lines }) {
    for (let i = 0; i < WARM_UP; i++) subject.log()
    await new Promise((resolve) => subject.flush(resolve))
    const size = () => { try { return statSync(file).size } catch { return 0 } }
    const before = { size: size(), rss: peakRss(), dropped: subject.stats?.().linesDropped ?? 0 }
    const started = performance.now()
    for (let i = 0; i < lines; i++) subject.log()
    const ms = performance.now() - started
    const sizeAtEnd = size() - before.size
    const rss = peakRss() - before.rss
    await new Promise((resolve) => subject.flush(resolve))
    await sleep(10) // in pino's config the count comes as an event
    const dropped = (subject.stats?.().linesDropped ?? 0) - before.dropped
    return { ms, rss, dropped, onDisk: 100 * sizeAtEnd / (size() - before.size) || 0 }
  }
}

export async function run (context) {
  const rounds = context.isQuick ? roundsOf(1, 1, 1) : roundsOf(3, 1, 1)
  const most = context.isQuick ? LINES_QUICK : LINES
  const names = available(subjects)
  const asMembers = names.map((name) => ({ name }))
  context.expect(stepsOf(asMembers, rounds))
  const kept = new Map(names.map((name) => [name, []]))
  for (let round = 0; round < Math.max(...asMembers.map(rounds)); round++) {
    for (const name of names) {
      if (round >= rounds({ name })) continue
      const member = new Member(name, 'burst')
      await member.ready
      kept.get(name).push(await member.ask('burst', { file: member.file, lines: linesOf(name, context.isQuick) }))
      await member.end()
      context.tick()
    }
  }
  const of = (name, what) => summary(kept.get(name).map((each) => each[what]))
  const noopRss = of('noop', 'rss').median
  const fewerLines = (name) => linesOf(name, context.isQuick) < most ? linesOf(name, context.isQuick) : 0
  const rows = names.map((name) => ({
    name,
    fewerLines: fewerLines(name),
    ms: of(name, 'ms'),
    onDisk: name === 'noop' ? null : of(name, 'onDisk'),
    rss: (of(name, 'rss').median - noopRss) / 1e6,
    droppedLines: of(name, 'dropped')
  }))
  const targets = ['pinned', 'js'].flatMap((name) => [
    { what: `burst, lines dropped (${name})`, value: of(name, 'dropped'), most: 0 },
    { what: `burst, % on disk at its end (${name})`, value: of(name, 'onDisk'), least: 95 },
    { what: `burst, RSS growth beyond no-op's, MB (${name})`, value: rows.find((row) => row.name === name).rss, most: 4 }
  ])
  return {
    sections: [{
      title: 'Time, losses, memory',
      columns: { ms: 'ms', onDisk: '% on disk when the loop ends', rss: 'peak RSS beyond no-op, MB', droppedLines: 'dropped' },
      rows
    }],
    targets,
    title: `${title} of ${most.toLocaleString('en')} lines`
  }
}
