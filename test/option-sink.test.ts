import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { readOptions, type TransportOptions } from '../src/options'
import { CALLER, context, PINO, PINO_WORKER, PRETTY, read, refused, targetOf } from './support/options'

describe('options that contradict each other', () => {
  const target = { target: 'pino-pretty' }
  const targets = { targets: [target] }
  const pipeline = { pipeline: [target] }
  test.each<[object, string, RegExp]>([
    [{ ...target, ...targets }, 'target', /only one of target or targets can be specified/],
    [{ target: {}, targets: {} }, 'target', /only one of target or targets can be specified/],
    [{ ...target, ...pipeline }, 'pipeline', /beside 'target'/],
    [{ ...targets, ...pipeline }, 'pipeline', /beside 'targets'/],
    [{ destination: 1, ...target }, 'destination', /beside 'target': a destination is a sink of its own/],
    [{ destination: 1, ...targets }, 'destination', /beside 'targets'/],
    [{ destination: 1, ...pipeline }, 'destination', /beside 'pipeline'/],
    [{ destination: 1, options: {} }, 'destination', /beside 'options'/],
    [{ destination: 1, dedupe: true }, 'destination', /beside 'dedupe'/],
    [{ append: false, ...target }, 'append', /give it in the options of the target/],
    [{ mkdir: true, ...targets }, 'mkdir', /beside 'targets'/],
    [{ mode: 0o600, ...pipeline }, 'mode', /beside 'pipeline'/],
    [{ fsync: true, ...target }, 'fsync', /beside 'target'/],
    [{ options: {} }, 'options', /needs a 'target'/],
    [{ targets: [{ ...target, ...pipeline }] }, 'targets[0].pipeline', /has a target already/],
    [{ pipeline: [] }, 'pipeline', /at least one target/],
    [{ targets: [{ pipeline: [] }] }, 'targets[0].pipeline', /at least one target/],
    [{ targets: [{}] }, 'targets[0]', /a 'target' or a 'pipeline'/],
    [{ pipeline: [{ level: 'info' }] }, 'pipeline[0]', /with a 'target'/],
    [{ target: 'pino-pinned' }, 'target', /another target/]
  ])('are refused: %j', (options, option, says) => {
    refused(() => read(options), { type: 'RangeError', option, says })
  })
})

describe('a target', () => {
  test('is resolved from the caller and gets its options with what pino adds', () => {
    expect(read({ target: 'pino-pretty', options: { colorize: false }, levels: { audit: 55 }, dedupe: true }).sink).toEqual({
      kind: 'target', filename: PRETTY, usesMultistream: false, options: { colorize: false, levels: { audit: 55 }, dedupe: true, pinoWillSendConfig: true }
    })
  })

  test('is resolved from the file that the option caller names', () => {
    const options = { target: 'pino-pretty', caller: CALLER }
    expect(readOptions(options, { callers: [], way: 'direct' }).sink).toMatchObject({ filename: PRETTY })
    expect(readOptions({ ...options, caller: [undefined, CALLER] }, { callers: [], way: 'direct' }).sink).toMatchObject({ filename: PRETTY })
    refused(() => readOptions({ ...options, caller: 'unknown-file.js' }, context()),
      { type: 'RangeError', code: 'ERR_PINO_PINNED_TARGET', option: 'target', value: 'pino-pretty', says: /can be resolved from unknown-file.js/ })
  })

  test.each([PRETTY, pathToFileURL(PRETTY).href, pathToFileURL(PRETTY)])('may be a path or a URL: %p', (target) => {
    expect(read({ target }).sink).toMatchObject({ kind: 'target', filename: String(target) })
  })

  test('is not handed the object the user keeps', () => {
    const options: Record<string, unknown> = { colorize: true }
    const sink = targetOf({ target: 'pino-pretty', options })
    expect(options).toEqual({ colorize: true })
    expect(sink.options).not.toBe(options)
  })

  test('that nobody can find is told with pino\'s words, where it stands', () => {
    const missing = { target: 'no-such-target' }
    const expected = { type: 'RangeError', code: 'ERR_PINO_PINNED_TARGET', value: 'no-such-target', says: /unable to determine transport target for "no-such-target"/ } as const
    refused(() => read(missing), { ...expected, option: 'target' })
    refused(() => read({ targets: [{ target: PRETTY }, missing] }), { ...expected, option: 'targets[1].target' })
    refused(() => read({ targets: [{ pipeline: [missing] }] }), { ...expected, option: 'targets[0].pipeline[0].target' })
    refused(() => read({ pipeline: [missing] }), { ...expected, option: 'pipeline[0].target' })
  })

  test.each([1, null, {}, ['pino-pretty']])('%p is of the wrong type', (target) => {
    refused(() => read({ target }), { type: 'TypeError', option: 'target', value: target, says: /name of a module, an absolute path or a file: URL/ })
  })

  test.each(['', 'a\0b', new URL('http://x/y.js')])('%p is refused', (target) => {
    refused(() => read({ target }), { type: 'RangeError', option: 'target', says: /name of a module/ })
  })

  test('whose options can not be sent to a thread is refused by the option\'s name', () => {
    const fn = (): void => {}
    refused(() => read({ target: 'pino-pretty', options: { messageFormat: fn } }), { type: 'TypeError', option: 'options.messageFormat', value: fn, says: /another thread/ })
    refused(() => read({ targets: [{ target: 'pino-pretty', options: { a: { b: Symbol('s') } } }] }), { type: 'TypeError', option: 'targets[0].options.a', says: /another thread/ })
  })

  test('may be given a port, which only the Worker can judge', () => {
    const { port1 } = new MessageChannel()
    expect(targetOf({ target: 'pino-pretty', options: { port1 }, worker: { transferList: [port1] } }).options.port1).toBe(port1)
    port1.close()
  })

  test('takes a level without effect, as with pino.transport', () => {
    expect(read({ target: 'pino-pretty', level: 'error' }).sink).toEqual(read({ target: 'pino-pretty' }).sink)
    refused(() => read({ target: 'pino-pretty', level: {} }), { type: 'TypeError', option: 'level', says: /name or the number of a level/ })
  })
})

