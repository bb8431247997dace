import { once } from 'node:events'
import { createServer, type AddressInfo, type Server } from 'node:net'
import { startApplication } from '../support/application'
import { startRsyslog } from './rsyslog'
import { WAYS } from './ways'

const LINES = 5000

const program = (makeLogger: string, options: object): string => `
  ${makeLogger}
  const logger = makeLogger({ target: 'pino-socket', options: ${JSON.stringify({ mode: 'tcp', ...options })} }, { base: null })
  for (let line = 0; line < ${LINES}; line++) logger.info({ line }, 'grün')
  process.on('message', () => process.disconnect()) // and with that there is nothing to do any more`

const servers: Server[] = []
afterEach(() => { for (const server of servers.splice(0)) server.close() })

async function listening (server: Server): Promise<Server> {
  servers.push(server)
  await once(server.listen(0, '127.0.0.1'), 'listening')
  return server
}

/** What this many lines say their numbers are; resolves when the last has come. */
function numbersFrom (server: Server): Promise<number[]> {
  return new Promise((resolve, reject) => {
    server.on('error', reject)
    server.on('connection', (socket) => {
      let text = ''
      socket.setEncoding('utf8').on('data', (chunk: string) => {
        text += chunk
        const lines = text.split('\n')
        if (lines.length > LINES) resolve(lines.slice(0, -1).map((line) => JSON.parse(line).line))
      })
    })
  })
}

const everyLine = Array.from({ length: LINES }, (_, line) => line)

test.each(WAYS)('pino-socket sends through %s to a TCP server what was logged, in order', async (_, makeLogger) => {
  const server = await listening(createServer())
  const arrived = numbersFrom(server)
  const child = startApplication(program(makeLogger, { port: (server.address() as AddressInfo).port }))
  expect(await arrived).toEqual(everyLine)
  child.send('arrived')
  expect(await once(child, 'exit')).toEqual([0, null])
})

test('pino-socket tells the application through us of a lost connection, as it does through pino.transport', async () => {
  const server = await listening(createServer((socket) => socket.once('data', () => socket.resetAndDestroy())))
  const child = startApplication(`
    const stream = require('pino-pinned').transport({ target: 'pino-socket', options: { mode: 'tcp', port: Number(process.argv[2]) } })
    stream.once('socketError', (error) => {
      process.send(error.message)
      process.disconnect()
    })
    stream.write('a line\\n')
    process.channel.ref()`, [String((server.address() as AddressInfo).port)])
  expect((await once(child, 'message'))[0]).toBe('read ECONNRESET')
})

describe('rsyslog', () => {
  let rsyslog: Awaited<ReturnType<typeof startRsyslog>>
  beforeAll(async () => { rsyslog = await startRsyslog() }, 300_000)
  afterAll(() => rsyslog?.stop())

  test.each(WAYS)('gets through %s and pino-socket what was logged, in order', async (_, makeLogger) => {
    const before = rsyslog.lines().length
    const child = startApplication(program(makeLogger, { port: rsyslog.port }))
    while (rsyslog.lines().length < before + LINES) await rsyslog.written()
    expect(rsyslog.lines().slice(before).map((line) => JSON.parse(line).line)).toEqual(everyLine)
    child.send('arrived')
    expect(await once(child, 'exit')).toEqual([0, null])
  })
})
