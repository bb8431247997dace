import { readFileSync } from 'node:fs'
import { once } from 'node:events'
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net'
import { join } from 'node:path'
import { WriterWord } from '../../src/ring/layout'
import { runApplication } from '../support/application'
import { temporaryDirectory } from '../support/process'

/**
 * Lets go of each line at once, and writes when it is ended: small pieces, one after the other, for three times as long as
 * anybody waits without progress. The last one says so.
 */
const BUSY = `
  const fs = require('node:fs')
  const { Writable } = require('node:stream')
  module.exports = ({ path, exitTimeout }) => {
    const file = fs.openSync(path, 'w')
    return new Writable({
      autoDestroy: true,
      write (chunk, encoding, callback) { callback() },
      final (callback) {
        const start = performance.now()
        let pieces = 0
        const piece = () => {
          if (performance.now() - start < 3 * exitTimeout) {
            fs.writeSync(file, pieces++ + '\\n')
            return setImmediate(piece)
          }
          fs.writeSync(file, 'the last of ' + pieces + '\\n')
          callback()
        }
        piece()
      }
    })
  }`

/** Ends when its peer has said that it may. */
const IDLE = `
  const { once } = require('node:events')
  const { connect } = require('node:net')
  const { Writable } = require('node:stream')
  module.exports = async ({ port }) => {
    const peer = connect(port, '127.0.0.1')
    await once(peer, 'connect')
    return new Writable({
      write (chunk, encoding, callback) { callback() },
      final (callback) {
        peer.once('data', () => callback())
        peer.write('may I?')
      }
    })
  }`

/** Takes a line every few milliseconds: its event loop is idle. */
const SLOW = `
  const fs = require('node:fs')
  const { setTimeout: sleep } = require('node:timers/promises')
  const { Writable } = require('node:stream')
  module.exports = ({ path, pauseMs, highWaterMark }) => {
    const file = fs.openSync(path, 'w')
    return new Writable({
      autoDestroy: true,
      highWaterMark,
      write (chunk, encoding, callback) { sleep(pauseMs).then(() => fs.writeSync(file, chunk)).then(() => callback(), callback) }
    })
  }`

/** Hands on line by line. */
const STAGE = `
  const { Transform } = require('node:stream')
  const build = require('pino-abstract-transport')
  module.exports = () => build((source) => {
    const stage = new Transform({ objectMode: true, autoDestroy: true, transform (line, encoding, callback) { callback(null, line + '\\n') } })
    source.pipe(stage)
    return stage
  }, { parse: 'lines', enablePipelining: true })`

/** Tells each time it is loaded, and never calls back: its event loop has nothing to do. */
const STUCK = `
  const fs = require('node:fs')
  const { Writable } = require('node:stream')
  module.exports = ({ path }) => {
    fs.appendFileSync(path, 'loaded\\n')
    return new Writable({ write () {} })
  }`

const EXIT_TIMEOUT_MS = 1000
const LINES = 1000

/** What follows the last line. */
const WAYS: Array<[string, string]> = [
  ['by the end of its work', ''],
  ['by process.exit()', 'process.exit()'],
  ['by end()', "stream.end(); stream.once('close', () => console.log('work seen', seen()))"]
]

const one = (options: string): string => `{ target: __dirname + '/target.js', options: ${options} }`

const program = (target: string, sink: string, leave: string): string => `
  require('node:fs').writeFileSync(__dirname + '/target.js', ${JSON.stringify(target)})
  require('node:fs').writeFileSync(__dirname + '/stage.js', ${JSON.stringify(STAGE)})
  const stream = require('pino-pinned').transport({ ...${sink}, exitTimeout: ${EXIT_TIMEOUT_MS} })
  const block = new Int32Array(stream.handle().block)
  const seen = () => block[${WriterWord.TargetWork}]
  stream.once('ready', () => {
    for (let n = 0; n < ${LINES}; n++) stream.write('{"level":30,"msg":"a line"}\\n')
    stream.flushSync(100)
    ${leave}
  })`

describe.each(WAYS)('a process that leaves %s', (_, leave) => {
  test('waits for a target that works on what it holds, for longer than it waits without progress', async () => {
    const path = join(temporaryDirectory(), 'target.log')
    const options = JSON.stringify({ path, exitTimeout: EXIT_TIMEOUT_MS })
    const { code, stderr } = await runApplication(program(BUSY, one(options), leave))
    const pieces = readFileSync(path, 'utf8').trimEnd().split('\n')
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
    expect(pieces.at(-1)).toBe(`the last of ${pieces.length - 1}`)
  }, 180_000)

  test.each([
    ['one of several targets', (slow: string) => `{ targets: [${slow}, { target: 'pino/file', options: { destination: '/dev/null' } }] }`],
    ['the last stage of a pipeline', (slow: string) => `{ pipeline: [{ target: __dirname + '/stage.js' }, ${slow}] }`]
  ].flatMap(([kind, sink]) => [1, 1024 * 1024].map((highWaterMark) => [kind, highWaterMark, sink] as [string, number, (slow: string) => string])))('waits for %s (highWaterMark %d) that takes a line now and then, for as long as it does', async (_, highWaterMark, sink) => {
    const path = join(temporaryDirectory(), 'target.log')
    const pauseMs = 3 * EXIT_TIMEOUT_MS / LINES
    const { code, stderr } = await runApplication(program(SLOW, sink(one(JSON.stringify({ path, pauseMs, highWaterMark }))), leave))
    expect({ code, stderr, lines: readFileSync(path, 'utf8').split('\n').length - 1 }).toEqual({ code: 0, stderr: '', lines: LINES })
  }, 180_000)
})

test.each(WAYS)('a target that never calls back is not taken for dead, and loaded again, by a process that leaves %s', async (_, leave) => {
  const path = join(temporaryDirectory(), 'target.log')
  const { code, stderr } = await runApplication(program(STUCK, one(JSON.stringify({ path })), leave))
  expect({ code, loads: readFileSync(path, 'utf8') }).toEqual({ code: 0, loads: 'loaded\n' })
  expect(stderr).not.toContain('died')
}, 180_000)

describe('a target that waits for a peer when it closes', () => {
  let server: Server
  const peers: Socket[] = []
  let asked: Promise<unknown>
  beforeEach(async () => {
    server = createServer((socket) => {
      peers.push(socket)
      asked = once(socket, 'data')
    }).listen(0, '127.0.0.1')
    await once(server, 'listening')
  })
  afterEach(() => {
    for (const peer of peers.splice(0)) peer.destroy()
    server.close()
  })

  test.each(WAYS)('does not hold a process that leaves %s', async (_, leave) => {
    const options = JSON.stringify({ port: (server.address() as AddressInfo).port })
    const { code, stdout } = await runApplication(program(IDLE, one(options), leave))
    await asked // it was told to end, and was left while it waited
    expect(code).toBe(0)
    // It would be seen at work some two hundred times if waiting counted.
    if (stdout !== '') expect(Number(/\d+/.exec(stdout)![0])).toBeLessThan(50)
  }, 180_000)
})
