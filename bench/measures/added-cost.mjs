// What logging adds to the thread that logs: its CPU time and its wall time, above pino writing nowhere.
import { sleep, threadCpuNs, turn } from '../clock.mjs'
import { countLines, endAll, interleave, muster, roundsOf, stepsOf } from '../fleet.mjs'
import { minus, ratio, summary } from '../statistics.mjs'
import { available, EVERYONE } from '../subjects.mjs'

const CHUNK = 5000
const PER_TURN = [5, 50, 500]
export const subjects = EVERYONE

export const title = 'Added cost on the logging thread'

export const actions = {
  async chunk (subject, { perTurn }) {
    const cpu = threadCpuNs()
    const wall = performance.now()
    for (let done = 0; done < CHUNK; done += perTurn) {
      for (let i = 0; i < perTurn; i++) subject.log()
      await turn()
    }
    const wallNs = (performance.now() - wall) * 1e6
    // What the logger put off for later turns belongs to it.
    if (subject.putsOff) await new Promise((resolve) => subject.flush(resolve))
    await sleep(5)
    const cpuNs = threadCpuNs() - cpu
    await new Promise((resolve) => subject.flush(resolve))
    await sleep(10)
    return { cpu: cpuNs / CHUNK, wall: wallNs / CHUNK, dropped: subject.stats?.()?.linesDropped ?? 0 }
  }
}

export async function run (context) {
  const rounds = context.isQuick ? roundsOf(5, 1, 1) : roundsOf(20, 8, 8)
  const members = await muster(available(subjects), 'added-cost', context)
  context.expect(stepsOf(members, rounds) * PER_TURN.length + members.length)
  await interleave(members, () => 1, context, (member) => member.ask('chunk', { perTurn: 50 })) // warm up
  const sections = []
  const targets = []
  const bars = []
  for (const perTurn of PER_TURN) {
    const ask = (member) => member.ask('chunk', { perTurn })
    const kept = await interleave(members, rounds, context, ask)
    const above = (name, clock) => minus(kept.get(name).map((each) => each[clock]), kept.get('noop').map((each) => each[clock]))
    const rows = members.filter(({ name }) => name !== 'noop').map(({ name }) => ({
      name,
      cpu: summary(above(name, 'cpu')),
      wall: summary(above(name, 'wall')),
      ratio: ratio(above(name, 'cpu'), above('transport', 'cpu')),
      wallRatio: ratio(above(name, 'wall'), above('transport', 'wall')),
      dropped: kept.get(name).at(-1).dropped
    }))
    sections.push({
      title: `${perTurn} lines a turn`,
      columns: { cpu: 'CPU, ns a line above no-op', wall: 'wall, ns a line above no-op', ratio: '÷ pino.transport (CPU)', wallRatio: '(wall)' },
      rows
    })
    bars.push({ title: `${perTurn} lines a turn: CPU above no-op ÷ pino.transport's`, unit: 'ratio', isDetail: perTurn !== 50, rows: rows.map(({ name, ratio }) => ({ name, ...ratio })) })
    for (const [name, most, what] of [['pinned', 0.25, ''], ['js', 0.35, ', no addon']]) {
      const row = rows.find((each) => each.name === name)
      targets.push({ what: `added CPU ÷ pino.transport's, ${perTurn} lines a turn${what}`, value: row.ratio, most })
      targets.push({ what: `added wall time ÷ pino.transport's, ${perTurn} lines a turn${what}`, value: row.wallRatio, most })
    }
  }
  await noteLosses(members, (member) => (rounds(member) * PER_TURN.length + 1) * CHUNK, context)
  await endAll(members)
  return { sections, targets, bars }
}

/** Whoever has fewer lines in its file than were logged says so. */
async function noteLosses (members, loggedBy, context) {
  for (const member of members) {
    if (member.name === 'noop') continue
    const logged = loggedBy(member)
    member.go()
    let written = await countLines(member.file)
    for (let i = 0; i < 20 && written < logged; i++, written = await countLines(member.file)) await sleep(50)
    if (written < logged) context.remark(`${member.name}: ${logged - written} of ${logged} lines are not in the file`)
  }
}
