import { isAscending, numbers, type Outcome, runThreads } from './support'

const onLinux = process.platform === 'linux' ? describe : describe.skip

/** Threads without a stream in the main one; each says in `said` how many of its lines it has logged for sure. */
const PRELUDE = `
  const { setTimeout: pause } = require('node:timers/promises')
  const MOST = 256
  const options = { destination: file ?? workerData.file, share: true, name: 'shared-writer', capacity: '64kb', onFull: 'block', exitTimeout: 30000 }
  const [said, owns, orders] = isMainThread ? [words(MOST), words(MOST), words(MOST)] : workerData.shared
  const workers = []
  const start = async () => {
    const at = workers.length
    const worker = new Worker(__filename, { workerData: { at, file, shared: [said, owns, orders] } })
    const each = { at, worker, exited: once(worker, 'exit'), terminate: () => worker.terminate(), end: () => { Atomics.store(orders, at, 1); return each.exited } }
    workers.push(each)
    await once(worker, 'message')
    return each
  }
  const owner = async (among) => {
    await until(() => among.some(({ at }) => Atomics.load(owns, at) === 1))
    return among.find(({ at }) => Atomics.load(owns, at) === 1)
  }
  const hasLogged = (each, lines) => until(() => Atomics.load(said, each.at) >= lines)
  /** Logs until it is told to end: 1 its stream; 2: like that, without a turn of the event loop. */
  const logOn = (lines) => {
    const { at } = workerData
    const stream = transport(options)
    const logger = pino({ base: null, timestamp: false }, stream)
    const sleep = words(1)
    let i = 0
    const log = () => {
      for (let n = 0; n < lines; n++) {
        logger.info({ who: 'w' + at, i }, 'x'.repeat(i % 70))
        Atomics.store(said, at, ++i)
      }
      Atomics.store(owns, at, stream.worker !== undefined ? 1 : 0)
    }
    log()
    parentPort.postMessage('up')
    const go = () => {
      if (at % 2 === 1) for (let n = 0; n < 5; n++) { log(); Atomics.wait(sleep, 0, 0, 1) }
      log()
      if (Atomics.load(orders, at) === 0) return setTimeout(go, 1)
      stream.end(() => {
        const { linesAccepted, linesWritten, linesDropped } = stream.stats()
        parentPort.postMessage({ linesAccepted, linesWritten, linesDropped, isOwner: stream.worker !== undefined })
      })
    }
    go()
  }`

const run = (main: string): Promise<Outcome> => runThreads(`${PRELUDE}
  if (isMainThread) (async () => { ${main} })().then(() => print(workers.map(({ at }) => Atomics.load(said, at))))
  else logOn(10)`, { timeout: 280_000 })

/** Every line that was said is there, in order; what was under way when a thread died may be there too, or twice. */
function expectAllSaid ({ printed, logged }: Outcome): void {
  printed.at(-1).forEach((lines: number, at: number) => {
    const once = [...new Set(logged.get(`w${at}`) ?? [])]
    expect({ at, isInOrder: isAscending(once) }).toEqual({ at, isInOrder: true })
    expect({ at, lines: once.slice(0, lines) }).toEqual({ at, lines: numbers(0, lines) })
    expect(once.length - lines).toBeLessThanOrEqual(1)
  })
}

const ROUNDS = 12
/** The time from one owner's end until the next one's writer has heard of the others is some tens of milliseconds. */
const WINDOW_MS = 40

/** Three threads a round, of which one goes as the owner, and another so long after it; what the third does is the heir's. */
const rounds = (ownerGoes: string): string => `
  for (let round = 0; round < ${ROUNDS}; round++) {
    const peers = await Promise.all([start(), start(), start()])
    const first = await owner(peers)
    const [victim, heir] = peers.filter((peer) => peer !== first)
    await hasLogged(victim, 50)
    const gone = ${ownerGoes}
    await pause(round * ${WINDOW_MS / ROUNDS})
    await victim.terminate()
    await gone
    const said = once(heir.worker, 'message')
    await heir.end()
    print((await said)[0])
  }`

