import { join } from 'node:path'
import { application } from '../support/application'
import { ROOT, runCommand } from '../support/process'
import { readFileSync } from 'node:fs'
import { runWith } from './both'

const WAITS = `;(async () => {
  const stream = makeStream(toFile)
  await once(stream, 'ready')
  const logger = pino(stream)
  logger.info('a line')
  await new Promise((resolve) => stream.flush(resolve))
  console.log('flushed', visible())
  stream.end()
  await once(stream, 'close')
  console.log('closed')
})()`

test('who waits for ready, a flush and the close on an otherwise idle loop is served before the process ends; there (pino 9): not', async () => {
  expect((await runWith('pino9', WAITS)).stdout).not.toContain('closed')
  expect(await runWith('ours', WAITS)).toMatchObject({ code: 0, stdout: 'flushed 1\nclosed\n', stderr: '' })
})

test('who asks for a flush before ready is called back with the line in the file; there: pino 10 calls back, but may do so before', async () => {
  const program = `
    const logger = pino(makeStream(toFile))
    logger.info('a line')
    logger.flush(() => console.log('flushed', visible()))`
  expect((await runWith('pino10', program)).stdout).toMatch(/^flushed [01]\n$/)
  expect(await runWith('ours', program)).toMatchObject({ code: 0, stdout: 'flushed 1\n', stderr: '' })
})

test('ready comes though a burst precedes it, and the process ends by itself; there: pino 10 does so by now', async () => {
  const program = `
    const stream = makeStream(toFile)
    stream.once('ready', () => console.log('ready'))
    const logger = pino(stream)
    for (let n = 0; n < 20_000; n++) logger.info('a line of a burst')`
  for (const whose of ['pino10', 'ours'] as const) {
    const { code, stdout, lines } = await runWith(whose, program)
    expect({ whose, code, stdout, lines: lines.length }).toEqual({ whose, code: 0, stdout: 'ready\n', lines: 20_000 })
  }
})

test('in jest, where exit handlers of a test file are never called, the lines arrive and jest ends by itself', async () => {
  const directory = application({
    'log.test.js': `
      test('logs', () => {
        const logger = require('pino')(require('pino-pinned').transport({ destination: ${"require('node:path').join(__dirname, 'app.log')"} }))
        for (let n = 0; n < 1000; n++) logger.info('a line')
      })`
  })
  const jest = join(ROOT, 'node_modules', 'jest', 'bin', 'jest.js')
  const config = JSON.stringify({ rootDir: directory, transform: {} })
  const { code, stderr } = await runCommand(process.execPath, [jest, '-c', config], { cwd: directory })
  expect({ code, isHeld: stderr.includes('did not exit') }).toEqual({ code: 0, isHeld: false })
  expect(readFileSync(join(directory, 'app.log'), 'utf8').split('\n')).toHaveLength(1001)
})
