import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { runApplication } from '../support/application'
import { PINO_TRANSPORT, WAYS } from './ways'

/** Logs what pino-pretty has to do something about, with a clock that stands still. */
const program = (makeLogger: string, options: object): string => `
  ${makeLogger}
  const options = ${JSON.stringify({ destination: 'pretty.log', mkdir: true, ...options })}
  const settings = { base: null, customLevels: { loud: 35 }, timestamp: () => ',"time":1700000000000' }
  const logger = makeLogger({ target: 'pino-pretty', options }, settings)
  for (let n = 0; n < 300; n++) {
    logger.info({ n, inner: { list: [1, 'two', null] } }, 'Grüße aus 東京 🎉')
    logger.loud('of a level of its own')
    logger.child({ module: 'child' }).warn('%s of %d', 'one', n)
    const error = new RangeError('out of range')
    error.stack = 'RangeError: out of range\\n    at somewhere (file.js:1:2)'
    logger.error(error)
  }`

async function prettyOf (makeLogger: string, options: object): Promise<string> {
  const { code, stderr, directory } = await runApplication(program(makeLogger, options))
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
  return readFileSync(join(directory, 'pretty.log'), 'utf8')
}

describe.each([
  ['as it is', {}],
  ['with colours and formats', { colorize: true, translateTime: 'UTC:isoDateTime', messageFormat: '[{module}] {msg}', errorProps: 'message' }],
  ['on single lines, of some levels', { singleLine: true, minimumLevel: 'warn', ignore: 'inner' }]
])('pino-pretty %s', (_, options) => {
  let expected: string
  beforeAll(async () => {
    expected = await prettyOf(PINO_TRANSPORT, options)
    expect(expected.length).toBeGreaterThan(10_000)
  })

  test.each(WAYS)('writes through %s what it writes through pino.transport, byte for byte', async (_, makeLogger) => {
    expect(await prettyOf(makeLogger, options)).toBe(expected)
  })
})

test.each(WAYS)('pino-pretty writes through %s to standard output, and the process ends by itself', async (_, makeLogger) => {
  const { code, stdout } = await runApplication(`
    ${makeLogger}
    makeLogger({ target: 'pino-pretty', options: { colorize: false, ignore: 'pid,hostname,time' } }).info('hello')`)
  expect({ code, stdout }).toEqual({ code: 0, stdout: 'INFO: hello\n' })
})
