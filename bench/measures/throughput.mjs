// Lossless: lines a second from the first call until everything is in the file. pino-pinned blocks when its ring is full;
// the others keep in memory what is not written yet, and never drop.
import { sleep, turn } from '../clock.mjs'
import { endAll, interleave, muster, roundsOf, stepsOf } from '../fleet.mjs'
import { ratio, summary } from '../statistics.mjs'
import { available, EVERYONE, isForContext } from '../subjects.mjs'

export const subjects = EVERYONE.filter((name) => name !== 'noop')
const PER_TURN = 500
const LINES = 200_000
const LINES_QUICK = 50_000

export const title = 'Lossless throughput'

export const actions = {
  async drain (subject, { lines }) {
    const started = performance.now()
    for (let done = 0; done < lines; done += PER_TURN) {
      for (let i = 0; i < PER_TURN; i++) subject.log()
      await turn()
    }
    await new Promise((resolve) => subject.flush(resolve))
    const ms = performance.now() - started
    await sleep(10) // in pino's config the count comes as an event
    return { perSecond: lines / ms * 1000, dropped: subject.stats?.().linesDropped ?? 0 }
  }
}

export async function run (context) {
  const rounds = context.isQuick ? roundsOf(3, 1, 1) : roundsOf(10, 4, 3)
  const members = await muster(available(subjects), 'throughput', context, { more: { onFull: 'block' } })
  context.expect(stepsOf(members, rounds) + members.length)
  const most = context.isQuick ? LINES_QUICK : LINES
  const ask = (member) => member.ask('drain', { lines: isForContext(member.name) ? most / 4 : most })
  await interleave(members, () => 1, context, ask)
  const kept = await interleave(members, rounds, context, ask)
  await endAll(members)
  const of = (name) => kept.get(name).map(({ perSecond }) => perSecond)
  const rows = members.map(({ name }) => ({ name, perSecond: summary(of(name)), ratio: ratio(of(name), of('transport')), dropped: kept.get(name).at(-1).dropped }))
  return {
    sections: [{ title: 'Until drained', columns: { perSecond: 'lines/s', ratio: '÷ pino.transport' }, rows }],
    bars: [{ title: 'Lossless throughput ÷ pino.transport', unit: 'ratio', rows: rows.map(({ name, ratio }) => ({ name, ...ratio })) }],
    targets: [
      { what: "lossless throughput ÷ pino.transport's", value: ratio(of('pinned'), of('transport')), least: 1.4 },
      { what: 'the same without the addon', value: ratio(of('js'), of('transport')), least: 1.25 }
    ]
  }
}
