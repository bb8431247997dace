import { once } from 'node:events'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { MessageChannel } from 'node:worker_threads'
import ThreadStream from 'thread-stream'
import { RingStream } from 'pino-pinned'
import { temporaryDirectory } from '../support/process'

/** Appends to a file, and does on a message what targets do. */
const TARGET = `
  const { appendFileSync } = require('node:fs')
  const { Writable } = require('node:stream')
  const { parentPort, workerData } = require('node:worker_threads')
  const tell = (name, ...args) => parentPort.postMessage({ code: 'EVENT', name, args })
  module.exports = (options) => {
    const stream = new Writable({
      write (chunk, encoding, done) { appendFileSync(options.file, chunk); done(options.fails ? new Error('on purpose') : null) },
      final (done) { setTimeout(done, options.closesInMs ?? 0) }
    })
    parentPort.on('message', (message) => {
      if (message.ask === 'options') tell('answer', Object.keys(options).sort().join())
      if (message.ask === 'place') tell('answer', process.env.PLACE, process.execArgv.join())
      if (message.port) message.port.postMessage('through the port')
      if (message.post) parentPort.postMessage(message.post)
      if (message.throws) throw new Error(message.throws)
      if (message.errs) stream.emit('error', new Error(message.errs))
      if (message.exits) process.exit(message.exits)
    })
    return stream
  }`

/** Ours is the one whose types have everything. */
type Stream = RingStream
type StreamClass = typeof RingStream

interface Context {
  make: (workerData?: object, options?: object) => Stream
  /** Notes what a program sees, to be compared. */
  see: (...what: unknown[]) => void
  text: () => string
}

const STATES = ['ready', 'destroyed', 'closed', 'writable', 'writableEnded', 'writableFinished', 'writableNeedDrain', 'writableObjectMode'] as const
const stateOf = (stream: Stream): string => [...STATES.filter((name) => stream[name]), stream.writableErrored?.message ?? 'no error'].join()
const closed = async (stream: Stream): Promise<void> => {
  stream.end()
  await once(stream, 'close')
}
/** Until 'close', with 'error' no rejection as with `once`. */
const isGone = (stream: Stream): Promise<unknown> => new Promise((resolve) => stream.once('close', resolve))
/** The error and the end, whichever comes first. */
const errorOf = async (stream: Stream): Promise<string> => {
  const [error] = await Promise.all([new Promise<Error>((resolve) => stream.once('error', resolve)), isGone(stream)])
  return error.message
}

