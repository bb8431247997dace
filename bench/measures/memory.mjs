// A process that has logged a little: what it holds, and how long it took to come up.
import { statSync } from 'node:fs'
import { nowNs, sleep } from '../clock.mjs'
import { Member, roundsOf, stepsOf } from '../fleet.mjs'
import { minus, ratio, summary } from '../statistics.mjs'
import { available, EVERYONE } from '../subjects.mjs'

export const subjects = EVERYONE
const DEFAULT_RING_MB = 8 * 1.048576

export const title = 'Memory and start-up'

export const actions = {
  /** @returns MB resident, after a collection had its chance */
  async some (subject) {
    for (let i = 0; i < 1000; i++) subject.log()
    await sleep(700)
    return process.memoryUsage.rss() / 1e6
  }
}

async function somethingIn (file) {
  const deadline = performance.now() + 5000
  while ((statSync(file, { throwIfNoEntry: false })?.size ?? 0) === 0 && performance.now() < deadline) await sleep(1)
}

export async function run (context) {
  const rounds = context.isQuick ? roundsOf(3, 1, 1) : roundsOf(9, 4, 3)
  const names = available(subjects)
  const asMembers = names.map((name) => ({ name }))
  context.expect(stepsOf(asMembers, rounds))
  const kept = new Map(names.map((name) => [name, []]))
  const settling = []
  for (let round = 0; round < Math.max(...asMembers.map(rounds)); round++) {
    for (const name of names) {
      if (round >= rounds({ name })) continue
      const member = new Member(name, 'memory')
      const { madeMs } = await member.ready
      const asked = nowNs()
      const answer = member.ask('some')
      if (name !== 'noop') await somethingIn(member.file)
      const firstMs = (nowNs() - asked) / 1e6
      const result = { madeMs, firstMs }
      kept.get(name).push(result)
      // It does nothing from here on, and the next one may start.
      settling.push(answer.then(async (rss) => {
        result.rss = rss
        await member.end()
        context.tick()
      }))
    }
  }
  await Promise.all(settling)
  const of = (name, what) => kept.get(name).map((each) => each[what])
  const above = (name, ring = 0) => minus(of(name, 'rss'), of('noop', 'rss')).map((mb) => mb - ring)
  const rows = names.map((name) => ({ name, rss: summary(of(name, 'rss')), above: summary(above(name)), madeMs: summary(of(name, 'madeMs')), firstMs: name === 'noop' ? null : summary(of(name, 'firstMs')) }))
  return {
    sections: [{
      title: 'RSS after 1,000 lines, and start-up',
      columns: { rss: 'RSS, MB', above: 'above no-op, MB', madeMs: 'making it, ms (with loading)', firstMs: 'first line in the file after, ms' },
      rows
    }],
    targets: [{ what: "RSS above no-op, less the ring ÷ pino.transport's", value: ratio(above('pinned', DEFAULT_RING_MB), above('transport')), most: 1.0 }]
  }
}
