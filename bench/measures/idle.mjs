// What a process costs that logs nothing: the writer's thread, where there is one of ours, and all of it.
import { readdirSync, readFileSync } from 'node:fs'
import { sleep } from '../clock.mjs'
import { endAll, muster } from '../fleet.mjs'
import { available, EVERYONE } from '../subjects.mjs'

export const subjects = EVERYONE
/** One that never sleeps must not take the core of those that are looked at side by side. */
const NEVER_SLEEP = ['spin']
/** Looked at one after another, since there is a figure to reach: side by side each wakes with cold caches, which is half as dear again. */
const AIMED_AT = ['pinned', 'target', 'park']
/** By then a writer sleeps as long as it will. */
const SETTLED_AFTER_MS = 500

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
  const names = available(subjects)
  const ms = context.isQuick ? 1600 : 6000
  context.expect(names.length)
  const alone = context.isQuick ? NEVER_SLEEP : [...AIMED_AT, ...NEVER_SLEEP]
  const rows = await lookAt(names.filter((name) => !alone.includes(name)), ms, context)
  for (const name of alone) rows.push(...await lookAt([name], ms / 2, context))
  rows.sort((a, b) => names.indexOf(a.name) - names.indexOf(b.name))
  const of = (name) => rows.find((row) => row.name === name)
  return {
    sections: [{ title: 'Without a line, % of a core', columns: { writer: 'writer thread', process: 'whole process' }, rows }],
    targets: [
      { what: 'idle CPU of the writer, % (poll, file)', value: of('pinned').writer, most: 0.7 },
      { what: 'idle CPU of the writer, % (poll, stream)', value: of('target').writer, most: 1.5 },
      { what: 'idle CPU of the writer, % (park)', value: of('park').writer, most: 0.1 }
    ]
  }
}

async function lookAt (names, ms, context) {
  const members = await muster(names, 'idle', context)
  for (const member of members) await member.ask('some')
  await sleep(SETTLED_AFTER_MS)
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
  await endAll(members)
  for (let i = 0; i < members.length; i++) context.tick()
  return rows
}
