import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import type { Settings, TransportOptions } from '../src/options'
import { read, refused } from './support/options'

describe('capacity', () => {
  test.each([
    [65536, 65536], [65537, 131072], [100000.5, 131072], [1073741824, 1073741824],
    ['64kb', 65536], ['64 KB', 65536], ['64KiB', 65536], ['64k', 65536], ['16mb', 16777216], ['0.5gb', 536870912],
    ['1GB', 1073741824], ['1.5mb', 2097152], ['65536', 65536], [' 1 m ', 1048576]
  ])('%j is %i bytes', (given, expected) => {
    expect(read({ capacity: given }).capacity).toBe(expected)
  })

  test('a power of two stays, and one byte more is the next', () => {
    for (let bytes = 65536; bytes < 1073741824; bytes *= 2) {
      expect([bytes, read({ capacity: bytes }).capacity]).toEqual([bytes, bytes])
      expect([bytes, read({ capacity: bytes + 1 }).capacity]).toEqual([bytes, 2 * bytes])
    }
  })

  test.each([0, -1, 65535, 1073741825, NaN, Infinity, '63kb', '2gb', '', 'kb', '16 xb', '1e6', '-64kb', '16mb\0'])('%j is refused with the range', (value) => {
    refused(() => read({ capacity: value }), { type: 'RangeError', option: 'capacity', value, says: /'64kb', '16mb' or '1gb', from 64kb to 1gb/ })
  })

  test.each([true, null, [65536], {}, 65536n])('%p is of the wrong type', (value) => {
    refused(() => read({ capacity: value }), { type: 'TypeError', option: 'capacity', value, says: /must be bytes, or a string/ })
  })
})

describe('core', () => {
  test.each([
    [3, [3]], [0, [0]], [[3, 2, 3], [2, 3]], ['3', [3]], ['2-3,5', [2, 3, 5]], [' 1 , 0 ', [0, 1]], ['auto', 'auto']
  ])('%j is %j', (given, expected) => {
    expect(read({ core: given }).core).toEqual(expected)
  })

  test.each([-1, 1.5, NaN, 65536, [], [1, -1], '', '3-1', 'Auto', '1;2', '0-99999999999'])('%j is refused with the forms there are', (value) => {
    refused(() => read({ core: value }), { type: 'RangeError', option: 'core', value, says: /a core number, a list of them, a string such as '3' or '2-3,5', or 'auto'/ })
  })

  test.each([true, {}, ['1'], [undefined], null])('%p is of the wrong type', (value) => {
    refused(() => read({ core: value }), { type: 'TypeError', option: 'core', value, says: /a core number/ })
  })

  test('a list of four thousand million holes is refused at the first', () => {
    refused(() => read({ core: new Array(4e9) }), { type: 'TypeError', option: 'core', says: /a core number/ })
  })

  test('coreRequired goes with a core', () => {
    expect(read({ core: 'auto', coreRequired: true })).toMatchObject({ core: 'auto', coreRequired: true })
    expect(read({ coreRequired: false }).coreRequired).toBe(false)
    refused(() => read({ coreRequired: true }), { type: 'RangeError', option: 'coreRequired', value: true, says: /needs a 'core'/ })
  })
})

