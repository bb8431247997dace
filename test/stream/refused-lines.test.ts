import { rmSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { makeFifo } from '../faults/support'
import { runScript, temporaryDirectory } from '../support/process'

const MISSING = JSON.stringify(join(temporaryDirectory(), 'missing', 'app.log'))
const PINO_PINNED = JSON.stringify(require.resolve('../../dist/index.js'))
const REGISTER = ['--require', require.resolve('../../dist/register.js')]

/** How a program comes to a stream, and with which flags. */
const WAYS: ReadonlyArray<[way: string, stream: string, execArgv: string[]]> = [
  ['transport()', `require('pino-pinned').transport({ destination: ${MISSING} })`, []],
  ['transport() that shares its writer', `require('pino-pinned').transport({ destination: ${MISSING}, share: true })`, []],
  ['register, for pino/file', `require('pino').transport({ target: 'pino/file', options: { destination: ${MISSING} } })`, REGISTER],
  ['register, for a config that names us', `require('pino').transport({ target: ${PINO_PINNED}, options: { destination: ${MISSING} } })`, REGISTER]
]

test.each(WAYS)('a line written when the sink has failed, but before that is told, is not told of before: %s', async (_, make, execArgv) => {
  const { code, stdout, stderr } = await runScript(`
    const stream = ${make}
    for (const event of ['error', 'close']) stream.on(event, (error) => console.log(event, error?.code))
    // Behind the events of other threads that have arrived, and before the next ones.
    require('node:fs').stat('.', () => {
      while (stream.stats().writerState !== 'failed');
      for (let line = 0; line < 10; line++) stream.write('a line\\n')
    })`, { execArgv })
  expect({ code, stdout, stderr }).toEqual({ code: 0, stdout: 'error ENOENT\nclose undefined\n', stderr: '' })
})

test.each(['attach(handle)', 'transport(options)'])("a line written in another thread is told of after the owner's sink failed, though the owner's thread stands still: %s", async (way) => {
  const fifo = makeFifo()
  const { code, stdout, stderr } = await runScript(`
    const { once } = require('node:events')
    const { isMainThread, parentPort, Worker, workerData } = require('node:worker_threads')
    const { attach, transport } = require('pino-pinned')
    if (isMainThread) {
      const options = { destination: ${JSON.stringify(fifo)}, share: true }
      const stream = transport(options).on('error', () => {})
      const isDone = new Int32Array(new SharedArrayBuffer(4))
      const worker = new Worker(__filename, { workerData: { options, handle: stream.handle(), isDone } })
      Promise.all([once(stream, 'ready'), once(worker, 'message')]).then(() => {
        require('node:fs').rmSync(${JSON.stringify(dirname(fifo))}, { recursive: true })
        Atomics.wait(isDone, 0, 0)
        worker.on('message', (code) => console.log(code))
      })
    } else {
      const { options, handle, isDone } = workerData
      const alive = setInterval(() => {}, 1000)
      const stream = ${way}
      stream.once('error', ({ code }) => {
        parentPort.postMessage(code)
        clearInterval(alive)
        Atomics.store(isDone, 0, 1)
        Atomics.notify(isDone, 0)
      })
      stream.once('ready', () => {
        parentPort.postMessage('ready')
        while (stream.stats().writerState !== 'failed');
        stream.write('a line\\n')
      })
    }`)
  rmSync(dirname(fifo), { recursive: true, force: true })
  expect({ code, stdout, stderr }).toEqual({ code: 0, stdout: 'ENOENT\n', stderr: '' })
})
