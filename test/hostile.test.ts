import { execFileSync, spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { closeSync, mkdirSync, openSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import pino from 'pino'
import { type RingStream, transport, type TransportOptions } from 'pino-pinned'
import { application, runApplication } from './support/application'
import { read, refused } from './support/options'
import { temporaryDirectory } from './support/process'

const file = (): string => join(temporaryDirectory(), 'app.log')
const MB = 1_000_000

/** Unlike `once`, whatever 'error' may come before. */
async function closed (stream: RingStream): Promise<void> {
  await new Promise<void>((resolve) => stream.once('close', () => resolve()))
}

describe('options', () => {
  const revoked = (target: object): object => {
    const { proxy, revoke } = Proxy.revocable(target, {})
    revoke()
    return proxy
  }
  const fail = (): never => { throw new Error('boom') }
  const throwing = (target: object): object => new Proxy(target, { get: fail, ownKeys: fail, getOwnPropertyDescriptor: fail, has: fail, getPrototypeOf: fail })

  test('that are a proxy, dead or hostile, are refused at the door', () => {
    for (const options of [revoked({}), revoked([]), throwing({}), throwing([])]) refused(() => read(options), { type: 'RangeError', option: 'options', says: /readable/ })
  })

  test('any of which is a proxy, dead or hostile, are refused by its name', () => {
    const names = ['destination', 'target', 'targets', 'pipeline', 'levels', 'worker', 'core', 'reserve', 'flushOnSignal', 'reopenOnSignal', 'capacity', 'name', 'level']
    for (const name of names) {
      for (const value of [revoked({}), revoked([]), throwing({}), throwing([])]) {
        expect(() => read({ [name]: value })).toThrow(expect.objectContaining({ code: expect.stringMatching(/^ERR_PINO_PINNED_/), option: expect.stringContaining(name) }))
        expect(() => read({ flushOnSignal: ['SIGTERM'], [name]: value }, 'drop-in')).toThrow(expect.objectContaining({ code: expect.stringMatching(/^ERR_PINO_PINNED_/) }))
      }
    }
  })

  test('as deep or as wide as a JSON text may be are refused or taken, and break nothing', () => {
    const deep = JSON.parse('{"a":'.repeat(5000) + '1' + '}'.repeat(5000)) as object
    const wide = JSON.parse(`[${'1,'.repeat(300_000)}1]`) as unknown[]
    for (const options of [{ target: 'pino-pretty', options: deep }, { target: 'pino-pretty', options: { wide } }, { core: wide }, { flushOnSignal: wide }, { targets: wide }, { levels: deep }, { worker: deep }, deep, { reserve: deep }]) {
      try {
        read(options)
      } catch (error) {
        expect(error).toMatchObject({ code: expect.stringMatching(/^ERR_PINO_PINNED_/) })
        expect((error as Error).message.length).toBeLessThan(2000)
      }
    }
  })

  test('from any JSON text are taken or refused with a code, and leave no trace in Object.prototype', () => {
    const before = Object.getOwnPropertyNames(Object.prototype)
    const name = fc.constantFrom('destination', 'target', 'targets', 'pipeline', 'options', 'levels', 'worker', 'core', 'capacity', 'reserve', 'name', 'exitTimeout',
      'flushOnSignal', 'append', 'mode', 'level', 'ratio', 'autoEnd', 'resourceLimits', '__proto__', 'constructor', 'prototype', 'toString', 'valueOf', 'then')
    const leaf = fc.oneof(fc.jsonValue({ maxDepth: 0 }), fc.constantFrom(1e308, -0, 2 ** 53, 'pino-pretty', 'pino/file', 'a\0b', '\uD800', '2-3', '16mb', 'error', 'SIGTERM', '__proto__'))
    const { value } = fc.letrec((tie) => ({
      value: fc.oneof({ depthSize: 'small', withCrossShrink: true }, leaf, fc.array(tie('value'), { maxLength: 3 }), tie('object')),
      object: fc.array(fc.tuple(name, tie('value')), { maxLength: 4 }).map((pairs) => pairs.map(([key, value]) => `${JSON.stringify(key)}:${JSON.stringify(value)}`)).map((pairs) => JSON.parse(`{${pairs.join()}}`))
    }))
    fc.assert(fc.property(fc.array(fc.tuple(name, value), { minLength: 1, maxLength: 4 }), fc.constantFrom('direct' as const, 'drop-in' as const, 'register' as const), (pairs, way) => {
      const options = JSON.parse(`{${pairs.map(([key, value]) => `${JSON.stringify(key)}:${JSON.stringify(value)}`).join()}}`) as unknown
      try {
        read(options, way)
      } catch (error) {
        expect(error).toMatchObject({ code: expect.stringMatching(/^ERR_PINO_PINNED_/), option: expect.any(String) })
      }
    }), { seed: 4, numRuns: 2000 })
    expect(Object.getOwnPropertyNames(Object.prototype)).toEqual(before)
  })

  test('named __proto__ reach a target as its own, and pollute nothing', async () => {
    const path = file()
    const target = join(temporaryDirectory(), 'target.js')
    writeFileSync(target, `module.exports = (options) => {
      require('node:fs').writeFileSync(options.path, JSON.stringify([Object.hasOwn(options, '__proto__'), options.polluted, ({}).polluted]))
      return new (require('node:stream').Writable)({ write (chunk, encoding, done) { done() } })
    }`)
    const options = JSON.parse(`{ "path": ${JSON.stringify(path)}, "__proto__": { "polluted": 1 }, "constructor": { "prototype": { "polluted": 1 } } }`) as object
    const stream = transport({ target, options })
    await once(stream, 'ready')
    stream.end()
    await closed(stream)
    const [isOwn, inherited, everywhere] = JSON.parse(readFileSync(path, 'utf8')) as unknown[]
    expect({ isOwn, inherited, everywhere }).toEqual({ isOwn: true, inherited: null, everywhere: null })
    expect(({} as { polluted?: unknown }).polluted).toBeUndefined()
  })
})

test.each([['transport()', []], ['register', ['--require', 'pino-pinned/register']]])('%s works in a process that has put something on Object.prototype before it loads us', async (_, execArgv) => {
  const path = file()
  const { code, stderr } = await runApplication(`
    Object.prototype.polluted = 1
    Object.prototype.core = 'nonsense'
    const pino = require('pino')
    pino(pino.transport({ target: 'pino/file', options: { destination: ${JSON.stringify(path)} } })).info('by pino')
    pino(require('pino-pinned').transport({ destination: ${JSON.stringify(path)} })).info('by hand')
  `, { execArgv })
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
  expect(readFileSync(path, 'utf8').split('\n').map((line) => line && JSON.parse(line).msg).sort()).toEqual(['', 'by hand', 'by pino'])
})

describe('a destination', () => {
  test.each<[string, () => string | number, string]>([
    ['a descriptor that is not open', () => 987_654, 'EBADF'],
    ['the highest descriptor there is', () => 0x7FFFFFFF, 'EBADF'],
    ['a descriptor of a directory', () => openSync(temporaryDirectory(), 'r'), 'EBADF'],
    ['a name that is too long', () => join(temporaryDirectory(), 'x'.repeat(5000)), 'ENAMETOOLONG'],
    ['a file where a directory should be', () => join(__filename, 'app.log'), 'ENOTDIR']
  ])('that is %s is one error with its code, and lines are dropped and counted', async (_, make, code) => {
    const destination = make()
    const stream = transport({ destination })
    const errors: Error[] = []
    stream.on('error', (error: Error) => errors.push(error))
    stream.write('nobody takes it\n')
    await closed(stream)
    expect(errors).toEqual([expect.objectContaining({ code })])
    const { linesAccepted } = stream.stats()
    expect(stream.write('nor this\n')).toBe(false)
    expect(stream.stats()).toMatchObject({ linesDropped: 2 - linesAccepted, writerState: 'failed' })
    if (typeof destination === 'number' && destination < 1000) closeSync(destination)
  })

  test('with a name of odd characters is that file', async () => {
    const path = join(temporaryDirectory(), 'a\n%s \u202E😀\u0001.log')
    const stream = transport({ destination: path })
    stream.write('a line\n')
    stream.end()
    await closed(stream)
    expect(readFileSync(path, 'utf8')).toBe('a line\n')
  })
})

describe('a target', () => {
  test.each<[string, () => string]>([
    ['a directory', () => temporaryDirectory()],
    ['a file that is no module', () => { const path = file(); writeFileSync(path, '\0\uFFFF{{{'); return path }],
    ['an empty file', () => { const path = join(temporaryDirectory(), 'empty.js'); writeFileSync(path, ''); return path }],
    ['a module with an endless chain of defaults', () => { const path = join(temporaryDirectory(), 'chain.js'); writeFileSync(path, 'exports.default = exports'); return path }],
    ['a module whose default is a getter that throws', () => { const path = join(temporaryDirectory(), 'getter.js'); writeFileSync(path, 'Object.defineProperty(exports, "default", { get () { throw 5 } })'); return path }],
    ['a module that throws nothing', () => { const path = join(temporaryDirectory(), 'nothing.js'); writeFileSync(path, 'throw undefined'); return path }],
    ['an ES module that throws nothing', () => { const path = join(temporaryDirectory(), 'nothing.mjs'); writeFileSync(path, 'throw undefined'); return path }],
    ['a function that throws null', () => { const path = join(temporaryDirectory(), 'null.js'); writeFileSync(path, 'module.exports = () => { throw null }'); return path }],
    ['a function that throws what can not be cloned', () => { const path = join(temporaryDirectory(), 'symbol.js'); writeFileSync(path, 'module.exports = () => { throw Object.assign(new Error("odd"), { f () {}, s: Symbol("s") }) }'); return path }],
    ['a URL of another machine', () => 'file://elsewhere/target.js'],
    ['a URL with a NUL in it', () => 'file:///tmp/a%00b.js'],
    ['a URL with a slash that is none', () => 'file:///tmp/a%2Fb.js'],
    ['a name that is too long', () => `/${'x'.repeat(5000)}.js`],
    ['a path with half a character', () => '/tmp/\uD800.js']
  ])('that is %s is one error, at the door or as an event, and lines are dropped and counted', async (_, make) => {
    const target = make()
    const stream = transport({ target })
    const errors: unknown[] = []
    stream.on('error', (error: Error) => errors.push(error))
    stream.write('nobody takes it\n')
    await closed(stream)
    expect(errors).toEqual([expect.any(Error)])
    expect((errors[0] as Error).message).not.toMatch(/^$|Cannot (read|destructure)/)
    stream.write('nor this\n')
    const { linesAccepted, linesDropped, writerState } = stream.stats()
    expect({ told: linesAccepted + linesDropped, writerState }).toEqual({ told: 2, writerState: 'failed' })
  })

  const inConfig = (target: string): string => `{ transport: { target: 'pino-pinned', options: { target: ${target} } } }`
  const WAYS: Array<[string, (target: string) => string, string[]]> = [
    ['in a pino config', inConfig, []],
    ['under register', (target) => `{ transport: { target: ${target} } }`, ['--require', 'pino-pinned/register']],
    ['under register, of several', (target) => `{ transport: { targets: [{ target: ${target} }, { target: ${target} }] } }`, ['--require', 'pino-pinned/register']]
  ]

  describe.each(WAYS)('%s', (_, config, execArgv) => {
    test.each([['that does not exist', "'/no/such/target.js'", '/no/such/target.js'], ['that exports no function', "__dirname + '/number.js'", 'function']])('%s is told, and the application lives', async (_, target, says) => {
      const directory = application({
        'number.js': 'module.exports = 5',
        'app.js': `
          const logger = require('pino')(${config(target)})
          const timer = setInterval(() => { for (let n = 0; n < 100; n++) logger.info({ n }) }, 10)
          process.stdin.resume().on('end', () => { clearInterval(timer); console.log('alive') })`
      })
      const child = spawn(process.execPath, [...execArgv, join(directory, 'app.js')], { cwd: directory })
      let stderr = ''
      let stdout = ''
      child.stdout.setEncoding('utf8').on('data', (text: string) => { stdout += text })
      // It goes on until it has said what is wrong.
      child.stderr.setEncoding('utf8').on('data', (text: string) => {
        stderr += text
        if (stderr.includes(says)) child.stdin.end()
      })
      const [code, signal] = await once(child, 'close') as [number, string]
      expect({ code, signal, stdout, said: stderr.includes(says) }).toEqual({ code: 0, signal: null, stdout: 'alive\n', said: true })
    }, 180_000)
  })

  test('that nobody can find is refused at the door under register too', async () => {
    const { code, stdout } = await runApplication(`
      try { require('pino')({ transport: { target: 'no-such-module' } }) } catch (error) { console.log(error.message.slice(0, 37)) }
    `, { execArgv: ['--require', 'pino-pinned/register'] })
    expect({ code, stdout }).toEqual({ code: 0, stdout: 'unable to determine transport target \n' })
  })
})

describe('lines', () => {
  const SINKS: Array<[string, (path: string) => TransportOptions]> = [
    ['a file', (path) => ({ destination: path })],
    ['a target', (path) => ({ target: join(__dirname, 'fixtures', 'append-target.js'), options: { path } })]
  ]
  const checksum = (bytes: Buffer | string): string => createHash('sha1').update(bytes).digest('hex')

  test('of 100 MB are dropped whole and counted where the ring is smaller; their neighbours arrive', async () => {
    const path = file()
    const stream = transport({ destination: path, dropNotice: false })
    const long = 'é'.repeat(50 * MB - 1) + '\n'
    stream.write('before\n')
    expect(stream.write(long)).toBe(false)
    expect(stream.write(Buffer.from(long))).toBe(false)
    stream.write('behind\n')
    stream.end()
    await closed(stream)
    expect(readFileSync(path, 'utf8')).toBe('before\nbehind\n')
    expect(stream.stats()).toMatchObject({ linesAccepted: 2, linesDropped: 2, bytesDropped: 2 * Buffer.byteLength(long), linesWritten: 2 })
  }, 300_000)

  test.each(SINKS)("of 100 MB go through the smallest ring to %s with onFull: 'block'", async (_, sink) => {
    const path = file()
    const stream = transport({ ...sink(path), capacity: '64kb', onFull: 'block' })
    const long = '0123456789'.repeat(10 * MB) + '\n'
    stream.write(long)
    stream.write('behind\n')
    stream.end()
    await closed(stream)
    expect(checksum(readFileSync(path))).toBe(checksum(`${long}behind\n`))
    expect(stream.stats()).toMatchObject({ linesAccepted: 2, linesDropped: 0, linesWritten: 2 })
  }, 300_000)

  test('as long as a text may be are counted, and never thrown', async () => {
    const stream = transport({ destination: '/dev/null' })
    const most = 2 ** 29 - 24
    expect(stream.write('x'.repeat(most))).toBe(false)
    expect(stream.stats()).toMatchObject({ linesDropped: 1, bytesDropped: most })
    stream.end()
    await closed(stream)
  }, 300_000)

  test.each<[string, string, number]>([['newlines alone', '\n', 1], ['one character', 'x\n', 2]])('of %s, three million at once, arrive or are counted, each of them', async (_, line, size) => {
    const path = file()
    const stream = transport({ destination: path, dropNotice: false, capacity: '1mb' })
    const lines = 3 * MB
    for (let n = 0; n < lines; n++) stream.write(line)
    stream.end()
    await closed(stream)
    const { linesAccepted, linesDropped, linesWritten, bytesWritten } = stream.stats()
    expect({ all: linesAccepted + linesDropped, linesWritten }).toEqual({ all: lines, linesWritten: linesAccepted })
    expect({ bytesWritten, size: statSync(path).size }).toEqual({ bytesWritten: linesAccepted * size, size: linesAccepted * size })
  }, 300_000)

  test.each(SINKS)('that are empty, a million, hold up nothing on their way to %s', async (_, sink) => {
    const path = file()
    const stream = transport({ ...sink(path), capacity: '64kb' })
    for (let n = 0; n < MB; n++) stream.write('')
    while (!stream.write('a line\n')) await once(stream, 'drain')
    for (let n = 0; n < 100; n++) stream.write('')
    expect(stream.flushSync(20_000)).toBe(true)
    stream.end()
    await closed(stream)
    expect(readFileSync(path, 'utf8')).toMatch(/^(a line\n)+$/)
  }, 300_000)

  test('of any UTF-16 arrive as Buffer.from would have it', async () => {
    const path = file()
    const stream = transport({ destination: path })
    const expected: Buffer[] = []
    const units = fc.array(fc.oneof(fc.integer({ min: 0xD800, max: 0xDFFF }), fc.integer({ min: 0, max: 0xFFFF })), { maxLength: 200 })
    fc.assert(fc.property(units, (units) => {
      const text = String.fromCharCode(...units)
      expected.push(Buffer.from(text))
      return stream.write(text)
    }), { seed: 4, numRuns: 3000 })
    stream.end()
    await closed(stream)
    expect(readFileSync(path).equals(Buffer.concat(expected))).toBe(true)
  })

  test('that are no lines at all never throw, whatever they are', async () => {
    const path = file()
    const stream = transport({ destination: path, capacity: '64kb' })
    const { proxy, revoke } = Proxy.revocable({}, {})
    revoke()
    class Liar extends Uint8Array { override get length (): number { return 1e9 } }
    const detached = Buffer.from(new ArrayBuffer(8))
    structuredClone(detached.buffer, { transfer: [detached.buffer] })
    const reentrant = { toString () { stream.write('inner\n'); return 'outer\n' } }
    const odd = [proxy, new Proxy([], {}), Object.create(Uint8Array.prototype), Object.create(Buffer.prototype), new Liar(4), detached, reentrant, new String('boxed\n'), // eslint-disable-line no-new-wrappers
      { toString: () => Symbol('s') }, { [Symbol.toPrimitive]: () => ({}) }, new DataView(new ArrayBuffer(8)), new Float64Array(3), () => {}, Object.create(null), 1n]
    for (const line of odd) expect(() => stream.write(line as never)).not.toThrow()
    // With the ring full everything goes another way.
    const blocked = transport({ destination: makeBlocked(), capacity: '64kb' })
    while (blocked.write('x'.repeat(100) + '\n'));
    for (let n = 0; n < 1000; n++) blocked.write('x'.repeat(100) + '\n')
    for (const line of odd) expect(() => blocked.write(line as never)).not.toThrow()
    for (const level of [NaN, Infinity, -1, 1e308, '50', null, {}, 5n, Symbol('s')]) {
      blocked.lastLevel = level as never
      expect(() => blocked.write('x\n')).not.toThrow()
    }
    for (const patience of [NaN, -1, '50', null, {}, 5n, Symbol('s'), proxy]) expect(blocked.flushSync(patience as never)).toBe(false)
    blocked.end()
    stream.end()
    await Promise.all([closed(blocked), closed(stream)])
    expect(readFileSync(path, 'utf8')).toContain('inner\nouter\nboxed\n')
  })

  test('of levels that nobody has are counted when they are dropped', async () => {
    const stream = transport({ destination: makeBlocked(), capacity: '64kb' })
    const logger = pino({ level: 'low', customLevels: { low: -1e9, odd: 33.3, high: 1e300, odder: 5e-324 } }, stream)
    const line = 'x'.repeat(200)
    for (let n = 0; n < 1000; n++) for (const level of ['low', 'odd', 'high', 'odder'] as const) logger[level](line)
    const { linesAccepted, linesDropped, droppedByLevel } = stream.stats()
    expect(linesAccepted + linesDropped).toBe(4000)
    expect(Object.values(droppedByLevel).reduce((sum, count) => sum + count, 0)).toBe(linesDropped)
    stream.end()
    await closed(stream)
  }, 180_000)
})

/** A FIFO that nobody reads. */
function makeBlocked (): string {
  const directory = join(temporaryDirectory(), 'blocked')
  mkdirSync(directory)
  const path = join(directory, 'fifo')
  execFileSync('mkfifo', [path])
  return path
}
