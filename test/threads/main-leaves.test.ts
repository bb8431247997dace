import { isAscending, numbers, runThreads } from './support'

const REGISTER = require.resolve('../../dist/register.js')

/** Workers that log, each line counted when `write` has returned; the main thread has no stream, and leaves soon after their first lines. */
const program = (stream: string, beforehand = ''): string => `
  const WORKERS = 3
  if (isMainThread) {
    ${beforehand}
    const counts = words(WORKERS)
    let up = 0
    for (let at = 0; at < WORKERS; at++) {
      new Worker(__filename, { workerData: { at, file, counts } }).once('message', () => {
        if (++up < WORKERS) return
        setTimeout(() => {
          require('node:fs').writeSync(1, JSON.stringify([...counts]) + '\\n')
          process.exit()
        }, Number(process.env.LEAVE_AFTER_MS))
      })
    }
  } else {
    const { at, file, counts } = workerData
    const logger = pino({ base: null, timestamp: false }, ${stream})
    let i = 0
    const log = () => {
      for (let n = 0; n < 20; n++) {
        logger.info({ who: 'w' + at, i }, 'x'.repeat(i % 70))
        Atomics.store(counts, at, ++i)
      }
      if (i === 20) parentPort.postMessage('up')
      setTimeout(log, 1)
    }
    log()
  }`

const WAYS: Array<[string, string, string[]]> = [
  ['a writer each', "transport({ destination: file, name: 'w' + at })", []],
  ['share', 'transport({ destination: file, share: true })', []],
  ['register', "pino.transport({ target: 'pino/file', options: { destination: file } })", ['--require', REGISTER]]
]

const onPosix = process.platform === 'win32' ? describe.skip : describe

onPosix('when the main thread leaves, which ends its workers and their writers without a word, every line that they had logged is in the file', () => {
  async function expectAll (source: string, ms: number, execArgv: string[] = []): Promise<void> {
    const { printed, logged } = await runThreads(source, { execArgv, env: { ...process.env, LEAVE_AFTER_MS: String(ms) } })
    printed[0].forEach((count: number, at: number) => {
      const list = logged.get(`w${at}`) ?? []
      const once = [...new Set(list)]
      expect({ at, isInOrder: isAscending(once), lines: once.slice(0, count) }).toEqual({ at, isInOrder: true, lines: numbers(0, count) })
      expect(list.length - once.length).toBeLessThanOrEqual(1)
    })
  }

  for (const [way, stream, execArgv] of WAYS) {
    test.each([0, 5, 10, 20, 40, 150])(`${way}, %i ms after their first lines`, (ms) => expectAll(program(stream), ms, execArgv))
  }

  test.each([0, 5, 10])('share, in a directory that is made with the file, %i ms after their first lines', async (ms) => {
    // The log is read by a link that leads to where it will be.
    const link = "require('node:fs').symlinkSync(file + '.d/app.log', file)"
    await expectAll(program("transport({ destination: file + '.d/app.log', mkdir: true, share: true })", link), ms)
  })
})

onPosix('when a worker that has a writer of its own is terminated, every line that it had logged is in the file', () => {
  test.each([0, 5, 10, 20, 40, 150])('%i ms after its first lines', async (ms) => {
    const { printed, logged } = await runThreads(`
      if (isMainThread) {
        const counts = words(1)
        const worker = new Worker(__filename, { workerData: { file, counts } })
        worker.once('message', () => setTimeout(() => worker.terminate().then(() => print(counts[0])), ${ms}))
      } else {
        const logger = pino({ base: null, timestamp: false }, transport({ destination: workerData.file }))
        let i = 0
        const log = () => {
          for (let n = 0; n < 20; n++) {
            logger.info({ who: 'w', i }, 'x'.repeat(i % 70))
            Atomics.store(workerData.counts, 0, ++i)
          }
          if (i === 20) parentPort.postMessage('up')
          setTimeout(log, 1)
        }
        log()
      }`)
    const once = [...new Set(logged.get('w'))]
    expect({ isInOrder: isAscending(once), lines: once.slice(0, printed[0]) }).toEqual({ isInOrder: true, lines: numbers(0, printed[0]) })
    expect(logged.get('w')!.length - once.length).toBeLessThanOrEqual(1)
  })
})

onPosix('when the main thread leaves by process.exit() under register, and logs to the same file', () => {
  test.each([0, 10, 40])('workers lose no line that they log until they are gone, %i ms after their first lines', async (ms) => {
    // Each twenty lines are told on stdout when `write` has returned: until the last moment.
    const { printed, logged } = await runThreads(`
      const target = { target: 'pino/file', options: { destination: file ?? workerData.file } }
      const logger = pino({ base: null, timestamp: false }, pino.transport(target))
      if (isMainThread) {
        logger.info({ who: 'main', i: 0 })
        let up = 0
        for (let at = 0; at < 3; at++) {
          new Worker(__filename, { workerData: { at, file } }).once('message', () => {
            if (++up === 3) setTimeout(() => process.exit(), ${ms})
          })
        }
      } else {
        const { at } = workerData
        let i = 0
        const log = () => {
          for (let n = 0; n < 20; n++) logger.info({ who: 'w' + at, i: i++ }, 'x'.repeat(i % 70))
          require('node:fs').writeSync(1, at + '\\n')
          if (i === 20) parentPort.postMessage('up')
          setTimeout(log, 1)
        }
        log()
      }`, { execArgv: ['--require', REGISTER] })
    expect(logged.get('main')).toEqual([0])
    for (let at = 0; at < 3; at++) {
      const count = printed.filter((each) => each === at).length * 20
      const list = logged.get(`w${at}`)!
      const once = [...new Set(list)]
      expect({ at, isInOrder: isAscending(once), lines: once.slice(0, count) }).toEqual({ at, isInOrder: true, lines: numbers(0, count) })
      expect(list.length - once.length).toBeLessThanOrEqual(1)
    }
  })
})
