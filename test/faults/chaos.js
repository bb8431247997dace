'use strict'

/**
 * Random faults against one log of numbered lines, then a check of every byte.
 *
 *     node test/faults/chaos.js [--seed N] [--seconds N] [--sink disk,pipe,target]
 *
 * The seed decides which faults come and how large they are; the moments at which the threads meet them are the machine's.
 * The seconds are shared among the sinks. Needs root on Linux for `disk` (a tmpfs of its own). Prints a report; the exit
 * code is 1 if a promise was broken.
 *
 * Each round is one stream's life, and the same steps with two that do nothing: one alone, and one beside a thread that does
 * nothing either and is started again wherever the writer is. What the machine does to the main thread it does to all of
 * them, what Node takes for a thread that dies to the latter two; what is left between those is ours.
 */

const { once } = require('node:events')
const { setTimeout: sleep, setImmediate: turn } = require('node:timers/promises')
const { parseArgs } = require('node:util')
const { Worker } = require('node:worker_threads')
const { transport } = require('../..')
const { Disk, Pipe, Target } = require('./chaos-sinks')
const { WAYS } = require('./chaos-target')
const { check, numbered } = require('./lines')
const { Pauses, TITLES, report, compareLongest } = require('./pauses')

const SINKS = { disk: Disk, pipe: Pipe, target: Target }
const { values } = parseArgs({ options: { seed: { type: 'string' }, seconds: { type: 'string', default: '10' }, sink: { type: 'string', default: 'disk' } } })
const seed = Number(values.seed ?? Date.now() % 1e9)
console.log(`chaos --seed ${seed} --seconds ${values.seconds} --sink ${values.sink}`)

const LONG_BYTES = 20_000
/** The longest pause of a round is a garbage collection, with ours and without; from so many rounds on the median says so. */
const LEAST_ROUNDS = 20
const MOST_PAUSE_RATIO = 1.5
const totals = { written: 0, accepted: 0, dropped: 0, delivered: 0, repeated: 0, told: 0, skipped: 0, deaths: 0, restarts: 0, streams: 0, flushes: 0, worsened: 0 }
const broken = []
const pauses = { ours: new Pauses(), noOp: new Pauses(), thread: new Pauses() }

const demand = (isKept, promise) => { if (!isKept) broken.push(promise) }
for (const event of ['uncaughtException', 'unhandledRejection']) process.on(event, (error) => demand(false, `${event}: ${error?.stack}`))
process.removeAllListeners('warning') // one a stream is expected: its writer died
/** What the stream tells of drops, as its target died of the lines that do. */
const noticesLeftOut = []
process.on('warning', ({ message }) => {
  const notice = /which the log goes without: (.*)/.exec(message)?.[1]
  if (notice !== undefined) noticesLeftOut.push(notice)
})

/** mulberry32 */
function generator (state) {
  return (below) => {
    state = (state + 0x6D2B79F5) | 0
    let t = Math.imul(state ^ (state >>> 15), 1 | state)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return Math.floor((((t ^ (t >>> 14)) >>> 0) / 4294967296) * below)
  }
}

/** A stream that does nothing. */
class NoOp {
  write () {}
  flush (callback) { setImmediate(callback) }
  flushSync () {}
  die () {}
  end () {}
}

/** The same, beside a thread that does nothing. */
class NoOpAndThread extends NoOp {
  #start = () => new Worker('setInterval(() => {}, 1000)', { eval: true })
  #thread = this.#start()
  #ended
  die () {
    if (this.#ended !== undefined) return
    this.#ended = once(this.#thread, 'exit').then(() => {
      this.#thread = this.#start()
      this.#ended = undefined
    })
    this.#thread.terminate()
  }

  async end () {
    await this.#ended
    await this.#thread.terminate()
  }
}

/** One stream's life, or that of one that does nothing; and the main thread's pauses in it. */
class Round {
  #n
  #written = 0
  constructor ({ stream, sink, random, pauses, first }) {
    Object.assign(this, { stream, sink, random, pauses })
    this.#n = first
  }

