import { once } from 'node:events'
import { spawn } from 'node:child_process'
import { join } from 'node:path'
import { makeFifo } from '../faults/support'
import { runScript, scriptFile, temporaryDirectory } from '../support/process'

const PINO_PINNED = JSON.stringify(require.resolve('../../dist/index.js'))
const REGISTER = ['--require', require.resolve('../../dist/register.js')]

/** How a program comes to a stream with a destination, and with which flags. */
const WAYS: ReadonlyArray<[way: string, makeStream: string, execArgv: string[]]> = [
  ['transport()', "const open = (destination) => require('pino-pinned').transport({ destination })", []],
  ['transport() that shares its writer', "const open = (destination) => require('pino-pinned').transport({ destination, share: true })", []],
  ['a pino config', `const open = (destination) => require('pino').transport({ target: ${PINO_PINNED}, options: { destination } })`, []],
  ['register, for pino/file', "const open = (destination) => require('pino').transport({ target: 'pino/file', options: { destination } })", REGISTER],
  ['register, for a config that names us', `const open = (destination) => require('pino').transport({ target: ${PINO_PINNED}, options: { destination } })`, REGISTER]
]

describe.each(WAYS)("'ready' of a stream to a FIFO that nobody reads, made by %s,", (_, open, execArgv) => {
  const program = (more: string): string => `
    const { once } = require('node:events')
    ${open}
    const stream = open(${JSON.stringify(makeFifo())})
    ;(async () => {
      ${more}
      console.log('ready', stream.ready)
    })()`

  test('comes, and the process ends by itself', async () => {
    const { code, stdout, stderr } = await runScript(program("await once(stream, 'ready')"), { execArgv })
    expect({ code, stdout, stderr }).toEqual({ code: 0, stdout: 'ready true\n', stderr: '' })
  })

  test('comes to who asks after a burst, though none of it can be delivered', async () => {
    const { code, stdout } = await runScript(program(`
      for (let line = 0; line < 1000; line++) stream.write('{"line":' + line + '}\\n')
      await once(stream, 'ready')
      stream.end()`), { execArgv })
    expect({ code, stdout }).toEqual({ code: 0, stdout: 'ready true\n' })
  })
})

test("what is logged at 'ready' of a FIFO that nobody reads waits for its reader", async () => {
  const fifo = makeFifo()
  const child = spawn(process.execPath, [scriptFile(`
    const stream = require('pino-pinned').transport({ destination: ${JSON.stringify(fifo)}, exitTimeout: 60000 })
    stream.once('ready', () => {
      for (let line = 0; line < 1000; line++) stream.write(line + '\\n')
      console.log(stream.stats().writerState)
      stream.end()
    })`)], { stdio: ['ignore', 'pipe', 'inherit'] })
  const [state] = await once(child.stdout, 'data')
  expect(String(state)).toBe('stalled\n')
  const reader = spawn('cat', [fifo], { stdio: ['ignore', 'pipe', 'inherit'] })
  let text = ''
  reader.stdout.setEncoding('utf8').on('data', (chunk: string) => { text += chunk })
  const [[code]] = await Promise.all([once(child, 'exit'), once(reader, 'close')])
  expect(code).toBe(0)
  expect(text.trimEnd().split('\n')).toEqual(Array.from({ length: 1000 }, (_, line) => String(line)))
})

test("'ready' of a stream attached in another thread comes though nobody reads the owner's FIFO", async () => {
  const { code, stdout, stderr } = await runScript(`
    const { once } = require('node:events')
    const { isMainThread, Worker, workerData } = require('node:worker_threads')
    if (isMainThread) {
      const stream = require('pino-pinned').transport({ destination: ${JSON.stringify(makeFifo())} })
      new Worker(__filename, { workerData: stream.handle(), stdout: false })
    } else {
      const stream = require('pino-pinned').attach(workerData)
      once(stream, 'ready').then(() => console.log('ready', stream.ready))
    }`)
  expect({ code, stdout, stderr }).toEqual({ code: 0, stdout: 'ready true\n', stderr: '' })
})

test("a sink that can't be opened for good is told by 'error' alone: no 'ready' comes before it", async () => {
  const { code, stdout } = await runScript(`
    const stream = require('pino-pinned').transport({ destination: ${JSON.stringify(join(temporaryDirectory(), 'missing', 'app.log'))} })
    for (const event of ['ready', 'error', 'close']) stream.on(event, (error) => console.log(event, error?.code, stream.ready))`)
  expect({ code, stdout }).toEqual({ code: 0, stdout: 'error ENOENT false\nclose undefined false\n' })
})