describe('reserve', () => {
  test.each([
    [false, null],
    [{}, { level: 50, ratio: 0.125 }],
    [{ level: 'warn' }, { level: 40, ratio: 0.125 }],
    [{ level: 35, ratio: 0.5 }, { level: 35, ratio: 0.5 }],
    [{ ratio: 0.001 }, { level: 50, ratio: 0.001 }]
  ])('%j is %j', (given, expected) => {
    expect(read({ reserve: given }).reserve).toEqual(expected)
  })

  test('takes the user\'s own level names, which may replace pino\'s', () => {
    expect(read({ levels: { audit: 55 }, reserve: { level: 'audit' } }).reserve).toEqual({ level: 55, ratio: 0.125 })
    expect(read({ levels: { error: 3 }, reserve: { level: 'error' } }).reserve).toEqual({ level: 3, ratio: 0.125 })
    refused(() => read({ levels: { audit: 55 }, reserve: { level: 'adit' } }), { type: 'RangeError', option: 'reserve.level', value: 'adit', says: /'fatal', 'audit'/ })
  })

  test.each([0, 0.51, -1, NaN, Infinity])('ratio %p is refused', (ratio) => {
    refused(() => read({ reserve: { ratio } }), { type: 'RangeError', option: 'reserve.ratio', value: ratio, says: /above 0, at most 0.5/ })
  })

  test.each(['unknown', 'constructor', '', 0, -1, Infinity, NaN])('level %p is refused', (level) => {
    refused(() => read({ reserve: { level } }), { type: 'RangeError', option: 'reserve.level', value: level, says: /'trace', 'debug', 'info', 'warn', 'error', 'fatal'/ })
  })

  test.each([true, null, 'error', 0.125, []])('%p is of the wrong type', (value) => {
    refused(() => read({ reserve: value }), { type: 'TypeError', option: 'reserve', value, says: /false, or an object/ })
    refused(() => read({ reserve: { ratio: '0.1' } }), { type: 'TypeError', option: 'reserve.ratio', value: '0.1', says: /a number above 0/ })
    refused(() => read({ reserve: { level: null } }), { type: 'TypeError', option: 'reserve.level', value: null, says: /positive number/ })
  })
})

describe('the other options of the ring', () => {
  const accepted: Array<[keyof Settings & keyof TransportOptions, unknown]> = [
    ['onFull', 'drop'], ['onFull', 'block'], ['wait', 'poll'], ['wait', 'spin'], ['wait', 'park'],
    ['exitTimeout', 0], ['exitTimeout', 600000], ['exitTimeout', 0.5], ['dropNotice', false], ['share', true],
    ['maxRestarts', 0], ['maxRestarts', 1000], ['name', 'md-log'],
    ['flushOnSignal', ['SIGTERM', 'SIGINT']], ['reopenOnSignal', ['SIGHUP']]
  ]
  test.each(accepted)('%s may be %j', (name, value) => {
    expect(read({ [name]: value })[name]).toEqual(value)
  })

  test.each<[string, unknown, RegExp]>([
    ['onFull', 'wait', /'drop' or 'block'/],
    ['wait', 'polling', /'poll', 'spin' or 'park'/],
    ['exitTimeout', -1, /milliseconds from 0 to 600000/],
    ['exitTimeout', 600001, /milliseconds from 0 to 600000/],
    ['exitTimeout', NaN, /milliseconds from 0 to 600000/],
    ['exitTimeout', Infinity, /milliseconds from 0 to 600000/],
    ['maxRestarts', 1.5, /a whole number from 0 to 1000/],
    ['maxRestarts', -1, /a whole number from 0 to 1000/],
    ['name', '', /non-empty string/],
    ['name', 'a\0b', /without NUL/]
  ])('%s may not be %j', (option, value, says) => {
    refused(() => read({ [option]: value }), { type: 'RangeError', option, value, says })
  })

  test.each<[string, unknown, RegExp]>([
    ['onFull', true, /'drop' or 'block'/],
    ['wait', 1, /'poll', 'spin' or 'park'/],
    ['exitTimeout', '1000', /milliseconds from 0 to 600000/],
    ['dropNotice', 1, /true or false/],
    ['share', 'false', /true or false/],
    ['coreRequired', 'true', /true or false/],
    ['maxRestarts', '5', /a whole number/],
    ['name', 7, /non-empty string/],
    ['sync', 0, /true or false/],
    ['flushOnSignal', 'SIGTERM', /a list of signals that can be caught/]
  ])('%s of the wrong type is refused: %j', (option, value, says) => {
    refused(() => read({ [option]: value }), { type: 'TypeError', option, value, says })
  })

  test('a signal that can not be caught, or that does not exist, is refused with the nearest that does', () => {
    refused(() => read({ flushOnSignal: ['SIGTERM', 'SIGKILL'] }), { type: 'RangeError', option: 'flushOnSignal', value: 'SIGKILL', says: /can be caught/ })
    refused(() => read({ reopenOnSignal: ['SIGSTOP'] }), { type: 'RangeError', option: 'reopenOnSignal', value: 'SIGSTOP', says: /can be caught/ })
    refused(() => read({ reopenOnSignal: ['SIGHPU'] }), { type: 'RangeError', option: 'reopenOnSignal', value: 'SIGHPU', says: /did you mean 'SIGHUP'/ })
    refused(() => read({ flushOnSignal: ['constructor'] }), { type: 'RangeError', option: 'flushOnSignal', says: /such as 'SIGTERM'/ })
    refused(() => read({ flushOnSignal: [15] }), { type: 'TypeError', option: 'flushOnSignal', value: 15, says: /names of signals/ })
    refused(() => read({ flushOnSignal: ['SIGHUP'], reopenOnSignal: ['SIGHUP'] }), { type: 'RangeError', option: 'reopenOnSignal', says: /'flushOnSignal' has SIGHUP/ })
  })

  test('a signal given twice is taken once', () => {
    expect(read({ flushOnSignal: ['SIGTERM', 'SIGTERM'] }).flushOnSignal).toEqual(['SIGTERM'])
  })

  test('sync means onFull block, unless onFull is given', () => {
    expect(read({ sync: true })).toMatchObject({ sync: true, onFull: 'block' })
    expect(read({ sync: true, onFull: 'drop' })).toMatchObject({ sync: true, onFull: 'drop' })
    expect(read({ sync: false })).toMatchObject({ sync: false, onFull: 'drop' })
  })
})

