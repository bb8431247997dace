import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { application } from '../support/application'
import { runCommand, runScript, temporaryDirectory } from '../support/process'

const LINES = 500
const ended = (path: string): number => readFileSync(path, 'utf8').split('\n').length - 1

/** Test tools and packages that stand in for the process's methods, from before the first stream or after it. */
test.each([
  ['node:test mocks it', "const { mock } = require('node:test'); const mocked = mock.method(process, 'emit')", 'mocked.mock.restore()'],
  ['somebody deletes his own', 'const { emit } = process; process.emit = function (...args) { return emit.apply(this, args) }', 'delete process.emit'],
  ['somebody defines it as it was', "const was = Object.getOwnPropertyDescriptor(process, 'emit') ?? { value: process.emit, configurable: true, writable: true }", "Object.defineProperty(process, 'emit', was)"],
  ['it can not be replaced', "Object.defineProperty(process, 'emit', { value: process.emit, writable: false, configurable: false })", '']
])('a process finds every line in the file, those of later exit handlers too, where process.emit is not ours at its end: %s', async (_, before, after) => {
  const path = join(temporaryDirectory(), 'app.log')
  const { code } = await runScript(`
    ${before}
    const stream = require('pino-pinned').transport({ destination: ${JSON.stringify(path)} })
    process.on('exit', () => stream.write('from an exit handler\\n'))
    ${after}
    for (let n = 0; n < ${LINES}; n++) stream.write(n + '\\n')`)
  expect({ code, lines: ended(path) }).toEqual({ code: 0, lines: LINES + 1 })
})

test('process.emit and process.reallyExit can be mocked while there is a stream', async () => {
  const { code, stdout } = await runScript(`
    const { mock } = require('node:test')
    const stream = require('pino-pinned').transport({ destination: ${JSON.stringify(join(temporaryDirectory(), 'app.log'))} })
    stream.once('ready', () => {
      for (const name of ['emit', 'reallyExit']) {
        const mocked = mock.method(process, name, () => 'mocked')
        console.log(process[name]('anything'), mocked.mock.callCount())
        mocked.mock.restore()
      }
    })`)
  expect({ code, stdout }).toEqual({ code: 0, stdout: 'mocked 1\nmocked 1\n' })
})

test.each(['process.exit()', ''])('several loggers under register whose sinks take nothing are waited for together: %j', async (leave) => {
  const exitTimeout = 2000
  const directory = application({
    'stuck.js': "const { Writable } = require('node:stream'); module.exports = () => new Writable({ highWaterMark: 1, write () {} })",
    'app.js': `
      const pino = require('pino')
      const loggers = Array.from({ length: 5 }, () => pino(pino.transport({ target: require.resolve('./stuck.js') })))
      for (const logger of loggers) for (let n = 0; n < 5; n++) logger.info({ n })
      setTimeout(() => { ${leave} }, 500)`
  })
  const { code, ms } = await runCommand(process.execPath, ['--require', 'pino-pinned/register', 'app.js'], { cwd: directory, env: { ...process.env, PINO_PINNED: `exitTimeout=${exitTimeout}` } })
  expect(code).toBe(0)
  expect(ms).toBeLessThan(2 * exitTimeout)
})
