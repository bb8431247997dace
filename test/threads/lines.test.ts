import { join } from 'node:path'
import { numbers, runThreads } from './support'

describe('lines of several threads', () => {
  test('are never mixed within a line: long ones that stream through a small ring, and text without a newline', async () => {
    const { text } = await runThreads(`
      if (isMainThread) {
        const stream = transport({ destination: file, capacity: '64kb', onFull: 'block' })
        const workers = ['a', 'b', 'c', 'd'].map((letter) => new Worker(__filename, { workerData: { handle: stream.handle(), letter } }))
        Promise.all(workers.map((worker) => once(worker, 'exit'))).then(() => finished(stream))
      } else {
        const { letter, handle } = workerData
        const stream = attach(handle)
        for (let i = 0; i < 20; i++) {
          stream.write('"' + letter.repeat(i % 2 === 0 ? 300000 : 50) + '"' + '\\n')
          stream.write('"' + letter + '"') // ended by the writer, when another thread's line follows
        }
      }`)
    const count = (line: string): number => text.split(line).length - 1
    for (const letter of 'abcd') {
      expect(count(`"${letter.repeat(300_000)}"`)).toBe(10)
      expect(count(`"${letter.repeat(50)}"`)).toBe(10)
      expect(count(`"${letter}"`)).toBe(20)
    }
    // A line is of one letter alone.
    expect(text.split('\n').filter((line) => new Set(line.replaceAll('"', '')).size > 1)).toHaveLength(0)
  })

  test.each([
    ['a file', 'destination: file'],
    ['a target that lags behind', `target: ${JSON.stringify(join(__dirname, '../fixtures/lagging-target.js'))}, options: { path: file }`]
  ])('come out of turn for no one: a flooding thread does not keep a quiet one from the sink, %s', async (_, sink) => {
    const { printed, logged } = await runThreads(`
      if (isMainThread) {
        const stream = transport({ ${sink}, capacity: '64kb' })
        const handle = stream.handle()
        const stop = words(1)
        const flood = new Worker(__filename, { workerData: { handle, stop, role: 'flood' } })
        flood.once('message', () => {
          const quiet = new Worker(__filename, { workerData: { handle, role: 'quiet' } })
          quiet.once('exit', () => { Atomics.store(stop, 0, 1) })
        })
        flood.once('exit', () => finished(stream).then(() => print(stream.stats())))
      } else {
        const stream = attach(workerData.handle)
        if (workerData.role === 'flood') {
          for (let i = 0; Atomics.load(workerData.stop, 0) === 0; i++) {
            logLines(stream, 'flood', i, i + 1, 'x'.repeat(200))
            if (i === 1000) parentPort.postMessage('flooding')
          }
        } else {
          // Each line is on its way to the file before the next: the other thread's full ring must not matter.
          for (let i = 0; i < 50; i++) {
            logLines(stream, 'quiet', i, i + 1)
            if (!stream.flushSync(20000)) throw new Error('line ' + i + ' did not get through')
          }
        }
      }`)
    expect(logged.get('quiet')).toEqual(numbers(0, 50))
    expect(printed[0].linesAccepted).toBe(printed[0].linesWritten)
  })

  test.each([
    ['a file', 'destination: file'],
    ['a target', `target: ${JSON.stringify(require.resolve('../fixtures/append-target'))}, options: { path: file }`]
  ])('of a thread that is gone: its text without a newline is ended in %s, and counted, also where the writer dies before anybody else logs', async (_, sink) => {
    const { printed, text } = await runThreads(`
      if (isMainThread) {
        const stream = transport({ ${sink} })
        const worker = new Worker(__filename, { workerData: stream.handle() })
        let restarts = 0
        process.removeAllListeners('warning') // its writer died
        stream.on('writer-restart', () => { restarts++ })
        once(worker, 'exit')
          .then(() => until(() => stream.stats().linesWritten === 1 && stream.stats().producers.length === 1))
          .then(() => stream.worker.terminate())
          .then(() => until(() => restarts === 1))
          .then(() => stream.write('"mine"\\n'))
          .then(() => finished(stream))
          .then(() => print(stream.stats()))
      } else {
        const stream = attach(workerData)
        stream.write('"its"')
        stream.end()
      }`)
    expect(text).toBe('"its"\n"mine"\n')
    expect(printed[0]).toMatchObject({ bytesWritten: text.length, linesWritten: 2 })
  })

  test('that come in parts, longer than the ring, are whole also where a target lags behind for longer than others wait for a part', async () => {
    const options = { lagMs: 3000 }
    const { printed, text } = await runThreads(`
      const { existsSync } = require('node:fs')
      if (isMainThread) {
        const stream = transport({ target: ${JSON.stringify(join(__dirname, '../faults/target.js'))}, options: { ...${JSON.stringify(options)}, path: file }, capacity: '64kb', onFull: 'block', exitTimeout: 20000 })
        const worker = new Worker(__filename, { workerData: stream.handle() })
        until(() => existsSync(file)).then(() => stream.write('"another thread"\\n')) // waits for the rest of the long line
        worker.once('exit', () => finished(stream).then(() => print(stream.stats())))
      } else {
        const stream = attach(workerData)
        stream.write('"' + 'x'.repeat(150000) + '"\\n')
      }`)
    expect(printed[0]).toMatchObject({ linesAccepted: 2, linesWritten: 2, linesSkipped: 0 })
    expect(text.split('\n').map((line) => line.length).toSorted((a, b) => a - b)).toEqual([0, 16, 150_002])
  })
})
