import { runUnderRegister } from './register-support'
import { numbers, type Outcome } from './support'

const onLinux = process.platform === 'linux' ? describe : describe.skip

const TARGET = JSON.stringify(require.resolve('../fixtures/append-target'))
const PRETTY = JSON.stringify(require.resolve('pino-pretty'))
const TALKING = JSON.stringify(require.resolve('../fixtures/talking-target'))

/** What an application that knows nothing of us has: a logger to a target, from nothing but pino. */
const WAYS = [
  ['pino.transport()', `pino(bare, pino.transport({ target: ${TARGET}, options: { path: file } }))`],
  ['a config', `pino({ ...bare, transport: { target: ${TARGET}, options: { path: file } } })`],
  ['targets', `pino(bare, pino.transport({ targets: [{ target: ${TARGET}, options: { path: file } }, { target: ${TARGET}, level: 'error', options: { path: file } }] }))`],
  ['a pipeline', `pino(bare, pino.transport({ pipeline: [{ target: ${TARGET}, options: { path: file } }] }))`],
  ['a config that names us', `pino({ ...bare, transport: { target: require.resolve('pino-pinned'), options: { target: ${TARGET}, options: { path: file } } } })`],
  ['pino-pretty', `pino(bare, pino.transport({ target: ${PRETTY}, options: { destination: file, colorize: false, singleLine: true } }))`]
] as const

const MAKE = `const make = (file) => pino(bare, pino.transport({ target: ${TARGET}, options: { path: file } }))`

const run = (program: string, options?: string, flag = '--require'): Promise<Outcome> => runUnderRegister(`${MAKE}\n{${program}}`, options, [flag])

/** By who logged them; lines of pino-pretty end in what JSON begins with. */
function linesOf ({ text }: Outcome): Record<string, number[]> {
  const lines: Record<string, number[]> = {}
  for (const [, who, i] of text.matchAll(/"who":"(\w+)","i":(\d+)/g)) (lines[who!] ??= []).push(Number(i))
  return Object.fromEntries(Object.entries(lines).sort(([one], [other]) => one < other ? -1 : 1))
}

