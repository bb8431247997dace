import { attach } from 'pino-pinned'
import { finish, makeFifo, open, Reader, until } from '../faults/support'
import { isAscending, numbers, runThreads } from './support'

/** Threads that log in strict turns: who is next, and the number of the line, stand in shared memory. */
const inTurns = (options: string): string => `
  const THREADS = 4, LINES = 400
  if (isMainThread) {
    const stream = transport({ ${options} })
    const turn = words(1)
    const handle = stream.handle()
    const workers = Array.from({ length: THREADS }, (_, at) => new Worker(__filename, { workerData: { handle, turn, at } }))
    Promise.all(workers.map((worker) => once(worker, 'exit'))).then(() => finished(stream)).then(() => print(stream.stats()))
  } else {
    const { at, turn, handle } = workerData
    const stream = attach(handle)
    for (;;) {
      const now = Atomics.load(turn, 0)
      if (now >= LINES) break
      if (now % THREADS !== at) {
        Atomics.wait(turn, 0, now)
        continue
      }
      stream.write('{"who":"all","i":' + now + '}\\n')
      Atomics.add(turn, 0, 1)
      Atomics.notify(turn, 0)
    }
  }`

const TARGET = JSON.stringify(require.resolve('../fixtures/append-target'))

describe("with order 'time'", () => {
  test.each([
    ['a file', 'destination: file'],
    ['a file, woken', "destination: file, wait: 'park'"],
    ['a target', `target: ${TARGET}, options: { path: file }`]
  ])('lines of several threads stand in %s in the order in which they were logged', async (_, sink) => {
    const { logged, printed } = await runThreads(inTurns(`${sink}, order: 'time'`))
    expect(logged.get('all')).toEqual(numbers(0, 400))
    expect(printed[0]).toMatchObject({ linesAccepted: 400, linesWritten: 400, linesSkipped: 0 })
  })

  test('lines of rings that were attached while the main thread stood still are merged from the first one on', async () => {
    const { logged, printed } = await runThreads(`
      const LINES = 400
      if (isMainThread) {
        const stream = transport({ destination: file, order: 'time' })
        const [turn, done] = [words(1), words(1)]
        const handle = stream.handle()
        const workers = [0, 1, 2, 3].map((at) => new Worker(__filename, { workerData: { handle, turn, done, at } }))
        print(Atomics.wait(done, 0, 0, 60000))
        Promise.all(workers.map((worker) => once(worker, 'exit'))).then(() => finished(stream))
      } else {
        const { at, turn, done, handle } = workerData
        const stream = attach(handle)
        if (!stream.flushSync(60000)) throw new Error('the ring was not taken in')
        for (let now = 0; now < LINES; now = Atomics.load(turn, 0)) {
          if (now % 4 !== at) {
            Atomics.wait(turn, 0, now)
            continue
          }
          stream.write('{"who":"all","i":' + now + '}\\n')
          Atomics.add(turn, 0, 1)
          Atomics.notify(turn, 0)
        }
        Atomics.store(done, 0, 1)
        Atomics.notify(done, 0)
      }`)
    expect(printed).toEqual(['ok'])
    expect(logged.get('all')).toEqual(numbers(0, 400))
  })

  test('behind a line that is longer than a batch the other threads have their turn', async () => {
    const path = makeFifo()
    const reader = new Reader(path)
    const { stream } = open({ destination: path, order: 'time', capacity: '16mb' })
    const other = attach(stream.handle())
    await until(() => stream.ready && other.ready)
    for (let n = 0; n < 1500; n++) { // far more than the pipe takes: the writer waits, and meets them all
      const [mine, before] = [n % 2 === 0 ? stream : other, performance.now()]
      mine.write(`{"n":${n},"text":"${'x'.repeat(n % 200 === 0 ? 300_000 : 1000)}"}\n`)
      while (performance.now() - before < 0.01); // no two are of the same time
    }
    await until(() => stream.stats().writerState === 'stalled')
    const closed = new Promise((resolve) => other.once('close', resolve)).then(() => finish(stream))
    other.end()
    await reader.takeUntil(() => stream.closed)
    await closed
    reader.close()
    expect(reader.text.split('\n').slice(0, -1).map((line) => JSON.parse(line).n)).toEqual(numbers(0, 1500))
  })

  test('lines stay in order when a writer dies and others take over', async () => {
    const { logged, printed } = await runThreads(`
      const LINES = 3000
      if (isMainThread) {
        const stream = transport({ destination: file, order: 'time', maxRestarts: 1000 })
        const turn = words(1)
        const handle = stream.handle()
        const workers = [0, 1, 2, 3].map((at) => new Worker(__filename, { workerData: { handle, turn, at } }))
        const kill = async () => {
          for (let kills = 0; kills < 5 && Atomics.load(turn, 0) < LINES; kills++) {
            const { linesWritten } = stream.stats()
            await until(() => stream.stats().linesWritten > linesWritten || Atomics.load(turn, 0) >= LINES)
            await stream.worker.terminate()
          }
        }
        Promise.all([kill(), ...workers.map((worker) => once(worker, 'exit'))]).then(() => finished(stream)).then(() => print(stream.stats()))
      } else {
        const { at, turn, handle } = workerData
        const stream = attach(handle)
        for (let now = 0; now < LINES; now = Atomics.load(turn, 0)) {
          if (now % 4 !== at) {
            Atomics.wait(turn, 0, now)
            continue
          }
          stream.write('{"who":"all","i":' + now + '}\\n')
          Atomics.add(turn, 0, 1)
          Atomics.notify(turn, 0)
        }
      }`, { execArgv: ['--no-warnings'] })
    expect(printed[0].restarts).toBeGreaterThan(0)
    // A line may be there twice where a writer died with it, one behind the other.
    expect(logged.get('all')!.filter((each, at, all) => each !== all[at - 1])).toEqual(numbers(0, 3000))
  })

  test('a full ring keeps its reserve for errors, and every line is counted', async () => {
    const { logged, noticed, printed } = await runThreads(`
      if (isMainThread) {
        const stream = transport({ destination: file, order: 'time', capacity: '64kb' })
        const workers = [0, 1].map((at) => new Worker(__filename, { workerData: { handle: stream.handle(), who: 'w' + at } }))
        Promise.all(workers.map((worker) => once(worker, 'exit'))).then(() => finished(stream)).then(() => print(stream.stats()))
      } else {
        const stream = attach(workerData.handle)
        logLines(stream, workerData.who, 0, 20000, 'x'.repeat(50))
      }`)
    const { linesAccepted, linesDropped } = printed[0]
    expect(linesAccepted + linesDropped).toBe(40000)
    expect([...logged.values()].flat()).toHaveLength(linesAccepted)
    expect(noticed).toBe(linesDropped)
    for (const list of logged.values()) expect(isAscending(list)).toBe(true)
  })
})
