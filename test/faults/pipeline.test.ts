import { closeSync, constants, existsSync, openSync, writeFileSync, writeSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { PassThrough, Writable } from 'node:stream'
import { setTimeout as sleep } from 'node:timers/promises'
import { runScript } from '../support/process'
import { Stages } from '../../src/writer/stages'
import { check, finish, load, logPath, makeFifo, numbered, open, read, Reader, until } from './support'

const target = join(__dirname, 'target.js')
const abstractTransport = JSON.stringify(require.resolve('pino-abstract-transport', { paths: [require.resolve('pino')] }))
const sonicBoom = JSON.stringify(require.resolve('sonic-boom', { paths: [require.resolve('pino')] }))
const numbers = (count: number): Set<number> => new Set(Array.from({ length: count }, (_, n) => n))

const STAGES = {
  'a Transform': `
    const { Transform } = require('node:stream')
    module.exports = () => new Transform({ transform (chunk, encoding, callback) { callback(null, chunk) } })`,
  'made by pino-abstract-transport': `
    const { Transform } = require('node:stream')
    const build = require(${abstractTransport})
    module.exports = () => build((source) => source.pipe(new Transform({
      writableObjectMode: true,
      transform (line, encoding, callback) { callback(null, JSON.stringify(line) + '\\n') }
    })), { enablePipelining: true })`
}

function stageFile (path: string, source: string): string {
  const file = join(dirname(path), 'stage.js')
  writeFileSync(file, source)
  return file
}

describe.each(Object.entries(STAGES))('a pipeline whose first stage is %s', (_, source) => {
  test.each(['alone', 'one of several targets'])('(%s): what its stages hold is not taken for delivered, and is handed to it again when the writer dies', async (how) => {
    const path = logPath()
    const pipeline = [{ target: stageFile(path, source) }, { target, options: { path, stallsUntil: `${path}.go` } }]
    const { stream, restarts } = open(how === 'alone' ? { pipeline } : { targets: [{ target, options: { path: `${path}.second` } }, { pipeline }] })
    await load(stream, 0, 500)
    await until(() => existsSync(`${path}.stalled`))
    expect(stream.flushSync(300)).toBe(false)
    await stream.worker!.terminate()
    await until(() => restarts.length === 1 && read(`${path}.stalled`).length === 2)
    writeFileSync(`${path}.go`, '')
    expect(await new Promise((resolve) => stream.flush(resolve))).toBeUndefined()
    expect(new Set(check(read(path)).numbers)).toEqual(numbers(500))
    await finish(stream)
    expect(stream.stats()).toMatchObject({ linesWritten: 500, linesSkipped: 0, linesDropped: 0 })
  })

  test('gives back the space of what has passed it while it is never idle', async () => {
    const path = logPath()
    const pipeline = [{ target: stageFile(path, source) }, { target, options: { path, lagMs: 1 } }]
    const { stream } = open({ pipeline, capacity: '64kb', onFull: 'block' })
    await load(stream, 0, 5000)
    await finish(stream)
    expect(check(read(path)).numbers).toEqual([...numbers(5000)])
  })
})

/** A target that is piped into its destinations by itself. */
const PIPED = {
  'what flushes by itself': `
    const flushing = new PassThrough()
    flushing.flush = (done) => done()
    flushing.pipe(to(path))
    return flushing`,
  'two destinations of which the second takes nothing': `
    const tee = new PassThrough()
    tee.pipe(new Writable({ write (chunk, encoding, callback) { callback() } }))
    tee.pipe(to(path))
    return tee`,
  'a destination that it takes in place of another': `
    const first = new PassThrough()
    const before = new PassThrough()
    first.pipe(existsSync(path + '.stalled') ? to(path) : before)
    if (!existsSync(path + '.stalled')) {
      setTimeout(() => {
        first.unpipe(before)
        before.destroy()
        first.pipe(to(path))
      }, 100)
    }
    return first`
}

test.each(Object.entries(PIPED))('a target that is piped into %s: what is there is not taken for delivered', async (_, source) => {
  const path = logPath()
  const file = stageFile(path, `
    const { existsSync } = require('node:fs')
    const { PassThrough, Writable } = require('node:stream')
    module.exports = async ({ path }) => {
      const destination = await require(${JSON.stringify(target)})({ path, stallsUntil: path + '.go' })
      const to = () => destination
      ${source}
    }`)
  const { stream, restarts } = open({ target: file, options: { path } })
  await until(() => stream.ready)
  await sleep(200)
  await load(stream, 0, 300)
  await until(() => existsSync(`${path}.stalled`))
  expect(stream.flushSync(300)).toBe(false)
  await stream.worker!.terminate()
  await until(() => restarts.length === 1)
  writeFileSync(`${path}.go`, '')
  await finish(stream)
  expect(new Set(check(read(path)).numbers)).toEqual(numbers(300))
})

test.each(['calls back with an error', 'destroys itself'])('a stage that %s after it was told to end, with lines in it: they are handed to another', async (how) => {
  const path = logPath()
  const failing = stageFile(path, `
    const { appendFileSync, existsSync, writeFileSync } = require('node:fs')
    const { Writable } = require('node:stream')
    module.exports = ({ path }) => {
      const isFirst = !existsSync(path + '.first')
      writeFileSync(path + '.first', '')
      const stream = new Writable({
        write (chunk, encoding, callback) {
          if (!isFirst) {
            appendFileSync(path, chunk)
            return callback()
          }
          setTimeout(() => { ${how === 'destroys itself' ? 'stream.destroy()' : "callback(new Error('on purpose'))"} }, 300)
        }
      })
      return stream
    }`)
  const pass = join(dirname(path), 'pass.js')
  writeFileSync(pass, STAGES['a Transform'])
  const { stream, restarts, errors } = open({ pipeline: [{ target: pass }, { target: failing, options: { path } }] })
  await until(() => stream.ready)
  await load(stream, 0, 300)
  await finish(stream)
  expect({ restarts, errors }).toEqual({ restarts: [1], errors: [] })
  expect(check(read(path)).numbers).toEqual([...numbers(300)])
})

test('a flush does not succeed while a stage keeps what was given up for want of room', async () => {
  const path = logPath()
  const keeping = stageFile(path, `
    const { Writable } = require('node:stream')
    module.exports = () => new Writable({ highWaterMark: 1e9, write () {} })`)
  const pass = join(dirname(path), 'pass.js')
  writeFileSync(pass, STAGES['a Transform'])
  const { stream } = open({ pipeline: [{ target: pass }, { target: keeping }], capacity: '64kb', exitTimeout: 200 })
  await load(stream, 0, 300)
  await until(() => stream.stats().used === 0)
  expect(stream.flushSync(500)).toBe(false)
  stream.worker!.terminate()
  stream.end()
})

test('a pipeline in which a stage gathers more lines than the ring holds gets them all', async () => {
  const path = logPath()
  const gathering = stageFile(path, `
    const { appendFileSync } = require('node:fs')
    const { Writable } = require('node:stream')
    module.exports = ({ path }) => {
      const stream = new Writable({
        highWaterMark: 1e9,
        writev (chunks, callback) {
          appendFileSync(path, Buffer.concat(chunks.map(({ chunk }) => chunk)))
          callback()
        },
        final (callback) { callback() }
      })
      stream.cork()
      return stream
    }`)
  const pass = join(dirname(path), 'pass.js')
  writeFileSync(pass, STAGES['a Transform'])
  const { stream, errors } = open({ pipeline: [{ target: pass }, { target: gathering, options: { path } }], capacity: '64kb', onFull: 'block' })
  await load(stream, 0, 2000)
  await finish(stream)
  expect(errors).toEqual([])
  expect(check(read(path)).numbers).toEqual([...numbers(2000)])
})

test('a stage that gathers lines for its flush is asked to hand them on by a flush, and where the ring has no room', async () => {
  const path = logPath()
  const gathering = stageFile(path, `
    const { PassThrough } = require('node:stream')
    const SonicBoom = require(${sonicBoom})
    module.exports = ({ path }) => {
      const stream = new PassThrough()
      stream.pipe(new SonicBoom({ dest: path, minLength: 1e6, maxWrite: 2e6 }))
      return stream
    }`)
  const { stream } = open({ target: gathering, options: { path }, capacity: '64kb', onFull: 'block' })
  await load(stream, 0, 10)
  expect(await new Promise((resolve) => stream.flush(resolve))).toBeUndefined()
  expect(check(read(path)).numbers).toEqual([...numbers(10)])
  await load(stream, 10, 2000)
  await finish(stream)
  expect(check(read(path)).numbers).toEqual([...numbers(2000)])
})

/** Passes lines on, and tells when it has closed. */
const closingStage = (path: string): { target: string } => ({
  target: stageFile(path, `
    const { writeFileSync } = require('node:fs')
    const { PassThrough } = require('node:stream')
    module.exports = () => new PassThrough().on('close', () => writeFileSync(${JSON.stringify(`${path}.closed`)}, ''))`)
})

test('a pipeline that closes with its first stage ends when the last one has written what it holds', async () => {
  const path = makeFifo()
  const reader = new Reader(path)
  const filler = openSync(path, constants.O_WRONLY | constants.O_NONBLOCK)
  expect(writeSync(filler, '\n'.repeat(65_536))).toBe(65_536)
  const { stream, errors } = open({ pipeline: [closingStage(path), { target: 'pino-pretty', options: { destination: path, colorize: false, sync: false } }] })
  await load(stream, 0, 100)
  const closed = finish(stream)
  await until(() => existsSync(`${path}.closed`))
  await reader.takeUntil(() => stream.closed)
  await closed
  reader.close()
  closeSync(filler)
  expect(errors).toEqual([])
  expect(reader.text.match(/n: \d+/g)).toHaveLength(100)
})

test('what a stage kept for so long that its space was given back is waited for by an end', async () => {
  const path = logPath()
  const first = closingStage(path)
  const last = join(dirname(path), 'last.js')
  writeFileSync(last, `
    const { appendFileSync, existsSync } = require('node:fs')
    const { Writable } = require('node:stream')
    module.exports = ({ path }) => new Writable({
      highWaterMark: 1e9,
      write (chunk, encoding, callback) {
        const timer = setInterval(() => {
          if (!existsSync(path + '.go')) return
          clearInterval(timer)
          appendFileSync(path, chunk)
          callback()
        }, 5)
      }
    })`)
  const { stream, errors } = open({ pipeline: [first, { target: last, options: { path } }], capacity: '64kb' })
  await load(stream, 0, 400)
  await until(() => stream.stats().used === 0)
  const closed = finish(stream)
  await until(() => existsSync(`${path}.closed`))
  writeFileSync(`${path}.go`, '')
  await closed
  expect(errors).toEqual([])
  expect(check(read(path)).numbers).toEqual([...numbers(400)])
})

test('what a stage kept for so long is counted where the process leaves without it', async () => {
  const path = logPath()
  const pipeline = [closingStage(path), { target, options: { path, stallsUntil: `${path}.go` } }]
  const { stderr } = await runScript(`
    const stream = require('pino-pinned').transport({ pipeline: ${JSON.stringify(pipeline)}, capacity: '64kb', exitTimeout: 100 })
    for (let n = 0; n < 200; n++) stream.write(\`{"level":30,"n":\${n},"text":"\${'x'.repeat(100)}"}\\n\`)
    setInterval(() => { if (stream.ready && stream.stats().used === 0) process.exit() }, 10)`)
  expect(stderr).toContain('one of the targets went without up to 200 lines')
})

/** A target that is piped into a stream which keeps all it gets, until something is so: then that is destroyed. */
function destroyedStage (path: string, isTime: string): string {
  return stageFile(path, `
    const { existsSync } = require('node:fs')
    const { PassThrough, Writable } = require('node:stream')
    module.exports = ({ path } = {}) => {
      const stream = new PassThrough()
      const kept = new Writable({ highWaterMark: 1e6, write () {} })
      stream.pipe(kept)
      const timer = setInterval(() => {
        if (!(${isTime})) return
        clearInterval(timer)
        kept.destroy()
        setImmediate(() => stream.resume()) // behind the pipe's end
      }, 5)
      return stream
    }`)
}

test.each(['alone', 'one of several targets'])('(%s): what a stage kept for so long, and is destroyed with, is told', async (how) => {
  const path = logPath()
  const file = destroyedStage(path, "existsSync(path + '.go')")
  const one = { target: file, options: { path } }
  const options = { ...(how === 'alone' ? one : { targets: [{ target, options: { path: `${path}.second` } }, one] }), capacity: '64kb' }
  const { code, stderr } = await runScript(`
    const { writeFileSync } = require('node:fs')
    const stream = require('pino-pinned').transport(${JSON.stringify(options)})
    for (let n = 0; n < 200; n++) stream.write(\`{"level":30,"n":\${n},"text":"\${'x'.repeat(100)}"}\\n\`)
    const timer = setInterval(() => {
      if (stream.stats().linesWritten < 200) return
      clearInterval(timer)
      writeFileSync(${JSON.stringify(`${path}.go`)}, '')
      process.once('warning', () => stream.end())
    }, 10)`)
  expect(code).toBe(0)
  expect(stderr.match(/Warning: .*|Error: .*|went without.*|.*left.*/g)).toEqual(['Error: a stream behind the target failed or was destroyed with up to 200 lines in it'])
})

test('of two such losses at a time, of which the process leaves in the first warning, both are told', async () => {
  const path = logPath()
  const one = { target: destroyedStage(path, "existsSync(path + '.go')"), options: { path } }
  const { stderr } = await runScript(`
    const { writeFileSync } = require('node:fs')
    const stream = require('pino-pinned').transport(${JSON.stringify({ targets: [one, one, { target, options: { path: `${path}.third` } }], capacity: '64kb' })})
    for (let n = 0; n < 200; n++) stream.write(\`{"level":30,"n":\${n},"text":"\${'x'.repeat(100)}"}\\n\`)
    const timer = setInterval(() => {
      if (stream.stats().linesWritten < 200) return
      clearInterval(timer)
      writeFileSync(${JSON.stringify(`${path}.go`)}, '')
      process.on('warning', ({ message }) => { if (message.includes('destroyed')) process.exit() })
    }, 10)`)
  // That of the warning too, which not everybody may have heard.
  expect(stderr.match(/failed or was destroyed with up to \d+|went without up to \d+/g)).toEqual(['failed or was destroyed with up to 200', 'went without up to 400'])
})

test('what a stage has in several chunks, and is destroyed with while the pipe goes on, is told', async () => {
  const file = destroyedStage(logPath(), 'kept.writableLength >= 20_000')
  const { stdout } = await runScript(`
    const stream = require('pino-pinned').transport({ target: ${JSON.stringify(file)} })
    const told = []
    process.on('warning', ({ message }) => told.push(message))
    let n = 0
    const timer = setInterval(() => {
      for (let lines = 0; lines < 20; lines++) stream.write(\`{"level":30,"n":\${n++},"text":"\${'x'.repeat(100)}"}\\n\`)
      if (n < 200) return
      clearInterval(timer)
      stream.flush(() => stream.end(() => setImmediate(() => console.log(JSON.stringify(told)))))
    }, 5)`)
  const [told, ...more] = JSON.parse(stdout)
  expect(more).toEqual([])
  expect(Number(/destroyed with up to (\d+) lines in it/.exec(told)?.[1])).toBeGreaterThan(150) // 20,000 bytes
})

/** A target that is piped into a stream which takes all, and into another: the file's `destination`, which may say 'error'. */
function teeFile (path: string, destination: string): string {
  return stageFile(path, `
    const { PassThrough, Writable } = require('node:stream')
    module.exports = async ({ path } = {}) => {
      const tee = new PassThrough()
      tee.pipe(new Writable({ write (chunk, encoding, callback) { callback() } }))
      const destination = ${destination}
      tee.pipe(destination.on('error', () => {}))
      return tee
    }`)
}

/** The warnings of a process that writes so many lines to a target, flushes and ends. */
async function toldOf (file: string, lines: number): Promise<string[]> {
  const { stdout } = await runScript(`
    const stream = require('pino-pinned').transport({ target: ${JSON.stringify(file)} })
    const told = []
    process.on('warning', ({ message }) => told.push(message))
    stream.on('ready', () => setTimeout(() => {
      for (let n = 0; n < ${lines}; n++) stream.write(\`{"level":30,"n":\${n}}\\n\`)
      stream.flush(() => stream.end(() => setImmediate(() => console.log(JSON.stringify(told)))))
    }, 100))`)
  return JSON.parse(stdout)
}

test("what a stage has that says 'error', so that nothing is piped into it any more, is handed over again when the writer dies", async () => {
  const path = logPath()
  const file = teeFile(path, `await require(${JSON.stringify(target)})({ path, dies: "emits 'error'", at: 0 })`)
  const { stream, restarts } = open({ target: file, options: { path } })
  await load(stream, 0, 300)
  await until(() => existsSync(`${path}.died`))
  expect(stream.flushSync(300)).toBe(false)
  await stream.worker!.terminate()
  await until(() => restarts.length === 1)
  await finish(stream)
  expect(new Set(check(read(path)).numbers)).toEqual(numbers(300))
})

test('what a stage has that fails in a write, and is not destroyed, is told', async () => {
  const file = teeFile(logPath(), `new Writable({
    autoDestroy: false,
    write (chunk, encoding, callback) { setTimeout(() => callback(new Error('on purpose')), 50) }
  })`)
  expect(await toldOf(file, 20)).toEqual(['a stream behind the target failed or was destroyed with up to 20 lines in it'])
})

test('what a stage has that fails in a write, and is destroyed by whoever hears of that, is told', async () => {
  const file = teeFile(logPath(), `new Writable({
    autoDestroy: false,
    write (chunk, encoding, callback) { setTimeout(() => callback(new Error('on purpose')), 50) }
  }).once('error', () => destination.destroy())`)
  expect(await toldOf(file, 20)).toEqual(['a stream behind the target failed or was destroyed with up to 20 lines in it'])
})

test('what a stage has that is piped into while the target is idle, and fails at its first line, is told', async () => {
  const file = stageFile(logPath(), `
    const { PassThrough, Writable } = require('node:stream')
    module.exports = () => {
      const stream = new PassThrough()
      const before = new Writable({ write (chunk, encoding, callback) { callback() } })
      const failing = new Writable({ write (chunk, encoding, callback) { callback(new Error('on purpose')) } })
      stream.pipe(before)
      setImmediate(() => setImmediate(() => {
        stream.unpipe(before)
        stream.pipe(failing.on('error', () => stream.pipe(before)))
      }))
      return stream
    }`)
  expect(await toldOf(file, 20)).toEqual(['a stream behind the target failed or was destroyed with up to 20 lines in it'])
})

test('what a stream had when a mark was made, and hands on to one that it is piped into since, is on its way there', async () => {
  const first = new PassThrough()
  const stages = new Stages(first)
  first.write('a line\n')
  const mark = stages.mark()
  expect(stages.havePassed(mark)).toBe(false)
  const written = new Promise<() => void>((resolve) => {
    first.pipe(new Writable({ write: (_, __, callback) => resolve(callback) }))
  })
  const callback = await written
  expect(stages.havePassed(mark)).toBe(false)
  callback()
  expect(stages.havePassed(mark)).toBe(true)
})

test('a stream that took the lines once, and was destroyed, is not held by the writer', () => {
  const first = new PassThrough()
  const stages = new Stages(first)
  for (let n = 0; n < 3; n++) {
    const destination = new PassThrough()
    first.pipe(destination)
    stages.mark()
    expect(stages.streams).toEqual([first, destination])
    first.unpipe(destination)
    destination.destroy()
    stages.mark()
  }
  expect(stages.streams).toEqual([first])
})

test('an end asks a SonicBoom to hand on what it gathers where nobody else will', async () => {
  const path = logPath()
  const gathering = stageFile(path, `
    const { PassThrough } = require('node:stream')
    const SonicBoom = require(${sonicBoom})
    module.exports = ({ path }) => {
      const stream = new PassThrough()
      stream.pipe(new SonicBoom({ dest: path, minLength: 1e6, maxWrite: 2e6 }), { end: false })
      return stream
    }`)
  const { stream, errors } = open({ target: gathering, options: { path } })
  await load(stream, 0, 10)
  await finish(stream)
  expect(errors).toEqual([])
  expect(check(read(path)).numbers).toEqual([...numbers(10)])
})

test.each(['closes early', 'throws', "emits 'error'"])('one of several targets that %s after all were told to end is handed its lines again, as are the others', async (dies) => {
  const path = logPath()
  const { stream, restarts, errors } = open({ targets: [{ target, options: { path, dies, at: 100 } }, { target, options: { path: `${path}.second` } }] })
  for (let n = 0; n < 200; n++) stream.write(numbered(n, 0))
  await finish(stream)
  expect({ restarts, errors }).toEqual({ restarts: [1], errors: [] })
  for (const file of [path, `${path}.second`]) expect(new Set(check(read(file)).numbers)).toEqual(numbers(200))
})