describe('the target pino/file', () => {
  test.each(['pino/file', join(PINO, 'file.js'), pathToFileURL(join(PINO, 'file.js')).href])('is a file descriptor sink, under the name %s', (target) => {
    const options = { destination: '/tmp/x.log', append: false, mkdir: true, mode: 0o600, fsync: true }
    expect(read({ target, options }).sink).toEqual({ kind: 'fd', ...options })
    expect(read({ targets: [{ target, options }] }).sink).toEqual({ kind: 'fd', ...options })
  })

  test.each([[undefined, 1], ['', 1], [0, 1], [null, 1], ['2', 2], [2, 2], ['/tmp/2', '/tmp/2']])('writes to destination %j as pino does: %j', (destination, expected) => {
    expect(read({ target: 'pino/file', options: { destination } }).sink).toMatchObject({ kind: 'fd', destination: expected })
  })

  test('accepts the options for its buffering, which the ring replaces', () => {
    const buffering = { minLength: 4096, maxLength: 1, maxWrite: 16384, periodicFlush: 10, sync: false, contentMode: 'utf8' }
    expect(read({ target: 'pino/file', options: buffering }).sink).toEqual(read({}).sink)
  })

  test('has its options checked under their path', () => {
    refused(() => read({ target: 'pino/file', options: { fsync: 'yes' } }), { type: 'TypeError', option: 'options.fsync', value: 'yes', says: /true or false/ })
    refused(() => read({ target: 'pino/file', options: { destination: -1 } }), { type: 'RangeError', option: 'options.destination', says: /file descriptor/ })
    refused(() => read({ targets: [{ target: 'pino/file', options: { mode: 'x' } }] }), { type: 'RangeError', option: 'targets[0].options.mode', says: /0o640/ })
  })

  test('under register goes on with whatever pino took', () => {
    const options = { destination: '/tmp/x', append: 1, mkdir: 'yes', fsync: null, unheard: true, pinoWillSendConfig: true }
    expect(read({ target: join(PINO, 'file.js'), options }, 'register').sink).toEqual({ kind: 'fd', destination: '/tmp/x', append: true, mkdir: true, mode: undefined, fsync: false })
  })

  test('is a target like others when it has a level or others beside it', () => {
    const file = { target: 'pino/file', options: { destination: 2 } }
    const resolved = { ...file, target: join(PINO, 'file.js') }
    expect(targetOf({ targets: [{ ...file, level: 'info' }] }).options.targets).toEqual([{ ...resolved, level: 'info' }])
    expect(targetOf({ targets: [file, file] }).options.targets).toEqual([resolved, resolved])
  })
})

