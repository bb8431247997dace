import { writeFileSync } from 'node:fs'
import { runScript } from '../support/process'
import { check, load, logPath, numbered, open, read, until } from './support'

/** Keeps its lines until it is told to end; then does as told. */
const source = (final: string): string => `
  const { appendFileSync } = require('node:fs')
  const { Writable } = require('node:stream')
  module.exports = ({ path, autoDestroy = true }) => {
    appendFileSync(path + '.loads', '.')
    const kept = []
    const send = () => appendFileSync(path, kept.join(''))
    return new Writable({
      autoDestroy,
      decodeStrings: false,
      write (chunk, encoding, callback) { kept.push(chunk); callback() },
      final (callback) { ${final} }
    })
  }`

const LINES = 1000

function targetWith (final: string): { target: string, path: string } {
  const path = logPath()
  writeFileSync(`${path}.js`, source(final))
  return { target: `${path}.js`, path }
}

/** Ends it, and tells what comes of that. */
async function end (stream: ReturnType<typeof open>['stream']): Promise<{ events: string[], error: Error | undefined }> {
  const events: string[] = []
  for (const name of ['error', 'finish', 'close', 'writer-restart']) stream.on(name, () => events.push(name))
  const error = await new Promise<Error | undefined>((resolve) => stream.end(resolve))
  return { events, error }
}

const all = { numbers: Array.from({ length: LINES }, (_, n) => n), torn: [], repeated: 0 }

describe('a target that is told to end', () => {
  test('and waits for its peer for longer than exitTimeout is waited for', async () => {
    const { target, path } = targetWith('setTimeout(() => { send(); callback() }, 1000)')
    const { stream } = open({ target, options: { path }, exitTimeout: 100 })
    await load(stream, 0, LINES)
    expect(await end(stream)).toEqual({ events: ['finish', 'close'], error: undefined })
    expect(check(read(path))).toMatchObject(all)
  })

  test('and never closes is given up with an error, as pino gives it up, not told as finished', async () => {
    const { target, path } = targetWith('setInterval(() => {}, 1000)')
    const { stream, errors } = open({ target, options: { path }, exitTimeout: 100 })
    await load(stream, 0, LINES)
    const { events, error } = await end(stream)
    expect({ events, code: (error as NodeJS.ErrnoException).code, errors }).toEqual({ events: ['error', 'close'], code: 'ERR_PINO_PINNED_TIMEOUT', errors: [error] })
    expect(error!.message).toContain('has not closed')
  })

  test('as the process leaves, and does not close in time, is named on stderr: what it held may be lost', async () => {
    const { target, path } = targetWith('setInterval(() => {}, 1000)')
    const { code, stderr } = await runScript(`
      const stream = require('pino-pinned').transport({ target: ${JSON.stringify(target)}, options: { path: ${JSON.stringify(path)} }, exitTimeout: 100 })
      stream.write('{"level":30}\\n')
      stream.flushSync()`)
    expect({ code, stderr }).toEqual({ code: 0, stderr: `pino-pinned: what the target still holds may be lost: ${target} has all lines and has not closed (exitTimeout: 100 ms)\n` })
  })

  test.each([
    ['and exits the thread', 'send(); process.exit(3)', true],
    ['and neither closes nor holds the thread', 'send(); callback()', false]
  ])('%s, with all lines handed on, has ended', async (_, final, autoDestroy) => {
    const { target, path } = targetWith(final)
    const { stream, errors } = open({ target, options: { path, autoDestroy } })
    await load(stream, 0, LINES)
    expect({ ...await end(stream), errors }).toEqual({ events: ['finish', 'close'], error: undefined, errors: [] })
    expect(check(read(path))).toMatchObject(all)
    expect(read(`${path}.loads`)).toBe('.')
    expect(stream.stats()).toMatchObject({ linesWritten: LINES, linesSkipped: 0, restarts: 0 })
  })

  test.each([
    ['long ago', true],
    ['just now', false]
  ])('and fails with all lines handed on, %s, is not loaded again: its error is told, once', async (_, isLongAgo) => {
    const { target, path } = targetWith("send(); throw new Error('on purpose')")
    const { stream, errors } = open({ target, options: { path } })
    await until(() => stream.ready)
    for (let n = 0; n < LINES; n++) stream.write(numbered(n))
    if (isLongAgo) await until(() => stream.stats().used === 0)
    const { events, error } = await end(stream)
    expect(check(read(path))).toMatchObject(all)
    expect(stream.stats()).toMatchObject({ linesWritten: LINES, linesSkipped: 0, restarts: 0 })
    expect({ events, errors, message: error?.message }).toEqual({ events: ['error', 'close'], errors: [error], message: 'on purpose' })
    expect(read(`${path}.loads`)).toBe('.')
  })
})

test.each([
  ['process.exit()', ''],
  ['the end of its work', "process.on('beforeExit', () => stream.flushSync())"]
])('a process that leaves by %s waits once for a sink that takes nothing, though pino flushes in its exit hook', async (leave, hook) => {
  const exitTimeout = 4000
  const { code, stderr, ms } = await runScript(`
    const stream = require('pino-pinned').transport({ destination: '/dev/full', exitTimeout: ${exitTimeout} })
    stream.write('a line\\n')
    process.on('exit', () => { stream.flushSync(); stream.end() })
    ${hook}
    stream.once('ready', () => { ${leave.includes('(') ? leave : ''} })`)
  expect({ code, stderr }).toEqual({ code: 0, stderr: expect.stringContaining('up to 1 lines were left') })
  expect(ms).toBeLessThan(2 * exitTimeout)
})
