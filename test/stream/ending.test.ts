import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import ThreadStream from 'thread-stream'
import { transport, type RingStream } from 'pino-pinned'
import { makeFifo } from '../faults/support'
import { runScript, temporaryDirectory } from '../support/process'

const file = (): string => join(temporaryDirectory(), 'app.log')
const TARGET = require.resolve('../fixtures/append-target')
const ended = (stream: RingStream): Promise<Error | undefined> => new Promise((resolve) => stream.end(resolve))

describe('end with a callback', () => {
  test.each([
    ['a file', (path: string) => ({ destination: path })],
    ['a target', (path: string) => ({ target: TARGET, options: { path } })]
  ])("calls it when all is delivered to %s, after 'finish' and 'close'", async (_, options) => {
    const path = file()
    const stream = transport(options(path))
    const events: string[] = []
    for (const name of ['finish', 'close']) stream.once(name, () => events.push(name))
    stream.write('a line\n')
    expect(await ended(stream)).toBeUndefined()
    expect({ events, text: readFileSync(path, 'utf8') }).toEqual({ events: ['finish', 'close'], text: 'a line\n' })
    expect(await ended(stream)).toBeUndefined() // again: it has ended
  })

  test('writes a line that comes along, as any Writable does', async () => {
    const path = file()
    const stream = transport({ destination: path })
    stream.write('first\n')
    await new Promise<void>((resolve) => stream.end('last\n', () => resolve()))
    expect(readFileSync(path, 'utf8')).toBe('first\nlast\n')
  })

  test('gives it the error when the sink failed, or the time ran out', async () => {
    const failed = transport({ destination: '/no/such/directory/app.log' })
    failed.on('error', () => {})
    expect(await ended(failed)).toMatchObject({ code: 'ENOENT' })
    const { code, stdout } = await runScript(`
      const stream = require('pino-pinned').transport({ destination: ${JSON.stringify(makeFifo())}, exitTimeout: 100 })
      stream.write('nobody reads it\\n')
      stream.end((error) => console.log(error.code, stream.writableErrored === error))`)
    expect({ code, stdout }).toEqual({ code: 0, stdout: 'ERR_PINO_PINNED_TIMEOUT true\n' })
  })

  test.each([
    ['a stream', 'stream'],
    ['one attached to it', "require('pino-pinned').attach(stream.handle())"]
  ])('gives it none, and warns of nothing, when the sink can\'t be closed in time and no line was left: %s', async (_, ends) => {
    const { code, stdout, stderr } = await runScript(`
      const stream = require('pino-pinned').transport({ destination: ${JSON.stringify(makeFifo())}, exitTimeout: 100 })
      const ends = ${ends}
      for (const name of ['finish', 'close']) ends.on(name, () => console.log(name))
      ends.end((error) => console.log(error?.code, ends.writableErrored, ends.writableFinished))`)
    expect({ code, stdout, stderr }).toEqual({ code: 0, stdout: 'finish\nclose\nundefined null true\n', stderr: '' })
  })

  test('tells how many lines are left in the rings of streams attached to it, though none is in its own', async () => {
    const { code, stdout, stderr } = await runScript(`
      const stream = require('pino-pinned').transport({ destination: ${JSON.stringify(makeFifo())}, exitTimeout: 100 })
      const attached = require('pino-pinned').attach(stream.handle())
      stream.on('ready', () => {
        for (let line = 0; line < 7; line++) attached.write('a line\\n')
        stream.end((error) => console.log(error.message))
      })`)
    expect({ code, stdout }).toEqual({ code: 0, stdout: 'end: the sink does not take lines (ENXIO), up to 7 are left in the ring\n' })
    expect(stderr).toContain('up to 7 are left')
  })

  test('holds an otherwise idle process until it is called, also in the place of pino\'s own stream', async () => {
    const { code, stdout } = await runScript(`
      const { RingStream } = require('pino-pinned')
      const stream = new RingStream({ filename: ${JSON.stringify(TARGET)}, workerData: { path: ${JSON.stringify(file())} } })
      stream.unref()
      stream.write('a line\\n')
      stream.end(() => console.log('ended'))`)
    expect({ code, stdout }).toEqual({ code: 0, stdout: 'ended\n' })
  })
})

describe('a stream that has ended', () => {
  test('has flushed all there is: flushSync says so, at once, also after a line was refused', async () => {
    const stream = transport({ destination: file(), exitTimeout: 600_000 })
    stream.write('a line\n')
    await ended(stream)
    expect(stream.flushSync()).toBe(true)
    expect(stream.write('refused\n')).toBe(false)
    expect(stream.flushSync()).toBe(true)
    expect(stream.stats()).toMatchObject({ linesDropped: 1, used: 0 })
  })

  test('is not flushed when its sink failed with lines left', async () => {
    const stream = transport({ destination: '/no/such/directory/app.log' })
    stream.write('accepted, and never delivered\n')
    await once(stream, 'error')
    const { linesAccepted } = stream.stats()
    expect(stream.flushSync()).toBe(linesAccepted === 0)
  })

  test("owes no 'drain' for a line that it refused; neither does a ThreadStream", async () => {
    const ours = transport({ destination: file() })
    const theirs = new ThreadStream({ filename: TARGET, workerData: { path: file() }, sync: false })
    await Promise.all([once(ours, 'ready'), once(theirs, 'ready')])
    for (const stream of [ours, theirs as unknown as RingStream]) {
      let drains = 0
      stream.on('drain', () => drains++)
      stream.on('error', () => {}) // theirs tells of refused lines so
      const closed = new Promise((resolve) => stream.once('close', resolve))
      stream.end()
      stream.write('refused\n')
      expect(stream.writableNeedDrain).toBe(false)
      await closed
      stream.write('refused\n')
      expect({ needsDrain: stream.writableNeedDrain, drains }).toEqual({ needsDrain: false, drains: 0 })
    }
    expect(ours.stats().linesDropped).toBe(2)
  })
})

describe('the warning that a writer died', () => {
  test.each([
    ['a file', "{ destination: 'app.log' }", 'app.log'],
    ['a descriptor', '{ destination: 1 }', 'descriptor 1'],
    ['a target', `{ target: ${JSON.stringify(TARGET)}, options: { path: 'app.log', targets: [5, null] } }`, TARGET],
    ['several targets', `{ targets: [{ target: ${JSON.stringify(TARGET)}, options: { path: 'app.log' } }, { target: 'pino/file', level: 'error', options: { destination: 2 } }] }`, 'append-target.js, ']
  ])('names the sink, the cause and the count: %s', async (_, options, sink) => {
    const { code, stderr } = await runScript(`
      const stream = require('pino-pinned').transport(${options})
      stream.once('ready', () => stream.worker.terminate())
      stream.once('writer-restart', () => stream.end())
      stream.ref()`, { cwd: temporaryDirectory() })
    expect(code).toBe(0)
    const [, restarts, named, why] = /the log writer died and is started again \(restart (\d+), sink: (.*)\): (.*)/.exec(stderr)!
    expect({ restarts, why }).toEqual({ restarts: '1', why: expect.stringMatching(/^the worker thread exited with code 1$|^the writer thread is gone$/) })
    expect(named).toContain(sink)
  })
})