describe('targets and pipeline', () => {
  test('become what pino\'s own worker module expects', () => {
    const sink = targetOf({
      targets: [{ target: 'pino-pretty', level: 'info', options: { a: 1 } }, { level: 40, pipeline: [{ target: 'pino-pretty' }, { target: 'pino/file', options: { destination: 1 } }] }],
      levels: { audit: 55 },
      dedupe: true
    })
    expect(sink).toEqual({
      kind: 'target',
      filename: PINO_WORKER,
      usesMultistream: true,
      options: {
        targets: [{ target: PRETTY, level: 'info', options: { a: 1 } }],
        pipelines: [[{ target: PRETTY, level: 40 }, { target: join(PINO, 'file.js'), level: 40, options: { destination: 1 } }]],
        levels: { audit: 55 },
        dedupe: true,
        pinoWillSendConfig: true
      }
    })
    expect(targetOf({ pipeline: [{ target: 'pino-pretty', options: { a: 1 } }] })).toEqual({
      kind: 'target', filename: PINO_WORKER, usesMultistream: false, options: { pipelines: [[{ target: PRETTY, options: { a: 1 } }]], pinoWillSendConfig: true }
    })
  })

  test.each<[TransportOptions, boolean]>([
    [{ targets: [{ target: PRETTY }] }, false],
    [{ targets: [{ target: PRETTY, level: 'info' }] }, true],
    [{ targets: [{ target: PRETTY }, { target: PRETTY }] }, true],
    [{ targets: [{ pipeline: [{ target: PRETTY }] }] }, false],
    [{ targets: [{ level: 30, pipeline: [{ target: PRETTY }] }] }, true]
  ])('%j: multistream %s', (options, expected) => {
    expect(targetOf(options).usesMultistream).toBe(expected)
  })

  test('are the same as pino builds', () => {
    const streams: Array<{ filename: string, workerData: unknown }> = []
    class FakeStream {
      constructor (given: { filename: string, workerData: unknown }) { streams.push(given) }
      on (): this { return this }
    }
    const options: TransportOptions[] = [
      { target: PRETTY, options: { a: 1 }, levels: { x: 1 }, dedupe: true },
      { target: 'pino-pretty' },
      { targets: [{ target: 'pino-pretty' }] },
      { targets: [{ target: 'pino-pretty', level: 'info', options: {} }, { target: 'pino/file' }, { level: 'error', pipeline: [{ target: 'pino-pretty', options: { b: 2 } }] }], dedupe: true },
      { pipeline: [{ target: 'pino-pretty' }, { target: 'pino/file', options: { destination: 2 } }] }
    ]
    const listeners = process.listeners('exit')
    jest.isolateModules(() => {
      jest.doMock('thread-stream', () => FakeStream)
      const pinoTransport = require('pino/lib/transport')
      for (const each of options) pinoTransport({ ...each, caller: CALLER })
    })
    for (const added of process.listeners('exit').filter((each) => !listeners.includes(each))) process.removeListener('exit', added)
    expect(streams).toHaveLength(options.length)
    for (const [at, { filename, workerData }] of streams.entries()) {
      expect(targetOf(options[at]!)).toMatchObject({ filename, options: workerData })
      expect(Object.keys(targetOf(options[at]!).options).sort()).toEqual(Object.keys(workerData as object).filter((key) => (workerData as Record<string, unknown>)[key] !== undefined).sort())
    }
  })

  test.each<[object, string, RegExp]>([
    [{ targets: {} }, 'targets', /list of targets and pipelines/],
    [{ targets: 'pino-pretty' }, 'targets', /list of targets and pipelines/],
    [{ targets: ['pino-pretty'] }, 'targets[0]', /an object/],
    [{ targets: [{ target: 5 }] }, 'targets[0].target', /name of a module/],
    [{ targets: [{ target: 'x', level: {} }] }, 'targets[0].level', /level/],
    [{ targets: [{ target: 'x', options: 'y' }] }, 'targets[0].options', /an object/],
    [{ pipeline: 'x' }, 'pipeline', /list of at least one/],
    [{ target: 'x', levels: 5 }, 'levels', /an object/],
    [{ target: 'x', levels: { a: 'b' } }, 'levels.a', /a number/],
    [{ target: 'x', dedupe: 1 }, 'dedupe', /true or false/],
    [{ target: 'x', caller: 5 }, 'caller', /a file name or a list/]
  ])('of the wrong type are refused: %j', (options, option, says) => {
    refused(() => read(options), { type: 'TypeError', option, says })
  })
})

test('targets may be none, as pino takes it', () => {
  expect(read({ targets: [] }).sink).toMatchObject({ kind: 'target', options: { targets: [], pipelines: [] } })
})
