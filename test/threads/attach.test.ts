import { attach, transport } from 'pino-pinned'
import { isAscending, numbers, runThreads } from './support'

describe('a stream attached from another thread', () => {
  test.each([1, 2, 8])('brings every line of %d threads to the sink, in order for each', async (threads) => {
    const { logged, printed } = await runThreads(`
      const THREADS = ${threads}, LINES = 4000
      if (isMainThread) {
        const stream = transport({ destination: file, onFull: 'block', capacity: '64kb' })
        const handle = stream.handle()
        const workers = Array.from({ length: THREADS }, (_, at) => new Worker(__filename, { workerData: { handle, who: 'w' + at } }))
        logLines(stream, 'main', 0, LINES)
        Promise.all(workers.map((worker) => once(worker, 'exit'))).then(async () => {
          await finished(stream)
          print(stream.stats())
        })
      } else {
        logLines(attach(workerData.handle), workerData.who, 0, 4000, 'x'.repeat(threadId * 10))
      }`)
    expect([...logged.keys()].sort()).toEqual(['main', ...numbers(0, threads).map((at) => `w${at}`)].sort())
    for (const list of logged.values()) expect(list).toEqual(numbers(0, 4000))
    expect(printed[0]).toMatchObject({ linesAccepted: 4000 * (threads + 1), linesWritten: 4000 * (threads + 1), linesDropped: 0 })
  })

  test('works from 64 threads at once, each with a small ring: counted and in order', async () => {
    const { logged, printed, noticed } = await runThreads(`
      if (isMainThread) {
        const stream = transport({ destination: file, capacity: '64kb' })
        const handle = stream.handle()
        const gate = words(1)
        const workers = Array.from({ length: 64 }, (_, at) => new Worker(__filename, { workerData: { handle, gate, who: 'w' + at } }))
        Promise.all(workers.map((worker) => once(worker, 'message'))).then(async () => {
          Atomics.store(gate, 0, 1)
          Atomics.notify(gate, 0)
          await Promise.all(workers.map((worker) => once(worker, 'exit')))
          await finished(stream)
          print(stream.stats())
        })
      } else {
        const stream = attach(workerData.handle)
        parentPort.postMessage('attached')
        Atomics.wait(workerData.gate, 0, 0)
        logLines(stream, workerData.who, 0, 500, 'x'.repeat(100))
      }`)
    const stats = printed[0]
    expect(stats.linesAccepted + stats.linesDropped).toBe(64 * 500)
    expect([...logged.values()].flat()).toHaveLength(stats.linesAccepted)
    expect(noticed).toBe(stats.linesDropped)
    expect([...logged.values()].filter((list) => !isAscending(list))).toEqual([])
  })

  test('needs neither the writer to be up nor the main thread to run its event loop', async () => {
    const { logged, printed } = await runThreads(`
      if (isMainThread) {
        const stream = transport({ destination: file })
        const delivered = words(1)
        new Worker(__filename, { workerData: { handle: stream.handle(), delivered } })
        print(Atomics.wait(delivered, 0, 0, 60000)) // no event loop until the other's lines are in the file
        finished(stream)
      } else {
        const stream = attach(workerData.handle)
        logLines(stream, 'w', 0, 100)
        if (stream.flushSync(30000)) {
          Atomics.store(workerData.delivered, 0, 1)
          Atomics.notify(workerData.delivered, 0)
        }
      }`)
    expect(printed).toEqual(['ok'])
    expect(logged.get('w')).toEqual(numbers(0, 100))
  })

  test('gets through when the owner ends its stream before the writer has heard of the ring', async () => {
    const { logged, stderr } = await runThreads(`
      const stream = transport({ destination: file })
      const attached = attach(stream.handle())
      logLines(attached, 'a', 0, 100)
      stream.end()`)
    expect(stderr).toBe('')
    expect(logged.get('a')).toEqual(numbers(0, 100))
  })

  test('works from a worker of a worker, and hands its handle on', async () => {
    const { logged } = await runThreads(`
      if (isMainThread) {
        const stream = transport({ destination: file })
        new Worker(__filename, { workerData: { handle: stream.handle(), depth: 1 } }).on('exit', () => finished(stream))
      } else {
        const stream = attach(workerData.handle)
        logLines(stream, 'depth ' + workerData.depth, 0, 10)
        if (workerData.depth < 3) new Worker(__filename, { workerData: { handle: stream.handle(), depth: workerData.depth + 1 } })
      }`)
    expect(Object.fromEntries(logged)).toEqual({ 'depth 1': numbers(0, 10), 'depth 2': numbers(0, 10), 'depth 3': numbers(0, 10) })
  })

  test('brings its lines to a transport that runs in an event loop', async () => {
    const { logged } = await runThreads(`
      if (isMainThread) {
        const stream = transport({ target: '${require.resolve('../fixtures/append-target')}', options: { path: file } })
        const workers = [0, 1, 2].map((at) => new Worker(__filename, { workerData: { handle: stream.handle(), who: 'w' + at } }))
        Promise.all(workers.map((worker) => once(worker, 'exit'))).then(() => finished(stream))
      } else {
        logLines(attach(workerData.handle), workerData.who, 0, 1000)
      }`)
    expect(Object.fromEntries(logged)).toEqual({ w0: numbers(0, 1000), w1: numbers(0, 1000), w2: numbers(0, 1000) })
  })

  test.each([
    ['attach', 'attach(workerData.handle)'],
    ['share', 'transport({ share: true, target: TARGET, options: { path: workerData.file } })']
  ])('hears the events of a transport, also those that its last line brings about, and sends it messages: %s', async (_, other) => {
    const { printed } = await runThreads(`
      const TARGET = ${JSON.stringify(require.resolve('../fixtures/talking-target'))}
      if (isMainThread) {
        const stream = transport({ share: true, target: TARGET, options: { path: file } })
        const worker = new Worker(__filename, { workerData: { file, handle: stream.handle() } })
        worker.on('message', print)
        worker.once('exit', () => finished(stream))
      } else {
        const stream = ${other}
        const alive = setInterval(() => {}, 1000) // no line is under way yet that could bring about an event
        const heard = once(stream, 'heard')
        stream.emit('message', { from: 'the worker' })
        heard.then(async ([message]) => {
          const answered = once(stream, 'answer')
          pino(stream).info({ asks: 'the last' })
          await finished(stream)
          parentPort.postMessage([message, await answered, typeof stream.worker])
          clearInterval(alive)
        })
      }`)
    expect(printed).toEqual([[{ from: 'the worker' }, ['the last', 'yes'], 'undefined']])
  })

  test('has the events of a stream: ready, finish, close, and a flush callback', async () => {
    const { printed } = await runThreads(`
      if (isMainThread) {
        const stream = transport({ destination: file })
        const worker = new Worker(__filename, { workerData: stream.handle() })
        worker.on('message', print)
        worker.on('exit', () => finished(stream))
      } else {
        const stream = attach(workerData)
        const events = []
        for (const name of ['ready', 'finish', 'close']) stream.on(name, () => events.push(name))
        stream.once('ready', () => {
          logLines(stream, 'w', 0, 10)
          stream.flush((error) => {
            events.push(error ?? 'flushed')
            stream.once('close', () => parentPort.postMessage({ events, written: stream.stats().linesWritten, writable: stream.writable }))
            stream.end()
          })
        })
      }`)
    expect(printed).toEqual([{ events: ['ready', 'flushed', 'finish', 'close'], written: 10, writable: false }])
  })

  test('drops and counts, without a throw, when the owner of the writer has ended it', async () => {
    const { printed, logged } = await runThreads(`
      if (isMainThread) {
        const stream = transport({ destination: file })
        const worker = new Worker(__filename, { workerData: stream.handle() })
        worker.once('message', () => finished(stream).then(() => worker.postMessage('ended')))
        worker.on('exit', () => print(stream.stats()))
      } else {
        const stream = attach(workerData)
        logLines(stream, 'w', 0, 10)
        stream.once('close', () => {
          logLines(stream, 'w', 10, 30)
          const { linesAccepted, linesDropped, writerState } = stream.stats()
          print({ linesAccepted, linesDropped, writerState })
        })
        parentPort.once('message', () => {})
        parentPort.postMessage('logged')
      }`)
    expect(printed[0]).toEqual({ linesAccepted: 10, linesDropped: 20, writerState: 'ended' })
    expect(printed[1]).toMatchObject({ linesAccepted: 10, linesWritten: 10, linesDropped: 20 })
    expect(logged.get('w')).toEqual(numbers(0, 10))
  })

  test("hears of the first line after the end by an 'error', and of the others by 'drop' and its counts alone", async () => {
    const { printed } = await runThreads(`
      const turn = () => new Promise((resolve) => setImmediate(resolve))
      const owner = transport({ destination: file })
      const stream = attach(owner.handle())
      const heard = { errors: [], dropped: 0 }
      const alive = setInterval(() => {}, 1000)
      stream.on('drop', ({ linesDropped }) => { heard.dropped += linesDropped })
      ;(async () => {
        const closed = once(stream, 'close')
        await finished(owner)
        await closed
        stream.write('nobody listens yet\\n')
        await turn()
        stream.on('error', (error) => {
          heard.errors.push(error.code)
          stream.write('what was heard, logged\\n')
        })
        for (let line = 0; line < 18; line++) {
          stream.write('nobody takes it\\n')
          await turn()
        }
        await until(() => heard.dropped === 20)
        clearInterval(alive)
        print({ ...heard, counted: stream.stats().linesDropped })
      })()`)
    expect(printed).toEqual([{ errors: ['ERR_PINO_PINNED_ENDED'], dropped: 20, counted: 20 }])
  })

  test('drops and counts, and closes, when the thread that owns the writer was terminated', async () => {
    const { printed, logged } = await runThreads(`
      if (isMainThread) {
        const owner = new Worker(__filename, { workerData: file })
        owner.once('message', async (handle) => {
          const stream = attach(handle)
          logLines(stream, 'main', 0, 10)
          await flushed(stream)
          await owner.terminate()
          logLines(stream, 'main', 10, 30)
          const { linesAccepted, linesDropped, writerState } = stream.stats()
          print({ linesAccepted, linesDropped, writerState })
          const other = setInterval(() => {}, 1000)
          await new Promise((resolve) => stream.once('close', resolve))
          clearInterval(other)
          print(stream.write('too late'))
        })
      } else {
        const stream = transport({ destination: workerData })
        stream.ref()
        parentPort.postMessage(stream.handle())
      }`)
    expect(printed).toEqual([{ linesAccepted: 10, linesDropped: 20, writerState: 'ended' }, false])
    expect(logged.get('main')).toEqual(numbers(0, 10))
  })

  test('counts as dropped what it was given while the writer came up, when the owner\'s thread was terminated before it was', async () => {
    const { printed } = await runThreads(`
      if (isMainThread) {
        require('node:fs').writeFileSync(file, '')
        const owner = new Worker(__filename, { workerData: '/dev/null' })
        owner.once('message', async (handle) => {
          const stream = attach(handle)
          logLines(stream, 'main', 0, 10)
          // The writer's thread needs some ten milliseconds until its first word; this comes sooner.
          await owner.terminate()
          logLines(stream, 'main', 10, 30)
          const { linesAccepted, linesWritten, linesDropped } = stream.stats()
          print({ sum: linesAccepted + linesDropped, lost: linesAccepted - linesWritten })
        })
      } else {
        const stream = transport({ destination: workerData })
        stream.ref()
        parentPort.postMessage(stream.handle())
      }`)
    expect(printed).toEqual([{ sum: 30, lost: 0 }])
  })

  test('can be made while the owner ends: what of it is not in the sink is counted as dropped', async () => {
    const { printed, logged } = await runThreads(`
      (async () => {
        let accepted = 0
        let dropped = 0
        for (let round = 0; round < 40; round++) {
          const stream = transport({ destination: file, capacity: '64kb' })
          const handle = stream.handle()
          await once(stream, 'ready')
          const ended = finished(stream)
          const late = attach(handle)
          logLines(late, 'late', round * 5, round * 5 + 5)
          await ended
          const stats = late.stats()
          accepted += stats.linesAccepted
          dropped += stats.linesDropped
          late.end()
        }
        print({ accepted, sum: accepted + dropped })
      })()`)
    expect(printed).toEqual([{ accepted: logged.get('late')?.length ?? 0, sum: 200 }])
  })

  test('can be made for a writer that has ended: it drops and counts', async () => {
    const { printed } = await runThreads(`
      const stream = transport({ destination: file })
      const handle = stream.handle()
      finished(stream).then(() => {
        const late = attach(handle)
        logLines(late, 'late', 0, 5)
        // pino takes what is not writable for its options, and logs to standard output.
        require('pino')(attach(handle)).info('to nobody')
        const logged = attach(handle)
        require('pino')(logged).info('to nobody')
        print([late, logged].map((stream) => stream.stats().linesDropped))
        once(logged, 'close').then(() => print(logged.writable))
      })`)
    expect(printed).toEqual([[5, 1], false])
  })

  const shared = new SharedArrayBuffer(8)
  test.each([undefined, null, 7, {}, { block: {}, channel: 'x', pinoPinned: 1 }, { block: shared, channel: 'x', pinoPinned: 1 }])('refuses %p as a handle', (handle) => {
    expect(() => attach(handle as never)).toThrow(expect.objectContaining({ name: 'TypeError', code: 'ERR_PINO_PINNED_OPTION', option: 'handle' }))
  })

  test.each<[string, object]>([
    ['settings that are none', { settings: null }],
    ['no settings in them', { settings: {} }],
    ['a capacity of -0', { settings: { capacity: -0, exitTimeout: 1000, reserve: null } }],
    ['a capacity that is no number', { settings: { capacity: Symbol('much'), exitTimeout: 1000, reserve: null } }],
    ['another block', { block: new SharedArrayBuffer(0) }]
  ])('refuses a handle with %s', async (_, damage) => {
    const stream = transport({ destination: '/dev/null' })
    expect(() => attach({ ...stream.handle(), ...damage } as never)).toThrow(expect.objectContaining({ code: 'ERR_PINO_PINNED_OPTION', option: 'handle' }))
    await new Promise((resolve) => stream.end(resolve))
  })

  test('refuses a handle that cannot be read', () => {
    const handle = new Proxy({}, { get () { throw new Error('on purpose') } })
    expect(() => attach(handle as never)).toThrow(expect.objectContaining({ code: 'ERR_PINO_PINNED_OPTION', option: 'handle' }))
  })

  test('refuses a handle that came through JSON', async () => {
    const { printed } = await runThreads(`
      const stream = transport({ destination: file })
      try {
        attach(JSON.parse(JSON.stringify(stream.handle())))
      } catch (error) {
        print(error.message)
      }
      finished(stream)`)
    expect(printed).toEqual([expect.stringContaining('handle of this process')])
  })
})
