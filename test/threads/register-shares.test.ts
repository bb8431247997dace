import { runUnderRegister as run } from './register-support'
import { numbers, type Outcome } from './support'

const onLinux = process.platform === 'linux' ? describe : describe.skip

const TARGET = JSON.stringify(require.resolve('../fixtures/append-target'))

/** What an application that knows nothing of us has: a logger to a file, from nothing but pino. */
const WAYS = [
  ["pino.transport() of 'pino/file'", "pino(bare, pino.transport({ target: 'pino/file', options: { destination: file } }))"],
  ["a config with 'pino/file'", "pino({ ...bare, transport: { target: 'pino/file', options: { destination: file } } })"],
  ['a config that names us', "pino({ ...bare, transport: { target: require.resolve('pino-pinned'), options: { destination: file } } })"]
] as const

const linesOf = (logged: Outcome['logged']): Record<string, number[]> => Object.fromEntries([...logged].sort(([one], [other]) => one < other ? -1 : 1))

onLinux('under register, though nobody said so,', () => {
  test.each(WAYS)('the threads of a process that log to one file share a writer, the main thread too: %s', async (_, logger) => {
    const { printed, logged } = await run(`
      if (isMainThread) {
        const logger = ${logger}
        log(logger, 'main', 0, 200)
        ;(async () => {
          const workers = await start(4)
          print(named())
          await workers.goOn()
          print(streamOf(logger).stats().linesWritten)
        })()
      } else {
        const { file } = workerData
        work(${logger})
      }`)
    expect(printed).toEqual([1, 1000])
    expect(linesOf(logged)).toEqual({ main: numbers(0, 200), w0: numbers(0, 200), w1: numbers(0, 200), w2: numbers(0, 200), w3: numbers(0, 200) })
  })

  test.each(WAYS)('a pool of workers has one writer, of a main thread that does not log: %s', async (_, logger) => {
    const { printed, logged } = await run(`
      if (isMainThread) {
        (async () => {
          const workers = await start(4)
          print(named())
          await workers.goOn()
        })()
      } else {
        const { file } = workerData
        work(${logger})
      }`)
    expect(printed).toEqual([1])
    expect(linesOf(logged)).toEqual({ w0: numbers(0, 200), w1: numbers(0, 200), w2: numbers(0, 200), w3: numbers(0, 200) })
  })

  test.each(['--require', '--import'])('workers whose code is text share it with those that run a file, and with the main thread: %s', async (flag) => {
    const { printed, logged } = await run(`
      const make = (file) => pino(bare, pino.transport({ target: 'pino/file', options: { destination: file } }))
      const text = \`
        const { parentPort, workerData } = require('node:worker_threads')
        const pino = require('\${require.resolve('pino')}')
        const make = \${make}
        const bare = { base: null, timestamp: false }
        const log = \${log}
        const work = \${work}
        work(make(workerData.file))\`
      if (isMainThread) {
        (async () => {
          const logger = make(file)
          log(logger, 'main', 0, 200)
          const ofText = ['t0', 't1', 't2'].map((who) => new Worker(text, { eval: true, workerData: { file, who } }))
          await Promise.all(ofText.map((worker) => once(worker, 'message')))
          const workers = await start(1)
          print(named())
          const exits = ofText.map((worker) => once(worker, 'exit'))
          for (const worker of ofText) worker.postMessage('go on')
          await Promise.all([...exits, workers.goOn()])
        })()
      } else {
        work(make(workerData.file))
      }`, '', [flag])
    expect(printed).toEqual([1])
    expect(linesOf(logged)).toEqual({ main: numbers(0, 200), t0: numbers(0, 200), t1: numbers(0, 200), t2: numbers(0, 200), w0: numbers(0, 200) })
  })

  test('the end of the main thread\'s stream is the end of no other: the workers go on with another writer', async () => {
    const { printed, logged } = await run(`
      const make = (file) => pino(bare, pino.transport({ target: 'pino/file', options: { destination: file } }))
      if (isMainThread) {
        (async () => {
          const logger = make(file)
          log(logger, 'main', 0, 200)
          const workers = await start(3)
          await finished(streamOf(logger))
          await workers.goOn()
          const again = make(file)
          log(again, 'again', 0, 200)
          await finished(streamOf(again))
          print(streamOf(again).writableErrored)
        })()
      } else {
        work(make(workerData.file))
      }`)
    expect(printed).toEqual([null])
    expect(linesOf(logged)).toEqual({ again: numbers(0, 200), main: numbers(0, 200), w0: numbers(0, 200), w1: numbers(0, 200), w2: numbers(0, 200) })
  })

  test('the main thread makes the writer for workers that log before it, logs through it too, and ends it when nobody is left', async () => {
    const { printed, logged } = await run(`
      const make = (file) => pino(bare, pino.transport({ target: 'pino/file', options: { destination: file } }))
      if (isMainThread) {
        (async () => {
          const workers = await start(3)
          const logger = make(file)
          log(logger, 'main', 0, 200)
          await flushed(streamOf(logger))
          print([named(), typeof streamOf(logger).worker])
          await workers.goOn()
          log(logger, 'main', 200, 300)
          await finished(streamOf(logger))
          print(streamOf(logger).stats().linesWritten)
          await until(() => named() === 0)
        })()
      } else {
        work(make(workerData.file))
      }`)
    expect(printed).toEqual([[1, 'undefined'], 300])
    expect(linesOf(logged)).toEqual({ main: numbers(0, 300), w0: numbers(0, 200), w1: numbers(0, 200), w2: numbers(0, 200) })
  })

  test.each([
    ['end', 'await (await workers).goOn()', 600],
    ['are terminated', 'await Promise.all((await workers).workers.map((worker) => worker.terminate()))', 300]
  ])("a main thread that stands is not waited for: workers share a writer of theirs, and so does the main thread's stream, which goes on when they %s", async (_, leave, count) => {
    const { printed, logged } = await run(`
      const make = (file) => pino(bare, pino.transport({ target: 'pino/file', options: { destination: file } }))
      if (isMainThread) {
        (async () => {
          const flushed = words(1)
          const workers = start(3, { workerData: { file, who: 'w', flushed } })
          for (let count = 0; count < 3; count = Atomics.load(flushed, 0)) Atomics.wait(flushed, 0, count)
          const before = named()
          const logger = make(file)
          log(logger, 'main', 0, 200)
          streamOf(logger).flushSync()
          print([before, named(), typeof streamOf(logger).worker])
          ${leave}
          log(logger, 'main', 200, 300)
          await finished(streamOf(logger))
        })()
      } else {
        const { file, flushed } = workerData
        const logger = make(file)
        logger.flush(() => { Atomics.add(flushed, 0, 1); Atomics.notify(flushed, 0) })
        work(logger)
      }`)
    expect(printed).toEqual([[1, 1, 'undefined']])
    expect(linesOf(logged).main).toEqual(numbers(0, 300))
    expect(linesOf(logged).w).toHaveLength(count)
  })

  test.each([
    ['first', 'a file', "'pino/file'"],
    ['second', 'a file', "'pino/file'"],
    ['first', 'a target', TARGET],
    ['second', 'a target', TARGET]
  ])('two streams of one thread have one writer, and the end of the %s is not that of the other: %s', async (which, _, target) => {
    const { printed, logged } = await run(`
      const [first, second] = [0, 1].map(() => pino.transport({ target: ${target}, options: { destination: file, path: file } }))
      const loggers = { first: pino(bare, first), second: pino(bare, second) }
      for (const [name, logger] of Object.entries(loggers)) log(logger, name, 0, 100)
      ;(async () => {
        const [ends, other] = ${JSON.stringify(which)} === 'first' ? [first, second] : [second, first]
        await Promise.all([first, second].map((stream) => stream.ready || once(stream, 'ready')))
        print([named(), first.worker === second.worker])
        await finished(ends)
        print([other.closed, other.writable])
        while (${which === 'first'} && named() > 0); // with its thread the writer lets go of what it had
        log(loggers[other === first ? 'first' : 'second'], 'other', 0, 100)
        await finished(other)
        print(other.stats().linesDropped)
      })()`)
    expect(printed).toEqual([[1, false], [false, true], 0])
    expect(linesOf(logged)).toEqual({ first: numbers(0, 100), other: numbers(0, 100), second: numbers(0, 100) })
  })

  test('two streams of one thread to a target have a writer each if the environment has changed in between', async () => {
    const { printed, logged } = await run(`
      const make = async (who) => {
        const logger = pino(bare, pino.transport({ target: ${TARGET}, options: { path: file } }))
        log(logger, who, 0, 10)
        await flushed(streamOf(logger))
      }
      ;(async () => {
        await make('first')
        process.env.CHANGED = 'yes'
        await make('second')
        print(named())
      })()`)
    expect(printed).toEqual([2])
    expect(linesOf(logged)).toEqual({ first: numbers(0, 10), second: numbers(0, 10) })
  })

  test.each([
    ['the main thread', 'true'],
    ['a worker', 'false'],
    ['a worker while the main thread stands', 'false', 'Atomics.wait(words(1), 0, 0, 1500)']
  ])('what is logged through two streams of one thread as it leaves is there, in exit handlers too: %s', async (_, isInMain, after = '') => {
    const { printed, logged } = await run(`
      if (isMainThread === ${isInMain}) {
        const path = isMainThread ? file : workerData.file
        const streams = [0, 1].map(() => pino.transport({ target: 'pino/file', options: { destination: path } }))
        const all = (from) => streams.forEach((stream, at) => log(pino(bare, stream), 's' + at, from, from + 100))
        process.on('exit', () => all(200))
        all(0)
        setImmediate(() => { all(100); process.exit() })
        setTimeout(() => {}, 1e6)
      } else {
        once(new Worker(__filename, { workerData: { file } }), 'exit').then(([code]) => print(code))
        ${after}
      }`)
    expect(printed).toEqual(isInMain === 'true' ? [] : [0])
    expect(linesOf(logged)).toEqual({ s0: numbers(0, 300), s1: numbers(0, 300) })
  })

  test.each([
    ['a target with options that are more than they look like', `{ target: ${TARGET}, options: { path, shared: new SharedArrayBuffer(8) } }`, ''],
    ['a target with share=false', `{ target: ${TARGET}, options: { path } }`, ',share=false'],
    ['a file that is to be begun anew', "{ target: 'pino/file', options: { destination: path, append: false } }", ''],
    ['a worker with an environment of its own', "{ target: 'pino/file', options: { destination: path }, worker: { env: {} } }", ''],
    ['a worker with limits of its own', "{ target: 'pino/file', options: { destination: path }, worker: { resourceLimits: { stackSizeMb: 8 } } }", ''],
    ['another file', "{ target: 'pino/file', options: { destination: isMainThread ? '/dev/null' : path } }", ''],
    ['share=false', "{ target: 'pino/file', options: { destination: path } }", ',share=false']
  ])('a thread has a writer of its own for %s', async (_, options, more) => {
    const { printed, logged } = await run(`
      const path = isMainThread ? file : workerData.file
      const stream = hold(pino.transport(${options}))
      const logger = pino(bare, stream)
      if (isMainThread) {
        once(stream, 'ready').then(async () => {
          const workers = await start(1)
          print(named())
          await workers.goOn()
        })
      } else {
        work(logger)
      }`, more)
    expect(printed).toEqual([2])
    expect(linesOf(logged)).toEqual({ w0: numbers(0, 200) })
  })

  test('each thread hears that the file cannot be opened, as of a writer of its own', async () => {
    const { printed } = await run(`
      const make = () => pino.transport({ target: 'pino/file', options: { destination: '/proc/no/such/directory' } })
      if (isMainThread) {
        require('node:fs').writeFileSync(file, '')
        const workers = [0, 1, 2].map(() => once(new Worker(__filename), 'message'))
        Promise.all([once(make(), 'error'), ...workers]).then(([[error], ...words]) => print([error.code, ...words.flat()]))
      } else {
        const stream = make()
        const alive = setInterval(() => {}, 1000)
        once(stream, 'error').then(([error]) => {
          clearInterval(alive)
          parentPort.postMessage(error.code)
        })
      }`)
    expect(printed).toEqual([['ENOENT', 'ENOENT', 'ENOENT', 'ENOENT']])
  })

  test('a stream that the application forgot is collected, and its writer ends', async () => {
    const { printed } = await run(`
      require('node:fs').writeFileSync(file, '')
      for (let n = 0; n < 3; n++) pino.transport({ target: 'pino/file', options: { destination: file + '.' + n } })
      ;(async () => {
        await until(() => named() === 3)
        await until(() => { gc(); return named() === 0 })
        print(named())
      })()`, '', ['--expose-gc', '--require'])
    expect(printed).toEqual([0])
  })
})
