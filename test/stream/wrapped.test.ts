import { once } from 'node:events'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { inspect } from 'node:util'
import pino from 'pino'
import ThreadStream from 'thread-stream'
import { attach, RingStream, transport } from 'pino-pinned'
import { runScript, temporaryDirectory } from '../support/process'

const FILE_TARGET = require.resolve('pino/file')
const RegisteredThreadStream: typeof RingStream = require('../../dist/thread-stream')

type Wrap = (stream: RingStream) => RingStream

/** How applications stand something in front of a stream. */
const WRAPPERS: Record<string, Wrap> = {
  'a Proxy': (stream) => new Proxy(stream, {}),
  'an object that inherits from it': (stream) => Object.create(stream),
  'an object that inherits from a Proxy': (stream) => Object.create(new Proxy(stream, {})),
  'a Proxy that wraps each function': (stream) => new Proxy(stream, {
    get (target, name, receiver) {
      const value = Reflect.get(target, name, receiver)
      return typeof value === 'function' ? (...args: unknown[]) => Reflect.apply(value, receiver, args) : value
    }
  }),
  'a Proxy that wraps each object that can be extended': (stream) => new Proxy(stream, {
    get (target, name, receiver) {
      const value = Reflect.get(target, name, receiver)
      return typeof value === 'object' && Object.isExtensible(value) ? new Proxy(value, {}) : value
    }
  })
}

/** The ways to a stream; each gets a file. */
const WAYS: Record<string, (destination: string) => RingStream> = {
  'transport()': (destination) => transport({ destination }),
  'a RingStream made like a ThreadStream': (destination) => new RingStream({ filename: FILE_TARGET, workerData: { destination } }),
  'one with a bufferSize': (destination) => new RingStream({ filename: FILE_TARGET, workerData: { destination }, bufferSize: 1000 }),
  'what register puts in thread-stream\'s place': (destination) => new RegisteredThreadStream({ filename: FILE_TARGET, workerData: { destination } })
}

const GETTERS = ['ready', 'destroyed', 'closed', 'writable', 'writableEnded', 'writableFinished', 'writableNeedDrain', 'writableObjectMode', 'writableErrored', 'worker'] as const
const statesOf = (stream: RingStream): unknown[] => GETTERS.map((name) => stream[name])
const flushed = (stream: RingStream): Promise<void> => new Promise((resolve, reject) => stream.flush((error) => error === undefined ? resolve() : reject(error)))
const linesOf = (file: string): string[] => readFileSync(file, 'utf8').trimEnd().split('\n')
/** Takes no line before a message comes. */
function waitingTarget (): string {
  const file = join(temporaryDirectory(), 'target.cjs')
  writeFileSync(file, `const { parentPort } = require('node:worker_threads'); const { Writable } = require('node:stream')
    module.exports = () => new Promise((resolve) => parentPort.once('message', () => {
      resolve(new Writable({ write (chunk, encoding, done) { done() } }))
    }))`)
  return file
}
const newFile = (): string => join(temporaryDirectory(), 'app.log')