  get next () { return this.#n }
  get written () { return this.#written }

  write (count) {
    for (let left = count; left > 0; left--) {
      this.pauses.start()
      try {
        this.stream.write(numbered(this.#n++, LONG_BYTES))
      } catch (error) {
        demand(false, `write threw ${error.stack}`)
      }
      this.pauses.stop('line')
      this.#written++
    }
  }

  /** Turns of the event loop with nothing in them but what the stream does there. */
  async turns (isDone) {
    do {
      this.pauses.start()
      await turn()
      this.pauses.stop('turn')
    } while (!isDone())
  }

  async wait (ms) {
    const end = performance.now() + ms
    if (this.random(3) === 0) await sleep(ms)
    else await this.turns(() => performance.now() >= end)
  }

  /** Ends the writer's life, in one way or another. */
  die () {
    const how = this.random(WAYS.length + 1)
    const { stream } = this
    if (stream instanceof NoOp) return stream.die()
    if (stream.stats().writerState === 'restarting') return
    totals.deaths++
    if (how === 0 || !(this.sink instanceof Target)) stream.worker.terminate()
    else this.sink.hurt(stream, WAYS[how - 1])
  }

  worsen () {
    totals.worsened++
    this.sink.worsen()
  }

  flush () {
    totals.flushes++
    this.stream.flush(() => { totals.flushes-- })
  }
}

const STEPS = [
  async (round) => round.write(round.random(20_000)),
  async (round) => { for (let turns = round.random(50); turns > 0; turns--) { round.write(round.random(200)); await round.turns(() => true) } },
  async (round) => round.wait(round.random(100)),
  async (round) => { await round.wait(round.random(20)); round.die() },
  async (round) => { round.write(round.random(3000)); round.die(); round.write(round.random(3000)) },
  async (round) => { round.worsen(); round.write(round.random(5000)); await round.wait(round.random(150)) },
  async (round) => round.sink.mend(),
  async (round) => round.sink.mend(),
  async (round) => round.flush(),
  async (round) => { round.stream.flushSync(round.random(20)) }
]

async function live (round) {
  const { random, sink } = round
  for (let steps = 20 + random(40); steps > 0; steps--) {
    await STEPS[random(STEPS.length)](round)
    await turn()
    if (sink.isNearlyFull) break
  }
  sink.mend()
}

/** Ends the stream and holds what arrived against what it says it accepted. */
async function settle ({ stream, sink, written }) {
  await new Promise((resolve) => stream.flush(resolve))
  const closed = new Promise((resolve) => stream.once('close', resolve))
  stream.end()
  await closed
  const stats = stream.stats()
  await turn() // warnings come in a turn of their own
  const found = check(sink.takeText(), LONG_BYTES)
  for (const notice of noticesLeftOut.splice(0)) found.told += JSON.parse(notice).dropped
  const delivered = found.numbers.length
  const where = `stream ${totals.streams}: `
  demand(found.torn.length === 0, `${where}no torn line, but ${JSON.stringify(found.torn.slice(0, 3))}`)
  demand(found.inOrder, `${where}order kept`)
  demand(stats.linesAccepted + stats.linesDropped === written, `${where}accepted + dropped = written ${written}`)
  demand(stats.linesWritten + stats.linesSkipped === stats.linesAccepted, `${where}counted as written ${stats.linesWritten} + skipped ${stats.linesSkipped} = accepted ${stats.linesAccepted}`)
  demand(found.repeated <= sink.mostRepeated(stats), `${where}repeated ${found.repeated}, with ${stats.restarts} restarts`)
  // A target may have had a line that it died with: that one is skipped, and only with a death.
  demand(stats.linesSkipped <= (sink instanceof Target ? stats.restarts : 0), `${where}skipped ${stats.linesSkipped}, with ${stats.restarts} restarts`)
  demand(delivered <= stats.linesAccepted && delivered >= stats.linesAccepted - stats.linesSkipped, `${where}accepted ${stats.linesAccepted} = delivered ${delivered}, but for the ${stats.linesSkipped} skipped`)
  sink.demandTold(found, stats, (isKept, promise) => demand(isKept, where + promise))
  totals.accepted += stats.linesAccepted
  totals.dropped += stats.linesDropped
  totals.skipped += stats.linesSkipped
  totals.restarts += stats.restarts
  totals.written += written
  totals.delivered += delivered
  totals.repeated += found.repeated
  totals.told += found.told
}

const CAPACITIES = ['64kb', '256kb', '1mb', '8mb']

async function shake (sink, random, seconds) {
  const end = performance.now() + seconds * 1000
  for (let first = 0; performance.now() < end;) {
    const options = { ...sink.options, capacity: CAPACITIES[random(4)], wait: random(3) === 0 ? 'park' : 'poll', maxRestarts: 1000, exitTimeout: 20_000 }
    const steps = random(2 ** 31)
    const begin = (kind, stream) => new Round({ stream, sink, random: generator(steps), pauses: pauses[kind], first })
    const lives = {
      async ours () {
        const stream = transport(options)
        stream.on('error', (error) => demand(false, `'error': ${error.message}`))
        const round = begin('ours', stream)
        await live(round)
        await settle(round)
        return round.next
      },
      noOp: () => live(begin('noOp', new NoOp())),
      async thread () {
        const stream = new NoOpAndThread()
        await live(begin('thread', stream))
        await stream.end()
      }
    }
    const kinds = Object.keys(lives)
    const turned = totals.streams++ % kinds.length // each comes first as often
    const ends = {}
    for (const kind of [...kinds.slice(turned), ...kinds.slice(0, turned)]) ends[kind] = await lives[kind]()
    first = ends.ours
    for (const kind of kinds) pauses[kind].endRound()
  }
  sink.close()
}

async function main () {
  const names = values.sink.split(',')
  const random = generator(seed)
  for (const name of names) await shake(new SINKS[name](), random, Number(values.seconds) / names.length)
  await sleep(20) // flush callbacks come in a turn of their own
  demand(totals.flushes === 0, `every flush called back, but ${totals.flushes}`)
  console.log(JSON.stringify(totals))
  console.log(report(pauses))
  for (const [kind, clock] of [['noOp', 'CPU'], ['thread', 'time']]) {
    const { ratio, rounds } = compareLongest(pauses, kind, clock)
    demand(rounds < LEAST_ROUNDS || ratio <= MOST_PAUSE_RATIO, `the main thread's longest pause, ${clock}, is ${ratio.toFixed(2)} times that with ${TITLES[kind]}`)
  }
  isDone = true
}

let isDone = false
process.on('exit', () => {
  demand(isDone, 'the run comes to its end')
  for (const promise of broken.slice(0, 20)) console.log(`BROKEN ${promise}`)
  console.log(broken.length === 0 ? 'every promise kept' : `${broken.length} broken`)
  process.exitCode = broken.length === 0 ? 0 : 1
})

main()
