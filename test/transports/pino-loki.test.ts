import { runApplication } from '../support/application'
import { HttpSink } from './http-sink'
import { WAYS } from './ways'

const LINES = 2000

let loki: HttpSink
let host: string
beforeEach(async () => {
  loki = new HttpSink()
  host = await loki.listen()
})
afterEach(() => loki.close())

test.each([
  ...WAYS.map(([way, makeLogger]) => [way, 'comes to its end', '', makeLogger]),
  ...WAYS.map(([way, makeLogger]) => [way, 'calls process.exit()', 'process.exit()', makeLogger])
])('pino-loki pushes through %s what it has buffered when the application %s', async (_, _end, end, makeLogger) => {
  const options = { host, basicAuth: { username: 'user', password: 'secret' }, labels: { application: 'test' }, propsToLabels: ['kind'] }
  const { code, stderr } = await runApplication(`
    ${makeLogger}
    const logger = makeLogger({ target: 'pino-loki', options: ${JSON.stringify(options)} })
    for (let line = 0; line < ${LINES}; line++) logger[line % 2 ? 'info' : 'error']({ line, kind: 'k' + line % 3 }, 'grün')
    ${end}`)
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
  for (const { url, headers } of loki.received) {
    expect(url).toBe('/loki/api/v1/push')
    expect(headers.authorization).toBe(`Basic ${Buffer.from('user:secret').toString('base64')}`)
  }
  // It may push twice at a time, and which request is here first is up to the network.
  const pushed = loki.received.flatMap(({ body }) => body.streams).map(({ stream, values }) => ({ stream, log: JSON.parse(values[0][1]) }))
  pushed.sort((a, b) => a.log.line - b.log.line)
  expect(pushed).toHaveLength(LINES)
  for (const [line, { stream, log }] of pushed.entries()) {
    expect(stream).toMatchObject({ application: 'test', kind: `k${line % 3}`, level: line % 2 === 1 ? 'info' : 'error' })
    expect(log).toMatchObject({ line, msg: 'grün' })
  }
})