describe.each(Object.entries(WRAPPERS))('through %s', (_, wrap) => {
  test.each(Object.entries(WAYS))('%s does all that a stream does', async (_, make) => {
    const file = newFile()
    const stream = make(file)
    const wrapped = wrap(stream)
    await once(wrapped, 'ready')
    expect(wrapped.write('text\n')).toBe(true)
    expect(wrapped.write(Buffer.from('bytes\n'))).toBe(true)
    wrapped.unref()
    wrapped.ref()
    await flushed(wrapped)
    expect(wrapped.flushSync()).toBe(true)
    await new Promise<void>((resolve, reject) => wrapped.reopen((error) => error === undefined ? resolve() : reject(error)))
    wrapped.restart()
    expect(statesOf(wrapped)).toEqual(statesOf(stream))
    const closed = Promise.all([once(wrapped, 'finish'), once(wrapped, 'close')])
    wrapped.end('last\n')
    expect([wrapped.writable, stream.writable]).toEqual([false, false])
    await closed
    expect(statesOf(wrapped)).toEqual(statesOf(stream))
    expect(linesOf(file)).toEqual(['text', 'bytes', 'last'])
    expect(stream.stats()).toMatchObject({ linesAccepted: 3, linesWritten: 3 })
    expect(wrapped.stats()).toEqual(stream.stats())
  })

  test('a stream gives handles, and attached ones do all that a stream does', async () => {
    const file = newFile()
    const stream = wrap(transport({ destination: file }))
    const attached = attach(stream.handle())
    const wrapped = wrap(attached)
    wrapped.write('attached\n')
    wrapped.ref()
    wrapped.unref()
    await flushed(wrapped)
    expect(wrapped.flushSync()).toBe(true)
    expect(statesOf(wrapped)).toEqual(statesOf(attached))
    expect(attached.stats().linesAccepted).toBe(1)
    expect(attach(wrapped.handle()).write('by its handle\n')).toBe(true)
    wrapped.end()
    await once(wrapped, 'close')
    stream.end()
    await once(stream, 'close')
    expect(linesOf(file)).toEqual(['attached', 'by its handle'])
  })

  test('pino logs, and its lines count on the stream', async () => {
    const file = newFile()
    const stream = transport({ destination: file })
    const logger = pino(wrap(stream))
    for (let line = 0; line < 100; line++) logger.child({ child: true }).info({ line })
    await new Promise<void>((resolve, reject) => logger.flush((error) => error === undefined ? resolve() : reject(error)))
    expect(stream.stats()).toMatchObject({ linesAccepted: 100, linesWritten: 100, linesDropped: 0 })
    expect(linesOf(file).map((line) => JSON.parse(line).line)).toEqual(Array.from({ length: 100 }, (_, line) => line))
    stream.end()
    await once(stream, 'close')
  })

  test('lines that show no level are dropped by the level that pino says', async () => {
    const stream = new RingStream({ filename: waitingTarget(), capacity: '64kb', reserve: false })
    const wrapped = wrap(stream)
    const logger = pino({ level: 'debug', formatters: { level: (label) => ({ severity: label }) } }, wrapped)
    for (let line = 0; line < 200; line++) logger.debug({ text: 'x'.repeat(1000) })
    const { linesDropped, droppedByLevel } = stream.stats()
    expect(linesDropped).toBeGreaterThan(100)
    expect(droppedByLevel).toEqual({ debug: linesDropped })
    expect(Object.values(wrapped).filter((value) => (value as { text?: string } | undefined)?.text !== undefined)).toEqual([])
    wrapped.emit('message', 'take lines')
    wrapped.end()
    await once(stream, 'close')
  })

  test('what a subclass overrides is called, once', async () => {
    const file = newFile()
    const emitted: Array<string | symbol> = []
    class Tagged extends RingStream {
      override write (line: string): boolean { return super.write(`[tag] ${line}`) }
      override end (line?: string): void { super.end(line, () => {}) }
      override emit (name: string | symbol, ...args: any[]): boolean {
        emitted.push(name)
        return super.emit(name, ...args)
      }
    }
    for (const bufferSize of [undefined, 8]) {
      const wrapped = wrap(new Tagged({ filename: FILE_TARGET, workerData: { destination: file }, bufferSize }))
      wrapped.write('first\n')
      wrapped.end('last\n')
      await once(wrapped, 'close')
    }
    expect(linesOf(file)).toEqual(['[tag] first', '[tag] last', '[tag] first', '[tag] last'])
    expect(emitted.filter((name) => name === 'close')).toHaveLength(2)
  })

  test('listeners come and go as they do with a ThreadStream', async () => {
    const heardOf = async (stream: RingStream): Promise<unknown[]> => {
      const wrapped = wrap(stream)
      const heard: unknown[] = []
      const never = (): void => { heard.push('a listener that was removed') }
      wrapped.on('close', never)
      wrapped.off('close', never)
      wrapped.once('own', (...args: unknown[]) => heard.push(args))
      stream.emit('own', 1)
      wrapped.emit('own', 2)
      stream.once('own', (...args: unknown[]) => heard.push(args))
      wrapped.emit('own', 3)
      wrapped.on('finish', () => heard.push('finish'))
      const closed = new Promise((resolve) => wrapped.on('close', resolve))
      wrapped.end()
      await closed
      return [...heard, wrapped.listenerCount('finish'), stream.listenerCount('finish')]
    }
    const options = { filename: FILE_TARGET, workerData: { destination: newFile() } }
    const theirs = await heardOf(new ThreadStream(options) as unknown as RingStream)
    expect(theirs.slice(0, 3)).toEqual([[1], [3], 'finish'])
    expect(await heardOf(new RingStream(options))).toEqual(theirs)
  })
})

test('a stream that is inspected, copied or made JSON shows nothing of how it is found', async () => {
  const stream = new RingStream({ filename: FILE_TARGET, workerData: { destination: newFile() }, bufferSize: 100 })
  expect(inspect(stream)).not.toMatch(/itself|Circular/)
  expect(JSON.parse(JSON.stringify(stream))).not.toHaveProperty('stream')
  expect(Object.keys(stream)).not.toContain('write')
  expect(Object.getOwnPropertySymbols({ ...stream }).map(String).filter((name) => name.includes('pinned'))).toEqual([])
  stream.end()
  await once(stream, 'close')
})

test('methods keep their names and their number of arguments', () => {
  expect([RingStream.prototype.flushSync.name, RingStream.prototype.flushSync.length, RingStream.prototype.end.length]).toEqual(['flushSync', 1, 0])
})

test('what has no stream behind it is told so', () => {
  expect(() => Object.create(RingStream.prototype).write('x')).toThrow('not a RingStream')
})

test('the drop-in target takes chunks through a Proxy', async () => {
  const file = newFile()
  const { stderr, stdout } = await runScript(`
    const stream = require('pino-pinned').default({ destination: ${JSON.stringify(file)} })
    const wrapped = new Proxy(stream, {})
    wrapped.write('one\\ntw')
    wrapped.write(Buffer.from('o\\nthree'))
    wrapped.once('close', () => console.log(stream.stats().linesWritten))
    wrapped.end()
  `)
  expect({ stderr, stdout }).toEqual({ stderr: '', stdout: '3\n' })
  expect(linesOf(file)).toEqual(['one', 'two', 'three'])
})
