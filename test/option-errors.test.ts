import { OPTION_NAMES, readEnvironment, type TransportOptions } from '../src/options'
import type { OptionError } from '../src/errors'
import { RingStream, transport } from 'pino-pinned'
import { readThreadStreamOptions } from '../src/thread-stream-options'
import { PRETTY, read, refused } from './support/options'

/** What makes sense beside an option, so that it is the option alone that is wrong. */
const BESIDE: Partial<Record<keyof TransportOptions, TransportOptions>> = {
  options: { target: 'pino-pretty' }, dedupe: { target: 'pino-pretty' }, coreRequired: { core: 0 }
}
const getter = Object.defineProperty({}, 'x', { enumerable: true, get () { throw new Error('boom') } })
const VALUES: Array<[string, unknown]> = [
  ['null', null], ['NaN', NaN], ['a negative number', -1], ['a huge number', 1e300], ['Infinity', Infinity], ['a fraction', 0.3],
  ['an empty string', ''], ['a word', 'so-so'], ['a string with NUL', 'a\0b'], ['true', true], ['an empty list', []], ['a list of nothing', [null]],
  ['an empty object', {}], ['an object whose getter throws', getter], ['a symbol', Symbol('s')], ['a function', () => {}], ['a bigint', 5n], ['a date', new Date(NaN)]
]

/** Values that some options take; all others must refuse them. */
const TAKEN: Partial<Record<keyof TransportOptions, string[]>> = {
  destination: ['a word'],
  append: ['true'],
  mkdir: ['true'],
  fsync: ['true'],
  target: [], // a word is a module that there is not
  targets: ['an empty list'],
  options: ['an empty object', 'a date'],
  levels: ['an empty object', 'a date'],
  dedupe: ['true'],
  worker: ['an empty object', 'a date'],
  sync: ['true'],
  caller: ['an empty string', 'a word', 'a string with NUL', 'an empty list', 'a list of nothing'],
  level: ['a negative number', 'a huge number', 'Infinity', 'a fraction', 'a word', 'a string with NUL'],
  reserve: ['an empty object', 'a date'],
  coreRequired: ['true'],
  exitTimeout: ['a fraction'],
  dropNotice: ['true'],
  flushOnSignal: ['an empty list'],
  reopenOnSignal: ['an empty list'],
  name: ['a word'],
  share: ['true']
}

describe.each(OPTION_NAMES)('the option %s', (name) => {
  test.each(VALUES)('of the value %s is taken, or refused with its name, the value and what is allowed', (kind, value) => {
    let error: OptionError | undefined
    try {
      read({ ...BESIDE[name], [name]: value })
    } catch (thrown) {
      error = thrown as OptionError
    }
    expect({ kind, isTaken: error === undefined }).toEqual({ kind, isTaken: TAKEN[name]?.includes(kind) ?? false })
    if (error === undefined) return
    expect(error).toMatchObject({ code: expect.stringMatching(/^ERR_PINO_PINNED_(OPTION|TARGET)$/), option: expect.stringMatching(new RegExp(`^${name}($|[.[])`)), allowed: expect.stringMatching(/./) })
    expect(Object.hasOwn(error, 'value')).toBe(true)
    expect(error.message).toMatch(error.code === 'ERR_PINO_PINNED_TARGET' ? /^unable to determine transport target for ".*": option '.+' must be / : /^option '.+' must be .+, not [^]+$/)
    expect(error.message).toContain(`option '${error.option}' must be ${error.allowed}`)
  })
})

describe('an option known from elsewhere', () => {
  test.each<[string, RegExp]>([
    ...['dest', 'path', 'file', 'filename', 'fd'].map((name): [string, RegExp] => [name, /use 'destination', a path or a descriptor$/]),
    ...['bufferSize', 'highWaterMark', 'size'].map((name): [string, RegExp] => [name, /use 'capacity'/]),
    ...['minLength', 'maxLength', 'periodicFlush', 'retryEAGAIN'].map((name): [string, RegExp] => [name, /the ring is the buffer/]),
    ...['maxSize', 'interval', 'frequency', 'limit'].map((name): [string, RegExp] => [name, /pino-roll/]),
    ...['colorize', 'translateTime', 'ignore'].map((name): [string, RegExp] => [name, /pino-pretty/]),
    ['cpu', /use 'core'$/],
    ['workerData', /use 'options'/],
    ['autoEnd', /use 'worker'/],
    ['timeout', /use 'exitTimeout'$/]
  ])('%s is refused with what to write instead', (name, says) => {
    refused(() => read({ [name]: 5 }), { type: 'TypeError', code: 'ERR_PINO_PINNED_UNKNOWN_OPTION', option: name, value: 5, says })
  })

  test('gets no advice to use an option that can not be given there', () => {
    refused(() => readThreadStreamOptions({ filename: PRETTY, dest: 1 }), { type: 'TypeError', code: 'ERR_PINO_PINNED_UNKNOWN_OPTION', option: 'dest', says: /known: filename/ })
    refused(() => readThreadStreamOptions({ destination: 1 }), { type: 'TypeError', code: 'ERR_PINO_PINNED_UNKNOWN_OPTION', option: 'destination', says: /the target is 'filename'/ })
    refused(() => readEnvironment('dest=1'), { type: 'TypeError', code: 'ERR_PINO_PINNED_UNKNOWN_OPTION', option: 'dest', says: /known: capacity/ })
  })
})

test('a RingStream made of nothing, or of what is no options, is refused at the door', () => {
  const make = RingStream as unknown as new (options?: unknown) => RingStream
  for (const value of [undefined, null, 5, 'x', []]) {
    // eslint-disable-next-line no-new
    refused(() => { new make(value) }, { type: 'TypeError', option: 'options', value, says: /^option 'options' must be an object, not / }) // eslint-disable-line new-cap
  }
  // eslint-disable-next-line no-new
  refused(() => { new make({}) }, { type: 'TypeError', option: 'filename', says: /a path or a file: URL, not undefined/ }) // eslint-disable-line new-cap
})

test.each(['{"core":1}', 'yes', '3', 'core:3'])('PINO_PINNED=%s is refused with an example of what it is', (text) => {
  const error = refused(() => readEnvironment(text), { type: 'RangeError', option: 'PINO_PINNED', value: text, says: /such as 'core=3,capacity=16mb,wait=spin', not / })
  expect(error.message).toMatch(/^option 'PINO_PINNED' must be a list of options with their values/)
})

test('a target that nobody can find names where it was looked for: the files of the user, each once', () => {
  let error: Error | undefined
  try { transport({ target: 'no-such-target' }) } catch (thrown) { error = thrown as Error }
  const [, places] = /can be resolved from (.*)$/.exec(error!.message)!
  expect(places!.split(', ')[0]).toBe(__filename)
  expect(places).not.toMatch(/node:|pino-pinned\/dist/)
  expect(new Set(places!.split(', ')).size).toBe(places!.split(', ').length)
})

test.each<[string, TransportOptions]>([
  ['nested', { reserve: { level: 'x' as never } }],
  ['of a list', { core: [0, 'x' as never] }],
  ['that nobody knows', { destinatoin: 'app.log' } as never]
])('the call stack of an error about an option %s begins where it was written', (_, options) => {
  let error: Error | undefined
  try { transport(options) } catch (thrown) { error = thrown as Error }
  const [message, door, caller] = error!.stack!.split('\n')
  expect(message).toContain(error!.message)
  expect(door).toMatch(/at .*transport /)
  expect(caller).toContain(__filename)
})
