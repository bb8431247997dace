// npm run bench [-- --quick] [measure …]: measures, prints tables, writes bench/results/<machine>-<node>.json and .html
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import os from 'node:os'
import { parseArgs } from 'node:util'
import { isThreadClock } from './clock.mjs'
import './fleet.mjs'
import { page } from './report/html.mjs'
import { plainTable, targetSection } from './report/tables.mjs'

const MEASURES = ['added-cost', 'latency', 'burst', 'throughput', 'stalled', 'delivery', 'idle', 'memory', 'service', 'threads', 'pinning']
const RESULTS = new URL('results/', import.meta.url)

const { values: { quick = false }, positionals } = parseArgs({ options: { quick: { type: 'boolean' } }, allowPositionals: true })
const wrong = positionals.find((name) => !MEASURES.includes(name))
if (wrong !== undefined) {
  console.error(`no measure ${wrong}; there are: ${MEASURES.join(', ')}`)
  process.exit(1)
}
const chosen = positionals.length === 0 ? MEASURES : positionals

const machine = {
  cpu: `${os.availableParallelism()} × ${os.cpus()[0]?.model.trim()}`,
  memory: `${Math.round(os.totalmem() / 2 ** 30)} GiB`,
  system: `${os.type()} ${os.release()} ${os.arch()}`,
  node: process.version,
  'pino-pinned': JSON.parse(readFileSync(new URL('../package.json', import.meta.url))).version,
  mode: quick ? 'quick' : 'full',
  date: new Date().toISOString(),
  'load before': os.loadavg()[0].toFixed(2)
}

/** What a measure tells while it runs. */
class Progress {
  isQuick = quick
  remarks = []
  #title
  #done = 0
  #of = 1
  #part

  constructor (title, part) {
    this.#title = title
    this.#part = part
    this.#draw()
  }

  expect (steps) { this.#of = Math.max(1, steps) }
  tick () {
    this.#done++
    this.#draw()
  }

  remark (text) { this.remarks.push(text) }

  #draw () {
    if (!process.stderr.isTTY) return
    const part = (this.#part + Math.min(1, this.#done / this.#of)) / chosen.length
    const bar = '█'.repeat(Math.round(part * 30)).padEnd(30, '░')
    process.stderr.write(`\r\x1b[K${bar} ${Math.round(part * 100)} %  ${this.#title}`)
  }

  close () { if (process.stderr.isTTY) process.stderr.write('\r\x1b[K') }
}

console.log(Object.entries(machine).map(([name, value]) => `${name}: ${value}`).join('\n'))
if (!isThreadClock) console.log('no addon: CPU times are of the process, not of the thread')
const started = performance.now()
const measures = []
for (const [part, name] of chosen.entries()) {
  const { run, title } = await import(`./measures/${name}.mjs`)
  const progress = new Progress(title, part)
  const from = performance.now()
  try {
    measures.push({ name, title, ...await run(progress), remarks: progress.remarks })
  } catch (error) {
    // One that fails must not cost the others.
    measures.push({ name, title, sections: [], remarks: [...progress.remarks, `failed: ${error.stack}`] })
    process.exitCode = 1
  }
  measures.at(-1).seconds = (performance.now() - from) / 1000
  progress.close()
  const { title: heading, sections, remarks, seconds } = measures.at(-1)
  console.log(`\n# ${heading} (${seconds.toFixed(0)} s)`)
  for (const section of sections) console.log(`\n${section.title}\n${plainTable(section)}`)
  for (const remark of remarks) console.log(`! ${remark}`)
}
const targets = measures.flatMap((measure) => measure.targets ?? [])
if (targets.length > 0) console.log(`\n# Targets\n\n${plainTable(targetSection(targets))}`)

mkdirSync(RESULTS, { recursive: true })
const name = `${os.hostname()}-${process.version}${chosen === MEASURES ? '' : '-part'}`
const results = { machine, measures, seconds: (performance.now() - started) / 1000 }
writeFileSync(new URL(`${name}.json`, RESULTS), JSON.stringify(results, null, 1) + '\n')
writeFileSync(new URL(`${name}.html`, RESULTS), page(results))
console.log(`\nbench/results/${name}.json and .html, after ${Math.round(results.seconds)} s`)
process.exit()
