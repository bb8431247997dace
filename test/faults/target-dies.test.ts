import { existsSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { setImmediate, setTimeout } from 'node:timers/promises'
import { runScript } from '../support/process'
import { WAYS } from './target'
import { check, finish, load, logPath, numbered, open, read, until } from './support'

const target = join(__dirname, 'target.js')
describe.each(WAYS.filter((way) => way !== 'runs out of memory'))('a target that %s', (dies) => {
  test('is loaded again with its options and pino\'s config, and gets every line that it had not let go of', async () => {
    const path = logPath()
    const { stream, restarts, errors } = open({ target, options: { path, dies, at: 1500, more: ['options'] } })
    stream.emit('message', { code: 'PINO_CONFIG', config: { levels: 'as set' } })
    await load(stream, 0, 1000)
    await until(() => stream.stats().used === 0)
    await load(stream, 1000, 3000)
    await until(() => restarts.length === 1)
    await load(stream, 3000, 4000)
    await finish(stream)
    const found = check(read(path))
    expect(found.torn).toEqual([])
    expect(new Set(found.numbers)).toEqual(new Set(Array.from({ length: 4000 }, (_, n) => n)))
    expect(stream.stats()).toMatchObject({ restarts: 1, linesWritten: 4000, linesSkipped: 0, linesDropped: 0 })
    expect(errors).toEqual([])
    expect(read(path + '.loads')).toBe('["options"]\n'.repeat(2))
    const config = { code: 'PINO_CONFIG', config: { levels: 'as set' } }
    expect(read(path + '.messages').split('\n').filter((line) => line.includes('PINO_CONFIG')).map((line) => JSON.parse(line))).toEqual([config, config])
  })
})

/** A stage that hands lines on, and fails inside its first write of all. */
const FAILING_STAGE = `
  const { existsSync, writeFileSync } = require('node:fs')
  const { Transform } = require('node:stream')
  module.exports = ({ mark }) => new Transform({
    transform (chunk, encoding, callback) {
      if (existsSync(mark)) return callback(null, chunk)
      writeFileSync(mark, '')
      callback(new Error('on purpose'))
    }
  })`

test.each(['the middle of a pipeline', 'one of several targets'])('%s that fails inside a write: what it was handed there is not taken for delivered', async (which) => {
  const path = logPath()
  const stage = join(dirname(path), 'stage.js')
  writeFileSync(stage, FAILING_STAGE)
  const first = { target: stage, options: { mark: path + '.died' } }
  const last = { target, options: { path } }
  const dying = { target, options: { path: path + '.second', dies: 'calls back with an error', at: 5 } }
  const { stream, restarts, errors } = open(which === 'one of several targets' ? { targets: [last, dying] } : { pipeline: [first, last] })
  // All of them before the writer is up, so that it hands them on in one piece.
  for (let n = 0; n < 1000; n++) stream.write(numbered(n))
  await until(() => restarts.length === 1)
  await finish(stream)
  const all = new Set(Array.from({ length: 1000 }, (_, n) => n))
  expect(new Set(check(read(path)).numbers)).toEqual(all)
  if (which === 'one of several targets') expect(new Set(check(read(path + '.second')).numbers)).toEqual(all)
  expect(stream.stats()).toMatchObject({ restarts: 1, linesWritten: 1000, linesSkipped: 0 })
  expect(errors).toEqual([])
})

test('one of several targets that closes early is loaded again with the others, and each gets every line', async () => {
  const path = logPath()
  const dying = { target, options: { path: path + '.second', dies: 'closes early', at: 5 } }
  const { stream, restarts, errors } = open({ targets: [{ target, options: { path } }, dying] })
  for (let n = 0; n < 1000; n++) stream.write(numbered(n))
  await until(() => restarts.length === 1)
  await finish(stream)
  const all = new Set(Array.from({ length: 1000 }, (_, n) => n))
  expect(new Set(check(read(path)).numbers)).toEqual(all)
  expect(new Set(check(read(path + '.second')).numbers)).toEqual(all)
  expect(stream.stats()).toMatchObject({ restarts: 1, linesWritten: 1000, linesSkipped: 0 })
  expect(errors).toEqual([])
})

test('a target that runs out of its memory (resourceLimits) is loaded again, and gets every line that it had not let go of', async () => {
  const path = logPath()
  const options = { path, dies: 'runs out of memory', at: 1500 }
  const { code, stdout } = await runScript(`
    const { numbered } = require('./faults/lines')
    const worker = { resourceLimits: { maxOldGenerationSizeMb: 32 } }
    const stream = require('pino-pinned').transport({ target: ${JSON.stringify(target)}, options: ${JSON.stringify(options)}, worker, exitTimeout: 20000 })
    for (let n = 0; n < 3000; n++) stream.write(numbered(n))
    stream.on('writer-restart', (count, reason) => { console.log(count, reason.code); stream.end() })
    stream.on('close', () => console.log(stream.stats().linesWritten))
    stream.ref()`)
  expect({ code, stdout }).toEqual({ code: 0, stdout: '1 ERR_WORKER_OUT_OF_MEMORY\n3000\n' })
  expect(new Set(check(read(path)).numbers)).toEqual(new Set(Array.from({ length: 3000 }, (_, n) => n)))
})

test.each(['throws', 'calls process.exit()', 'closes early'])('a line at which the target always dies (%s) is found, skipped and counted; no other is lost', async (dies) => {
  const path = logPath()
  const { stream, restarts, errors } = open({ target, options: { path, dies, at: 777, always: true } })
  await load(stream, 0, 2000)
  await until(() => stream.stats().used === 0)
  await finish(stream)
  const found = check(read(path))
  expect(found.torn).toEqual([])
  expect(new Set(found.numbers)).toEqual(new Set(Array.from({ length: 2000 }, (_, n) => n).filter((n) => n !== 777)))
  expect(stream.stats()).toMatchObject({ linesSkipped: 1, linesWritten: 1999, linesAccepted: 2000 })
  expect(restarts.length).toBe(4)
  expect(errors).toEqual([])
})

test('a line that was alone when the target died is not given up for that: the next time the target may take it', async () => {
  const path = logPath()
  const { stream, restarts, errors } = open({ target, options: { path, dies: 'throws', at: 777, times: 3 } }) // in a batch, in a batch, alone
  await load(stream, 0, 2000)
  await until(() => stream.stats().used === 0)
  await finish(stream)
  expect(new Set(check(read(path)).numbers)).toEqual(new Set(Array.from({ length: 2000 }, (_, n) => n)))
  expect(stream.stats()).toMatchObject({ linesSkipped: 0, linesWritten: 2000 })
  expect(restarts.length).toBe(3)
  expect(errors).toEqual([])
})

test('a line is not given up for writers that the application terminates, however often it is the one under way', async () => {
  const path = logPath()
  const { stream, restarts } = open({ target, options: { path, stallsUntil: `${path}.go` }, maxRestarts: 10 })
  await load(stream, 0, 10)
  const timesHeld = (): number => existsSync(`${path}.stalled`) ? read(`${path}.stalled`).length : 0
  for (let deaths = 0; deaths < 6; deaths++) {
    await until(() => timesHeld() > deaths)
    stream.worker.terminate()
    await until(() => restarts.length > deaths)
  }
  writeFileSync(`${path}.go`, '')
  await finish(stream)
  expect(new Set(check(read(path)).numbers)).toEqual(new Set(Array.from({ length: 10 }, (_, n) => n)))
  expect(stream.stats()).toMatchObject({ linesSkipped: 0, linesWritten: 10 })
})

test.each(['ring', 'time'])('a line of each of several threads (order %s) is found, too: what others logged meanwhile is not blamed', async (order) => {
  const path = logPath()
  const options = { path, dies: 'calls process.exit()', at: 'culprit', always: true, stallsUntil: path + '.go' }
  const { code, stdout, stderr } = await runScript(`
    const { Worker, isMainThread, parentPort, workerData } = require('node:worker_threads')
    const { once } = require('node:events')
    const { attach, transport } = require('pino-pinned')
    const { numbered } = require('./faults/lines')
    const LINES = 40
    const log = (stream, who) => { for (let n = 0; n < LINES; n++) stream.write(n === 20 ? '"culprit"\\n' : numbered(who * LINES + n)) }
    if (isMainThread) {
      process.removeAllListeners('warning')
      const stream = transport({ target: ${JSON.stringify(target)}, options: ${JSON.stringify(options)}, order: '${order}' })
      stream.on('error', (error) => console.error(error))
      stream.write(numbered(0)) // the target holds it until all rings have their lines
      stream.once('ready', async () => {
        const workers = [1, 2, 3].map((who) => new Worker(__filename, { workerData: { handle: stream.handle(), who } }))
        const exits = workers.map((worker) => once(worker, 'exit'))
        await Promise.all(workers.map((worker) => once(worker, 'message')))
        require('node:fs').writeFileSync(${JSON.stringify(path + '.go')}, '')
        await Promise.all(exits)
        stream.end()
      })
      stream.once('close', () => {
        const { linesAccepted, linesWritten, linesSkipped } = stream.stats()
        console.log(JSON.stringify({ linesAccepted, linesWritten, linesSkipped }))
      })
      stream.ref()
    } else {
      const stream = attach(workerData.handle)
      log(stream, workerData.who)
      parentPort.postMessage('logged')
      stream.end()
    }`)
  expect({ code, stderr, stdout }).toEqual({ code: 0, stderr: '', stdout: '{"linesAccepted":121,"linesWritten":118,"linesSkipped":3}\n' })
  const found = check(read(path))
  expect(found.torn).toEqual([])
  expect(new Set(found.numbers)).toEqual(new Set(Array.from({ length: 160 }, (_, n) => n).filter((n) => n === 0 || (n >= 40 && n % 40 !== 20))))
})

test('a line that kills the target is found also while lines of another thread get through before each death', async () => {
  const path = logPath()
  const options = { path, dies: 'calls process.exit()', at: 'culprit', always: true, lagMs: 1 }
  const { code, stdout, stderr } = await runScript(`
    const { Worker, isMainThread, workerData } = require('node:worker_threads')
    const { attach, transport } = require('pino-pinned')
    const { numbered } = require('./faults/lines')
    const LONG_BYTES = 20_000
    if (isMainThread) {
      process.removeAllListeners('warning')
      const stream = transport({ target: ${JSON.stringify(target)}, options: ${JSON.stringify(options)} })
      stream.on('error', (error) => console.error(error))
      let n = 0
      const logging = setInterval(() => stream.write(numbered(n += 50, LONG_BYTES)), 1) // of which the target has enough at once
      new Worker(__filename, { workerData: stream.handle() }).on('exit', () => {
        clearInterval(logging)
        stream.end()
      })
      stream.once('close', () => {
        const { linesAccepted, linesWritten, linesSkipped } = stream.stats()
        console.log(JSON.stringify({ missed: linesAccepted - linesWritten, linesSkipped }))
      })
    } else {
      const stream = attach(workerData)
      for (let n = 0; n < 40; n++) stream.write(n === 20 ? '"culprit"\\n' : numbered(n, LONG_BYTES))
      // The other thread logs for as long as these are under way.
      const flush = () => stream.flush(() => stream.stats().used === 0 ? stream.end() : flush())
      flush()
    }`)
  expect({ code, stderr, stdout }).toEqual({ code: 0, stderr: '', stdout: '{"missed":1,"linesSkipped":1}\n' })
  const quiet = check(read(path), 20_000).numbers.filter((n) => n < 40)
  expect(new Set(quiet)).toEqual(new Set(Array.from({ length: 40 }, (_, n) => n).filter((n) => n !== 20)))
})

test('what tells of lines dropped reaches the log also where the line behind it kills the target', async () => {
  const path = logPath()
  const { stream } = open({ target, options: { path, dies: 'throws', at: 5000, always: true, stallsUntil: path + '.go' }, capacity: '64kb' })
  await until(() => stream.ready)
  await load(stream, 0, 5000)
  expect(stream.stats().linesDropped).toBeGreaterThan(0)
  writeFileSync(path + '.go', '')
  // The first line after the gap: what tells of the gap stands right in front of it.
  for (let isAccepted = false; !isAccepted;) {
    const { linesAccepted } = stream.stats()
    stream.write(numbered(5000))
    isAccepted = stream.stats().linesAccepted > linesAccepted
    await setImmediate()
  }
  await load(stream, 5001, 5100)
  await finish(stream)
  const { linesDropped, linesSkipped } = stream.stats()
  const found = check(read(path))
  expect({ linesSkipped, torn: found.torn, hasCulprit: found.numbers.includes(5000) }).toEqual({ linesSkipped: 1, torn: [], hasCulprit: false })
  const notices = new Set(read(path).split('\n').filter((line) => line.startsWith('{"level":40')))
  expect([...notices].reduce((sum, notice) => sum + JSON.parse(notice).dropped, 0)).toBe(linesDropped)
})

test('what tells of lines dropped is a warning where it kills the target itself: the log goes on without', async () => {
  const path = logPath()
  const options = { path, dies: 'throws', at: '"name":"pino-pinned"', always: true, stallsUntil: path + '.go' }
  const { code, stdout, stderr } = await runScript(`
    const { numbered } = require('./faults/lines')
    const stream = require('pino-pinned').transport({ target: ${JSON.stringify(target)}, options: ${JSON.stringify(options)}, capacity: '64kb', exitTimeout: 20000 })
    stream.once('ready', () => {
      let n = 0
      while (stream.stats().linesDropped < 100) stream.write(numbered(n++))
      require('node:fs').writeFileSync(${JSON.stringify(path + '.go')}, '')
      stream.end()
    })
    stream.once('close', () => {
      const { linesAccepted, linesWritten, linesSkipped } = stream.stats()
      console.log(JSON.stringify({ lines: linesAccepted, linesWritten, linesSkipped }))
    })`)
  const found = check(read(path))
  const lines = found.numbers.length
  expect({ code, ...JSON.parse(stdout) }).toEqual({ code: 0, lines, linesWritten: lines, linesSkipped: 0 })
  expect(found).toMatchObject({ torn: [], told: 0 })
  const notices = [...stderr.matchAll(/which the log goes without: (.*)/g)].map(([, notice]) => JSON.parse(notice!).dropped)
  expect(notices.reduce((sum, dropped) => sum + dropped, 0)).toBe(100)
})

test('a target that never calls back holds nothing up: lines fill the ring and are dropped, and the stream can end', async () => {
  const { stream } = open({ target, options: { path: logPath(), neverCallsBack: true }, capacity: '64kb', exitTimeout: 100 })
  await until(() => stream.ready)
  await load(stream, 0, 5000)
  const { linesAccepted, linesDropped } = stream.stats()
  expect(linesAccepted + linesDropped).toBe(5000)
  expect(linesDropped).toBeGreaterThan(0)
  await finish(stream)
})

test('one of several targets that takes nothing keeps little, and the others get every line: it is told how many it went without', async () => {
  const [stalled, other] = [logPath(), logPath()]
  const { stream } = open({
    targets: [{ target, options: { path: stalled, stallsUntil: stalled + '.go' } }, { target: 'pino/file', options: { destination: other } }], onFull: 'block', capacity: '1mb'
  })
  await until(() => stream.ready)
  await load(stream, 0, 100_000)
  await new Promise((resolve) => stream.flush(resolve))
  writeFileSync(stalled + '.go', '')
  await until(() => existsSync(stalled) && read(stalled).includes('"level":40'))
  await finish(stream)
  const complete = { torn: [], repeated: 0, inOrder: true }
  const all = check(read(other))
  expect({ ...all, numbers: all.numbers.length }).toEqual({ ...complete, told: 0, numbers: 100_000 })
  const found = check(read(stalled))
  expect({ ...found, numbers: found.numbers.length }).toEqual({ ...complete, told: 100_000 - found.numbers.length, numbers: found.numbers.length })
  // An eighth of the ring, and what was under way when it held that.
  expect(read(stalled).length).toBeLessThan(2 ** 20)
})

test('several targets that all take nothing get every line accepted when one takes lines again', async () => {
  const paths = [logPath(), logPath()]
  const { stream } = open({ targets: paths.map((path) => ({ target, options: { path, stallsUntil: `${paths[0]!}.go` } })), capacity: '256kb' })
  await until(() => stream.ready)
  let written = 0
  for (const since = performance.now(); performance.now() - since < 3000; written += 100) await load(stream, written, written + 100) // longer than one of them is waited for
  writeFileSync(`${paths[0]!}.go`, '')
  await finish(stream)
  const { linesAccepted, linesDropped } = stream.stats()
  expect(linesDropped).toBeGreaterThan(0)
  for (const path of paths) {
    const { numbers, told, torn, inOrder } = check(read(path))
    expect({ lines: numbers.length, told, torn, inOrder }).toEqual({ lines: linesAccepted, told: linesDropped, torn: [], inOrder: true })
  }
  expect(linesAccepted + linesDropped).toBe(written)
})

test('what several targets that all take nothing were given is not taken for delivered, and is handed to them again when the writer dies', async () => {
  const paths = [logPath(), logPath()]
  const { stream, restarts } = open({ targets: paths.map((path) => ({ target, options: { path, stallsUntil: `${paths[0]!}.go` } })), capacity: '1mb' })
  await until(() => stream.ready)
  await load(stream, 0, 3000)
  expect(stream.stats().used).toBeGreaterThan(2 ** 20 / 8) // each has had enough
  expect(stream.flushSync(1500)).toBe(false) // longer than one of them is waited for
  expect(stream.stats()).toMatchObject({ linesWritten: 0, linesDropped: 0 })
  stream.worker.terminate()
  await until(() => restarts.length === 1)
  writeFileSync(`${paths[0]!}.go`, '')
  await finish(stream)
  for (const path of paths) expect(new Set(check(read(path)).numbers).size).toBe(3000)
  expect(stream.stats()).toMatchObject({ linesWritten: 3000, linesSkipped: 0 })
})

test('what one of several targets keeps is not given up for writers that the application terminates', async () => {
  const [stalled, other] = [logPath(), logPath()]
  const { stream, restarts } = open({ targets: [{ target, options: { path: stalled, stallsUntil: `${stalled}.go` } }, { target, options: { path: other } }], capacity: '1mb' })
  await load(stream, 0, 100)
  const timesHeld = (): number => existsSync(`${stalled}.stalled`) ? read(`${stalled}.stalled`).length : 0
  for (let deaths = 0; deaths < 3; deaths++) {
    await until(() => timesHeld() > deaths && check(read(other)).numbers.length >= 100)
    expect({ isFlushed: stream.flushSync(1200), linesWritten: stream.stats().linesWritten }).toEqual({ isFlushed: false, linesWritten: 0 })
    stream.worker.terminate()
    await until(() => restarts.length > deaths)
  }
  writeFileSync(`${stalled}.go`, '')
  await finish(stream)
  for (const path of [stalled, other]) expect(new Set(check(read(path)).numbers).size).toBe(100)
  expect(stream.stats()).toMatchObject({ linesWritten: 100, linesSkipped: 0 })
})

test('one of several targets that goes without lines is told of those too that the ring had dropped', async () => {
  const [stalled, other] = [logPath(), logPath()]
  const { stream } = open({ targets: [{ target, options: { path: stalled, stallsUntil: `${stalled}.go` } }, { target: 'pino/file', options: { destination: other } }], capacity: '64kb' })
  await until(() => stream.ready)
  let written = 0
  // Until it goes without a line that tells of others: by then the plain file has that one.
  for (let dropped = 0; written < 50_000 || read(other).split('"level":40').length < 10 || dropped === 0; written += 100) {
    await load(stream, written, written + 100)
    dropped = stream.stats().linesDropped
  }
  await new Promise((resolve) => stream.flush(resolve))
  writeFileSync(`${stalled}.go`, '')
  await until(() => existsSync(stalled) && read(stalled).includes('this target took no more'))
  await finish(stream)
  for (const path of [stalled, other]) {
    const { numbers, told } = check(read(path))
    expect(numbers.length + told).toBe(written)
  }
})

test('what one of several targets has not handed on is handed to it again when the writer dies', async () => {
  const [slow, other] = [logPath(), logPath()]
  const { stream, restarts } = open({ targets: [{ target, options: { path: slow, stallsUntil: `${slow}.go` } }, { target: 'pino/file', options: { destination: other } }] })
  await load(stream, 0, 1000)
  await until(() => existsSync(other) && check(read(other)).numbers.length === 1000)
  const { used, linesWritten } = stream.stats()
  stream.worker.terminate()
  await until(() => restarts.length === 1)
  writeFileSync(`${slow}.go`, '')
  await finish(stream)
  const complete = { numbers: 1000, torn: [] }
  for (const path of [slow, other]) {
    const { numbers, torn } = check(read(path))
    expect({ numbers: new Set(numbers).size, torn }).toEqual(complete)
  }
  expect({ isHeld: used > 0, linesWritten }).toEqual({ isHeld: true, linesWritten: 0 })
  expect(stream.stats()).toMatchObject({ linesWritten: 1000, linesSkipped: 0 })
})

test('one of several targets that keeps the few lines it gets for ever holds the others up once', async () => {
  const path = logPath()
  const { stream } = open({
    targets: [{ target, level: 'error', options: { path: logPath(), neverCallsBack: true } }, { target: 'pino/file', options: { destination: path } }], onFull: 'block', capacity: '64kb', exitTimeout: 200
  })
  stream.write('{"level":50,"msg":"kept"}\n')
  await load(stream, 0, 50_000)
  await new Promise((resolve) => stream.flush(resolve))
  expect(check(read(path)).numbers).toHaveLength(50_000)
  expect(stream.stats()).toMatchObject({ linesWritten: 50_001, linesDropped: 0 })
  await finish(stream)
})

test('several targets that lag behind a burst get every line of it', async () => {
  const paths = [logPath(), logPath()]
  const { stream } = open({ targets: paths.map((destination) => ({ target: 'pino/file', options: { destination } })), onFull: 'block' })
  await until(() => stream.ready)
  for (let n = 0; n < 200_000; n++) stream.write(numbered(n))
  await finish(stream)
  for (const path of paths) {
    const { numbers, told, torn } = check(read(path))
    expect({ lines: numbers.length, told, torn }).toEqual({ lines: 200_000, told: 0, torn: [] })
  }
})

test("several targets get every line under onFull: 'block', however slow one of them is", async () => {
  const [slow, other] = [logPath(), logPath()]
  const { stream } = open({ targets: [{ target, options: { path: slow, lagMs: 3 } }, { target: 'pino/file', options: { destination: other } }], onFull: 'block', capacity: '64kb' })
  await load(stream, 0, 1200) // a second after it was given what the ring holds it has not handed on half of that
  await finish(stream)
  for (const path of [slow, other]) {
    const { numbers, told, torn } = check(read(path))
    expect({ lines: numbers.length, told, torn }).toEqual({ lines: 1200, told: 0, torn: [] })
  }
})

test.each([
  ['several records', 20_000, '64kb'],
  ['more than the writer gathers at once', 300_000, '1mb']
])('a line of %s reaches a target in one piece, so that none is left with a part of it', async (_, length, capacity) => {
  const path = logPath()
  const pieces = `${path}.js`
  writeFileSync(pieces, `
    const { appendFileSync } = require('node:fs')
    const { Writable } = require('node:stream')
    module.exports = ({ path }) => new Writable({ decodeStrings: false, write (chunk, encoding, callback) { appendFileSync(path, chunk.endsWith('\\n') ? '.' : 'part '); callback() } })`)
  const { stream } = open({ target: pieces, options: { path }, onFull: 'block', capacity })
  for (let n = 0; n < 500; n++) stream.write(`"${'x'.repeat(length)}"\n`)
  await finish(stream)
  expect(read(path)).toMatch(/^\.+$/)
})

test('a line longer than the ring of which a target had a part when it died counts as skipped, and the next stand on lines of their own', async () => {
  const path = logPath()
  const { stream } = open({ target, options: { path, dies: 'calls process.exit()', at: 'middle' }, onFull: 'block', capacity: '64kb' })
  stream.write(numbered(0))
  stream.write(`"${'x'.repeat(100_000)}middle${'x'.repeat(100_000)}"\n`)
  await load(stream, 1, 100)
  await finish(stream)
  expect(stream.stats()).toMatchObject({ linesAccepted: 101, linesWritten: 100, linesSkipped: 1, restarts: 1 })
  const { numbers, torn } = check(read(path))
  expect({ numbers, torn: torn.length }).toEqual({ numbers: Array.from({ length: 100 }, (_, n) => n), torn: 1 })
})

test('a line longer than the ring comes again whole, on a line of its own, if the target died before it had let go of its beginning', async () => {
  const path = logPath()
  const dying = `${path}.js`
  writeFileSync(dying, `
    const { appendFileSync, existsSync } = require('node:fs')
    const { Writable } = require('node:stream')
    module.exports = ({ path }) => {
      const isFirst = !existsSync(path + '.died')
      return new Writable({ decodeStrings: false, write (chunk, encoding, callback) {
        appendFileSync(path, chunk)
        if (isFirst && !chunk.endsWith('\\n')) { appendFileSync(path + '.died', ''); process.exit(3) }
        callback()
      } })
    }`)
  const { stream } = open({ target: dying, options: { path }, onFull: 'block', capacity: '64kb' })
  const line = `"${'x'.repeat(200_000)}"\n`
  stream.write(line)
  await load(stream, 0, 100)
  await finish(stream)
  const text = read(path)
  expect(text.slice(text.indexOf('\n') + 1).startsWith(`${line}{`)).toBe(true)
  expect(stream.stats()).toMatchObject({ linesWritten: 101, linesSkipped: 0, restarts: 1 })
})

test('one of several targets that is slow, and goes without lines, is told of each gap where it is', async () => {
  const [slow, other] = [logPath(), logPath()]
  const { stream } = open({ targets: [{ target, options: { path: slow, lagMs: 1 } }, { target: 'pino/file', options: { destination: other } }], capacity: '256kb' })
  let written = 0
  for (const told = (): number => existsSync(slow) ? read(slow).split('this target took no more').length - 1 : 0; told() < 5; written += 30) {
    await load(stream, written, written + 30)
    await setTimeout(4) // more lines a second than it takes, and less than a flood
  }
  await finish(stream)
  const misplaced: string[] = []
  let next = 0
  for (const line of read(slow).trimEnd().split('\n')) {
    const { n, dropped } = JSON.parse(line)
    if (dropped !== undefined) next += dropped
    else if (n === next) next++
    else misplaced.push(line.slice(0, 40))
  }
  expect(misplaced).toEqual([])
  expect(next).toBeGreaterThan(written / 2) // what it went without at the very end is a warning
})

test.each([
  ['goes on behind a writer that died', "stream.on('writer-restart', () => { process.exitCode = 0 }); stream.worker.terminate()", /Error: one of the targets went without up to (\d+) lines when the log writer died/],
  ['would go on behind a writer that died as the process left', 'stream.worker.terminate(); process.exit()', /^pino-pinned: one of the targets went without up to (\d+) lines/m],
  ['ends with the process', 'process.exit()', /^pino-pinned: one of the targets went without up to (\d+) lines/m]
])('what one of several targets went without is told where its log %s', async (_, then, told) => {
  const targets = [{ target, options: { path: logPath(), neverCallsBack: true } }, { target: 'pino/file', options: { destination: logPath() } }]
  const { code, stderr } = await runScript(`
    const { numbered } = require('./faults/lines')
    const stream = require('pino-pinned').transport({ targets: ${JSON.stringify(targets)}, capacity: '64kb', exitTimeout: 200 })
    let n = 0
    const timer = setInterval(() => { for (let lines = 0; lines < 30; lines++) stream.write(numbered(n++)) }, 4)
    process.once('warning', () => setTimeout(() => { // the stalled one goes without from now on
      clearInterval(timer)
      ${then}
    }, 500))`)
  expect(code).toBe(0)
  expect(Number(told.exec(stderr)?.[1])).toBeGreaterThan(100)
})

test('what one of several targets kept when the writer died, and nobody had waited for, is told', async () => {
  const [stalled, other] = [logPath(), logPath()]
  const targets = [{ target, options: { path: stalled, stallsUntil: `${stalled}.go` } }, { target, options: { path: other } }]
  const { code, stderr } = await runScript(`
    const { writeFileSync } = require('node:fs')
    const { numbered } = require('./faults/lines')
    const stream = require('pino-pinned').transport({ targets: ${JSON.stringify(targets)}, capacity: '256kb' })
    stream.on('ready', () => { for (let n = 0; n < 1000; n++) stream.write(numbered(n)) }) // they hold a quarter of the ring
    const timer = setInterval(() => {
      if (stream.stats().linesWritten < 1000) return
      clearInterval(timer)
      stream.worker.terminate()
      stream.on('writer-restart', () => {
        writeFileSync(${JSON.stringify(`${stalled}.go`)}, '')
        stream.end()
      })
    }, 10)`)
  expect({ code, lines: check(read(other)).numbers.length }).toEqual({ code: 0, lines: 1000 })
  expect(existsSync(stalled)).toBe(false)
  expect(stderr).toContain('one of the targets went without up to 1000 lines when the log writer died')
})

test('what one of several targets kept when another fails as it ends is told', async () => {
  const [slow, failing] = [logPath(), logPath()]
  writeFileSync(`${slow}.js`, `
    const { Writable } = require('node:stream')
    module.exports = () => new Writable({ highWaterMark: 1e6, write () {} })`)
  writeFileSync(`${failing}.js`, `
    const { Writable } = require('node:stream')
    module.exports = () => new Writable({ write (chunk, encoding, callback) { callback() }, final (callback) { callback(new Error('on purpose')) } })`)
  const targets = [{ target: `${slow}.js` }, { target: `${failing}.js` }]
  const { stdout } = await runScript(`
    const { numbered } = require('./faults/lines')
    const stream = require('pino-pinned').transport({ targets: ${JSON.stringify(targets)}, capacity: '64kb' })
    const told = []
    process.on('warning', ({ message }) => told.push(message))
    stream.on('error', ({ message }) => told.push(message))
    for (let n = 0; n < 300; n++) stream.write(numbered(n))
    const timer = setInterval(() => {
      if (stream.stats().linesWritten < 300) return
      clearInterval(timer)
      stream.end(() => setImmediate(() => console.log(JSON.stringify(told))))
    }, 10)`)
  expect(JSON.parse(stdout)).toEqual(['one of the targets went without up to 300 lines when the log writer died', 'on purpose'])
})

test('what is left in the ring of a writer that is given up inside a wait is told as the process leaves', async () => {
  const { stderr } = await runScript(`
    const { numbered } = require('./faults/lines')
    const stream = require('pino-pinned').transport({ target: ${JSON.stringify(target)}, options: { path: ${JSON.stringify(logPath())}, dies: 'calls process.exit()', at: 0, always: true }, maxRestarts: 1 })
    for (let n = 0; n < 100; n++) stream.write(numbered(n))
    while (stream.stats().writerState !== 'failed') stream.flushSync(50)
    process.exit()`)
  expect(stderr).toMatch(/^pino-pinned: up to 100 lines were left: the sink failed$/m)
})

test('what one of several targets kept when the writer failed for good is told as the process leaves', async () => {
  const [stalled, other] = [logPath(), logPath()]
  const targets = [{ target, options: { path: stalled, neverCallsBack: true } }, { target, options: { path: other } }]
  const { code, stderr } = await runScript(`
    const { numbered } = require('./faults/lines')
    const stream = require('pino-pinned').transport({ targets: ${JSON.stringify(targets)}, capacity: '256kb', maxRestarts: 0 })
    for (let n = 0; n < 1000; n++) stream.write(numbered(n)) // they hold a quarter of the ring
    const timer = setInterval(() => {
      if (stream.stats().linesWritten < 1000) return
      clearInterval(timer)
      stream.worker.terminate()
    }, 10)`)
  expect({ code, lines: check(read(other)).numbers.length }).toEqual({ code: 0, lines: 1000 })
  expect(stderr).toMatch(/^pino-pinned: one of the targets went without up to 1000 lines$/m)
})

test('what one of several targets went without is a warning where no line can tell of it', async () => {
  const path = logPath()
  const targets = [{ target, options: { path: logPath(), neverCallsBack: true } }, { target: 'pino/file', options: { destination: path } }]
  const { stderr } = await runScript(`
    const { numbered } = require('./faults/lines')
    const stream = require('pino-pinned').transport({ targets: ${JSON.stringify(targets)}, onFull: 'block', capacity: '64kb', exitTimeout: 200 })
    for (let n = 0; n < 5000; n++) stream.write(numbered(n))
    stream.end()`)
  expect(check(read(path)).numbers).toHaveLength(5000)
  expect(stderr.match(/the target .*target\.js does not keep up/g)).toHaveLength(1)
  const lines = Number(/the target .*target\.js went without (\d+) lines/.exec(stderr)?.[1])
  expect(lines).toBeGreaterThan(3000)
  expect(lines).toBeLessThan(5000)
})

test.each([
  ['goes on', (path: string) => `while (!stream.flushSync() || !existsSync(${JSON.stringify(path)}));`],
  ['has ended', () => "stream.end(); while (stream.stats().writerState !== 'ended');"]
])('what one of several targets went without is told where it %s, and the process leaves before it can hear of it', async (_, then) => {
  const path = logPath()
  const targets = [{ target, options: { path, stallsUntil: `${path}.go` } }, { target: 'pino/file', options: { destination: logPath() } }]
  const { stdout, stderr } = await runScript(`
    const { existsSync, writeFileSync } = require('node:fs')
    const { numbered } = require('./faults/lines')
    const stream = require('pino-pinned').transport({ targets: ${JSON.stringify(targets)}, capacity: '64kb', dropNotice: false })
    let n = 0
    const timer = setInterval(() => { for (let lines = 0; lines < 30; lines++) stream.write(numbered(n++)) }, 4)
    process.once('warning', () => setTimeout(() => { // the stalled one goes without from now on
      clearInterval(timer)
      writeFileSync(${JSON.stringify(`${path}.go`)}, '')
      ${then(path)} // no event tells of it any more
      console.log(stream.stats().linesAccepted)
      process.exit()
    }, 500))`)
  const missing = Number(stdout) - check(read(path)).numbers.length
  expect(missing).toBeGreaterThan(100)
  expect(Number(/^pino-pinned: one of the targets went without up to (\d+) lines/m.exec(stderr)?.[1])).toBe(missing)
})

test('a target that had enough for a long time gets every line accepted when it takes lines again', async () => {
  const path = logPath()
  const { stream, errors } = open({ target, options: { path, stallsUntil: path + '.go' }, capacity: '64kb' })
  await until(() => stream.ready)
  await load(stream, 0, 20_000)
  expect(existsSync(path)).toBe(false)
  writeFileSync(path + '.go', '')
  await load(stream, 20_000, 20_100)
  await finish(stream)
  const found = check(read(path))
  const { linesAccepted, linesDropped, restarts } = stream.stats()
  expect(found).toMatchObject({ torn: [], repeated: 0, inOrder: true, told: linesDropped })
  expect(found.numbers).toHaveLength(linesAccepted)
  expect(linesAccepted + linesDropped).toBe(20_100)
  expect({ restarts, errors }).toEqual({ restarts: 0, errors: [] })
})

test.each(['fails', 'throws', 'is silent'])('a target whose flush %s is judged by its buffers: lines go on, with one warning at most', async (flush) => {
  const path = logPath()
  const { code, stdout, stderr } = await runScript(`
    const { numbered } = require('./faults/lines')
    const stream = require('pino-pinned').transport({ target: ${JSON.stringify(target)}, options: { path: ${JSON.stringify(path)}, flush: '${flush}' }, capacity: '64kb', exitTimeout: 20000 })
    let n = 0
    const next = () => {
      for (let at = 0; at < 50; at++) stream.write(numbered(n++))
      if (n < 150) stream.flush(next)
      else stream.flush((error) => { console.log(error ?? 'flushed'); stream.end() })
    }
    stream.on('ready', next)`)
  expect({ code, stdout }).toEqual({ code: 0, stdout: 'flushed\n' })
  expect(check(read(path)).numbers).toHaveLength(150)
  expect(stderr.match(/flush on purpose/g) ?? []).toHaveLength(flush === 'is silent' ? 0 : 1)
}, 180_000)

const BROKEN: Array<[string, string, RegExp]> = [
  ['throws while it is loaded', "throw new Error('on purpose')", /on purpose/],
  ['throws when called', "module.exports = () => { throw new Error('on purpose') }", /on purpose/],
  ['rejects', "module.exports = async () => { throw new Error('on purpose') }", /on purpose/],
  ['returns no stream', 'module.exports = () => 5', /did not return a stream/],
  ['exports no function', 'module.exports = 5', /does not export a function/]
]

test.each(BROKEN)("a target that %s the first time is one 'error', not a loop", async (_, source, message) => {
  const file = logPath() + '.js'
  writeFileSync(file, source)
  const { stream, restarts, errors } = open({ target: file })
  stream.write(numbered(0))
  await until(() => errors.length > 0)
  expect(errors.map((error) => error.message)).toEqual([expect.stringMatching(message)])
  expect(restarts).toEqual([])
  expect(stream.write(numbered(1))).toBe(false)
  expect(stream.stats()).toMatchObject({ writerState: 'failed', linesDropped: 1 })
})

test('what a target that died had opened is closed, however often it dies; what it was given is closed once, and nobody is warned', async () => {
  const path = logPath()
  const { stdout, stderr } = await runScript(`
    const fs = require('node:fs')
    const { once } = require('node:events')
    process.removeAllListeners('warning')
    process.on('warning', ({ message }) => { if (!message.includes('is started again')) console.error(message) })
    const opened = () => fs.readdirSync('/proc/self/fd').length
    const flushed = (stream) => new Promise((resolve, reject) => stream.flush((error) => error ? reject(error) : resolve()))
    ;(async () => {
      const given = fs.openSync(${JSON.stringify(`${path}.given`)}, 'a')
      const destinations = [${JSON.stringify(path)}, ${JSON.stringify(`${path}.second`)}, given]
      const stream = require('pino-pinned').transport({ targets: destinations.map((destination) => ({ target: 'pino/file', options: { destination } })), maxRestarts: 100 })
      const after = []
      for (let n = 0; n < 10; n++) {
        stream.write('a line\\n')
        await flushed(stream)
        after.push(opened())
        const { worker } = stream
        const dies = once(stream, 'writer-restart')
        worker.terminate()
        await dies
      }
      stream.end()
      await once(stream, 'close')
      try { fs.closeSync(given) } catch ({ code }) { after.push(code) }
      console.log(JSON.stringify(after))
    })()`)
  const [before, ...after] = JSON.parse(stdout)
  expect({ after, stderr }).toEqual({ after: [...Array(9).fill(before), 'EBADF'], stderr: '' })
})

test('nothing of a dying target reaches the application: no exception, no rejection, no exit code', async () => {
  const path = logPath()
  const { code, stdout } = await runScript(`
    const { numbered } = require('./faults/lines')
    process.on('uncaughtException', (error) => console.log('exception', error))
    process.on('unhandledRejection', (error) => console.log('rejection', error))
    const stream = require('pino-pinned').transport({ target: ${JSON.stringify(target)}, options: { path: ${JSON.stringify(path)}, dies: 'rejects a promise', at: 5, always: true }, maxRestarts: 1 })
    for (let n = 0; n < 10; n++) stream.write(numbered(n))
    stream.on('close', () => console.log(stream.stats().writerState))
    setTimeout(() => {}, 60000).unref()
    const timer = setInterval(() => { if (stream.closed) clearInterval(timer) }, 5)`)
  expect({ code, stdout }).toEqual({ code: 0, stdout: 'failed\n' })
})
