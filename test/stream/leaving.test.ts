import { spawn } from 'node:child_process'
import { execFileSync } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { runScript, scriptFile, temporaryDirectory } from '../support/process'

const LINES = 500

const messages = (path: string): string[] => readFileSync(path, 'utf8').trimEnd().split('\n').map((line) => JSON.parse(line).msg)

const setUp = (options: object): string => `
  const stream = require('pino-pinned').transport(${JSON.stringify(options)})
  const logger = require('pino')(stream)
  process.on('exit', () => logger.info('from an exit handler'))
  for (let line = 0; line < ${LINES}; line++) logger.info('line ' + line)
`

const everything = [...Array.from({ length: LINES }, (_, line) => `line ${line}`), 'from an exit handler']

const WAYS: Array<[string, string, number]> = [
  ['by the end of its work', '', 0],
  ['by process.exit() straight after a line', 'process.exit(3)', 3],
  ['by process.exit() once the writer is up', "stream.on('ready', () => process.exit(4))", 4],
  ['by process.exit() in an exit handler', "process.on('exit', () => process.exit(5))", 5],
  ['by an uncaught exception', "throw new Error('on purpose')", 1],
  ['by an unhandled rejection', "Promise.reject(new Error('on purpose'))", 1]
]

describe.each(WAYS)('a process that leaves %s', (_, leave, expectedCode) => {
  test('finds every line in the file, those of exit handlers too', async () => {
    const path = join(temporaryDirectory(), 'app.log')
    const { code } = await runScript(setUp({ destination: path }) + leave)
    expect(messages(path)).toEqual(everything)
    expect(code).toBe(expectedCode)
  })

  test('finds every line in the file of a pino transport', async () => {
    const path = join(temporaryDirectory(), 'app.log')
    const target = join(__dirname, '..', 'fixtures', 'append-target.js')
    const { code } = await runScript(setUp({ target, options: { path } }) + leave)
    expect(messages(path)).toEqual(everything)
    expect(code).toBe(expectedCode)
  })
})

/** As signal-exit does it: what it calls, and puts back, it took when it was loaded. */
const STANDS_BEFORE = `
  const { emit, reallyExit } = process
  const stand = () => {
    process.emit = function (...args) { return emit.apply(this, args) }
    process.reallyExit = (code) => reallyExit.call(process, code)
  }
  const goAway = () => Object.assign(process, { emit, reallyExit })
`

test.each([
  ['stands in its place', 'stand()', ''],
  ['stands in its place, by process.exit() in an exit handler', 'stand()', "process.on('exit', () => process.exit())"],
  ['has stood in its place and gone', 'stand(); goAway()', '']
])("a process finds every line in the file when another's process.emit, of what it was before ours, %s", async (_, others, leave) => {
  const path = join(temporaryDirectory(), 'app.log')
  const { code } = await runScript(STANDS_BEFORE + setUp({ destination: path }) + others + '\n' + leave)
  expect(code).toBe(0)
  expect(messages(path)).toEqual(everything)
})

test('what others put in the place of process.emit is called once for each event, and can be taken away again', async () => {
  const { stdout } = await runScript(`
    require('pino-pinned').transport({ destination: ${JSON.stringify(join(temporaryDirectory(), 'app.log'))} })
    const { emit } = process
    const names = []
    process.emit = function (...args) { names.push(args[0]); return emit.apply(this, args) }
    process.emit('one')
    process.emit = emit
    process.emit('two')
    process.emit = function (...args) { names.push(args[0]); return emit.apply(this, args) }
    const copy = Object.create(process) // jest gives each file one
    copy.emit = () => 'its own'
    process.on('exit', () => console.log(copy.emit(), names.filter((name) => ['one', 'two', 'exit'].includes(name)).join(), process.emit('three')))
  `)
  expect(stdout).toBe('its own one,exit false\n')
})

test('with autoEnd: false the target is not ended when the process leaves, and has every line', async () => {
  const path = join(temporaryDirectory(), 'app.log')
  const target = join(__dirname, '..', 'fixtures', 'append-target.js')
  const { code } = await runScript(setUp({ target, options: { path }, worker: { autoEnd: false } }))
  expect(messages(path)).toEqual(everything)
  expect(code).toBe(0)
})

