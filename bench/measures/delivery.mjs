// From the call until the line can be read in the file: this process reads, the other one logs.
import { closeSync, openSync, readSync } from 'node:fs'
import { nowNs, sleep, spinUntil, turn } from '../clock.mjs'
import { Member } from '../fleet.mjs'
import { quantile } from '../statistics.mjs'
import { available } from '../subjects.mjs'

const NAMES = ['pinned', 'js', 'spin', 'park', 'target', 'dropIn', 'transport', 'destinationSync']
const IDLE_MS = 250

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
  }
}

export async function run (context) {
  const names = available(NAMES)
  const lines = context.isQuick ? 200 : 1500
  const idles = context.isQuick ? 6 : 20
  context.expect(names.length)
  const rows = []
  for (const name of names) {
    const member = new Member(name, 'delivery')
    await member.ready
    await member.ask('steady', { lines: 50 })
    await sleep(100)
    const reader = new Arrivals(member.file)
    const steady = await reader.latencies(member.ask('steady', { lines }), lines)
    const fast = await reader.latencies(member.ask('fast', { lines: lines * 5 }), lines * 5)
    const idle = []
    for (let i = 0; i < idles; i++) {
      await sleep(IDLE_MS)
      idle.push(...await reader.latencies(member.ask('one'), 1))
    }
    reader.close()
    await member.end()
    rows.push({ name, steady: quantile(steady, 0.5), steady99: quantile(steady, 0.99), fast: quantile(fast, 0.5), fast99: quantile(fast, 0.99), idle: quantile(idle, 0.5), idleMax: Math.max(...idle) })
    context.tick()
  }
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

/** Reads a growing file and notes when each line was there. */
class Arrivals {
  #fd
  #at = 0
  #bytes = Buffer.alloc(1 << 16)

  constructor (file) {
    this.#fd = openSync(file)
    this.#read(() => {})
  }

  #read (found) {
    for (let size; (size = readSync(this.#fd, this.#bytes, 0, this.#bytes.length, this.#at)) > 0; this.#at += size) {
      const now = nowNs()
      for (let at = this.#bytes.indexOf(10); at >= 0 && at < size; at = this.#bytes.indexOf(10, at + 1)) found(now)
    }
  }

  /** @returns µs for each of `count` lines */
  async latencies (sending, count) {
    const arrived = []
    const deadline = performance.now() + 20_000
    while (arrived.length < count && performance.now() < deadline) {
      this.#read((now) => arrived.push(now))
      await turn()
    }
    const sent = await sending
    return arrived.map((now, i) => Math.max(0, now - sent[i]) / 1000)
  }

  close () { closeSync(this.#fd) }
}
