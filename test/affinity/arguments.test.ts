import { theAddon } from './support'

const addon = theAddon()
const words = new Int32Array(new SharedArrayBuffer(16))
const bytes = Buffer.from('line\n')
const shared = (length: number): Int32Array => new Int32Array(new SharedArrayBuffer(4 * length))

/** Calls with arguments of any kind. */
function call (name: keyof typeof addon, ...args: unknown[]): () => unknown {
  return () => (addon[name] as (...args: unknown[]) => unknown)(...args)
}

const TYPE = { name: 'TypeError', code: 'ERR_PINO_PINNED_INVALID_ARG_TYPE' }
const RANGE = { name: 'RangeError', code: 'ERR_PINO_PINNED_OUT_OF_RANGE' }

/** Right except for one of them. */
function write (change: { [place: number]: unknown }): unknown[] {
  return Object.assign([1, bytes, 0, bytes.length, 0, words, 0], change)
}

describe('a wrong argument is an error and never a crash', () => {
  test.each<[keyof typeof addon, unknown[], object, string]>([
    ['moveThread', [], TYPE, 'threadId must be a number'],
    ['moveThread', [0, [0]], RANGE, 'threadId must be an integer from 1 to 2147483647, got 0'],
    ['moveThread', [1, 5], TYPE, 'cores must be an array'],
    ['pinThread', [], TYPE, 'cores must be an array'],
    ['pinThread', ['1'], TYPE, 'cores must be an array'],
    ['pinThread', [new Set([1])], TYPE, 'cores must be an array'],
    ['pinThread', [[]], RANGE, 'cores must name 1 to 65536 cores, got 0'],
    ['pinThread', [['1']], TYPE, 'cores[0] must be a number'],
    ['pinThread', [[0, undefined]], TYPE, 'cores[1] must be a number'],
    ['pinThread', [[1n]], TYPE, 'cores[0] must be a number'],
    ['pinThread', [[Symbol('core')]], TYPE, 'cores[0] must be a number'],
    ['pinThread', [[-1]], RANGE, 'cores[0] must be an integer from 0 to 65535, got -1'],
    ['pinThread', [[0.5]], RANGE, 'got 0.5'],
    ['pinThread', [[NaN]], RANGE, 'got nan'],
    ['pinThread', [[Infinity]], RANGE, 'got inf'],
    ['pinThread', [[65536]], RANGE, 'got 65536'],
    ['setThreadName', [], TYPE, 'name must be a string'],
    ['setThreadName', [1], TYPE, 'name must be a string'],
    ['setThreadName', [''], RANGE, 'a character at least'],
    ['setThreadName', ['a\0b'], RANGE, 'no NUL'],
    ['setThreadPriority', [], TYPE, 'nice must be a number'],
    ['setThreadPriority', [null], TYPE, 'nice must be a number'],
    ['setThreadPriority', [20], RANGE, 'nice must be an integer from -20 to 19, got 20'],
    ['setThreadPriority', [-21], RANGE, 'got -21'],
    ['setThreadPriority', [0.1], RANGE, 'got 0.1'],
    ['storeAtThreadExit', [], TYPE, 'words must be an Int32Array over a SharedArrayBuffer'],
    ['storeAtThreadExit', [new Int32Array(4), 0, 1], TYPE, 'over a SharedArrayBuffer'],
    ['storeAtThreadExit', [new Uint32Array(words.buffer), 0, 1], TYPE, 'Int32Array'],
    ['storeAtThreadExit', [words.buffer, 0, 1], TYPE, 'Int32Array'],
    ['storeAtThreadExit', [new DataView(words.buffer), 0, 1], TYPE, 'Int32Array'],
    ['storeAtThreadExit', [shared(0), 0, 1], RANGE, 'words must not be empty'],
    ['storeAtThreadExit', [words, 4, 1], RANGE, 'index must be an integer from 0 to 3, got 4'],
    ['storeAtThreadExit', [words, -1, 1], RANGE, 'got -1'],
    ['storeAtThreadExit', [words, 0], TYPE, 'value must be a number'],
    ['storeAtThreadExit', [words, 0, 2 ** 31], RANGE, 'value must be an integer from -2147483648 to 2147483647'],
    ['cancelStoreAtThreadExit', [new Int32Array(4), 0], TYPE, 'over a SharedArrayBuffer'],
    ['cancelStoreAtThreadExit', [words, 4], RANGE, 'index must be an integer from 0 to 3, got 4'],
    ['claim', [], TYPE, 'key must be a string'],
    ['claim', [1], TYPE, 'key must be a string'],
    ['sinkOpened', [], TYPE, 'key must be a string'],
    ['sinkOpened', [1], TYPE, 'key must be a string'],
    ['release', [{}], TYPE, 'key must be a string'],
    ['writeFd', [], TYPE, 'fd must be a number'],
    ['writeFd', write({ 0: -1 }), RANGE, 'fd must be an integer from 0 to 2147483647, got -1'],
    ['writeFd', write({ 1: 'line' }), TYPE, 'bytes must be a Uint8Array'],
    ['writeFd', write({ 1: new Uint16Array(8) }), TYPE, 'bytes must be a Uint8Array'],
    ['writeFd', write({ 2: 6 }), RANGE, 'from must be an integer from 0 to 5, got 6'],
    ['writeFd', write({ 2: 3, 3: 2 }), RANGE, 'from must be an integer from 0 to 2, got 3'],
    ['writeFd', write({ 3: 6 }), RANGE, 'to must be an integer from 0 to 5, got 6'],
    ['writeFd', write({ 3: undefined }), TYPE, 'to must be a number'],
    ['writeFd', write({ 4: 4 }), RANGE, 'mode must be an integer from 0 to 3, got 4'],
    ['writeFd', write({ 5: new Int32Array(4) }), TYPE, 'words must be an Int32Array over a SharedArrayBuffer'],
    ['writeFd', write({ 6: 4 }), RANGE, 'takenIndex must be an integer from 0 to 3, got 4']
  ])('%s: %#', (name, args, kind, message) => {
    expect(call(name, ...args)).toThrow(expect.objectContaining(kind))
    expect(call(name, ...args)).toThrow(message)
  })

  test('an array of four thousand million elements is refused without a look at them', () => {
    expect(call('pinThread', new Array(2 ** 32 - 1))).toThrow('cores must name 1 to 65536 cores, got 4294967295')
  })

  test('an array whose elements throw passes on what they throw', () => {
    const hostile = Object.defineProperty([1, 2], 1, { get () { throw new Error('hostile') } })
    expect(call('pinThread', hostile)).toThrow('hostile')
  })

  test('bytes whose buffer was taken away have no length', () => {
    const taken = new Uint8Array(8)
    structuredClone(taken.buffer, { transfer: [taken.buffer] })
    expect(call('writeFd', ...write({ 1: taken, 3: 1 }))).toThrow('to must be an integer from 0 to 0, got 1')
    expect(addon.writeFd!(1, taken, 0, 0, 0, words, 0)).toBe(0)
  })

  test('wrong calls left nothing behind: nothing was written, nobody pinned', () => {
    expect([...words]).toEqual([0, 0, 0, 0])
    expect(addon.threadAffinity()).toEqual(addon.initialAffinity())
  })
})
