import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import pino from 'pino'
import { RingStream, transport } from 'pino-pinned'
import { makeFifo, Reader } from '../faults/support'
import { runScript, temporaryDirectory } from '../support/process'

const file = (): string => join(temporaryDirectory(), 'app.log')

test('lines written before the writer is up wait in the ring', async () => {
  const fifo = makeFifo() // it can't be opened before somebody reads
  const stream = transport({ destination: fifo })
  const logger = pino(stream)
  for (let line = 0; line < 300; line++) logger.info('early')
  expect(stream.stats()).toMatchObject({ linesAccepted: 300, linesWritten: 0, writerState: 'starting' })
  const reader = new Reader(fifo)
  expect(stream.flushSync(60_000)).toBe(true)
  reader.take()
  expect(reader.text.split('\n')).toHaveLength(301)
  expect(stream.stats()).toMatchObject({ linesWritten: 300, used: 0, writerState: 'running', restarts: 0 })
  reader.close()
  stream.end()
  await once(stream, 'close')
})

test('lines are in the file while the event loop is blocked', async () => {
  const path = file()
  const stream = transport({ destination: path })
  await once(stream, 'ready')
  stream.write('now\n')
  // No turn of the event loop: only the other thread can have written it.
  while (readFileSync(path, 'utf8') !== 'now\n') Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1)
  stream.end()
  await once(stream, 'close')
})

test('stats tell what happened, to the byte', async () => {
  const fifo = makeFifo()
  const stream = transport({ destination: fifo, capacity: '64kb' })
  expect(stream.stats()).toMatchObject({ capacity: 65536, linesAccepted: 0, linesDropped: 0, bytesDropped: 0, droppedByLevel: {}, linesSkipped: 0, pinned: null })
  stream.write('12345\n')
  stream.write('é\n')
  const used = stream.stats().used
  expect(used).toBe(2 * (8 + 8)) // two records: a header and a payload padded to 8 bytes each
  const reader = new Reader(fifo)
  expect(stream.flushSync(60_000)).toBe(true)
  expect(stream.stats()).toMatchObject({ linesAccepted: 2, linesWritten: 2, bytesWritten: 9, used: 0, highWater: used })
  stream.end()
  await once(stream, 'close')
  reader.close()
  expect(stream.stats()).toMatchObject({ linesWritten: 2, writerState: 'ended' })
})

test('a write after end() does not throw: the line is dropped and counted', async () => {
  const stream = transport({ destination: file() })
  const logger = pino(stream)
  stream.end()
  logger.error('too late')
  await once(stream, 'close')
  logger.warn('much too late')
  expect(stream.stats()).toMatchObject({ linesAccepted: 0, linesDropped: 2, droppedByLevel: { error: 1, warn: 1 } })
  expect(stream.writable).toBe(false)
})

test("'drain' comes when there is room again after a write returned false", async () => {
  const stream = transport({ destination: file(), capacity: '64kb' })
  const line = 'x'.repeat(1000) + '\n'
  while (stream.write(line));
  expect(stream.writableNeedDrain).toBe(true)
  await once(stream, 'drain')
  expect(stream.writableNeedDrain).toBe(false)
  stream.end()
  await once(stream, 'close')
})

test("'drain' comes to whoever wrote half a ring in one go, however fast the writer was", async () => {
  const stream = transport({ destination: file(), capacity: '64kb' })
  for (let line = 0; line < 40; line++) {
    expect(stream.write('x'.repeat(999) + '\n')).toBe(true)
    expect(stream.flushSync()).toBe(true)
  }
  expect(stream.writableNeedDrain).toBe(true)
  await once(stream, 'drain')
  stream.end()
  await once(stream, 'close')
})

test("'drain' comes after a write returned false, also when a later line found room", async () => {
  const stream = transport({ destination: file(), capacity: '64kb', exitTimeout: 60_000 })
  while (stream.write('a line\n'));
  expect(stream.flushSync()).toBe(true)
  expect(stream.write(Buffer.from('bytes never go the quick way\n'))).toBe(true)
  expect(stream.writableNeedDrain).toBe(true)
  await once(stream, 'drain')
  expect(stream.writableNeedDrain).toBe(false)
  stream.end()
  await once(stream, 'close')
})

test('a sink that cannot be opened is an error for whoever listens', async () => {
  const stream = transport({ destination: join(temporaryDirectory(), 'no', 'such', 'directory', 'app.log') })
  const logger = pino(stream)
  const [error] = await once(stream, 'error')
  expect(error).toMatchObject({ code: 'ENOENT' })
  logger.info('nobody takes it')
  expect(stream.stats()).toMatchObject({ linesDropped: 1, writerState: 'failed' })
})

