import { setTimeout as sleep } from 'node:timers/promises'
import { runScript } from '../support/process'
import { check, expectComplete, finish, load, logPath, makeFifo, numbered, open, read, Reader, until } from './support'

test('a writer killed again and again under load: every line accepted is in the file, in order, at most one twice a death', async () => {
  const path = logPath()
  const { stream, restarts, errors } = open({ destination: path, capacity: '1mb', maxRestarts: 100 })
  const deaths = 8
  let n = 0
  for (let death = 1; death <= deaths; death++) {
    const at = n + 500 + (death * 7919) % 3000
    let isKilled = false
    while (restarts.length < death) {
      await load(stream, n, n + 100)
      n += 100
      await sleep(1)
      if (isKilled || n < at || stream.stats().writerState !== 'running') continue
      isKilled = true
      stream.worker.terminate()
    }
  }
  await finish(stream)
  expectComplete(stream, check(read(path)), n, deaths)
  expect(restarts).toEqual(Array.from({ length: deaths }, (_, at) => at + 1))
  expect(stream.stats().restarts).toBe(deaths)
  expect(errors).toEqual([])
}, 180_000)

test('lines longer than a write to a pipe are whole too when the writer dies in the middle of one', async () => {
  const longBytes = 150_000
  const path = makeFifo()
  const reader = new Reader(path)
  const { stream, restarts } = open({ destination: path, capacity: '4mb', maxRestarts: 100 })
  await load(stream, 0, 1000, longBytes)
  const written = stream.stats().linesAccepted
  const deaths = 5
  for (let death = 1; death <= deaths; death++) {
    // The pipe is full in the middle of a long line: the writer waits there.
    for (let chunk = 0; chunk < 3; chunk++) await until(() => reader.take(50_000))
    await until(() => stream.stats().writerState === 'stalled')
    stream.worker.terminate()
    await until(() => restarts.length === death)
  }
  const closed = finish(stream)
  await reader.takeUntil(() => stream.closed)
  await closed
  reader.close()
  // A pipe can't be taken back: what it has of the line under way is ended there, and the line goes on.
  const found = check(reader.text, longBytes)
  expect(found.torn).toEqual([])
  expect(found.numbers).toHaveLength(written)
  expect(found.repeated).toBeLessThanOrEqual(deaths)
})

test('while the event loop is busy lines wait or are dropped and counted; nothing throws; then logging goes on', async () => {
  const path = logPath()
  const { stream } = open({ destination: path, capacity: '64kb' })
  await until(() => stream.ready)
  stream.worker.terminate()
  let n = 0
  for (const end = performance.now() + 1500; performance.now() < end; n++) stream.write(numbered(n))
  expect(stream.stats().linesDropped).toBeGreaterThan(0)
  await until(() => stream.stats().restarts === 1 && stream.stats().used === 0)
  await load(stream, n, n + 100)
  await finish(stream)
  expectComplete(stream, check(read(path)), n + 100, 1)
})

/** A program that loses its writer and then waits for it without an event loop. */
const waits = (wait: string, options: object): string => `
  const { numbered } = require('./faults/lines')
  const stream = require('pino-pinned').transport(${JSON.stringify(options)})
  stream.on('ready', () => {
    for (let n = 0; n < 100; n++) stream.write(numbered(n))
    stream.worker.terminate()
    ${wait}
  })`

const BLOCKED: Array<[string, string, number, object]> = [
  ["a write under onFull: 'block'", "for (let n = 100; n < 20000; n++) stream.write(numbered(n)); console.log('true')", 20000, { onFull: 'block', capacity: '64kb' }],
  ['flushSync', 'for (let n = 100; n < 200; n++) stream.write(numbered(n)); console.log(stream.flushSync(20000)); process.reallyExit(0)', 200, {}],
  ['the exit hook', "for (let n = 100; n < 200; n++) stream.write(numbered(n)); console.log('true'); process.exit()", 200, { exitTimeout: 20000 }]
]

describe.each(BLOCKED)('a writer that dies while the thread is blocked in %s', (_, wait, lines, options) => {
  test.each([['with the addon', ''], ['without the addon', 'off']])('is started again from there, %s', async (_, addon) => {
    const path = logPath()
    const { code, stdout } = await runScript(waits(wait, { destination: path, ...options }), { env: { ...process.env, PINO_PINNED_ADDON: addon } })
    expect({ code, stdout }).toEqual({ code: 0, stdout: 'true\n' })
    const found = check(read(path))
    expect(found.torn).toEqual([])
    expect(found.numbers).toEqual(Array.from({ length: lines }, (_, n) => n))
  })
})

