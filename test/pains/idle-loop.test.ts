import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { runCommand } from '../support/process'
import { jestWith, runWith, start } from './both'

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

test('a flush is called back when the target has let go of the lines, not when it got them; there (pino 10): when it got them', async () => {
  const program = `;(async () => {
    // Held: there a stream is collected, and its thread ended, while somebody waits for its events.
    const stream = globalThis.stream = makeStream({ target: require.resolve('./told.js') })
    const logger = pino(stream)
    logger.info('a line')
    const holds = once(stream, 'holds')
    const alive = setInterval(() => {}, 1000) // what holds an idle process is not asked here
    await once(stream, 'ready')
    await holds
    let isLetGo = false
    logger.flush(() => console.log(isLetGo ? 'let go' : 'held'))
    // Each answer comes behind all that was on its way before.
    for (let n = 0; n < 20; n++) {
      stream.emit('message', 'are you there?')
      await once(stream, 'here')
    }
    isLetGo = true
    stream.emit('message', 'let go')
    clearInterval(alive)
    stream.end()
  })()`
  expect(await runWith('pino10', program)).toMatchObject({ code: 0, stdout: 'held\n' })
  expect(await runWith('ours', program)).toMatchObject({ code: 0, stdout: 'let go\n', stderr: '' })
})

test('ready comes though a burst precedes it of which the sink takes nothing; there (pino 10): not', async () => {
  const program = `
    const stream = makeStream({ target: require.resolve('./told.js'), options: { isLate: true } })
    const logger = pino(stream)
    for (let n = 0; n < 1000; n++) logger.info('a line of a burst')
    const turns = (left, done) => left === 0 ? done() : setImmediate(turns, left - 1, done)
    turns(10, () => stream.emit('message', 'open')) // the burst is on its way by then
    stream.once('holds', () => turns(100, () => {
      console.log(stream.ready)
      process.kill(process.pid, 'SIGKILL')
    }))`
  expect(await runWith('pino10', program)).toMatchObject({ signal: 'SIGKILL', stdout: 'false\n' })
  expect(await runWith('ours', program)).toMatchObject({ signal: 'SIGKILL', stdout: 'true\n' })
})

test('ready comes though a burst precedes it, and the process ends by itself; there: with pino 10 too', async () => {
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

describe('in jest, where exit handlers of a test file are never called,', () => {
  const logsTo = (target: string): string => `
    const logger = pino(makeStream(${target}))
    for (let n = 0; n < 1000; n++) logger.info('a line')`

  test('the lines arrive and jest ends by itself; there: with pino 10 too', async () => {
    for (const whose of ['pino10', 'ours'] as const) {
      const { args, directory } = jestWith(whose, logsTo('toFile'))
      const { code } = await runCommand(process.execPath, args, { cwd: directory })
      const lines = readFileSync(join(directory, 'app.log'), 'utf8').split('\n').length - 1
      expect({ whose, code, lines }).toEqual({ whose, code: 0, lines: 1000 })
    }
  })

  test('jest ends by itself though the sink takes nothing; there (pino 10): it is held', async () => {
    const program = logsTo("{ target: require.resolve('./stalled.js') }")
    const theirs = jestWith('pino10', program)
    const held = start(theirs.args, theirs.directory)
    let told = ''
    for await (const chunk of held.stderr) {
      told += String(chunk)
      if (told.includes('did not exit')) break
    }
    const { args, directory } = jestWith('ours', program)
    expect(await runCommand(process.execPath, args, { cwd: directory })).toMatchObject({ code: 0 })
    expect({ told, exitCode: held.exitCode }).toEqual({ told: expect.stringContaining('did not exit'), exitCode: null })
  })
})
