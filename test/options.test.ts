import { join } from 'node:path'
import { PassThrough } from 'node:stream'
import type { TransportMultiOptions, TransportPipelineOptions, TransportSingleOptions } from 'pino'
import { OPTION_NAMES, RING_OPTION_NAMES, readEnvironment, type TargetSink, type TransportOptions } from '../src/options'
import { type Expected, PINO, PRETTY, read, refused, targetOf } from './support/options'
import { readThreadStreamOptions, type RingStreamOptions } from '../src/thread-stream-options'

describe('without options', () => {
  test('the sink is standard output and every setting has its documented default', () => {
    expect(read(undefined)).toEqual({
      sink: { kind: 'fd', destination: 1, append: true, mkdir: false, mode: undefined, fsync: false },
      capacity: 8388608,
      onFull: 'drop',
      order: 'ring',
      reserve: { level: 50, ratio: 0.125 },
      core: null,
      coreRequired: false,
      wait: 'poll',
      exitTimeout: 1000,
      dropNotice: true,
      flushOnSignal: [],
      reopenOnSignal: [],
      maxRestarts: 5,
      name: 'pino-pinned',
      share: false,
      sync: false,
      worker: {}
    })
  })

  test('undefined is as good as not given', () => {
    const nothing = Object.fromEntries(OPTION_NAMES.map((name) => [name, undefined]))
    expect(read(nothing)).toEqual(read({}))
  })

  test('settings have the same keys whatever was given, can not be changed, and share nothing with other settings', () => {
    const settings = read({ target: 'pino-pretty', sync: true, core: 1 })
    expect(Object.keys(settings).sort()).toEqual(Object.keys(read({})).sort())
    expect(() => { (settings as { name: string }).name = 'other' }).toThrow(TypeError)
    read({}).flushOnSignal.push('SIGTERM')
    expect(read({}).flushOnSignal).toEqual([])
  })

  test('an option that only a polluted Object.prototype has is not seen', () => {
    const pinoFile = { targets: [{ target: 'pino/file', options: {} }] }
    const pretty = { targets: [{ target: 'pino-pretty' }, { pipeline: [{ target: 'pino-pretty' }] }] }
    const names = [...OPTION_NAMES, 'ratio', 'autoEnd', 'pinoWillSendConfig'] as const
    const prototype = Object.prototype as Record<string, unknown>
    const before = JSON.stringify([read({}), read({ reserve: {} }), read(pinoFile), read(pretty)])
    for (const name of names) prototype[name] = 'polluted'
    try {
      expect(JSON.stringify([read({}), read({ reserve: {} }), read(pinoFile), read(pretty)])).toBe(before)
    } finally {
      for (const name of names) delete prototype[name]
    }
  })
})

describe('an unknown option', () => {
  test.each([
    ['capcity', 'capacity'], ['CAPACITY', 'capacity'], ['onfull', 'onFull'], ['cores', 'core'], ['tagret', 'target'],
    ['exitTimeuot', 'exitTimeout'], ['zzz', undefined]
  ])('%s is refused and %s suggested', (name, suggestion) => {
    let error: unknown
    try {
      read({ [name]: 1 })
    } catch (thrown) {
      error = thrown
    }
    expect(error).toMatchObject({ name: 'TypeError', code: 'ERR_PINO_PINNED_UNKNOWN_OPTION', option: name, value: 1 })
    const { message } = error as Error
    if (suggestion === undefined) expect(message).toMatch(/known: levels, destination, .*share$/)
    else expect(message).toContain(`did you mean '${suggestion}'?`)
  })

  test('as long as a book is refused at once, and its message stays short', () => {
    const started = performance.now()
    expect(() => read({ ['x'.repeat(1e6)]: 1 })).toThrow(expect.objectContaining({
      code: 'ERR_PINO_PINNED_UNKNOWN_OPTION', message: expect.stringMatching(/^unknown option 'x{100}…' \(1\); known: .{1,500}$/)
    }))
    expect(performance.now() - started).toBeLessThan(5000)
  })

  test.each<[string, unknown, string, string]>([
    ['in reserve', { reserve: { levl: 'error' } }, 'reserve.levl', 'reserve.level'],
    ['in an entry of targets', { targets: [{ target: 'pino-pretty', levle: 'info' }] }, 'targets[0].levle', 'targets[0].level'],
    ['in a stage of a pipeline', { pipeline: [{ taget: 'pino-pretty' }] }, 'pipeline[0].taget', 'pipeline[0].target'],
    ['in the options of pino/file', { target: 'pino/file', options: { destnation: 'a' } }, 'options.destnation', 'options.destination']
  ])('%s is named with its path', (_, options, option, suggestion) => {
    refused(() => read(options), { type: 'TypeError', code: 'ERR_PINO_PINNED_UNKNOWN_OPTION', option, says: new RegExp(`did you mean '${suggestion.replace(/[[\].]/g, '\\$&')}'`) })
  })

  test('named __proto__ by a JSON text is refused like any other', () => {
    refused(() => read(JSON.parse('{ "__proto__": { "core": 1 } }')), { type: 'TypeError', code: 'ERR_PINO_PINNED_UNKNOWN_OPTION', option: '__proto__', says: /unknown option/ })
  })
})