/** What code does with a ThreadStream; each program runs with theirs and with ours. */
const PROGRAMS: Record<string, (context: Context) => Promise<void>> = {
  'the states of a life, and its events': async ({ make, see, text }) => {
    const stream = make()
    for (const name of ['ready', 'finish', 'close']) stream.on(name, (...args: unknown[]) => see(name, ...args))
    see(stateOf(stream), stream.write('before ready\n'))
    await once(stream, 'ready')
    see(stateOf(stream), stream.write('after\n'))
    see(stream.end(), stream.writable, stream.writableEnded)
    await once(stream, 'close')
    see(stateOf(stream), text())
  },
  'end() before the worker is up': async ({ make, see, text }) => {
    const stream = make()
    stream.write('early\n')
    await closed(stream)
    see(stateOf(stream), text())
  },
  'end() again and again': async ({ make, see, text }) => {
    const stream = make()
    stream.on('finish', () => see('finish'))
    stream.write('before\n')
    see(stream.end(), stream.end())
    await isGone(stream)
    see(stream.end(), text())
  },
  'flush() in all its forms': async ({ make, see, text }) => {
    const stream = make()
    see(stream.flush(), stream.flush(undefined))
    stream.write('flushed\n')
    see(...await new Promise<unknown[]>((resolve) => stream.flush((...args: unknown[]) => resolve(args))), text())
    await closed(stream)
    see((await new Promise<Error | undefined>((resolve) => stream.flush(resolve)))?.message)
  },
  'flush callbacks, in their order': async ({ make, see }) => {
    const stream = make()
    await Promise.all(Array.from({ length: 5 }, async (_, index) => {
      stream.write(`${index}\n`)
      await new Promise<void>((resolve) => stream.flush(() => { see(index); resolve() }))
    }))
    await closed(stream)
  },
  'flushSync() once it is up, and after the end': async ({ make, see, text }) => {
    const stream = make()
    await once(stream, 'ready')
    stream.write('in one go\n')
    stream.flushSync()
    see(text())
    await closed(stream)
    stream.flushSync()
  },
  'a Buffer, a Uint8Array and an empty string': async ({ make, see, text }) => {
    const stream = make()
    see(stream.write(Buffer.from('grün\n') as never), stream.write(new Uint8Array([104, 105, 10]) as never), stream.write(''))
    await closed(stream)
    see(text())
  },
  'a bufferSize smaller than a line, and characters of four bytes': async ({ make, see, text }) => {
    const stream = make({}, { bufferSize: 5 })
    await once(stream, 'ready')
    see(stream.write('a😀b😀c\n'), stream.writableNeedDrain)
    await once(stream, 'drain')
    see(stream.writableNeedDrain)
    await closed(stream)
    see(text())
  },
  'sync: true': async ({ make, see, text }) => {
    const stream = make({}, { sync: true })
    await once(stream, 'ready')
    see(stream.write('at once\n'))
    stream.flushSync()
    see(text())
    await closed(stream)
  },
  'a line longer than the buffer': async ({ make, see, text }) => {
    const stream = make()
    stream.write(`${'x'.repeat(9_000_000)}\n`)
    await closed(stream)
    see(text().length)
  },
  'a target that takes its time to close': async ({ make, see }) => {
    const stream = make({ closesInMs: 100 })
    const started = performance.now()
    await closed(stream)
    see(stateOf(stream), performance.now() - started >= 99)
  },
  'messages to the target, by emit and by its worker, and its answers': async ({ make, see }) => {
    const stream = make({ b: 1 }, { workerOpts: { env: { PLACE: 'here' }, execArgv: ['--no-warnings'] } })
    await once(stream, 'ready')
    see(stream.emit('message', { ask: 'options' }), ...await once(stream, 'answer'))
    stream.worker.postMessage({ ask: 'place' })
    see(...await once(stream, 'answer'))
    await closed(stream)
  },
  'a message with a transfer list': async ({ make, see }) => {
    const stream = make()
    const { port1, port2 } = new MessageChannel()
    stream.emit('message', { port: port1 }, [port1])
    see(...(await new Promise<unknown[]>((resolve) => port2.once('message', (...args) => resolve(args)))))
    port2.close()
    await closed(stream)
  },
  'a message that can\'t be sent': async ({ make, see }) => {
    const stream = make()
    try { stream.emit('message', { f () {} }) } catch (error) { see((error as Error).name) }
    await closed(stream)
    see(stream.emit('message', { ask: 'nobody' }))
  },
  'an event without a list of arguments, a message that means nothing': async ({ make, see }) => {
    const stream = make()
    await once(stream, 'ready')
    stream.emit('message', { post: { hello: 1 } })
    stream.emit('message', { post: null })
    stream.emit('message', { post: { code: 'EVENT', name: 'single', args: 'no list' } })
    see(...await once(stream, 'single'), stateOf(stream))
    await closed(stream)
  },
  'an error that the target sends itself': ({ make, see }) => dies(make(), see, { post: { code: 'ERROR', err: new Error('sent') } }),
  'an error that the target emits': ({ make, see }) => dies(make(), see, { errs: 'emitted' }),
  'an exception in the target': ({ make, see }) => dies(make(), see, { throws: 'thrown' }),
  'a target that ends its thread': ({ make, see }) => dies(make(), see, { exits: 3 }),
  'a write that the target refuses': async ({ make, see }) => {
    const stream = make({ fails: true })
    stream.write('refused\n')
    see(await errorOf(stream), stateOf(stream))
  },
  'a worker that somebody terminates': async ({ make, see }) => {
    const stream = make()
    await once(stream, 'ready')
    stream.worker.terminate()
    see(await errorOf(stream), stateOf(stream))
  },
  'a target that is a file: URL, and options of the worker': async ({ make, see }) => {
    const stream = make({}, { isUrl: true, workerOpts: { name: 'mine', resourceLimits: { maxOldGenerationSizeMb: 64 } } })
    await once(stream, 'ready')
    see(stream.worker.resourceLimits?.maxOldGenerationSizeMb, stream.worker.constructor.name, stream.ref(), stream.unref())
    await closed(stream)
  }
}

/** How a stream takes the death of its target. */
async function dies (stream: Stream, see: Context['see'], message: object): Promise<void> {
  await once(stream, 'ready')
  stream.emit('message', message)
  see(await errorOf(stream), stateOf(stream), stream.write('nobody takes it\n'))
  see((await once(stream, 'error').catch((error) => [error]))[0].message)
  see((await new Promise<Error | undefined>((resolve) => stream.flush(resolve)))?.message)
  stream.flushSync()
  stream.end()
}

async function seenWith (Class: StreamClass, program: (context: Context) => Promise<void>): Promise<unknown[]> {
  const directory = temporaryDirectory()
  const [filename, file] = [join(directory, 'target.cjs'), join(directory, 'app.log')]
  writeFileSync(filename, TARGET)
  writeFileSync(file, '')
  const seen: unknown[] = []
  const lossless = Class === RingStream ? { onFull: 'block', maxRestarts: 0 } : {}
  await program({
    make: (workerData = {}, { isUrl, ...options }: { isUrl?: boolean } = {}) => new Class({
      filename: isUrl === true ? pathToFileURL(filename).href : filename, workerData: { file, ...workerData }, ...lossless, ...options
    } as never),
    see: (...what) => { seen.push(what) },
    text: () => readFileSync(file, 'utf8')
  })
  return seen
}

test.each(Object.entries(PROGRAMS))('%s: what is seen of a RingStream is what is seen of a ThreadStream', async (_, program) => {
  const theirs = await seenWith(ThreadStream as unknown as StreamClass, program)
  expect(await seenWith(RingStream, program)).toEqual(theirs)
})
