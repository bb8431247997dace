import { runThreads } from './support'

/** Another one: RANDOM_RUN_SEED=7 RANDOM_RUN_STEPS=20000 npx jest test/threads/random-run */
const SEED = Number(process.env.RANDOM_RUN_SEED ?? 20251122)
const STEPS = Number(process.env.RANDOM_RUN_STEPS ?? 1500)

/**
 * Threads that come, write, flush, end and are terminated in an order drawn from a seed, and writers that are terminated
 * under them, beside a plain queue: what each thread has said it wrote, in order. How the threads' own steps interleave no
 * seed says.
 */
const program = (way: string): string => `
  const [way, seed, steps] = ${JSON.stringify([way, SEED, STEPS])}
  const fs = require('node:fs')
  const MOST = 4096
  const options = { destination: file ?? workerData.file, capacity: '64kb', onFull: 'block' }
  if (!isMainThread) {
    const { at, said, handle } = workerData
    const stream = handle === undefined ? transport({ ...options, share: true }) : attach(handle)
    const write = ({ lines, length }) => {
      for (let n = 0; n < lines; n++) {
        stream.write(JSON.stringify({ who: 'w' + at, i: said[at], pad: 'x'.repeat((n * 31) % (length + 1)) }) + '\\n')
        Atomics.add(said, at, 1)
      }
    }
    const done = (error) => parentPort.postMessage(error?.message)
    parentPort.on('message', (order) => {
      if (order.name === 'write') { write(order); done() }
      if (order.name === 'flush') stream.flush(done)
      if (order.name === 'end') stream.end((error) => { done(error); parentPort.close() })
      if (order.name === 'kill the writer') { stream.worker?.terminate(); done() }
    })
    done()
    return
  }

  let state = Number(seed)
  // mulberry32
  const random = () => {
    state = state + 0x6D2B79F5 | 0
    let t = Math.imul(state ^ state >>> 15, 1 | state)
    t = t + Math.imul(t ^ t >>> 7, 61 | t) ^ t
    return ((t ^ t >>> 14) >>> 0) / 2 ** 32
  }
  const below = (count) => Math.floor(random() * count)

  const said = words(MOST)
  const stream = way === 'attach' ? transport(options) : undefined
  const threads = []
  const isTerminated = []
  let started = 0
  let deaths = 0
  const told = []
  const kinds = new Set()

  /** What is in the file, thread by thread: how many lines in order, and lines that stand there again. */
  const seen = []
  let twice = 0
  let offset = 0
  let rest = ''
  const look = () => {
    if (!fs.existsSync(file)) return
    const fd = fs.openSync(file)
    const bytes = Buffer.alloc(fs.fstatSync(fd).size - offset)
    offset += fs.readSync(fd, bytes, 0, bytes.length, offset)
    fs.closeSync(fd)
    const lines = (rest + bytes.toString('latin1')).split('\\n')
    rest = lines.pop()
    for (const line of lines) {
      const { who, i } = JSON.parse(line)
      const at = Number(who.slice(1))
      seen[at] ??= 0
      if (i === seen[at]) seen[at]++
      else if (i === seen[at] - 1) twice++
      else throw new Error('line ' + i + ' of ' + who + ' after ' + seen[at] + ' lines of it; step ' + told.length)
    }
  }
  const mustHave = (at, lines) => {
    look()
    if ((seen[at] ?? 0) < lines) throw new Error((seen[at] ?? 0) + ' of ' + lines + ' lines of w' + at + ' are there; steps: ' + told.slice(-20).join(', '))
  }

  const obey = async (thread, order) => {
    const [[error]] = await Promise.all([once(thread.worker, 'message'), thread.worker.postMessage(order)])
    if (error !== undefined) throw new Error(order.name + ' of w' + thread.at + ': ' + error)
  }
  const start = async () => {
    const at = started++
    const worker = new Worker(__filename, { workerData: { at, said, file, handle: stream?.handle() } })
    const thread = { at, worker, exited: once(worker, 'exit') }
    threads.push(thread)
    await once(worker, 'message')
  }
  const goes = (thread) => { threads.splice(threads.indexOf(thread), 1) }
  const end = async (thread) => {
    goes(thread)
    await obey(thread, { name: 'end' })
    await thread.exited
    mustHave(thread.at, said[thread.at])
  }
  const terminate = async (thread) => {
    goes(thread)
    isTerminated[thread.at] = true
    deaths++ // of its writer too, if it has one
    // In the middle of what it does, or just before, or just behind that.
    thread.worker.postMessage({ name: 'write', lines: 1 + below(200), length: 200 })
    for (let spins = below(2e5); spins > 0; spins--);
    await thread.worker.terminate()
  }
  const killWriter = async () => {
    deaths++
    if (stream !== undefined) await stream.worker.terminate()
    else for (const thread of threads) await obey(thread, { name: 'kill the writer' })
  }

  const step = async () => {
    const chance = random()
    const thread = threads[below(threads.length)]
    const name = thread === undefined || (chance < 0.03 && threads.length < 6)
      ? 'start'
      : chance < 0.86 ? 'write' : chance < 0.97 ? 'flush' : chance < 0.98 ? 'end' : chance < 0.995 ? 'terminate' : 'kill the writer'
    kinds.add(name)
    told.push(name + (thread === undefined ? '' : ' w' + thread.at))
    if (name === 'start') return start()
    if (name === 'write') return obey(thread, { name, lines: 1 + below(40), length: random() < 0.02 ? 3000 : 80 })
    if (name === 'end') return end(thread)
    if (name === 'terminate') return terminate(thread)
    if (name === 'kill the writer') return killWriter()
    const before = said[thread.at]
    await obey(thread, { name })
    mustHave(thread.at, before)
  }
  const run = async () => {
    while (told.length < Number(steps)) await step()
    if (threads.length === 0) await start() // for what the last of them left
    while (threads.length > 0) await end(threads[0])
    let stats = null
    if (stream !== undefined) {
      await finished(stream)
      const { linesAccepted, linesDropped, linesSkipped } = stream.stats()
      stats = { linesAccepted, linesDropped, linesSkipped }
    }
    look()
    const lines = seen.reduce((sum, count) => sum + (count ?? 0), 0)
    const wrong = Array.from({ length: started }, (_, at) => ({ at, said: said[at], seen: seen[at] ?? 0, isTerminated: isTerminated[at] === true }))
      .filter(({ said, seen, isTerminated }) => seen < said || seen > said + (isTerminated ? 1 : 0))
    print({ lines, wrong, stats, twice, deaths, started, rest, kinds: [...kinds].sort() })
  }
  run()`

test.each(['share', 'attach'])(`${STEPS} steps of threads on one writer, drawn from seed ${SEED}, bring every line to the sink that was said to be written, in order: %s`, async (way) => {
  // The process warning of a writer that died is no failure here.
  const outcome = await runThreads(program(way), { timeout: 280_000, env: { ...process.env, NODE_NO_WARNINGS: '1' } })
  const { lines, wrong, stats, twice, deaths, started, rest, kinds } = outcome.printed[0]
  expect({ seed: SEED, wrong, rest }).toEqual({ seed: SEED, wrong: [], rest: '' })
  expect(lines).toBeGreaterThan(STEPS)
  expect(twice).toBeLessThanOrEqual(deaths)
  expect(started).toBeGreaterThan(1)
  if (STEPS >= 1000) expect(kinds).toEqual(['end', 'flush', 'kill the writer', 'start', 'terminate', 'write'])
  if (way === 'attach') expect(stats).toEqual({ linesAccepted: lines, linesDropped: 0, linesSkipped: 0 })
}, 300_000)
