import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import { Patience } from '../../src/patience'
import { runScript, scriptFile } from '../support/process'
import { check, logPath, makeFifo, read } from './support'

const LINES = 20_000

/** Logs a burst and gets the signal before the event loop turns again. */
const burst = (options: object, signal: string, more = ''): string => `
  const { numbered } = require('./faults/lines')
  const stream = require('pino-pinned').transport(${JSON.stringify(options)})
  ${more}
  stream.on('ready', () => {
    for (let n = 0; n < ${LINES}; n++) stream.write(numbered(n))
    process.kill(process.pid, '${signal}')
    setTimeout(() => {}, 60000).unref()
    setInterval(() => {}, 1000).unref()
  })
  process.stdin.resume()`

const open = { stdio: ['pipe', 'pipe', 'pipe'] as Array<'pipe'> }

describe.each(['SIGTERM', 'SIGINT', 'SIGHUP'])('flushOnSignal: %s', (signal) => {
  test('delivers everything, then the process dies of that signal as it would have', async () => {
    const path = logPath()
    const finished = await runScript(burst({ destination: path, flushOnSignal: [signal], exitTimeout: 20_000 }, signal), open)
    expect({ code: finished.code, signal: finished.signal }).toEqual({ code: null, signal })
    expect(check(read(path))).toMatchObject({ numbers: { length: LINES }, torn: [], repeated: 0, inOrder: true })
  })
})

test('two streams that ask for it are both delivered', async () => {
  const [one, two] = [logPath(), logPath()]
  const { signal } = await runScript(`
    const { numbered } = require('./faults/lines')
    const streams = ${JSON.stringify([one, two])}.map((destination) => require('pino-pinned').transport({ destination, flushOnSignal: ['SIGTERM'], exitTimeout: 20000 }))
    for (let n = 0; n < ${LINES}; n++) for (const stream of streams) stream.write(numbered(n))
    process.kill(process.pid, 'SIGTERM')
    process.stdin.resume()`, open)
  expect(signal).toBe('SIGTERM')
  expect([one, two].map((path) => check(read(path)).numbers.length)).toEqual([LINES, LINES])
})

test('a sink that does not move delays it by exitTimeout, not for ever', async () => {
  const { signal, stderr } = await runScript(burst({ destination: makeFifo(), flushOnSignal: ['SIGTERM'], exitTimeout: 200 }, 'SIGTERM').replace("stream.on('ready', () => {", 'setImmediate(() => {'), open)
  expect(signal).toBe('SIGTERM')
  expect(stderr).toMatch(/^pino-pinned: up to 20000 lines were left: the sink took nothing any more, ENXIO \(exitTimeout: 200 ms\)$/m)
}, 180_000)

test.each(['on', 'once', 'prependListener'])('where the application listens too (process.%s), what becomes of the process is its own business', async (how) => {
  const path = logPath()
  const { code, signal, stdout } = await runScript(burst({ destination: path, flushOnSignal: ['SIGTERM'], exitTimeout: 20_000 }, 'SIGTERM', `
    process.${how}('SIGTERM', () => {
      console.log('heard')
      setTimeout(() => { console.log('done'); process.exit(7) }, 100)
    })`), open)
  expect({ code, signal, stdout }).toEqual({ code: 7, signal: null, stdout: 'heard\ndone\n' })
  expect(check(read(path)).numbers).toHaveLength(LINES)
})

const execa = require.resolve('execa')
test.each([
  ['3 (in execa)', require.resolve('signal-exit', { paths: [execa] }), 'require(path)'],
  ['4', require.resolve('signal-exit'), 'require(path).onExit']
])('signal-exit %s, which leaves to others what they hear, does not hold the process; what its handlers log is delivered', async (_, file, onExit) => {
  const path = logPath()
  const finished = await runScript(burst({ destination: path, flushOnSignal: ['SIGTERM'], exitTimeout: 20_000 }, 'SIGTERM', `
    const path = ${JSON.stringify(file)}
    ${onExit}(() => { stream.write(numbered(${LINES})) })`), open)
  expect({ code: finished.code, signal: finished.signal }).toEqual({ code: null, signal: 'SIGTERM' })
  expect(check(read(path))).toMatchObject({ numbers: { length: LINES + 1 }, torn: [], repeated: 0, inOrder: true })
})