describe('destination', () => {
  test.each([
    ['app.log', join(process.cwd(), 'app.log')], ['/var/log/app.log', '/var/log/app.log'], [2, 2], [0, 0], ['2', 2],
    ['file:///tmp/a%20b.log', '/tmp/a b.log'], [pathToFileURL('/tmp/c.log'), '/tmp/c.log']
  ])('%p is %j', (given, expected) => {
    expect(read({ destination: given }).sink).toMatchObject({ kind: 'fd', destination: expected })
  })

  test.each(['a\0b', 'file:///tmp/a%00b', new URL('file:///tmp/a%00b'), 'file:///tmp/a%2Fb', 'file://elsewhere/a'])('%p is refused', (given) => {
    expect(() => read({ destination: given })).toThrow("option 'destination' must be a path, a file: URL, or a file descriptor")
  })

  test('goes with append, mkdir, mode and fsync, with or without a destination', () => {
    const rest = { append: false, mkdir: true, mode: 0o640, fsync: true }
    expect(read({ destination: '/tmp/x', ...rest }).sink).toEqual({ kind: 'fd', destination: '/tmp/x', ...rest })
    expect(read(rest).sink).toEqual({ kind: 'fd', destination: 1, ...rest })
  })

  test.each([['640', 0o640], ['0640', 0o640], ['0o640', 0o640], [0, 0], [-0, 0], [0o7777, 0o7777]])('mode %j is %i', (given, expected) => {
    expect(read({ mode: given }).sink).toMatchObject({ mode: expected })
  })

  test.each<[string, unknown, RegExp]>([
    ['destination', '', /a path, a file: URL, or a file descriptor/], ['destination', -1, /file descriptor/], ['destination', 1.5, /file descriptor/],
    ['destination', NaN, /file descriptor/], ['destination', 'a\0b', /a path/], ['destination', new URL('http://x/y'), /file: URL/],
    ['mode', 0o10000, /'640'/], ['mode', -1, /0o640/], ['mode', 'rw', /0o640/], ['mode', '999', /0o640/]
  ])('%s %p is refused', (option, value, says) => {
    refused(() => read({ [option]: value }), { type: 'RangeError', option, value, says })
  })

  test.each<[string, unknown, RegExp]>([
    ['destination', null, /a path/], ['destination', {}, /a path/], ['append', 'yes', /true or false/], ['mkdir', 1, /true or false/],
    ['fsync', null, /true or false/], ['mode', {}, /0o640/]
  ])('%s %p is of the wrong type', (option, value, says) => {
    refused(() => read({ [option]: value }), { type: 'TypeError', option, value, says })
  })
})
