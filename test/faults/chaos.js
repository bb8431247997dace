'use strict'

/**
 * Random faults against one log of numbered lines, then a check of every byte.
 *
 *     node test/faults/chaos.js [--seed N] [--seconds N] [--sink disk|pipe]
 *
 * The seed decides which faults come and how large they are; the moments at which the threads meet them are the machine's.
 * Needs root on Linux for `disk` (a tmpfs of its own). Prints a report; the exit code is 1 if a promise was broken.
 */

const { execFileSync } = require('node:child_process')
const fs = require('node:fs')
const { tmpdir } = require('node:os')
const { join } = require('node:path')
const { setTimeout: sleep, setImmediate: turn } = require('node:timers/promises')
const { parseArgs } = require('node:util')
const { transport } = require('../..')
const { check, numbered } = require('./lines')

const { values } = parseArgs({ options: { seed: { type: 'string' }, seconds: { type: 'string', default: '10' }, sink: { type: 'string', default: 'disk' } } })
const seed = Number(values.seed ?? Date.now() % 1e9)
console.log(`chaos --seed ${seed} --seconds ${values.seconds} --sink ${values.sink}`)

/** mulberry32 */
let state = seed
function random (below) {
  state = (state + 0x6D2B79F5) | 0
  let t = Math.imul(state ^ (state >>> 15), 1 | state)
  t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
  return Math.floor((((t ^ (t >>> 14)) >>> 0) / 4294967296) * below)
}

const directory = fs.mkdtempSync(join(tmpdir(), 'pino-pinned-chaos-'))
const LONG_BYTES = 20_000
const totals = { written: 0, accepted: 0, dropped: 0, delivered: 0, repeated: 0, told: 0, kills: 0, restarts: 0, streams: 0, flushes: 0, fills: 0, stalls: 0 }
const broken = []
const worstMs = { ours: 0, noOp: 0 }

const demand = (isKept, promise) => { if (!isKept) broken.push(promise) }
for (const event of ['uncaughtException', 'unhandledRejection']) process.on(event, (error) => demand(false, `${event}: ${error?.stack}`))
process.on('warning', () => {}) // one a stream is expected: its writer died

/** A file on a disk of 48 MB that can be filled. */
class Disk {
  constructor () {
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=48m', 'tmpfs', directory])
    this.path = join(directory, 'app.log')
    this.ballast = join(directory, 'ballast')
  }

  worsen () {
    totals.fills++
    const fd = fs.openSync(this.ballast, 'w')
    try {
      for (;;) fs.writeSync(fd, Buffer.alloc(1 << 20))
    } catch {} // full
    fs.closeSync(fd)
  }

  mend () { fs.rmSync(this.ballast, { force: true }) }
  get isNearlyFull () { return fs.statSync(this.path, { throwIfNoEntry: false })?.size > 16e6 }
  takeText () {
    const text = fs.readFileSync(this.path, 'utf8')
    fs.rmSync(this.path)
    return text
  }

  close () { execFileSync('umount', ['--lazy', directory]) }
}