onLinux('of threads that share a writer and are terminated, every line that they have logged is delivered', () => {
  test.each([
    ['after an owner that has ended its stream', 'first.end()'],
    ['after an owner that was terminated', 'first.terminate()']
  ])('while there is no writer: %s', async (_, ownerGoes) => {
    const outcome = await run(rounds(ownerGoes))
    expectAllSaid(outcome)
    const heirs = outcome.printed.slice(0, -1)
    expect(heirs).toHaveLength(ROUNDS)
    for (const heir of heirs) expect(heir).toEqual({ isOwner: true, linesAccepted: heir.linesWritten, linesWritten: expect.any(Number), linesDropped: 0 })
  }, 300_000)

  test('all at once, but for one that does not own the writer', async () => {
    expectAllSaid(await run(`
      let living = []
      for (let round = 0; round < 4; round++) {
        living.push(...await Promise.all(Array.from({ length: 6 }, start)))
        for (const peer of living) await hasLogged(peer, 50)
        const first = await owner(living)
        const heir = living.find((peer) => peer !== first)
        await Promise.all(living.filter((peer) => peer !== heir).map((peer) => peer.terminate()))
        living = [heir]
      }
      await living[0].end()`))
  }, 300_000)

  test('the last of them, by the next thread that shares it', async () => {
    expectAllSaid(await run(`
      for (let round = 0; round < 6; round++) {
        const last = await start()
        await hasLogged(last, 50)
        await last.terminate()
      }
      await (await start()).end()`))
  }, 300_000)
})

onLinux('an owner that is terminated with a full ring', () => {
  test('leaves it to a peer, whose totals tell of every line', async () => {
    const { printed } = await runThreads(`
      const fs = require('node:fs')
      const options = { destination: workerData?.pipe, share: true, capacity: '64kb', dropNotice: false, exitTimeout: 30000 }
      const fill = () => {
        const stream = transport(options)
        const { who } = workerData
        let i = 0
        // The pipe and the ring are full when nothing has moved for a while.
        const go = (since) => {
          const before = i
          while (stream.stats().used < 50000) { logLines(stream, who, i, i + 1, 'x'.repeat(100)); i++ }
          if (i > before) since = Date.now()
          if (Date.now() - since > 300) parentPort.postMessage({ lines: i, isOwner: stream.worker !== undefined })
          else setTimeout(go, 5, since)
        }
        go(Date.now())
        parentPort.once('message', () => stream.end(() => parentPort.postMessage(stream.stats())))
      }
      if (!isMainThread) return fill()
      const pipe = file + '.pipe'
      require('node:child_process').spawnSync('mkfifo', [pipe])
      fs.writeFileSync(file, '')
      const reader = fs.openSync(pipe, fs.constants.O_RDONLY | fs.constants.O_NONBLOCK)
      const start = async (who) => {
        const worker = new Worker(__filename, { workerData: { pipe, who } })
        const [filled] = await once(worker, 'message')
        return { worker, ...filled }
      }
      const run = async () => {
        const owner = await start('owner')
        const peer = await start('peer')
        await owner.worker.terminate()
        const chunk = Buffer.alloc(65536)
        let text = ''
        const read = () => {
          try {
            for (let size; (size = fs.readSync(reader, chunk)) > 0;) text += chunk.toString('latin1', 0, size)
          } catch (error) { if (error.code !== 'EAGAIN') throw error }
        }
        const reading = setInterval(read, 2)
        peer.worker.postMessage('end')
        const [[stats]] = await Promise.all(['message', 'exit'].map((event) => once(peer.worker, event))) // both may come at once
        read()
        clearInterval(reading)
        const seen = new Map([['owner', []], ['peer', []]])
        for (const line of text.split('\\n').slice(0, -1)) {
          const { who, i } = JSON.parse(line)
          seen.get(who).push(i)
        }
        print({ isOwner: owner.isOwner, said: [owner.lines, peer.lines], seen: [...seen.values()].map((list) => new Set(list).size), twice: [...seen.values()].map((list) => list.length - new Set(list).size), stats })
      }
      run()`)
    const { isOwner, said, seen, twice, stats } = printed[0]
    expect(isOwner).toBe(true)
    expect(seen).toEqual(said)
    expect(twice[0] + twice[1]).toBeLessThanOrEqual(1)
    const lines = said[0] + said[1]
    expect(stats).toMatchObject({ linesAccepted: lines, linesWritten: lines, linesDropped: 0, linesSkipped: 0 })
  }, 300_000)
})
