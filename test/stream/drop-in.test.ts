import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { runScript, scriptFile, temporaryDirectory } from '../support/process'

const PINO_PINNED = join(__dirname, '..', '..', 'dist', 'index.js')

const APPEND_TARGET = join(__dirname, '..', 'fixtures', 'append-target.js')

const config = (options: object): string => `require('pino')({ transport: { target: ${JSON.stringify(PINO_PINNED)}, options: ${JSON.stringify(options)} } })`

test.each([
  ['that the ring has room for', { capacity: '16mb' }],
  ["larger than the ring, with onFull: 'block',", { capacity: '1mb', onFull: 'block' }]
])('as target in pino\'s own config every line of a burst %s arrives, whole and in order', async (_, options) => {
  const path = join(temporaryDirectory(), 'app.log')
  const { code, stderr } = await runScript(`
    const logger = ${config({ destination: path, ...options })}
    for (let line = 0; line < 50000; line++) logger.info({ line }, '世界 🌍')
  `)
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
  const lines = readFileSync(path, 'utf8').trimEnd().split('\n').map((line) => JSON.parse(line))
  expect(lines.map((line) => line.line)).toEqual(Array.from({ length: 50000 }, (_, line) => line))
  expect(new Set(lines.map((line) => line.msg))).toEqual(new Set(['世界 🌍']))
})

test('with an inner target, resolved from the application\'s main file', async () => {
  const path = join(temporaryDirectory(), 'app.log')
  const { code, stderr } = await runScript(`
    const logger = ${config({ target: APPEND_TARGET, options: { path } })}
    for (let line = 0; line < 1000; line++) logger.info({ line })
    process.exit()
  `)
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
  expect(readFileSync(path, 'utf8').trimEnd().split('\n')).toHaveLength(1000)
})

test('when the sink stalls whole lines are dropped, never a part of one nor a neighbour', async () => {
  const LINES = 100_000
  const child = spawn(process.execPath, [scriptFile(`
    const fs = require('node:fs')
    const stream = require('pino').transport({ target: ${JSON.stringify(PINO_PINNED)}, options: { destination: 1, capacity: '64kb', exitTimeout: 20000 } })
    stream.once('drop', () => fs.writeSync(2, 'dropped'))
    const logger = require('pino')(stream)
    for (let line = 0; line < ${LINES}; line++) logger.info({ line, text: 'x'.repeat(line % 300) })
    process.stdin.once('data', () => process.stdin.destroy())
  `)], { stdio: ['pipe', 'pipe', 'pipe'] })
  const chunks: Buffer[] = []
  await once(child.stderr, 'data') // before that nobody reads
  child.stdout.on('data', (chunk: Buffer) => chunks.push(chunk))
  child.stdin.write('go')
  const [code] = await once(child, 'close')
  expect(code).toBe(0)
  let next = 0
  let dropped = 0
  for (const text of Buffer.concat(chunks).toString().trimEnd().split('\n')) {
    const line = JSON.parse(text)
    if (line.dropped !== undefined) {
      next += line.dropped
      dropped += line.dropped
    } else {
      expect(line).toMatchObject({ line: next, text: 'x'.repeat(next % 300) })
      next++
    }
  }
  expect(next).toBe(LINES)
  expect(dropped).toBeGreaterThan(0)
})

test("drops and stats reach the application as events of pino's stream", async () => {
  const child = spawn(process.execPath, [scriptFile(`
    const fs = require('node:fs')
    const stream = require('pino').transport({ target: ${JSON.stringify(PINO_PINNED)}, options: { destination: 1, capacity: '64kb', exitTimeout: 100 } })
    stream.once('drop', (counts) => stream.once('stats', (stats) => {
      fs.writeSync(2, JSON.stringify({ counts, stats }) + '\\n')
      process.exit()
    }))
    const logger = require('pino')(stream)
    setInterval(() => { for (let line = 0; line < 1000; line++) logger.info({ line }) }, 1)
  `)], { stdio: ['ignore', 'pipe', 'pipe'] })
  let report = ''
  child.stderr.setEncoding('utf8').on('data', (chunk: string) => { report += chunk })
  await Promise.all([once(child, 'exit'), once(child.stderr, 'end')])
  child.stdout.destroy()
  const { counts, stats } = JSON.parse(report.split('\n')[0]!)
  expect(counts.linesDropped).toBeGreaterThan(0)
  expect(stats.linesDropped).toBeGreaterThanOrEqual(counts.linesDropped)
})

test('an error of the sink never crashes the application: it is a warning', async () => {
  // The warning is that of pino's transport thread: the application can't hear it, so it goes on when we have seen it.
  const child = spawn(process.execPath, [scriptFile(`
    const logger = ${config({ destination: '/no/such/directory/app.log' })}
    process.stdin.once('data', () => {
      logger.info('still here')
      console.log('alive')
      process.stdin.destroy()
    })
  `)], { stdio: 'pipe' })
  let stderr = ''
  let stdout = ''
  child.stdout.setEncoding('utf8').on('data', (chunk: string) => { stdout += chunk })
  child.stderr.setEncoding('utf8').on('data', (chunk: string) => {
    if (!stderr.includes('ENOENT') && (stderr + chunk).includes('ENOENT')) child.stdin.write('go on')
    stderr += chunk
  })
  const [code] = await once(child, 'close')
  expect({ code, stdout }).toEqual({ code: 0, stdout: 'alive\n' })
  expect(stderr).toMatch(/ENOENT/)
})