test('several streams whose sinks take nothing are waited for together', async () => {
  const { code, stderr, ms } = await runScript(`
    const { transport } = require('pino-pinned')
    for (let n = 0; n < 5; n++) transport({ destination: '/dev/full', exitTimeout: 4000 }).write('a line\\n')`)
  expect(code).toBe(0)
  expect(stderr.match(/up to 1 lines were left/g)).toHaveLength(5)
  expect(ms).toBeLessThan(2 * 4000)
})

test('the writer does not keep an idle process alive, from the first moment', async () => {
  const { code, signal } = await runScript(`require('pino-pinned').transport({ destination: ${JSON.stringify(join(temporaryDirectory(), 'app.log'))} })`)
  expect({ code, signal }).toEqual({ code: 0, signal: null })
})

test("who waits for 'ready', a flush or 'close' on an otherwise idle event loop is served", async () => {
  const { stdout, code } = await runScript(`
    const { once } = require('node:events')
    const stream = require('pino-pinned').transport({ destination: ${JSON.stringify(join(temporaryDirectory(), 'app.log'))} })
    ;(async () => {
      await once(stream, 'ready')
      console.log('ready')
      stream.write('a line\\n')
      console.log('flushed', await new Promise((resolve) => stream.flush(resolve)))
      stream.end()
      await once(stream, 'close')
      console.log('closed', stream.writableFinished, stream.destroyed)
    })()
  `)
  expect(stdout).toBe('ready\nflushed undefined\nclosed true true\n')
  expect(code).toBe(0)
})

/** A process with a sink that takes nothing must leave all the same; `leave` is how. */
const STALLED_WAYS: Array<[string, string]> = [
  ['by the end of its work', ''],
  ['by process.exit()', 'process.exit()'],
  ['by end()', "stream.end(); stream.on('close', () => {})"]
]

describe.each(STALLED_WAYS)('with a sink that takes nothing, a process leaves %s', (_, leave) => {
  const program = (destination: string): string => `
    const stream = require('pino-pinned').transport({ destination: ${destination}, exitTimeout: 300 })
    const logger = require('pino')(stream)
    for (let line = 0; line < 20000; line++) logger.info('line ' + line)
    ${leave}
  `

  test('when it is a pipe that nobody reads', async () => {
    const child = spawn(process.execPath, [scriptFile(program('1'))], { stdio: ['ignore', 'pipe', 'pipe'] })
    let stderr = ''
    child.stderr.on('data', (chunk) => { stderr += chunk })
    const [[code, signal]] = await Promise.all([once(child, 'exit'), once(child.stderr, 'end')])
    expect({ code, signal }).toEqual({ code: 0, signal: null })
    expect(stderr).toMatch(/\d+ (lines were|are) left/)
    child.stdout.destroy()
  })

  test('when it is a FIFO without a reader', async () => {
    const fifo = join(temporaryDirectory(), 'fifo')
    execFileSync('mkfifo', [fifo])
    const { code, signal, stderr } = await runScript(program(JSON.stringify(fifo)))
    expect({ code, signal }).toEqual({ code: 0, signal: null })
    expect(stderr).toMatch(/20000 (lines were|are) left/)
  })
})

test.each(['drop', 'drain', 'error'])("with a full ring and a FIFO without a reader, a listener for '%s' does not keep the process", async (event) => {
  const fifo = join(temporaryDirectory(), 'fifo')
  execFileSync('mkfifo', [fifo])
  const { code, signal, stderr } = await runScript(`
    const stream = require('pino-pinned').transport({ destination: ${JSON.stringify(fifo)}, capacity: '64kb', exitTimeout: 300 })
    stream.on('${event}', () => {})
    while (stream.stats().linesDropped === 0) stream.write('{"level":30}\\n')`, { timeout: 30_000 })
  expect({ code, signal }).toEqual({ code: 0, signal: null })
  expect(stderr).toMatch(/\d+ lines were left/)
}, 60_000)