describe('worker', () => {
  test('is passed on, with everything that Node may know and we don\'t', () => {
    const worker = { autoEnd: false, name: 'w', env: { A: '1' }, execArgv: ['--no-warnings'], resourceLimits: { maxOldGenerationSizeMb: 64 }, somethingNew: 1 }
    expect(read({ worker }).worker).toEqual(worker)
  })

  test.each<[object, string, RegExp]>([
    [{ autoEnd: 0 }, 'worker.autoEnd', /true or false/], [{ name: 5 }, 'worker.name', /non-empty string/],
    [{ execArgv: '--x' }, 'worker.execArgv', /a list of strings/], [{ execArgv: [1] }, 'worker.execArgv', /a list of strings/],
    [{ resourceLimits: 5 }, 'worker.resourceLimits', /an object/]
  ])('%j is refused', (worker, option, says) => {
    refused(() => read({ worker }), { type: 'TypeError', option, says })
  })
})

describe('in a pino config', () => {
  const added = { $context: { threadStreamVersion: '4.0.0' }, pinoWillSendConfig: true }

  test('what pino adds to the options is accepted', () => {
    expect(read({ destination: '/tmp/x', ...added, levels: { audit: 55 } }, 'drop-in')).toMatchObject({ sink: { kind: 'fd', destination: '/tmp/x' } })
    refused(() => read({ ...added, capcity: 1 }, 'drop-in'), { type: 'TypeError', code: 'ERR_PINO_PINNED_UNKNOWN_OPTION', option: 'capcity', says: /did you mean 'capacity'/ })
    refused(() => read(added), { type: 'TypeError', code: 'ERR_PINO_PINNED_UNKNOWN_OPTION', option: '$context', says: /known:/ })
  })

  test('an inner target is told that pino sends its config only if pino said so', () => {
    const inner = { target: 'pino-pretty', options: { a: 1 } }
    expect(targetOf({ ...inner, ...added } as TransportOptions, 'drop-in').options).toEqual({ a: 1, pinoWillSendConfig: true })
    expect(targetOf(inner, 'drop-in').options).toEqual({ a: 1 })
  })

  test.each(['flushOnSignal', 'reopenOnSignal'])('%s is refused, since signal handlers do not run in workers', (option) => {
    refused(() => read({ [option]: ['SIGHUP'] }, 'drop-in'), { type: 'RangeError', option, says: /signal handlers do not run in workers/ })
    expect(read({ [option]: [] }, 'drop-in')).toMatchObject({ [option]: [] })
    expect(read({ [option]: ['SIGHUP'] }, 'register')).toMatchObject({ [option]: ['SIGHUP'] })
  })
})

