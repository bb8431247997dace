import { once } from 'node:events'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import pino from 'pino'
import ThreadStream from 'thread-stream'
import { RingStream, transport } from 'pino-pinned'
import { ROOT, runScript, temporaryDirectory } from '../support/process'

type ThreadStreamOptions = ConstructorParameters<typeof ThreadStream>[0]

// Checked by tsc: code written for a ThreadStream takes ours, made from a ThreadStream's options.
const Constructor: new (options: ThreadStreamOptions) => ThreadStream = RingStream
const useAsThreadStream = (stream: ThreadStream): boolean => {
  stream.flush((error?: Error) => error?.message)
  stream.emit('message', { port: 1 }, [])
  return stream.write('line\n')
}

const PACKAGE = require('thread-stream/package.json')

function target (source: string): string {
  const file = join(temporaryDirectory(), 'target.cjs')
  writeFileSync(file, `const { parentPort } = require('node:worker_threads'); const { Writable } = require('node:stream');
    const tell = (name, ...args) => parentPort.postMessage({ code: 'EVENT', name, args });\n${source}`)
  return file
}

describe('a RingStream in thread-stream\'s place', () => {
  test('has every method and getter of a ThreadStream, of the same kind', () => {
    const members = Object.entries(Object.getOwnPropertyDescriptors(ThreadStream.prototype))
    const ours = Object.getOwnPropertyDescriptors(RingStream.prototype) as Record<string, PropertyDescriptor | undefined>
    expect(members.length).toBeGreaterThan(10)
    const kind = (member: PropertyDescriptor | undefined): string => member?.get !== undefined ? 'getter' : typeof member?.value
    expect(members.map(([name]) => [name, kind(ours[name])])).toEqual(members.map(([name, member]) => [name, kind(member)]))
  })

  test('gives the target workerData with $context, posts messages to it, and emits its events', async () => {
    const filename = target(`module.exports = (options) => {
      tell('options', options)
      parentPort.on('message', (message) => { if (message.ask) tell('answer', message.ask + 1) })
      return new Writable({ write (chunk, encoding, done) { tell('line', chunk.toString()); done() } })
    }`)
    const stream = new Constructor({ filename, workerData: { some: 'data' } })
    const [options] = await once(stream, 'options')
    expect(options).toEqual({ some: 'data', $context: { threadStreamVersion: PACKAGE.version } })
    stream.emit('message', { ask: 41 })
    expect(await once(stream, 'answer')).toEqual([42])
    const line = once(stream, 'line')
    expect(useAsThreadStream(stream)).toBe(true)
    expect(await line).toEqual(['line\n'])
    stream.end()
    await once(stream, 'close')
  })

  test('says that it needs a drain from bufferSize on, and drains', async () => {
    const filename = target(`module.exports = () => new Promise((resolve) => parentPort.once('message', () => {
      resolve(new Writable({ write (chunk, encoding, done) { done() } })) // takes nothing before that
    }))`)
    const stream = new RingStream({ filename, bufferSize: 64 })
    const answers = Array.from({ length: 10 }, () => stream.write('a line of some bytes\n'))
    expect(answers.slice(-1)).toEqual([false])
    expect(stream.writableNeedDrain).toBe(true)
    stream.emit('message', 'take lines')
    await once(stream, 'drain')
    expect(stream.writableNeedDrain).toBe(false)
    stream.end()
    await once(stream, 'close')
  })

  test('tells whoever listens of writes after the writer failed, from a turn of its own', async () => {
    const filename = target('module.exports = () => { throw new Error("kaboom") }')
    const stream = new RingStream({ filename })
    expect((await once(stream, 'error').catch((error) => [error]))[0].message).toBe('kaboom')
    const errors: string[] = []
    stream.on('error', (error) => errors.push(error.message))
    for (let count = 0; count < 100; count++) stream.write('nobody takes it\n')
    expect(errors).toEqual([])
    await new Promise(setImmediate)
    expect(errors).toEqual(['the worker has exited'])
    expect(stream.stats().linesDropped).toBe(100)
  })

  test('takes its part in pino.multistream', async () => {
    const file = join(temporaryDirectory(), 'app.log')
    const stream = transport({ destination: file })
    const others: string[] = []
    const logger = pino({ level: 'debug' }, pino.multistream([{ stream, level: 'info' }, { stream: { write: (line: string) => { others.push(line) } }, level: 'debug' }]))
    logger.debug('not for the file')
    logger.info('for both')
    stream.end()
    await once(stream, 'close')
    expect(readFileSync(file, 'utf8')).toBe(others[1])
  })

  test('keeps an idle process until whoever listens has heard what the lines bring about', async () => {
    const filename = target(`module.exports = () => new Writable({ write (chunk, encoding, done) {
      setTimeout(() => { tell('written', chunk.toString()); done() }, 50)
    } })`)
    const { code, stdout } = await runScript(`
      const { transport } = require('pino-pinned')
      const stream = transport({ target: ${JSON.stringify(filename)} })
      stream.on('written', (line) => process.stdout.write(line))
      stream.once('ready', () => stream.write('first\\n'))
      process.once('beforeExit', () => process.stdout.write('then idle\\n'))
    `)
    expect({ code, stdout }).toEqual({ code: 0, stdout: 'first\nthen idle\n' })
  })

  test("keeps it also when another's process.emit, of what it was before ours, stands in its place", async () => {
    const filename = target(`module.exports = () => new Writable({ write (chunk, encoding, done) {
      setTimeout(() => { tell('written', chunk.toString()); done() }, 50)
    } })`)
    const { code, stdout } = await runScript(`
      const { emit } = process
      const stream = require('pino-pinned').transport({ target: ${JSON.stringify(filename)} })
      process.emit = function (...args) { return emit.apply(this, args) }
      stream.on('written', (line) => process.stdout.write(line))
      stream.once('ready', () => stream.write('first\\n'))
      process.once('beforeExit', () => process.stdout.write('then idle\\n'))
    `)
    expect({ code, stdout }).toEqual({ code: 0, stdout: 'first\nthen idle\n' })
  })

  test("keeps an idle process until 'exit' of a writer that has said that it ends", async () => {
    const filename = target(`process.on('exit', () => { for (const since = Date.now(); Date.now() - since < 200;); })
      module.exports = () => { throw new Error('kaboom') }`)
    const { code, stdout } = await runScript(`
      const { once } = require('node:events')
      const stream = require('pino-pinned').transport({ target: ${JSON.stringify(filename)} })
      once(stream.worker, 'exit').then(() => process.stdout.write('exit\\n'))
      once(stream, 'error').then(() => process.stdout.write('error\\n'))
      stream.write('a line\\n')
    `)
    expect({ code, stdout }).toEqual({ code: 0, stdout: 'error\nexit\n' })
  })

  test("keeps an idle process until 'exit' of a writer that a line found gone as it waited for room", async () => {
    // Without the addon it counts as gone from the first of its exit handlers on; with it, from some milliseconds before 'exit'.
    const filename = target(`process.on('exit', () => { for (const since = Date.now(); Date.now() - since < 200;); })
      module.exports = () => new Writable({ write () { setImmediate(() => process.exit()) } })`)
    const { code, stdout } = await runScript(`
      const { once } = require('node:events')
      const { transport } = require('pino-pinned')
      const stream = transport({ target: ${JSON.stringify(filename)}, capacity: '64kb', onFull: 'block', maxRestarts: 0 })
      stream.on('error', () => {})
      stream.once('ready', async () => {
        for (let line = 0; line < 10_000; line++) stream.write('{"level":30}\\n') // more than the ring takes
        await once(stream.worker, 'exit')
        process.stdout.write('exit\\n')
      })
    `, { env: { ...process.env, PINO_PINNED_ADDON: 'off' } })
    expect({ code, stdout }).toEqual({ code: 0, stdout: 'exit\n' })
  })

  test('is not collected while somebody waits for an event of its target, though nothing else holds it', async () => {
    const filename = target(`module.exports = (options) => {
      setTimeout(tell, 200, 'loaded')
      parentPort.on('message', (message) => { if (message.ask) setTimeout(tell, 200, 'answer', message.ask + 1) })
      return new Writable({ write (chunk, encoding, done) { done() } })
    }`)
    const { code, stdout } = await runScript(`
      const { once } = require('node:events')
      const { RingStream } = require('pino-pinned')
      async function ask () {
        const stream = new RingStream({ filename: ${JSON.stringify(filename)} })
        await once(stream, 'loaded')
        stream.emit('message', { ask: 41 })
        return once(stream, 'answer')
      }
      ask().then((answer) => { process.stdout.write(String(answer)); process.exit() })
      setInterval(gc, 10)
    `, { execArgv: ['--expose-gc'], timeout: 100_000 })
    expect({ code, stdout }).toEqual({ code: 0, stdout: '42' })
  })

  test('keeps an idle process until what a target prints with console.log is printed: the main thread does that for it', async () => {
    const filename = target(`module.exports = () => new Writable({ write (chunk, encoding, done) {
      setTimeout(() => { console.log('printed: ' + chunk.toString().trimEnd()); done() }, 50)
    } })`)
    const { code, stdout } = await runScript(`
      const { transport } = require('pino-pinned')
      const stream = transport({ target: ${JSON.stringify(filename)} })
      stream.once('ready', () => stream.write('the only line\\n'))
    `)
    expect({ code, stdout }).toEqual({ code: 0, stdout: 'printed: the only line\n' })
  })

  test('loads the writer from where a bundler says that it is', async () => {
    const writer = join(temporaryDirectory(), 'bundled-writer.js')
    writeFileSync(writer, `require(${JSON.stringify(join(ROOT, 'dist', 'writer', 'main.js'))})`)
    const { stdout, stderr } = await runScript(`
      globalThis.__bundlerPathsOverrides = { 'pino-pinned-writer': ${JSON.stringify(writer)} }
      const { Worker } = require('node:worker_threads')
      const started = []
      require('node:worker_threads').Worker = class extends Worker { constructor (file, options) { super(file, options); started.push(file) } }
      const stream = require('pino-pinned').transport({ destination: 1 })
      stream.write('through it\\n')
      process.on('exit', () => process._rawDebug(started[0] === ${JSON.stringify(writer)}))
    `)
    expect({ stdout, stderr }).toEqual({ stdout: 'through it\n', stderr: 'true\n' })
  })
})