test('a sink that cannot be opened is one process warning when nobody listens', async () => {
  const { code, stderr } = await runScript(`
    const stream = require('pino-pinned').transport({ destination: '/no/such/directory/app.log' })
    const logger = require('pino')(stream)
    const timer = setInterval(() => logger.info('nobody takes it'), 1)
    stream.on('close', () => clearInterval(timer))
  `)
  expect(code).toBe(0)
  expect(stderr.match(/^\(node:\d+\).*ENOENT/gm)).toHaveLength(1)
})

test('a target that cannot be loaded is an error for whoever listens', async () => {
  const stream = transport({ target: join(temporaryDirectory(), 'missing.js') })
  const [error] = await once(stream, 'error')
  expect(error.message).toMatch(/missing\.js/)
})

test.each(['', 'share: true, '])('a stream of which the sink has failed, and that the application forgot, is collected, and its ring is freed: { %s… }', async (share) => {
  const path = join(temporaryDirectory(), 'missing', 'app.log')
  const { stdout, code } = await runScript(`
    const rings = () => { global.gc(); return process.memoryUsage().arrayBuffers }
    const before = rings()
    const fail = () => new Promise((resolve) => {
      const stream = require('pino-pinned').transport({ ${share}destination: ${JSON.stringify(path)}, capacity: '16mb' })
      stream.write('lost\\n')
      stream.once('error', () => resolve())
    })
    const held = setInterval(() => {}, 10)
    ;(async () => {
      for (let round = 0; round < 3; round++) await fail()
      while (rings() - before > 1 << 20) await new Promise((resolve) => setTimeout(resolve, 10))
      clearInterval(held)
      console.log('freed')
    })()
  `, { execArgv: ['--expose-gc'], timeout: 100_000 })
  expect({ stdout, code }).toEqual({ stdout: 'freed\n', code: 0 })
})

test('a stream that the application forgot is collected: its writer ends and its ring is freed', async () => {
  const path = file()
  const { stdout, code } = await runScript(`
    const fs = require('node:fs')
    const writers = () => fs.readdirSync('/proc/self/task').filter((tid) => {
      try { return fs.readFileSync('/proc/self/task/' + tid + '/comm', 'utf8').trim() === 'pino-pinned' } catch { return false }
    }).length
    const rings = () => { global.gc(); return process.memoryUsage().arrayBuffers }
    const before = rings()
    const forget = (text) => new Promise((resolve) => {
      const stream = require('pino-pinned').transport({ destination: ${JSON.stringify(path)}, capacity: '16mb' })
      stream.write(text)
      stream.once('ready', () => resolve())
    })
    ;(async () => {
      for (let round = 0; round < 3; round++) await forget('round ' + round + '\\n')
      while (rings() - before > 1 << 20 || writers() > 0) await new Promise((resolve) => setTimeout(resolve, 10))
      console.log('collected')
    })()
  `, { execArgv: ['--expose-gc'] })
  expect({ stdout, code }).toEqual({ stdout: 'collected\n', code: 0 })
  expect(readFileSync(path, 'utf8').split('\n').sort()).toEqual(['', 'round 0', 'round 1', 'round 2'])
})

test('write takes whatever it is given without throwing', async () => {
  const path = file()
  const stream = transport({ destination: path })
  const unprintable = { toString () { throw new Error('no') } }
  for (const value of [undefined, null, 7, Symbol('s'), {}, unprintable, '', Buffer.alloc(0)]) stream.write(value as never)
  stream.end()
  await once(stream, 'close')
  expect(readFileSync(path, 'utf8')).toBe('undefinednull7Symbol(s)[object Object][unprintable]')
})

test('named exports work from an ES module, and so does the default export as a target', async () => {
  const path = file()
  const { code, stderr } = await runScript(`
    const { transport, RingStream, default: target } = await import(require.resolve('pino-pinned'))
    const { allowedCores } = await import(require.resolve('pino-pinned/affinity'))
    const stream = transport({ destination: ${JSON.stringify(path)} })
    if (!(stream instanceof RingStream) || allowedCores().length === 0 || target === undefined) throw new Error('missing exports')
    stream.write('from a module\\n')
  `, { name: 'script.mjs' })
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
  expect(readFileSync(path, 'utf8')).toBe('from a module\n')
})

test('a stream made with the options of a ThreadStream feeds the same module', async () => {
  const path = file()
  const stream = new RingStream({ filename: join(__dirname, '..', 'fixtures', 'append-target.js'), workerData: { path }, bufferSize: 65536 })
  stream.write('hello\n')
  stream.end()
  await once(stream, 'close')
  expect(readFileSync(path, 'utf8')).toBe('hello\n')
})
