// From the call until the line can be read in the file: this process reads, the other one logs.
import { closeSync, openSync, readSync } from 'node:fs'
import { nowNs, sleep, spinUntil, turn } from '../clock.mjs'
import { endAll, muster, roundsOf } from '../fleet.mjs'
import { quantile } from '../statistics.mjs'
import { available, EVERYONE } from '../subjects.mjs'

export const subjects = EVERYONE.filter((name) => name !== 'noop')
const IDLE_MS = 250
/** A line that is not in the file this long after the last one came is being held back: for more lines, or for a timer. */
const HELD_BACK_MS = 300

export const title = 'Delivery latency'

export const actions = {
  /** Lines a millisecond apart; their times of departure are in the order of the lines. */
  async steady (subject, { lines }) {
    const sent = []
    for (let i = 0; i < lines; i++) {
      await sleep(1)
      sent.push(nowNs())
      subject.log()
    }
    return sent
  },
  async fast (subject, { lines }) {
    const sent = []
    const start = performance.now()
    for (let i = 0; i < lines; i++) {
      if (i % 10 === 0) await turn()
      spinUntil(start + i / 10)
      sent.push(nowNs())
      subject.log()
    }
    return sent
  },
  async one (subject) {
    const sent = [nowNs()]
    subject.log()
    return sent
  },
  async flush (subject) { await new Promise((resolve) => subject.flush(resolve)) }
}

export async function run (context) {
  const lines = context.isQuick ? 60 : 400
  const idles = context.isQuick ? roundsOf(3, 3, 2) : roundsOf(15, 10, 6)
  const members = await muster(available(subjects), 'delivery', context)
  context.expect(members.length * 2)
  const rows = []
  for (const member of members) {
    await member.ask('steady', { lines: 50 })
    await member.ask('flush')
    member.arrivals = new Arrivals(member.file)
    const steady = await latencies(member, 'steady', lines)
    const fast = await latencies(member, 'fast', lines * 5)
    member.stop()
    rows.push({ name: member.name, steady: quantile(steady, 0.5), steady99: quantile(steady, 0.99), fast: quantile(fast, 0.5), fast99: quantile(fast, 0.99) })
    context.tick()
  }
  const isAlone = ({ name }) => name === 'spin'
  for (const group of [members.filter((member) => !isAlone(member)), members.filter(isAlone)]) await afterQuiet(group, idles, rows, context)
  for (const { arrivals } of members) arrivals.close()
  await endAll(members)
  const of = (name) => rows.find((row) => row.name === name)
  return {
    sections: [{
      title: 'From log() to readable in the file, µs',
      columns: { steady: '1 k lines/s, p50', steady99: 'p99', fast: '10 k lines/s, p50', fast99: 'p99', idle: `after ${IDLE_MS} ms of quiet, p50`, idleMax: 'max' },
      rows
    }],
    targets: [
      { what: 'delivery p50 at 1 k lines/s, µs (spin)', value: of('spin').steady, most: 100 },
      { what: 'delivery p50 at 1 k lines/s, µs (poll)', value: of('pinned').steady, most: 1500 },
      { what: 'delivery after long idle, p50, µs (poll)', value: of('pinned').idle, most: 11_000 }
    ]
  }
}

/** µs of each line; of fewer, if the last ones were held back. */
async function latencies (member, action, lines) {
  const { arrivals } = member
  const found = await arrivals.latencies(member.ask(action, { lines }), lines)
  if (found.length === lines) return found
  // What is held back must not be taken for the lines that come next.
  await member.ask('flush')
  arrivals.skip()
  return found
}

/** One line each in turn, over and over: what they do side by side is waiting. */
async function afterQuiet (members, rounds, rows, context) {
  const found = new Map(members.map(({ name }) => [name, []]))
  const heldBack = new Set()
  for (const member of members) member.go()
  for (let round = 0; round < Math.max(...members.map(rounds)); round++) {
    await sleep(IDLE_MS)
    for (const member of members) {
      if (round >= rounds(member) || heldBack.has(member.name)) continue
      const [us] = await latencies(member, 'one', 1)
      if (us === undefined) heldBack.add(member.name)
      else found.get(member.name).push(us)
    }
  }
  for (const member of members) {
    const idle = found.get(member.name)
    const result = heldBack.has(member.name) ? { idle: `held back > ${HELD_BACK_MS} ms`, idleMax: null } : { idle: quantile(idle, 0.5), idleMax: Math.max(...idle) }
    Object.assign(rows.find(({ name }) => name === member.name), result)
    member.stop()
    context.tick()
  }
}

/** Reads a growing file and notes when each line was there. */
class Arrivals {
  #fd
  #at = 0
  #bytes = Buffer.alloc(1 << 16)

  constructor (file) {
    this.#fd = openSync(file)
    this.skip()
  }

  /** What is in the file by now was no arrival. */
  skip () { this.#read(() => {}) }

  #read (found) {
    for (let size; (size = readSync(this.#fd, this.#bytes, 0, this.#bytes.length, this.#at)) > 0; this.#at += size) {
      const now = nowNs()
      for (let at = this.#bytes.indexOf(10); at >= 0 && at < size; at = this.#bytes.indexOf(10, at + 1)) found(now)
    }
  }

  /** @returns µs for each of `count` lines; for fewer, if the last ones were held back */
  async latencies (sending, count) {
    const arrived = []
    let giveUpAt = Infinity
    const wait = () => { giveUpAt = performance.now() + HELD_BACK_MS }
    sending.then(wait, () => {})
    while (arrived.length < count && performance.now() < giveUpAt) {
      const before = arrived.length
      this.#read((now) => arrived.push(now))
      if (arrived.length > before && giveUpAt < Infinity) wait()
      await turn()
    }
    const sent = await sending
    return arrived.map((now, i) => Math.max(0, now - sent[i]) / 1000)
  }

  close () { closeSync(this.#fd) }
}