test.each([
  ['cannot be opened', () => ({ destination: '/no/such/directory/app.log' }), 'ENOENT'],
  ['throws as it is loaded', () => ({ target: scriptFile("throw new Error('on purpose')", 'target.js') }), 'on purpose'],
  ['takes nothing', () => ({ destination: '/dev/full', exitTimeout: 100 }), 'ENOSPC']
])('a sink that %s does not hold the process for as long as pino waits, and stderr says why', async (_, options, why) => {
  const { code, stderr, ms } = await runScript(`
    const logger = ${config(options())}
    for (let line = 0; line < 10; line++) logger.info({ line })`)
  expect(code).toBe(0)
  expect(stderr).toContain(why)
  expect(ms).toBeLessThan(10_000) // what pino gives a transport to end
})

/** How often each of what follows must come out the same: what it is about is lost by a few milliseconds. */
const ROUNDS = 3

const toFile = (path: string): object => ({ destination: path })

test.each([
  ['', 'in a file', toFile, ''],
  ['', 'in a file under one of several targets', (path: string) => ({ targets: [{ target: 'pino/file', options: { destination: path } }, { target: 'pino/file', options: { destination: '/dev/null' } }] }), ''],
  ['', 'with a target that has it written', (path: string) => ({ target: APPEND_TARGET, options: { path } }), ''],
  [', its level a label,', 'in a file', toFile, 'formatters: { level: (label) => ({ level: label }) }'],
  [', its level a label in capitals,', 'in a file', toFile, 'formatters: { level: (label) => ({ level: label.toUpperCase() }) }'],
  [', its level under another key,', 'in a file', toFile, "formatters: { level: (label, level) => ({ severity: level === 60 ? 'CRITICAL' : 'DEFAULT', level }) }"],
  [' beside custom levels', 'in a file', toFile, 'customLevels: { audit: 35, doom: 70 }']
])('when fatal() returns the line%s is %s, and those before it: SIGKILL takes none of them', async (_, where, options, loggerOptions) => {
  for (let round = 0; round < ROUNDS; round++) {
    const path = join(temporaryDirectory(), 'app.log')
    const { signal } = await runScript(`
      const pino = require('pino')
      const stream = pino.transport({ target: ${JSON.stringify(PINO_PINNED)}, options: ${JSON.stringify(options(path))} })
      const logger = pino({ ${loggerOptions} }, stream)
      stream.once('ready', () => {
        logger.info('before')
        logger.fatal('the end')
        process.kill(process.pid, 'SIGKILL')
      })
    `)
    const messages = readFileSync(path, 'utf8').trimEnd().split('\n').map((line) => JSON.parse(line).msg)
    expect({ signal, where, messages }).toEqual({ signal: 'SIGKILL', where, messages: ['before', 'the end'] })
  }
})

/** An application whose target says when it is given a line. */
const withTarget = (taking: string, logger: string): string => `
  const stream = require('pino').transport({ target: ${JSON.stringify(PINO_PINNED)}, options: ${JSON.stringify({
    target: scriptFile(`
      const { Writable } = require('node:stream')
      const { parentPort } = require('node:worker_threads')
      module.exports = () => new Writable({ write () { parentPort.postMessage({ code: 'EVENT', name: 'given', args: [] })
        ${taking} } })`, 'target.js'),
    exitTimeout: 300
  })} })
  const logger = require('pino')(stream)
  ${logger}`

test('fatal() waits for a target that takes nothing once, not with each line', async () => {
  const { code, stdout } = await runScript(withTarget('', `
    stream.once('ready', () => {
      const before = performance.now()
      for (let line = 0; line < 20; line++) logger.fatal('again')
      console.log(performance.now() - before)
      process.exit()
    })`))
  expect(code).toBe(0)
  expect(Number(stdout)).toBeLessThan(20 * 300 / 2)
})

test('a target that never calls back is not told of as dead when the process leaves: stderr says what was left, and no more', async () => {
  for (let round = 0; round < ROUNDS; round++) {
    const { code, stderr } = await runScript(withTarget('', "stream.once('given', () => process.exit())\nlogger.info('x')"))
    expect(code).toBe(0)
    expect(stderr).toMatch(/^\(node:\d+\) \[ERR_PINO_PINNED_TIMEOUT\] Error: end: .* up to 1 is left there\n$/)
  }
})

test('one whose thread ends by itself is', async () => {
  const { code, stderr } = await runScript(withTarget('process.exit(0)', "stream.once('writer-restart', () => process.exit())\nlogger.info('x')"))
  expect(code).toBe(0)
  expect(stderr).toMatch(/the log writer died and is started again .* exited with code 0/)
})

test.each(['pino', 'pino9'])('what an inner target warns of the application hears as a warning, once (%s)', async (pino) => {
  const target = scriptFile(`
    require('node:worker_threads').parentPort.postMessage({ code: 'WARNING', err: new Error('careful') })
    module.exports = () => new (require('node:stream').Writable)({ write (chunk, encoding, callback) { callback() } })`, 'target.js')
  const { code, stdout, stderr } = await runScript(`
    const hold = setInterval(() => {}, 1000)
    process.on('warning', ({ message }) => {
      console.log(message)
      clearInterval(hold)
    })
    require('${pino}')(${JSON.stringify({ transport: { target: PINO_PINNED, options: { target } } })}).info('x')`)
  expect({ code, stdout }).toEqual({ code: 0, stdout: 'careful\n' })
  expect(stderr.match(/careful/g)).toHaveLength(1)
})