test('without the addon a killed writer loses and tears nothing; what it had just written may stand there twice', async () => {
  const path = logPath()
  const { stdout } = await runScript(`
    const { numbered } = require('./faults/lines')
    const stream = require('pino-pinned').transport({ destination: ${JSON.stringify(path)}, capacity: '1mb', exitTimeout: 20000, maxRestarts: 100 })
    let n = 0
    let restarts = 0
    stream.on('writer-restart', (count) => { restarts = count })
    const turn = () => {
      for (let at = 0; at < 200; at++) stream.write(numbered(n++))
      if (n % 4000 === 0 && restarts < 4) stream.worker.terminate()
      if (restarts < 4) return setImmediate(turn)
      stream.on('close', () => console.log(JSON.stringify(stream.stats())))
      stream.end()
    }
    stream.on('ready', turn)`, { env: { ...process.env, PINO_PINNED_ADDON: 'off' } })
  const stats = JSON.parse(stdout)
  const found = check(read(path))
  expect(found.torn).toEqual([])
  expect(found.inOrder).toBe(true)
  expect(found.numbers).toHaveLength(stats.linesAccepted)
  expect(stats.linesWritten).toBe(stats.linesAccepted)
})

test("writers that die at once, again and again, are told by an 'error'; then lines are dropped and counted; restart() brings all back", async () => {
  const path = logPath()
  const { stream, restarts, errors } = open({ destination: path, maxRestarts: 2 })
  const killer = setInterval(() => { stream.worker.terminate() }, 0)
  stream.write(numbered(0))
  await until(() => errors.length > 0)
  clearInterval(killer)
  expect(errors.map((error) => error.message)).toEqual([expect.stringMatching(/^the writer died 3 times without getting a line through/)])
  expect(restarts).toEqual([1, 2])
  expect(stream.stats().writerState).toBe('failed')
  const before = stream.stats()
  expect(stream.write(numbered(1))).toBe(false)
  expect(stream.stats().linesDropped).toBe(before.linesDropped + 1)
  const ready = new Promise((resolve) => stream.once('ready', resolve))
  stream.restart()
  await ready
  stream.write(numbered(2))
  await finish(stream)
  expect(check(read(path))).toMatchObject({ numbers: [0, 2], torn: [], told: 1 })
  // As under thread-stream, a write that comes after hears of it too.
  expect(errors.slice(1).map((error) => error.message)).toEqual(['the worker has exited'])
})

test('a death is one process warning, however many follow', async () => {
  const { stderr } = await runScript(`
    const stream = require('pino-pinned').transport({ destination: ${JSON.stringify(logPath())} })
    stream.on('writer-restart', (count) => { if (count === 3) process.exit() })
    const kill = () => stream.flush(() => stream.worker.terminate())
    stream.on('ready', kill)
    stream.on('writer-restart', () => { stream.write('a line\\n'); kill() })`)
  expect(stderr.match(/the log writer died and is started again/g)).toHaveLength(1)
})

test('a writer killed now and then for ever is started again for ever, also when nothing is logged', async () => {
  const path = logPath()
  const { stream, restarts, errors } = open({ destination: path, maxRestarts: 1 })
  for (let death = 1; death <= 4; death++) {
    await until(() => stream.stats().writerState === 'running')
    stream.write(numbered(death))
    await until(() => stream.stats().used === 0)
    stream.worker.terminate()
    await until(() => restarts.length === death)
  }
  await finish(stream)
  expect(errors).toEqual([])
  expect(check(read(path)).numbers).toEqual([1, 2, 3, 4])
})

test('a listener of writer-restart that logs or throws does so in a turn of its own, not inside a waiting write', async () => {
  const { stdout } = await runScript(`
    const stream = require('pino-pinned').transport({ destination: ${JSON.stringify(logPath())} })
    let isInside = false
    stream.on('writer-restart', () => { console.log(isInside ? 'inside' : 'outside'); throw new Error('on purpose') })
    process.on('uncaughtException', (error) => { console.log(error.message); process.exit() })
    stream.on('ready', () => {
      stream.worker.terminate()
      stream.write('a line\\n')
      isInside = true
      stream.flushSync(20000)
      isInside = false
    })`)
  expect(stdout).toBe('outside\non purpose\n')
})