describe('hostile options', () => {
  test('a getter that throws is told by its name, with its error as cause', () => {
    const boom = new Error('boom')
    const hostile = (name: string): object => Object.defineProperty({}, name, { enumerable: true, get () { throw boom } })
    expect(refused(() => read(hostile('core')), { type: 'RangeError', option: 'core', says: /readable/ }).cause).toBe(boom)
    expect(refused(() => read({ reserve: hostile('level') }), { type: 'RangeError', option: 'reserve.level', says: /readable/ }).cause).toBe(boom)
    expect(refused(() => read({ target: 'x', options: { a: hostile('b') } }), { type: 'TypeError', option: 'options.a', says: /another thread/ }).cause).toBe(boom)
  })

  test('a proxy that throws at everything is told by its option', () => {
    const fail = (): never => { throw new Error('boom') }
    const proxy = new Proxy([], { get: fail, ownKeys: fail, getOwnPropertyDescriptor: fail, has: fail })
    for (const option of ['core', 'flushOnSignal', 'targets']) refused(() => read({ [option]: proxy }), { type: 'RangeError', option, says: /readable/ })
    refused(() => read(new Proxy({}, { ownKeys: fail })), { type: 'RangeError', option: 'options', says: /readable/ })
  })

  test('each option refuses every odd value with an error of ours that names it, and nothing else', () => {
    const odd = [null, true, -1, NaN, Infinity, 1e308, 10n, Symbol('s'), () => {}, '\0', [null], [[]], new Map(), new Date(NaN), Object.create(null), 'x'.repeat(1e5)]
    for (const name of OPTION_NAMES) {
      for (const value of odd) {
        try {
          read({ [name]: value })
        } catch (error) {
          expect(error).toMatchObject({ code: expect.stringMatching(/^ERR_PINO_PINNED_/), option: expect.stringContaining(name) })
          expect((error as Error).message.length).toBeLessThan(1000)
        }
      }
    }
  })

  test.each([null, 5, 'x', [], () => {}])('%p instead of an object is refused', (options) => {
    refused(() => read(options), { type: 'TypeError', option: 'options', value: options, says: /must be an object/ })
  })

  test('a stream instead of an object is refused with a hint', () => {
    refused(() => read(new PassThrough()), { type: 'TypeError', option: 'options', says: /a stream is given to pino itself/ })
  })
})

describe('PINO_PINNED', () => {
  test.each<[string | undefined, object]>([
    [undefined, {}], ['', {}], [' , ', {}],
    ['core=3,capacity=16mb,wait=spin', { core: '3', capacity: '16mb', wait: 'spin' }],
    ['core=2-3', { core: '2-3' }],
    ['core=2,3,capacity=64kb', { core: '2,3', capacity: '64kb' }],
    [' core = 2 , 3 , onFull = block ', { core: '2,3', onFull: 'block' }],
    ['flushOnSignal=SIGTERM,SIGINT,share=true', { flushOnSignal: ['SIGTERM', 'SIGINT'], share: true }],
    ['reserve=false', { reserve: false }],
    ['reserve=error:0.25', { reserve: { level: 'error', ratio: 0.25 } }],
    ['reserve=35', { reserve: { level: 35 } }],
    ['dropNotice=false,coreRequired=true,core=auto', { dropNotice: false, coreRequired: true, core: 'auto' }],
    ['exitTimeout=250,maxRestarts=0,name=log,reopenOnSignal=SIGHUP', { exitTimeout: 250, maxRestarts: 0, name: 'log', reopenOnSignal: ['SIGHUP'] }]
  ])('%j is read as %j', (text, expected) => {
    const options = readEnvironment(text)
    expect(options).toEqual(expected)
    expect(read({ ...options }, 'register')).toBeDefined()
  })

  test.each<[string, Expected]>([
    ['cor=3', { type: 'TypeError', code: 'ERR_PINO_PINNED_UNKNOWN_OPTION', option: 'cor', value: '3', says: /did you mean 'core'/ }],
    ['destination=x', { type: 'TypeError', code: 'ERR_PINO_PINNED_UNKNOWN_OPTION', option: 'destination', says: /known: capacity, onFull/ }],
    ['core', { type: 'RangeError', option: 'core', says: /needs a value, as in core=/ }],
    ['core=', { type: 'RangeError', option: 'core', says: /a core number/ }],
    ['core=1,x', { type: 'RangeError', option: 'core', value: '1,x', says: /a core number/ }],
    ['core=1,core=2', { type: 'RangeError', option: 'core', says: /given twice/ }],
    ['capacity=1tb', { type: 'RangeError', option: 'capacity', value: '1tb', says: /from 64kb to 1gb/ }],
    ['wait=spni', { type: 'RangeError', option: 'wait', value: 'spni', says: /'poll', 'spin' or 'park'/ }],
    ['dropNotice=yes', { type: 'TypeError', option: 'dropNotice', value: 'yes', says: /true or false/ }],
    ['exitTimeout=1s', { type: 'TypeError', option: 'exitTimeout', value: '1s', says: /milliseconds/ }],
    ['reserve=true', { type: 'RangeError', option: 'reserve.level', value: 'true', says: /'error'/ }],
    ['reserve=error:2', { type: 'RangeError', option: 'reserve.ratio', value: 2, says: /at most 0.5/ }],
    ['reserve=error:0.1:3', { type: 'TypeError', option: 'reserve', value: 'error:0.1:3', says: /false, or an object/ }],
    ['flushOnSignal=SIGKILL', { type: 'RangeError', option: 'flushOnSignal', value: 'SIGKILL', says: /can be caught/ }],
    ['coreRequired=true', { type: 'RangeError', option: 'coreRequired', says: /needs a 'core'/ }],
    ['__proto__=1', { type: 'TypeError', code: 'ERR_PINO_PINNED_UNKNOWN_OPTION', option: '__proto__', says: /unknown/ }]
  ])('%j is refused in the variable\'s name', (text, expected) => {
    const error = refused(() => readEnvironment(text), expected)
    expect(error.message).toMatch(/^PINO_PINNED: /)
    expect(error.stack).toContain('PINO_PINNED: ')
  })

  test('sets the ring\'s options only, all of which transport() has', () => {
    expect(OPTION_NAMES).toEqual(expect.arrayContaining([...RING_OPTION_NAMES]))
    expect(RING_OPTION_NAMES).not.toContain('target')
  })
})