test("where a handler of signal-exit keeps the process, it goes on logging, and dies of the next signal that is nobody else's", async () => {
  const path = logPath()
  const finished = await runScript(`
    const { onExit } = require(${JSON.stringify(require.resolve('signal-exit'))})
    const stream = require('pino-pinned').transport({ destination: ${JSON.stringify(path)}, flushOnSignal: ['SIGTERM'], exitTimeout: 20000 })
    const { numbered } = require('./faults/lines')
    onExit(() => {
      setTimeout(() => {
        for (let n = 0; n < 100; n++) stream.write(numbered(n))
        process.kill(process.pid, 'SIGTERM')
      }, 100)
      return true
    })
    process.kill(process.pid, 'SIGTERM')
    process.stdin.resume()`, open)
  expect({ code: finished.code, signal: finished.signal }).toEqual({ code: null, signal: 'SIGTERM' })
  expect(check(read(path)).numbers).toHaveLength(100)
})

test('two copies of the package do not wait for each other', async () => {
  const [one, two] = [logPath(), logPath()]
  const { signal } = await runScript(`
    const { numbered } = require('./faults/lines')
    const first = require('pino-pinned')
    for (const file of Object.keys(require.cache)) if (file.includes('/dist/')) delete require.cache[file]
    const second = require('pino-pinned')
    if (first.transport === second.transport) throw new Error('one copy')
    const streams = [first.transport, second.transport].map((transport, at) => transport({ destination: ${JSON.stringify([one, two])}[at], flushOnSignal: ['SIGTERM'], exitTimeout: 20000 }))
    for (let n = 0; n < ${LINES}; n++) for (const stream of streams) stream.write(numbered(n))
    process.kill(process.pid, 'SIGTERM')
    process.stdin.resume()`, open)
  expect(signal).toBe('SIGTERM')
  expect([one, two].map((path) => check(read(path)).numbers.length)).toEqual([LINES, LINES])
})

test('a stream that has ended gives the signal back', async () => {
  const { stdout } = await runScript(`
    const stream = require('pino-pinned').transport({ destination: ${JSON.stringify(logPath())}, flushOnSignal: ['SIGTERM', 'SIGINT'] })
    const counts = () => console.log(process.listenerCount('SIGTERM'), process.listenerCount('SIGINT'))
    counts()
    stream.on('close', counts)
    stream.end()`)
  expect(stdout).toBe('1 1\n0 0\n')
})

test('300 ms after the last line nothing is left to lose, even under SIGKILL', async () => {
  const path = logPath()
  const child = spawn(process.execPath, [scriptFile(`
    const { numbered } = require('./faults/lines')
    const stream = require('pino-pinned').transport({ destination: ${JSON.stringify(path)} })
    stream.on('ready', () => setTimeout(() => { // long idle, so that the writer sleeps its longest
      for (let n = 0; n < ${LINES}; n++) stream.write(numbered(n))
      console.log('logged')
      for (;;); // nothing of ours gets a turn in this thread
    }, 500))
    setInterval(() => {}, 1000)`)], { stdio: ['ignore', 'pipe', 'inherit'] })
  await once(child.stdout, 'data')
  // The promise itself. Where the machine has no time for us it has none for the writer either: that does not count.
  const patience = new Patience()
  while (patience.look() < 300) await sleep(1)
  child.kill('SIGKILL')
  await once(child, 'exit')
  expect(check(read(path))).toMatchObject({ numbers: { length: LINES }, torn: [], inOrder: true })
})
