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
 * Each round is one stream's life, in a process of its own, and the same steps in two others with streams that do nothing: one
 * alone, and one beside a thread that does nothing either and is started again wherever the writer is. What the machine does
 * to the main thread it does to all of them, what Node takes for a thread that dies to the latter; what is left between those
 * is ours. The first life of each sink is held against its promises, and not timed: code is compiled in it.
 */

const { fork } = require('node:child_process')
const { join } = require('node:path')
const { parseArgs } = require('node:util')
const { Disk, Pipe, Target } = require('./chaos-sinks')
const { generator } = require('./generator')
const { TITLES, report, compareLongest } = require('./pauses')

const SINKS = { disk: Disk, pipe: Pipe, target: Target }
const { values } = parseArgs({ options: { seed: { type: 'string' }, seconds: { type: 'string', default: '10' }, sink: { type: 'string', default: 'disk' } } })
const seed = Number(values.seed ?? Date.now() % 1e9)
console.log(`chaos --seed ${seed} --seconds ${values.seconds} --sink ${values.sink}`)

/** The longest pause of a round is a garbage collection, with ours and without. From so many rounds on the median says so. */
const MANY_ROUNDS = 20
const MOST_PAUSE_RATIO = 1.5
/** What a few can show, and the worst pause of many rounds: that in CPU has been four times as long by chance. */
const FEW_ROUNDS = 3
const MOST_RATIO_OF_FEW = 4
const MOST_WORST_RATIO = 10
const totals = { written: 0, accepted: 0, dropped: 0, delivered: 0, repeated: 0, told: 0, skipped: 0, deaths: 0, restarts: 0, streams: 0, worsened: 0 }
const broken = []
const demand = (isKept, promise) => { if (!isKept) broken.push(promise) }

/** A process that logs, or seems to. */
class Application {
  /** The longest pause of each round, and what is known of all. */
  rounds = []
  all = {}
  #process
  constructor (kind) { this.#process = fork(join(__dirname, 'chaos-app.js'), [kind], { execArgv: ['--expose-gc'] }) }

  /** One stream's life. The sink gets worse and is mended as the application comes to that. */
  live (life, sink) {
    return new Promise((resolve, reject) => {
      const died = (code, signal) => reject(new Error(`the application is gone: ${signal ?? code}`))
      this.#process.once('exit', died)
      this.#process.removeAllListeners('message').on('message', ({ broken, fault, lived, longest, all }) => {
        if (broken !== undefined) demand(false, `stream ${totals.streams}: ${broken}`)
        if (fault === 'worsen') totals.worsened++
        if (fault !== undefined) sink[fault]()
        if (longest === undefined) return
        this.#process.off('exit', died)
        if (life.isTimed) this.rounds.push(longest)
        this.all = all
        resolve(lived)
      })
      this.#process.send(life)
    })
  }

  end () { this.#process.disconnect() }
}

const applications = { ours: new Application('ours'), noOp: new Application('noOp'), thread: new Application('thread') }

/** Holds what arrived against what the stream says it accepted. */
function settle (sink, found, { stats, written, deaths, noticesLeftOut }) {
  const { delivered } = found
  for (const notice of noticesLeftOut) found.told += JSON.parse(notice).dropped
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
  totals.deaths += deaths
  totals.written += written
  totals.delivered += delivered
  totals.repeated += found.repeated
  totals.told += found.told
}

const CAPACITIES = ['64kb', '256kb', '1mb', '8mb']

async function shake (sink, random, seconds) {
  const kinds = Object.keys(applications)
  let end
  for (let first = 0; end === undefined || performance.now() < end;) {
    const isTimed = end !== undefined
    const options = { ...sink.options, capacity: CAPACITIES[random(4)], wait: random(3) === 0 ? 'park' : 'poll', maxRestarts: 1000, exitTimeout: 20_000 }
    const life = { options, steps: random(2 ** 31), first, isTimed }
    const turned = totals.streams++ % kinds.length // each comes first as often
    const lived = {}
    sink.begin()
    for (const kind of [...kinds.slice(turned), ...kinds.slice(0, turned)]) lived[kind] = await applications[kind].live(life, sink)
    settle(sink, await sink.end(), lived.ours)
    first += lived.ours.written
    end ??= performance.now() + seconds * 1000
  }
  sink.close()
}

async function main () {
  const names = values.sink.split(',')
  const random = generator(seed)
  for (const name of names) await shake(new SINKS[name](), random, Number(values.seconds) / names.length)
  console.log(JSON.stringify(totals))
  console.log(report(applications))
  demandPauses('noOp', 'CPU')
  demandPauses('thread', 'CPU')
  demandPauses('thread', 'time')
}

/** By the clock a thread that works or starts costs the main thread something on two cores, whoever it is. */
function demandPauses (kind, clock) {
  const { ratio, worst, rounds } = compareLongest(applications, kind, clock)
  const than = `times ${clock === 'CPU' ? 'the work' : 'the time'} of that with ${TITLES[kind]}`
  const mostRatio = rounds >= MANY_ROUNDS ? MOST_PAUSE_RATIO : rounds >= FEW_ROUNDS && clock === 'CPU' ? MOST_RATIO_OF_FEW : Infinity
  demand(ratio <= mostRatio, `the longest pause of a round is ${ratio.toFixed(2)} ${than}`)
  demand(rounds < MANY_ROUNDS || worst <= MOST_WORST_RATIO, `the worst pause of all is ${worst.toFixed(2)} ${than}`)
}

main().catch((error) => demand(false, error.stack)).finally(() => {
  for (const application of Object.values(applications)) application.end()
  for (const promise of broken.slice(0, 20)) console.log(`BROKEN ${promise}`)
  console.log(broken.length === 0 ? 'every promise kept' : `${broken.length} broken`)
  process.exitCode = broken.length === 0 ? 0 : 1
})
