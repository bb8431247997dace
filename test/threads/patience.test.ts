import { join } from 'node:path'
import { WriterWord } from '../../src/ring/layout'
import { application } from '../support/application'
import { numbers, runThreads } from './support'

const EXIT_TIMEOUT_MS = 200
/** So often, ten milliseconds apart at the least, is several times as long as a sink that takes nothing is waited for. */
const LOOKS = 100

/** Resolves when whoever waits meanwhile has looked again and again. */
const WAIT_LONG = `
  const waitLong = () => new Promise((resolve) => {
    let looks = 0
    const timer = setInterval(() => { if (++looks === ${LOOKS}) { clearInterval(timer); resolve() } }, 10)
  })`

describe('a stream attached to the writer of another thread does not give up', () => {
  test.each([
    ['a file', '{ destination: file }'],
    ['a target', `{ target: ${JSON.stringify(require.resolve('../fixtures/append-target'))}, options: { path: file } }`]
  ])('while that writer is dead and its owner, whose event loop stands, has not started another: %s', async (_, sink) => {
    const { printed, logged } = await runThreads(`
      ${WAIT_LONG}
      if (isMainThread) {
        const stream = transport({ ...${sink}, exitTimeout: ${EXIT_TIMEOUT_MS} })
        stream.onWarning = () => {} // that the writer died
        const gate = words(1)
        const worker = new Worker(__filename, { workerData: { handle: stream.handle(), gate } })
        worker.once('message', () => {
          worker.on('message', print)
          stream.worker.terminate()
          Atomics.wait(gate, 0, 0)
        })
        worker.once('exit', () => finished(stream))
      } else {
        const { handle, gate } = workerData
        const stream = attach(handle)
        const block = new Int32Array(handle.block)
        const isGone = () => Atomics.load(block, ${WriterWord.Gone}) === Atomics.load(block, ${WriterWord.Generation})
        ;(async () => {
          await once(stream, 'ready')
          parentPort.postMessage('ready')
          await until(isGone)
          logLines(stream, 'w', 0, 10)
          const ended = new Promise((resolve) => stream.end((error) => resolve({ error: error?.message ?? null, wasRestarted: !isGone() })))
          await waitLong()
          Atomics.store(gate, 0, 1)
          Atomics.notify(gate, 0)
          parentPort.postMessage(await ended)
        })()
      }`)
    expect(printed).toEqual([{ error: null, wasRestarted: true }])
    expect(logged.get('w')).toEqual(numbers(0, 10))
  })

  test('while the target takes lines of other threads', async () => {
    const PIECE_MS = 300
    const directory = application({
      'target.js': `
        const fs = require('node:fs')
        const { Writable } = require('node:stream')
        module.exports = ({ path }) => {
          const fd = fs.openSync(path, 'a')
          return new Writable({ decodeStrings: false, highWaterMark: 1, write (text, encoding, done) { fs.writeSync(fd, text); setTimeout(done, ${PIECE_MS}) } })
        }`
    })
    const RINGS = 10
    const { printed, logged } = await runThreads(`
      const stream = transport({ target: ${JSON.stringify(join(directory, 'target.js'))}, options: { path: file }, exitTimeout: ${RINGS * PIECE_MS / 2} })
      stream.once('ready', async () => {
        const attached = Array.from({ length: ${RINGS} }, () => attach(stream.handle()))
        attached.forEach((each, at) => logLines(each, 'w' + at, 0, 1))
        print(await Promise.all(attached.map((each) => new Promise((resolve) => each.end((error) => resolve(error?.message ?? null))))))
        finished(stream)
      })`)
    expect(printed).toEqual([numbers(0, RINGS).map(() => null)])
    expect(logged.size).toBe(RINGS)
  })
})