/** A FIFO whose reader stops and goes on. */
class Pipe {
  #chunks = []
  #bytes = 0
  #isStalled = false
  #buffer = Buffer.alloc(65536)
  constructor () {
    this.path = join(directory, 'fifo')
    execFileSync('mkfifo', [this.path])
    this.fd = fs.openSync(this.path, fs.constants.O_RDONLY | fs.constants.O_NONBLOCK)
    this.timer = setInterval(() => this.#read(), 2)
  }

  #read () {
    for (let count = 1; count > 0 && !this.#isStalled;) {
      try {
        count = fs.readSync(this.fd, this.#buffer)
      } catch {
        return // nothing there
      }
      this.#chunks.push(Buffer.from(this.#buffer.subarray(0, count)))
      this.#bytes += count
    }
  }

  worsen () {
    totals.stalls++
    this.#isStalled = true
  }

  mend () { this.#isStalled = false }
  get isNearlyFull () { return this.#bytes > 16e6 }
  takeText () {
    this.#read()
    const text = Buffer.concat(this.#chunks).toString()
    this.#chunks = []
    this.#bytes = 0
    return text
  }

  close () {
    clearInterval(this.timer)
    fs.closeSync(this.fd)
  }
}

let n = 0
let first = 0

const noOp = { write () {} }

/** Writes each line to the stream, and to one that does nothing: what the machine does to a thread, it does to both. */
function write (stream, count) {
  for (const end = n + count; n < end; n++) {
    const line = numbered(n, LONG_BYTES)
    const start = performance.now()
    noOp.write(numbered(n, LONG_BYTES))
    const between = performance.now()
    try {
      stream.write(line)
    } catch (error) {
      demand(false, `write threw ${error.stack}`)
    }
    worstMs.noOp = Math.max(worstMs.noOp, between - start)
    worstMs.ours = Math.max(worstMs.ours, performance.now() - between)
  }
}

async function kill (stream) {
  if (stream.stats().writerState === 'restarting') return
  totals.kills++
  stream.worker.terminate()
}

const STEPS = [
  async (stream) => write(stream, random(20_000)),
  async (stream) => { for (let turns = random(50); turns > 0; turns--) { write(stream, random(200)); await turn() } },
  async () => sleep(random(100)),
  async (stream) => { await sleep(random(20)); await kill(stream) },
  async (stream) => { write(stream, random(3000)); await kill(stream); write(stream, random(3000)) },
  async (stream, sink) => { sink.worsen(); write(stream, random(5000)); await sleep(random(150)) },
  async (stream, sink) => sink.mend(),
  async (stream, sink) => sink.mend(),
  async (stream) => { totals.flushes++; stream.flush(() => { totals.flushes-- }) },
  async (stream) => { stream.flushSync(random(20)) }
]

/** Ends the stream and holds what arrived against what it says it accepted. */
async function settle (stream, sink) {
  sink.mend()
  await new Promise((resolve) => stream.flush(resolve))
  const closed = new Promise((resolve) => stream.once('close', resolve))
  stream.end()
  await closed
  const stats = stream.stats()
  const found = check(sink.takeText(), LONG_BYTES)
  const where = `stream ${totals.streams}: `
  demand(found.torn.length === 0, `${where}no torn line, but ${JSON.stringify(found.torn.slice(0, 3))}`)
  demand(found.inOrder, `${where}order kept`)
  demand(found.numbers.length === stats.linesAccepted, `${where}accepted ${stats.linesAccepted} = delivered ${found.numbers.length}`)
  demand(stats.linesAccepted + stats.linesDropped === n - first, `${where}accepted + dropped = written ${n - first}`)
  demand(stats.linesWritten === stats.linesAccepted, `${where}counted as written ${stats.linesWritten} = accepted ${stats.linesAccepted}`)
  demand(found.told === stats.linesDropped, `${where}told ${found.told} = dropped ${stats.linesDropped}`)
  demand(found.repeated <= stats.restarts, `${where}repeated ${found.repeated} <= restarts ${stats.restarts}`)
  demand(stats.linesSkipped === 0, `${where}nothing skipped`)
  totals.written += n - first
  totals.accepted += stats.linesAccepted
  totals.dropped += stats.linesDropped
  totals.delivered += found.numbers.length
  totals.repeated += found.repeated
  totals.told += found.told
  totals.restarts += stats.restarts
  first = n
}

async function main () {
  const sink = values.sink === 'pipe' ? new Pipe() : new Disk()
  const capacities = ['64kb', '256kb', '1mb', '8mb']
  const end = performance.now() + Number(values.seconds) * 1000
  while (performance.now() < end) {
    totals.streams++
    const stream = transport({ destination: sink.path, capacity: capacities[random(4)], wait: random(3) === 0 ? 'park' : 'poll', maxRestarts: 1000, exitTimeout: 20_000 })
    stream.on('error', (error) => demand(false, `'error': ${error.message}`))
    for (let steps = 20 + random(40); steps > 0 && performance.now() < end; steps--) {
      await STEPS[random(STEPS.length)](stream, sink)
      await turn()
      if (sink.isNearlyFull) break
    }
    await settle(stream, sink)
  }
  await sleep(20) // flush callbacks come in a turn of their own
  demand(totals.flushes === 0, `every flush called back, but ${totals.flushes}`)
  sink.close()
  fs.rmSync(directory, { recursive: true, force: true })
  console.log(JSON.stringify(totals))
  console.log(`longest write: ${worstMs.ours.toFixed(2)} ms; to a no-op stream meanwhile: ${worstMs.noOp.toFixed(2)} ms`)
  for (const promise of broken.slice(0, 20)) console.log(`BROKEN ${promise}`)
  console.log(broken.length === 0 ? 'every promise kept' : `${broken.length} broken`)
  process.exitCode = broken.length === 0 ? 0 : 1
}

main()