describe('the options of a RingStream in ThreadStream\'s place', () => {
  test('are read as those of a target, with the ring\'s beside them', () => {
    const workerData = { a: 1, pinoWillSendConfig: true }
    const options: RingStreamOptions = { filename: PRETTY, workerData, workerOpts: { name: 'w' }, bufferSize: 16, sync: true, capacity: '64kb' }
    expect(readThreadStreamOptions(options)).toMatchObject({
      sink: { kind: 'target', filename: PRETTY, options: workerData, usesMultistream: false }, worker: { name: 'w' }, sync: true, onFull: 'block', capacity: 65536
    })
    expect((readThreadStreamOptions({ filename: PRETTY }).sink as TargetSink).options).toEqual({})
  })

  test('take a file name relative to the working directory, as ThreadStream does', () => {
    expect(readThreadStreamOptions({ filename: 'to-file.js' }).sink).toMatchObject({ filename: join(process.cwd(), 'to-file.js') })
  })

  test('make a file descriptor sink of pino/file in any copy of pino', () => {
    expect(readThreadStreamOptions({ filename: join(PINO, 'file.js'), workerData: { destination: '/tmp/x' } }).sink).toMatchObject({ kind: 'fd', destination: '/tmp/x' })
  })

  test.each<[object, Expected]>([
    [{}, { type: 'TypeError', option: 'filename', says: /a path or a file: URL/ }],
    [{ filename: 5 }, { type: 'TypeError', option: 'filename', value: 5, says: /file: URL/ }],
    [{ filename: PRETTY, bufferSize: 3 }, { type: 'RangeError', option: 'bufferSize', value: 3, says: /bufferSize must at least fit a 4-byte utf-8 char/ }],
    [{ filename: PRETTY, workerdata: {} }, { type: 'TypeError', code: 'ERR_PINO_PINNED_UNKNOWN_OPTION', option: 'workerdata', says: /did you mean 'workerData'/ }],
    [{ filename: PRETTY, capacity: 1 }, { type: 'RangeError', option: 'capacity', value: 1, says: /64kb/ }]
  ])('%j is refused', (options, expected) => {
    refused(() => readThreadStreamOptions(options), expected)
  })
})

test('the types of pino.transport()\'s options fit ours', () => {
  const single: TransportOptions = { target: 'pino-pretty' } satisfies TransportSingleOptions
  const multi = (options: TransportMultiOptions): TransportOptions => options
  const piped = (options: TransportPipelineOptions): TransportOptions => options
  expect([single, multi({ targets: [single as TransportSingleOptions & { level: string }] }), piped({ pipeline: [{ target: 'x' }] })]).toHaveLength(3)
})
