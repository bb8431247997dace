// What a process costs that logs nothing: the writer's thread, where there is one of ours, and all of it.
import { readdirSync, readFileSync } from 'node:fs'
import { sleep } from '../clock.mjs'
import { Member } from '../fleet.mjs'
import { available } from '../subjects.mjs'

/** Who is looked at together: a group takes seconds, and one that never sleeps must not take the core of others. */
const GROUPS = [
  ['noop', 'pinned', 'js', 'park', 'register', 'dropIn', 'target', 'transport'],
  ['destinationSync', 'destinationAsync', 'winston', 'bunyan', 'logtape', 'spdlog'],
  ['spin']
]

export const subjects = GROUPS.flat()

export const title = 'Idle'

export const actions = {
  async some (subject) { for (let i = 0; i < 100; i++) subject.log() }
}

/** CPU time so far of each thread, ns. */
function threads (pid) {
  return new Map(readdirSync(`/proc/${pid}/task`).map((tid) => {
    const name = readFileSync(`/proc/${pid}/task/${tid}/comm`, 'utf8').trim()
    const [ns] = readFileSync(`/proc/${pid}/task/${tid}/schedstat`, 'utf8').split(' ')
    return [tid, { name, ns: Number(ns) }]
  }))
}

export async function run (context) {
  if (process.platform !== 'linux') return { sections: [] }
  const groups = (context.isQuick ? GROUPS.slice(0, 1) : GROUPS).map((names) => available(names))
  const ms = context.isQuick ? 3000 : 10_000
  context.expect(groups.flat().length)
  const rows = []
  for (const names of groups) rows.push(...await lookAt(names, ms, context))
  const of = (name) => rows.find((row) => row.name === name)
  return {
    sections: [{ title: `${ms / 1000} s without a line, % of a core`, columns: { writer: 'writer thread', process: 'whole process' }, rows }],
    targets: [
      { what: 'idle CPU of the writer, % (poll, file)', value: of('pinned').writer, most: 0.7 },
      { what: 'idle CPU of the writer, % (poll, stream)', value: of('target').writer, most: 1.5 },
      { what: 'idle CPU of the writer, % (park)', value: of('park').writer, most: 0.1 }
    ]
  }
}

async function lookAt (names, ms, context) {
  const members = names.map((name) => new Member(name, 'idle'))
  for (const member of members) {
    await member.ready
    await member.ask('some')
  }
  await sleep(1000)
  const before = members.map(({ pid }) => threads(pid))
  const started = performance.now()
  await sleep(ms)
  const elapsed = (performance.now() - started) * 1e6
  const rows = members.map(({ name, pid }, i) => {
    const used = [...threads(pid)].map(([tid, thread]) => ({ name: thread.name, percent: 100 * (thread.ns - (before[i].get(tid)?.ns ?? 0)) / elapsed }))
    const sum = (each) => each.reduce((total, { percent }) => total + percent, 0)
    // Without the addon the thread has no name of its own.
    const writers = used.filter((thread) => thread.name.startsWith('pino-pinned'))
    return { name, writer: writers.length === 0 ? null : sum(writers), process: sum(used) }
  })
  for (const member of members) {
    await member.end()
    context.tick()
  }
  return rows
}
