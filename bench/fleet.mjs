// The processes of a measure, one a subject. All but the one at work are stopped (SIGSTOP): what they do while idle must
// not be charged to others.
import { fork } from 'node:child_process'
import { createReadStream, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { isCompared, isForContext, SUBJECTS } from './subjects.mjs'

const CHILD = fileURLToPath(new URL('child.mjs', import.meta.url))
const canStop = process.platform !== 'win32'
const running = new Set()

export const directory = mkdtempSync(join(process.env.BENCH_DIRECTORY ?? tmpdir(), 'pino-pinned-bench-'))

process.on('exit', () => {
  for (const child of running) child.kill('SIGKILL')
  rmSync(directory, { recursive: true, force: true })
})
for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => process.exit(1))

let count = 0

/** One subject in a process of its own. */
export class Member {
  constructor (name, measure, options = {}) {
    const { file, more = {}, env = {} } = options
    const { execArgv = [], env: own = {} } = SUBJECTS[name]
    this.name = name
    this.measure = measure
    this.options = options
    this.file = file ?? join(directory, `${name}-${++count}.log`)
    // A child is killed, and removes nothing: what it makes is in our directory.
    const settings = { ...process.env, ...own, ...env, BENCH_DIRECTORY: directory }
    this.child = fork(CHILD, [name, this.file, JSON.stringify(more)], { execArgv, env: settings })
    this.isStopped = false
    running.add(this.child)
    this.child.on('exit', () => running.delete(this.child))
    this.ready = this.#answer()
  }

  get pid () { return this.child.pid }

  #answer () {
    return new Promise((resolve, reject) => {
      const { child } = this
      const answered = (message) => {
        child.off('exit', exited)
        if (message.error === undefined) resolve(message.result)
        else reject(new Error(message.error))
      }
      const exited = (code, signal) => {
        child.off('message', answered)
        reject(new Error(`${this.name}: the process ended (${code ?? signal})`))
      }
      child.once('message', answered)
      child.once('exit', exited)
    })
  }

  ask (action, args = {}) {
    this.go()
    const answer = this.#answer()
    this.child.send({ measure: this.measure, action, args })
    return answer
  }

  stop () {
    if (canStop && !this.isStopped) this.child.kill('SIGSTOP')
    this.isStopped = canStop
  }

  go () {
    if (this.isStopped) this.child.kill('SIGCONT')
    this.isStopped = false
  }

  async end () {
    this.go()
    if (!running.has(this.child)) return
    const gone = new Promise((resolve) => this.child.once('exit', resolve))
    this.child.kill('SIGKILL')
    await gone
  }
}

/** A process a subject, all started at once; one that does not start is reported and left out. */
export async function muster (names, measure, context, options = {}) {
  return musterEach(names.map((name) => ({ name, ...options })), measure, context)
}

/** The same with options for each of them. */
export async function musterEach (wanted, measure, context) {
  const starting = wanted.map(async ({ name, ...options }) => {
    const member = new Member(name, measure, options)
    try {
      await member.ready
      member.stop()
      return member
    } catch (error) {
      context.remark(`${SUBJECTS[name].title} is left out: ${error.message.split('\n')[0]}`)
      return undefined
    }
  })
  return (await Promise.all(starting)).filter((member) => member !== undefined)
}

export const endAll = async (members) => { await Promise.all(members.map((member) => member.end())) }

/** How many rounds a subject takes part in: most of all those that the targets are about, least of all those for context. */
export const roundsOf = (compared, others, forContext) => ({ name }) =>
  isCompared(name) ? compared : isForContext(name) ? forContext : others

/** How many steps these are to whoever waits. */
export const stepsOf = (members, rounds) => members.reduce((sum, member) => sum + rounds(member), 0)

/**
 * Each member in turn, in an order that changes, alone, in as many of the first rounds as `rounds(member)` says.
 *
 * @returns what `work(member, round)` gave, by the member's name
 */
export async function interleave (members, rounds, context, work) {
  const kept = new Map(members.map(({ name }) => [name, []]))
  const most = Math.max(...members.map(rounds))
  for (let round = 0; round < most; round++) {
    for (let i = 0; i < members.length; i++) {
      const member = members[(i + round) % members.length]
      if (round >= rounds(member)) continue
      member.go()
      kept.get(member.name).push(await work(member, round))
      member.stop()
      context.tick()
    }
  }
  return kept
}

/** Lines in a file, read in pieces. */
export async function countLines (file) {
  let lines = 0
  try {
    for await (const piece of createReadStream(file, { highWaterMark: 1 << 20 })) {
      for (let at = piece.indexOf(10); at >= 0; at = piece.indexOf(10, at + 1)) lines++
    }
  } catch {}
  return lines
}
