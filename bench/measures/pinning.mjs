// The worst calls of a busy thread while others want its core. Beside no-op and pino.transport: those with a writer that can
// be pinned.
import { spawn } from 'node:child_process'
import { createRequire } from 'node:module'
import { actions as latency } from './latency.mjs'
import { endAll, interleave, musterEach, stepsOf } from '../fleet.mjs'
import { titleOf } from '../report/tables.mjs'
import { quantile } from '../statistics.mjs'
import { available } from '../subjects.mjs'
import hdr from 'hdr-histogram-js'

const require = createRequire(import.meta.url)
const RATE = 10_000
const WITH_A_WRITER = ['pinned', 'spin', 'park', 'register', 'dropIn', 'target']
export const subjects = ['noop', ...WITH_A_WRITER, 'transport']

export const title = 'Pinning, with a noisy neighbour'

export const actions = {
  paced: latency.paced,
  async pinHere (subject, { core }) { require('../../dist/affinity/index.js').pinThread(core) }
}

export async function run (context) {
  const { allowedCores } = require('../../dist/affinity/index.js')
  const cores = allowedCores()
  if (cores.length < 2 || process.platform !== 'linux') {
    context.remark('pinning is left out: it takes Linux and two cores')
    return { sections: [] }
  }
  const [hot] = cores
  const last = cores.at(-1)
  const pinned = { core: last }
  const ways = [
    { subject: 'noop', title: '', more: {} },
    { subject: 'noop', title: ', hot thread pinned', more: {}, pinHot: true },
    ...WITH_A_WRITER.flatMap((subject) => [
      { subject, title: ', writer unpinned', more: {} },
      { subject, title: ', writer pinned away', more: pinned },
      { subject, title: ', writer pinned away, hot thread pinned too', more: pinned, pinHot: true }
    ]),
    { subject: 'transport', title: '', more: {} },
    { subject: 'transport', title: ', hot thread pinned', more: {}, pinHot: true }
  ].filter(({ subject }) => available([subject]).length > 0)
  const rows = []
  const members = await musterEach(ways.map(({ subject, more, title, pinHot }) => ({ name: subject, more, title, pinHot })), 'pinning', context)
  for (const member of members) {
    const { title, pinHot = false } = member.options
    if (pinHot) await member.ask('pinHere', { core: hot })
    member.stop()
    member.subject = member.name
    member.name = titleOf(member.name) + title
  }
  const rounds = context.isQuick ? () => 1 : ({ subject }) => subject === 'pinned' ? 8 : 3
  context.expect(stepsOf(members, rounds))
  const noise = spawn('taskset', ['-c', cores.slice(1).join(','), process.execPath, '-e', 'for (;;);'], { stdio: 'ignore' })
  try {
    const kept = await interleave(members, rounds, context, (member) => member.ask('paced', { rate: RATE, ms: context.isQuick ? 100 : 250 }))
    for (const [name, results] of kept) {
      const of = (percentile) => quantile(results.map(({ sinceDue }) => hdr.decodeFromCompressedBase64(sinceDue).getValueAtPercentile(percentile)), 0.5)
      rows.push({ name, p50: of(50), p999: of(99.9), max: of(100), dropped: results.at(-1).dropped })
    }
  } finally {
    noise.kill('SIGKILL')
    await endAll(members)
  }
  return { sections: [{ title: `${RATE.toLocaleString('en')} lines/s, every core but the first kept busy by another process`, columns: { p50: 'p50, ns', p999: 'p99.9, ns', max: 'max, ns' }, rows }] }
}