onLinux('under register, though nobody said so,', () => {
  test.each(WAYS)('the main thread and its workers have one target: %s', async (_, logger) => {
    const outcome = await run(`
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
    expect(outcome.printed).toEqual([1, 1000])
    expect(linesOf(outcome)).toEqual({ main: numbers(0, 200), w0: numbers(0, 200), w1: numbers(0, 200), w2: numbers(0, 200), w3: numbers(0, 200) })
  })

  test.each(['--require', '--import'])('workers of workers, and those whose code is text, have the target of the main thread: %s', async (flag) => {
    const outcome = await run(`
      const text = \`
        const { parentPort, workerData } = require('node:worker_threads')
        const pino = require('\${require.resolve('pino')}')
        const bare = { base: null, timestamp: false }
        const make = \${make}
        const log = \${log}
        const work = \${work}
        work(make(workerData.file))\`
      const relay = (worker) => {
        worker.on('message', (message) => parentPort.postMessage(message))
        parentPort.once('message', () => worker.postMessage('go on'))
      }
      if (isMainThread) {
        const logger = make(file)
        log(logger, 'main', 0, 200)
        const workers = [
          new Worker(text, { eval: true, workerData: { file, who: 'text' } }),
          new Worker(__filename, { workerData: { file, who: 'nested', isOuter: true } })
        ]
        Promise.all(workers.map((worker) => once(worker, 'message'))).then(() => {
          print(named())
          for (const worker of workers) worker.postMessage('go on')
        })
      } else if (workerData.isOuter) {
        relay(new Worker(__filename, { workerData: { ...workerData, isOuter: false } }))
      } else {
        work(make(workerData.file))
      }`, '', flag)
    expect(outcome.printed).toEqual([1])
    expect(linesOf(outcome)).toEqual({ main: numbers(0, 200), nested: numbers(0, 200), text: numbers(0, 200) })
  })

  test.each([
    ['of a main thread that does not log', ''],
    ['that were started before the main thread made its stream', "const logger = make(file); log(logger, 'main', 0, 200); await flushed(streamOf(logger))"]
  ])('workers %s have one target, the main thread\'s, and none loses lines with another', async (_, between) => {
    const outcome = await run(`
      if (isMainThread) {
        (async () => {
          const workers = await start(3)
          ${between}
          print(named())
          const [first] = workers.workers
          await first.terminate()
          workers.workers.shift()
          await workers.goOn()
        })()
      } else {
        work(make(workerData.file))
      }`)
    expect(outcome.printed).toEqual([1])
    const { main: _main, ...lines } = linesOf(outcome)
    expect(lines).toEqual({ w0: numbers(0, 100), w1: numbers(0, 200), w2: numbers(0, 200) })
  })

  test.each([
    ['while the main thread stands', 'stands', ''],
    ['in an environment of their own', '', 'env: { ...process.env, OTHER: "yes" }']
  ])('workers have a target each %s, and their lines arrive', async (_, stands, options) => {
    const outcome = await run(`
      if (isMainThread) {
        (async () => {
          const flushed = words(1)
          const workers = start(3, { workerData: { file, who: 'w', flushed }, ${options} })
          for (let count = 0; count < 3; count = Atomics.load(flushed, 0)) {
            if (${JSON.stringify(stands)} !== '') Atomics.wait(flushed, 0, count)
            else await new Promise(setImmediate)
          }
          const before = named()
          const { goOn } = await workers
          print([before, named()]) // what was withdrawn is made by nobody
          await goOn()
        })()
      } else {
        const { file, flushed } = workerData
        const logger = make(file)
        work(logger)
        logger.flush(() => { Atomics.add(flushed, 0, 1); Atomics.notify(flushed, 0) })
      }`)
    expect(outcome.printed).toEqual([[3, 3]])
    expect(linesOf(outcome).w).toHaveLength(600)
  })

  test("when the main thread's stream ends, its workers go on with another target of the main thread's, and lose no line", async () => {
    const outcome = await run(`
      if (isMainThread) {
        (async () => {
          const logger = make(file)
          log(logger, 'main', 0, 200)
          const workers = await start(3)
          await finished(streamOf(logger))
          for (const worker of workers.workers) worker.postMessage('go on')
          await Promise.all(workers.workers.map((worker) => once(worker, 'message')))
          await until(() => named() === 1)
          const again = make(file)
          log(again, 'again', 0, 200)
          await finished(streamOf(again))
          const exits = workers.workers.map((worker) => once(worker, 'exit'))
          for (const worker of workers.workers) worker.postMessage('end')
          await Promise.all(exits)
          print(streamOf(again).writableErrored)
        })()
      } else {
        const logger = make(workerData.file)
        log(logger, workerData.who, 0, 100)
        logger.flush((error) => parentPort.postMessage(error))
        parentPort.once('message', () => {
          log(logger, workerData.who, 100, 200)
          logger.flush((error) => parentPort.postMessage([error, typeof streamOf(logger).worker]))
          parentPort.once('message', () => log(logger, workerData.who, 200, 300))
        })
      }`)
    expect(outcome.printed).toEqual([null])
    expect(linesOf(outcome)).toEqual({ again: numbers(0, 200), main: numbers(0, 200), w0: numbers(0, 300), w1: numbers(0, 300), w2: numbers(0, 300) })
  })

  test("workers that log without a turn of their event loop lose no line as the main thread's stream ends", async () => {
    const outcome = await run(`
      if (isMainThread) {
        (async () => {
          const logger = make(file)
          const state = words(2)
          const workers = [0, 1].map((n) => new Worker(__filename, { workerData: { file, who: 'w' + n, state } }))
          const exits = workers.map((worker) => once(worker, 'exit'))
          await until(() => state[0] === 2)
          await finished(streamOf(logger))
          Atomics.store(state, 1, 1)
          print((await Promise.all(exits)).flat())
        })()
      } else {
        const { file, who, state } = workerData
        const logger = make(file)
        let i = 0
        log(logger, who, i, i += 1000)
        Atomics.add(state, 0, 1)
        while (Atomics.load(state, 1) === 0) { log(logger, who, i, i += 10); Atomics.wait(state, 1, 0, 5) }
        log(logger, who, i, i += 1000)
        logger.info({ who: who + 'count', i })
        streamOf(logger).flushSync()
      }`)
    const { w0count, w1count, ...lines } = linesOf(outcome)
    expect(outcome.printed).toEqual([[0, 0]])
    expect(lines).toEqual({ w0: numbers(0, w0count![0]!), w1: numbers(0, w1count![0]!) })
  })

  test('what a worker had logged is there when it was terminated', async () => {
    const outcome = await run(`
      if (isMainThread) {
        (async () => {
          const logger = make(file)
          log(logger, 'main', 0, 100)
          for (let n = 0; n < 3; n++) {
            const worker = new Worker(__filename, { workerData: { file, who: 'w' + n } })
            await once(worker, 'message')
            await worker.terminate()
          }
          log(logger, 'main', 100, 200)
          print(named())
        })()
      } else {
        log(make(workerData.file), workerData.who, 0, 500)
        parentPort.postMessage('logged')
        Atomics.wait(words(1), 0, 0)
      }`)
    expect(outcome.printed).toEqual([1])
    expect(linesOf(outcome)).toEqual({ main: numbers(0, 200), w0: numbers(0, 500), w1: numbers(0, 500), w2: numbers(0, 500) })
  })

  test.each([
    ['another environment', '{ env: { ...process.env, SERVICE: "other" } }', '{}'],
    ['flags for its target', '{}', "isMainThread ? {} : { execArgv: ['--no-warnings'] }"]
  ])('a worker with %s has a target of its own', async (_, more, worker) => {
    const outcome = await run(`
      const make = (file) => pino(bare, pino.transport({ target: ${TARGET}, options: { path: file }, worker: ${worker} }))
      if (isMainThread) {
        const logger = make(file)
        log(logger, 'main', 0, 200)
        ;(async () => {
          await flushed(streamOf(logger))
          const workers = await start(1, ${more})
          print(named())
          await workers.goOn()
        })()
      } else {
        work(make(workerData.file))
      }`)
    expect(outcome.printed).toEqual([2])
    expect(linesOf(outcome)).toEqual({ main: numbers(0, 200), w0: numbers(0, 200) })
  })
})

