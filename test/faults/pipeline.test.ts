import { existsSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { check, finish, load, logPath, open, read, until } from './support'

const target = join(__dirname, 'target.js')
const abstractTransport = JSON.stringify(require.resolve('pino-abstract-transport', { paths: [require.resolve('pino')] }))
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
  const { stream } = open({ target: 'pino-pretty', options: { destination: path, minLength: 1e6, colorize: false, sync: false }, capacity: '64kb', onFull: 'block' })
  await load(stream, 0, 10)
  expect(await new Promise((resolve) => stream.flush(resolve))).toBeUndefined()
  expect(read(path).match(/n: \d+/g)).toHaveLength(10)
  await load(stream, 10, 2000)
  await finish(stream)
  expect(read(path).match(/n: \d+/g)).toHaveLength(2000)
})
