import { makeFifo } from '../faults/support'
import { isAscending, numbers, runThreads } from './support'

const onLinux = process.platform === 'linux' ? test : test.skip

describe('with share', () => {
  onLinux('a thread that calls transport() with the same settings attaches to the writer there is', async () => {
    const { printed, logged } = await runThreads(`
      if (isMainThread) {
        const options = { destination: file, name: 'shared-writer', share: true }
        const stream = transport(options)
        logLines(stream, 'main', 0, 10)
        const workers = [0, 1, 2].map((at) => new Worker(__filename, { workerData: { options, who: 'w' + at } }))
        Promise.all(workers.map((worker) => once(worker, 'message'))).then(async () => {
          print(threadsNamed('shared-writer'))
          workers.forEach((worker) => worker.postMessage('go'))
          await Promise.all(workers.map((worker) => once(worker, 'exit')))
          await finished(stream)
          print(stream.stats().linesWritten)
        })
      } else {
        const stream = transport(workerData.options)
        logLines(stream, workerData.who, 0, 10)
        stream.flush(() => parentPort.postMessage('logged'))
        parentPort.once('message', () => {})
      }`)
    expect(printed).toEqual([1, 40])
    for (const who of ['main', 'w0', 'w1', 'w2']) expect(logged.get(who)).toEqual(numbers(0, 10))
  })

  test('what other threads log while the owner ends is in the sink or counted as dropped, and so it is without share', async () => {
    for (const share of [true, false]) {
      const { printed, logged } = await runThreads(`
        if (isMainThread) {
          const options = { destination: file, share: ${share} }
          const stream = transport(options)
          const handle = options.share ? undefined : stream.handle()
          const ended = words(1)
          const workers = [0, 1, 2, 3].map((at) => new Worker(__filename, { workerData: { options, handle, ended, who: 'w' + at } }))
          const exits = workers.map((worker) => once(worker, 'exit'))
          const tried = []
          workers.forEach((worker) => worker.on('message', (count) => { if (count > 0) tried.push(count) }))
          Promise.all(workers.map((worker) => once(worker, 'message'))).then(async () => {
            await until(() => stream.stats().linesWritten > 2000)
            await finished(stream)
            Atomics.store(ended, 0, 1)
            await Promise.all(exits)
            const { linesAccepted, linesWritten, linesDropped, linesSkipped, droppedByLevel } = stream.stats()
            print({ linesAccepted, linesWritten, linesDropped, linesSkipped, droppedByLevel, tried: tried.reduce((sum, each) => sum + each, 0) })
          })
        } else {
          const { options, handle, ended, who } = workerData
          const stream = handle === undefined ? transport(options) : attach(handle)
          parentPort.postMessage(0)
          let i = 0
          // Not one turn of the event loop, which could tell that the owner has ended.
          for (let more = 100; more > 0; i++) {
            logLines(stream, who, i, i + 1)
            if (Atomics.load(ended, 0) === 1) more--
          }
          parentPort.postMessage(i)
        }`)
      const { tried, ...stats } = printed[0]
      const inSink = [...logged.values()].flat().length
      expect(stats).toMatchObject({ linesAccepted: inSink, linesWritten: inSink, linesSkipped: 0, linesDropped: tried - inSink })
      expect(stats.droppedByLevel).toEqual({ info: tried - inSink })
      for (const list of logged.values()) expect(isAscending(list)).toBe(true)
    }
  })

  onLinux('plain pino configs of several threads, all starting at once, ride on one writer', async () => {
    const { printed, logged } = await runThreads(`
      const log = (file) => pino({ base: null, transport: { target: require.resolve('pino-pinned'), options: { destination: file, name: 'shared-writer', share: true } } })
      const logAll = (logger, who) => new Promise((resolve) => {
        for (let i = 0; i < 100; i++) logger.info({ who, i })
        logger.flush(resolve)
      })
      if (isMainThread) {
        const logger = log(file)
        const workers = [0, 1, 2].map((at) => new Worker(__filename, { workerData: { file, who: 'w' + at } }))
        Promise.all([logAll(logger, 'main'), ...workers.map((worker) => once(worker, 'message'))]).then(() => {
          print(threadsNamed('shared-writer'))
          workers.forEach((worker) => worker.postMessage('go'))
        })
      } else {
        const logger = log(workerData.file)
        logAll(logger, workerData.who).then(() => parentPort.postMessage('logged'))
        parentPort.once('message', () => {})
      }`)
    expect(printed).toEqual([1])
    for (const who of ['main', 'w0', 'w1', 'w2']) expect(logged.get(who)).toEqual(numbers(0, 100))
  })

  test('a sink that no writer has opened has no heir: the next thread hears why it cannot be opened', async () => {
    const { printed } = await runThreads(`
      const options = { destination: '/proc/no/such/directory', share: true }
      if (isMainThread) {
        require('node:fs').writeFileSync(file, '')
        // This one has the claim, and is gone before its writer has tried.
        once(new Worker(__filename, { workerData: 'first' }), 'exit').then(() => new Worker(__filename, { workerData: 'second' }).on('message', print))
      } else if (workerData === 'first') {
        transport(options)
        process.exit()
      } else {
        const alive = setInterval(() => {}, 1000)
        transport(options).on('error', (error) => {
          parentPort.postMessage(error.code)
          clearInterval(alive)
        })
      }`)
    expect(printed).toEqual(['ENOENT'])
  })

  // A FIFO that nobody reads is waited for, until its directory is gone.
  test.each([['the main thread', true], ['a worker', false]])('every thread hears why the sink cannot be opened, not its owner alone, which is %s', async (_, isMainOwner) => {
    const { printed } = await runThreads(`
      const { dirname } = require('node:path')
      const { renameSync, rmSync, writeFileSync } = require('node:fs')
      const hear = (stream) => new Promise((resolve) => {
        const heard = []
        for (const event of ['ready', 'error', 'close']) stream.on(event, (error) => heard.push(event + (error?.code ?? '')))
        stream.on('error', ({ message }) => heard.push(message.includes(workerData?.options.destination ?? fifo)))
        stream.on('close', () => resolve(heard))
        hold(stream).write('a line\\n')
      })
      const fifo = ${JSON.stringify(makeFifo())}
      const options = { destination: fifo, share: true }
      if (isMainThread) {
        writeFileSync(file, '')
        const stream = ${isMainOwner} ? transport(options) : undefined
        const ways = ${isMainOwner} ? [undefined, undefined, stream.handle()] : [undefined, undefined, undefined]
        const workers = ways.map((handle) => new Worker(__filename, { workerData: { options, handle } }))
        const all = workers.map((worker) => new Promise((resolve) => worker.on('message', (heard) => { if (heard !== 'ready') resolve(heard) })))
        if (stream !== undefined) all.unshift(hear(stream))
        Promise.all(workers.map((worker) => once(worker, 'message'))).then(async () => {
          const directory = dirname(fifo), gone = directory + '.gone'
          renameSync(directory, gone) // in one step: in one that it empties first, the writer may make a file
          rmSync(gone, { recursive: true })
          for (const heard of await Promise.all(all)) print(heard)
        })
      } else {
        const alive = setInterval(() => {}, 1000)
        const { options, handle } = workerData
        const stream = handle === undefined ? transport(options) : attach(handle)
        stream.once('ready', () => parentPort.postMessage('ready'))
        hear(stream).then((heard) => { parentPort.postMessage(heard); clearInterval(alive) })
      }`, {}, `pino-pinned: up to ${isMainOwner ? 4 : 3} lines were left: the sink failed, ENOENT\n`)
    const heard = ['ready', 'errorENOENT', true, 'close']
    expect(printed).toEqual(isMainOwner ? [heard, heard, heard, heard] : [heard, heard, heard])
  })

  test("an attached stream waits for the owner's word on why its target failed, although it sees and meets the failure before", async () => {
    const { printed } = await runThreads(`
      const { join } = require('node:path')
      const { writeFileSync } = require('node:fs')
      if (isMainThread) {
        writeFileSync(file, '')
        const attached = words(1), failed = words(1)
        const target = join(file, '../target.mjs'), go = join(file, '../go')
        writeFileSync(target, 'import { existsSync } from "node:fs"; while (!existsSync(' + JSON.stringify(go) + ')) await new Promise((resolve) => setTimeout(resolve, 1)); export default 1')
        const stream = transport({ target, onFull: 'block' })
        const own = once(stream, 'error')
        const worker = new Worker(__filename, { workerData: { handle: stream.handle(), attached, failed } })
        const heard = once(worker, 'message')
        Atomics.wait(attached, 0, 0)
        writeFileSync(go, '')
        Atomics.wait(failed, 0, 0) // its event loop stands still until then
        Promise.all([own, heard]).then(([[{ code, message }], [others]]) => print([{ code, message }, ...others]))
      } else {
        const { handle, attached, failed } = workerData
        const tell = (word) => { Atomics.store(word, 0, 1); Atomics.notify(word, 0) }
        const stream = attach(handle)
        const alive = setInterval(() => {}, 1000)
        const heard = []
        stream.on('error', ({ code, message }) => heard.push({ code, message }))
        stream.on('close', () => { parentPort.postMessage(heard); clearInterval(alive) })
        tell(attached)
        until(() => stream.stats().writerState === 'failed').then(async () => {
          for (let turns = 0; turns < 3; turns++) {
            stream.write('refused\\n')
            await new Promise(setImmediate)
          }
          tell(failed)
        })
      }`)
    const [[own, ...others]] = printed
    expect(own.message).toContain('target.mjs')
    expect(others).toEqual([own])
  })

  test.each([
    ['share', 'transport(options)'],
    ['attach', 'attach(first.handle())']
  ])('a thread that waits for room in its second stream, by %s, starts the writer again that died meanwhile', async (_, second) => {
    const { printed, logged, stderr } = await runThreads(`
      process.removeAllListeners('warning')
      const options = { destination: file, share: true, onFull: 'block', capacity: '64kb' }
      const first = transport(options)
      const second = ${second}
      first.once('ready', async () => {
        first.worker.terminate()
        logLines(second, 'second', 0, 5000)
        print([second.worker === undefined, second.flushSync(), second.stats().linesDropped, first.stats().restarts])
        await finished(second)
        await finished(first)
      })`)
    expect(printed).toEqual([[true, true, 0, 1]])
    expect(logged.get('second')).toEqual(numbers(0, 5000))
    expect(stderr).toBe('')
  }, 30_000)

  test('a thread starts a writer of its own when the settings differ, or the one there was has ended', async () => {
    const { printed } = await runThreads(`
      const first = transport({ destination: file, share: true })
      const same = transport({ destination: file, share: true })
      const other = transport({ destination: file, share: true, fsync: true })
      print([first, same, other].map((stream) => stream.worker !== undefined))
      finished(same).then(() => finished(first)).then(() => {
        const next = transport({ destination: file, share: true })
        print(next.worker !== undefined)
        return Promise.all([finished(next), finished(other)])
      })`)
    expect(printed).toEqual([[true, false, true], true])
  })

  onLinux('register puts every pino.transport() of all threads on one writer', async () => {
    const { printed, logged } = await runThreads(`
      const log = (file) => pino({ base: null }, pino.transport({ target: 'pino/file', options: { destination: file } }))
      const logAll = (logger, who) => new Promise((resolve) => {
        for (let i = 0; i < 100; i++) logger.info({ who, i })
        logger.flush(resolve)
      })
      if (isMainThread) {
        const logger = log(file)
        const workers = [0, 1].map((at) => new Worker(__filename, { workerData: { file, who: 'w' + at } }))
        Promise.all([logAll(logger, 'main'), ...workers.map((worker) => once(worker, 'message'))]).then(() => {
          print(threadsNamed('shared-writer'))
          workers.forEach((worker) => worker.postMessage('go'))
        })
      } else {
        logAll(log(workerData.file), workerData.who).then(() => parentPort.postMessage('logged'))
        parentPort.once('message', () => {})
      }`, { execArgv: ['--require', require.resolve('../../dist/register.js')], env: { ...process.env, PINO_PINNED: 'share=true,name=shared-writer' } })
    expect(printed).toEqual([1])
    for (const who of ['main', 'w0', 'w1']) expect(logged.get(who)).toEqual(numbers(0, 100))
  })
})
