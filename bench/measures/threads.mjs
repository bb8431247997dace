// Several threads that log at once: what a line costs each of them, and how long until all lines are in the file. With a ring
// each into one writer, with a pino.transport each, and through the main thread's event loop.
import { Worker } from 'node:worker_threads'
import { createRequire } from 'node:module'
import { closeSync, openSync, readSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { once } from 'node:events'
import { directory } from '../fleet.mjs'
import { ratio, summary } from '../statistics.mjs'

const require = createRequire(import.meta.url)
const { attach, transport } = require('../../dist/index.js')

const LINES = 20_000
const WORKER = new URL('../thread-producer.mjs', import.meta.url)

const WAYS = {
  attached: 'a ring each, one writer',
  transports: 'a pino.transport each',
  funnel: 'messages to the main thread'
}

export const title = 'Several threads'

export const actions = {}

export async function run (context) {
  const rounds = context.isQuick ? 1 : 4
  const counts = context.isQuick ? [1, 4] : [1, 2, 4, 8]
  const ways = Object.keys(WAYS)
  context.expect(rounds * counts.length * ways.length)
  const sections = []
  for (const producers of counts) {
    const kept = new Map(ways.map((way) => [way, []]))
    for (let round = 0; round < rounds; round++) {
      // Each round in another order: what the machine does meanwhile meets all of them.
      for (let at = 0; at < ways.length; at++) {
        const way = ways[(at + round) % ways.length]
        kept.get(way).push(await runOnce(way, producers))
        context.tick()
      }
    }
    const of = (way, what) => kept.get(way).map((each) => each[what])
    const rows = ways.map((way) => ({
      name: WAYS[way],
      line: summary(of(way, 'nsPerLine')),
      all: summary(of(way, 'ms')),
      ratio: ratio(of(way, 'nsPerLine'), of('transports', 'nsPerLine')),
      dropped: kept.get(way).at(-1).dropped
    }))
    sections.push({
      title: `${producers} ${producers === 1 ? 'thread' : 'threads'}, ${LINES} lines each`,
      columns: { line: 'ns a line, in the loop', all: 'ms until all are in the file', ratio: '÷ pino.transport', dropped: 'dropped' },
      rows
    })
  }
  sections.push(await idleRings(context.isQuick ? 1000 : 3000))
  return { sections }
}

async function runOnce (way, producers) {
  const file = join(directory, `threads-${way}.log`)
  rmSync(file, { force: true })
  const stream = way === 'transports' ? undefined : transport({ destination: file, capacity: '16mb' })
  const handle = way === 'attached' ? stream.handle() : undefined
  const gate = new Int32Array(new SharedArrayBuffer(4))
  const workers = Array.from({ length: producers }, () => new Worker(WORKER, { workerData: { way, file, handle, gate, lines: LINES } }))
  let received = 0
  const reports = []
  const done = Promise.all(workers.map((worker) => new Promise((resolve, reject) => {
    worker.on('error', reject)
    worker.on('message', (message) => {
      if (typeof message === 'string') {
        stream.write(message)
        received++
      } else if (message.nsPerLine !== undefined) {
        reports.push(message)
        resolve()
      }
    })
  })))
  await Promise.all(workers.map((worker) => once(worker, 'online')))
  await until(() => Atomics.load(gate, 0) === -producers) // each counts itself in
  const started = performance.now()
  Atomics.store(gate, 0, 1)
  Atomics.notify(gate, 0)
  await done
  if (way === 'funnel') await until(() => received === producers * LINES)
  const { linesDropped: dropped = 0 } = stream?.stats() ?? {}
  await until(() => countLines(file) >= producers * LINES - dropped)
  const ms = performance.now() - started
  await Promise.all(workers.map((worker) => worker.terminate()))
  if (stream !== undefined) {
    stream.end()
    await once(stream, 'close')
  }
  return { nsPerLine: reports.reduce((sum, each) => sum + each.nsPerLine, 0) / producers, ms, dropped }
}

/** What rings cost the writer that nobody writes to: its CPU time a second, with none and with many. */
async function idleRings (ms) {
  const rows = await Promise.all([0, 8, 64].map((rings) => idleWith(rings, ms)))
  return { title: `${ms / 1000} s without a line`, columns: { percent: 'writer thread, % of a core' }, rows }
}

async function idleWith (rings, ms) {
  const stream = transport({ destination: join(directory, `idle-rings-${rings}.log`), capacity: '64kb' })
  await once(stream, 'ready')
  const handle = stream.handle()
  const attached = Array.from({ length: rings }, () => attach(handle))
  for (const each of attached) each.write('{}\n')
  await Promise.all(attached.map((each) => new Promise((resolve) => each.flush(resolve))))
  await pause(500)
  const before = stream.stats().writerCpuMs
  const started = performance.now()
  await pause(ms)
  const percent = 100 * (stream.stats().writerCpuMs - before) / (performance.now() - started)
  stream.end()
  await once(stream, 'close')
  return { name: `${rings} attached rings`, percent }
}

const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms))
const until = async (isSo) => { while (!isSo()) await pause(2) }

function countLines (file) {
  let descriptor
  try { descriptor = openSync(file) } catch { return 0 }
  const chunk = Buffer.allocUnsafe(1 << 20)
  let lines = 0
  for (let size = 0; (size = readSync(descriptor, chunk)) > 0;) {
    for (let at = chunk.indexOf(10); at >= 0 && at < size; at = chunk.indexOf(10, at + 1)) lines++
  }
  closeSync(descriptor)
  return lines
}