onLinux('a target that threads share under register', () => {
  test('sends its events to each of them, gets messages of each, and hears once of pino', async () => {
    const { printed } = await run(`
      const make = (path) => pino(bare, pino.transport({ target: ${TALKING}, options: { path } }))
      const ask = async (logger, who) => {
        const stream = streamOf(logger)
        const heard = []
        stream.on('heard', (message) => heard.push(message.code ?? message.from))
        const answered = new Promise((resolve) => stream.on('answer', (...args) => { if (args[0] === who) resolve(args) }))
        stream.emit('message', { from: who })
        logger.info({ asks: who })
        const answer = await answered
        await until(() => heard.includes(who))
        return { answer, heard }
      }
      if (isMainThread) {
        (async () => {
          const logger = make(file)
          const { answer, heard } = await ask(logger, 'main')
          const others = []
          streamOf(logger).on('heard', (message) => others.push(message.code ?? message.from))
          const results = []
          for (const who of ['w0', 'w1']) results.push(...await once(new Worker(__filename, { workerData: { file, who } }), 'message'))
          print([answer, heard.filter((each) => each === 'PINO_CONFIG').length, heard.includes('main'), results, others, named()])
        })()
      } else {
        ask(make(workerData.file), workerData.who).then(({ answer, heard }) => parentPort.postMessage([answer, heard]))
      }`)
    expect(printed).toEqual([[['main', 'yes'], 1, true, [[['w0', 'yes'], ['w0']], [['w1', 'yes'], ['w1']]], ['w0', 'w1'], 1]])
  })

  test('answers a worker that has nothing else to do than to wait for that, also while the main thread stands', async () => {
    const { printed } = await run(`
      const make = (path) => pino(bare, pino.transport({ target: ${TALKING}, options: { path } }))
      if (isMainThread) {
        const stream = streamOf(make(file))
        stream.once('ready', () => {
          const answered = words(1)
          const worker = new Worker(__filename, { workerData: { file, answered } })
          print(Atomics.wait(answered, 0, 0, 60_000))
          once(worker, 'exit').then(([code]) => print(code))
        })
      } else {
        const { file, answered } = workerData
        const logger = make(file)
        streamOf(logger).once('answer', () => {
          Atomics.store(answered, 0, 1)
          Atomics.notify(answered, 0)
        })
        logger.info({ asks: 'w' })
      }`)
    expect(printed).toEqual(['ok', 0])
  })

  test("emits the errors that it sends on each thread's stream", async () => {
    const { printed } = await run(`
      const make = (path) => pino(bare, pino.transport({ target: ${TALKING}, options: { path } }))
      const logger = make(isMainThread ? file : workerData.file)
      const failed = once(hold(streamOf(logger)), 'error').then(([error]) => error.message)
      if (isMainThread) {
        const worker = new Worker(__filename, { workerData: { file } })
        const heard = once(worker, 'message')
        Promise.all([failed, heard]).then(([own, [others]]) => print([own, others, named()]))
      } else {
        logger.info({ fails: 'of its own' })
        failed.then((message) => parentPort.postMessage(message))
      }`)
    expect(printed).toEqual([['of its own', 'of its own', 1]])
  })

  test('each thread hears that it cannot be loaded, as of a writer of its own', async () => {
    const { printed } = await run(`
      const make = () => hold(pino.transport({ target: '/proc/no/such/target.js' }))
      if (isMainThread) {
        require('node:fs').writeFileSync(file, '')
        const own = make()
        const workers = [0, 1, 2].map(() => once(new Worker(__filename), 'message'))
        Promise.all([once(own, 'error'), ...workers]).then(([[error], ...words]) => print([error.code, ...words.flat()]))
      } else {
        const stream = make()
        const alive = setInterval(() => {}, 1000)
        once(stream, 'error').then(([error]) => {
          clearInterval(alive)
          parentPort.postMessage(error.code)
        })
      }`)
    expect(printed).toEqual([Array(4).fill('MODULE_NOT_FOUND')])
  })

  test("each thread has its own 'ready', flush and end, and the end of a worker's stream is that of no other", async () => {
    const outcome = await run(`
      if (isMainThread) {
        (async () => {
          const logger = make(file)
          const [seen] = await once(new Worker(__filename, { workerData: { file, who: 'w' } }), 'message')
          log(logger, 'main', 0, 100)
          await finished(streamOf(logger))
          print([seen, streamOf(logger).stats().linesDropped])
        })()
      } else {
        (async () => {
          const logger = make(workerData.file)
          const stream = streamOf(logger)
          const seen = []
          for (const event of ['ready', 'finish', 'close']) stream.on(event, () => seen.push(event))
          await once(stream, 'ready')
          log(logger, 'w', 0, 100)
          await flushed(stream)
          await finished(stream)
          seen.push(threadsNamed('shared-writer'))
          parentPort.postMessage(seen)
        })()
      }`)
    expect(outcome.printed).toEqual([[['ready', 'finish', 'close', 1], 0]])
    expect(linesOf(outcome)).toEqual({ main: numbers(0, 100), w: numbers(0, 100) })
  })
})
