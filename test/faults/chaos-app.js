'use strict'

/**
 * The application of the chaos run, in a process of its own: what holds its main thread, and makes its garbage, is the log's
 * and not the checker's. `node --expose-gc chaos-app.js ours|noOp|thread` lives through one stream's life for each message
 * `{ options, steps, first, isTimed }`; it says when the sink is to get worse or be mended, and at the end what came of it.
 */

const { once } = require('node:events')
const { setTimeout: sleep, setImmediate: turn } = require('node:timers/promises')
const { Worker } = require('node:worker_threads')
const { transport } = require('../..')
const { WAYS } = require('./chaos-target')
const { generator } = require('./generator')
const { LONG_BYTES, numbered } = require('./lines')
const { Pauses } = require('./pauses')

/** A life's log has to fit onto the disk. */
const MOST_LINES = 50_000

let pauses = new Pauses()
const demand = (isKept, promise) => { if (!isKept) process.send({ broken: promise }) }
for (const event of ['uncaughtException', 'unhandledRejection']) process.on(event, (error) => demand(false, `${event}: ${error?.stack}`))
process.removeAllListeners('warning') // one a stream is expected: its writer died
/** What the stream tells of drops, as its target died of the lines that do. */
const noticesLeftOut = []
process.on('warning', ({ message }) => {
  const notice = /which the log goes without: (.*)/.exec(message)?.[1]
  if (notice !== undefined) noticesLeftOut.push(notice)
})

/** A stream that does nothing. */
class NoOp {
  write () {}
  flush (callback) { setImmediate(callback) }
  flushSync () {}
  die () {}
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
class Life {
  #first
  #n
  #flushesLeft = 0
  deaths = 0
  constructor ({ stream, random, first, hasTarget }) {
    Object.assign(this, { stream, random, hasTarget })
    this.#n = this.#first = first
  }

  get written () { return this.#n - this.#first }
  get flushesLeft () { return this.#flushesLeft }

  write (count) {
    for (let left = count; left > 0; left--) {
      pauses.start()
      try {
        this.stream.write(numbered(this.#n++, LONG_BYTES))
      } catch (error) {
        demand(false, `write threw ${error.stack}`)
      }
      pauses.stop('line')
    }
  }

  /** Turns of the event loop with nothing in them but what the stream does there. */
  async turns (isDone) {
    do {
      pauses.start()
      await turn()
      pauses.stop('turn')
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
    pauses.start()
    if (stream instanceof NoOp) stream.die()
    else if (stream.stats().writerState !== 'restarting') this.#kill(how)
    pauses.stop('turn')
  }

  #kill (how) {
    this.deaths++
    if (how === 0 || !this.hasTarget) this.stream.worker.terminate()
    else this.stream.emit('message', { die: WAYS[how - 1] })
  }

  flush () {
    this.#flushesLeft++
    pauses.start()
    this.stream.flush(() => { this.#flushesLeft-- })
    pauses.stop('turn')
  }
}

const worsen = () => process.send({ fault: 'worsen' })
const mend = () => process.send({ fault: 'mend' })

const STEPS = [
  async (life) => life.write(life.random(20_000)),
  async (life) => { for (let turns = life.random(50); turns > 0; turns--) { life.write(life.random(200)); await life.turns(() => true) } },
  async (life) => life.wait(life.random(100)),
  async (life) => { await life.wait(life.random(20)); life.die() },
  async (life) => { life.write(life.random(3000)); life.die(); life.write(life.random(3000)) },
  async (life) => { worsen(); life.write(life.random(5000)); await life.wait(life.random(150)) },
  async () => mend(),
  async () => mend(),
  async (life) => life.flush(),
  async (life) => { life.stream.flushSync(life.random(20)) }
]

async function live (life) {
  const { random } = life
  globalThis.gc() // what a stream's start has left in the heap
  for (let steps = 20 + random(40); steps > 0 && life.written < MOST_LINES; steps--) {
    await STEPS[random(STEPS.length)](life)
    await life.turns(() => true)
  }
  mend()
}

/** Each ends its stream, and gives what is to be held against the log. */
const KINDS = {
  async ours ({ options, ...more }) {
    const stream = transport(options)
    stream.on('error', (error) => demand(false, `'error': ${error.message}`))
    const life = new Life({ stream, hasTarget: 'target' in options, ...more })
    await live(life)
    await new Promise((resolve) => stream.flush(resolve))
    const closed = once(stream, 'close')
    stream.end()
    await closed
    const stats = stream.stats()
    await turn() // warnings come in a turn of their own
    demand(life.flushesLeft === 0, `every flush called back, but ${life.flushesLeft}`)
    return { stats, written: life.written, deaths: life.deaths, noticesLeftOut: noticesLeftOut.splice(0) }
  },
  async noOp (more) { await live(new Life({ stream: new NoOp(), ...more })) },
  async thread (more) {
    const stream = new NoOpAndThread()
    await live(new Life({ stream, ...more }))
    await stream.end()
  }
}

const [,, kind] = process.argv
process.on('message', async ({ options, steps, first, isTimed }) => {
  const lived = await KINDS[kind]({ options, random: generator(steps), first })
  process.send({ lived, longest: pauses.endRound(), all: pauses })
  if (!isTimed) pauses = new Pauses()
})
