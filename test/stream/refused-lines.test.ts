import { rmSync } from 'node:fs'
import { dirname } from 'node:path'
import { makeFifo } from '../faults/support'
import { runScript } from '../support/process'

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
