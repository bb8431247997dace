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

const EXIT_TIMEOUT_MS = 1000

/** What follows the last line. */
const WAYS: Array<[string, string]> = [
  ['by the end of its work', ''],
  ['by process.exit()', 'process.exit()'],
  ['by end()', "stream.end(); stream.once('close', () => console.log('work seen', seen()))"]
]

const program = (target: string, options: string, leave: string): string => `
  require('node:fs').writeFileSync(__dirname + '/target.js', ${JSON.stringify(target)})
  const stream = require('pino-pinned').transport({ target: __dirname + '/target.js', exitTimeout: ${EXIT_TIMEOUT_MS}, options: ${options} })
  const block = new Int32Array(stream.handle().block)
  const seen = () => block[${WriterWord.ClosingWork}]
  stream.once('ready', () => {
    for (let n = 0; n < 1000; n++) stream.write('a line\\n')
    stream.flushSync()
    ${leave}
  })`

describe.each(WAYS)('a process that leaves %s', (_, leave) => {
  test('waits for a target that works on what it holds, for longer than it waits without progress', async () => {
    const path = join(temporaryDirectory(), 'target.log')
    const options = JSON.stringify({ path, exitTimeout: EXIT_TIMEOUT_MS })
    const { code, stderr } = await runApplication(program(BUSY, options, leave))
    const pieces = readFileSync(path, 'utf8').trimEnd().split('\n')
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
    expect(pieces.at(-1)).toBe(`the last of ${pieces.length - 1}`)
  }, 180_000)
})

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
    const { code, stdout } = await runApplication(program(IDLE, options, leave))
    await asked // it was told to end, and was left while it waited
    expect(code).toBe(0)
    // It would be seen at work some two hundred times if waiting counted.
    if (stdout !== '') expect(Number(/\d+/.exec(stdout)![0])).toBeLessThan(50)
  }, 180_000)
})
