import { spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { packageRoot, runNode, startWorker, theAddon } from './support'

const addon = theAddon()
const functions = Object.entries(addon).filter(([, value]) => typeof value === 'function').map(([name]) => name)
const addonPath = (require('node-gyp-build') as { resolve: (directory: string) => string }).resolve(packageRoot)

/** Always the same calls: what fails here fails again. */
const SEED = 20251122

test('whatever a function of the addon is called with, it does its work or throws an error with a code, and touches no other memory', () => {
  const { status, signal, stdout, stderr } = spawnSync(process.execPath, [join(__dirname, 'fuzz-calls.js'), addonPath, `${SEED}`], { encoding: 'utf8' })
  // What is on stderr ends with the function under way.
  expect({ status, signal, stderr }).toEqual({ status: 0, signal: null, stderr: functions.map((name) => `${name} `).join('') })
  const came = JSON.parse(stdout) as Record<string, Record<string, number>>
  expect(Object.keys(came)).toEqual(functions)
  // Calls that all fail, or all succeed, would show little.
  for (const name of ['pinThread', 'setThreadName', 'setThreadPriority', 'storeAtThreadExit', 'cancelStoreAtThreadExit', 'createPublisher', 'gatherLines', 'keepRing', 'writeFd']) {
    expect([name, came[name]]).toEqual([name, expect.objectContaining({ done: expect.any(Number), TypeError: expect.any(Number), RangeError: expect.any(Number) })])
  }
}, 300_000)

test('an error where the stack has no room for one is the stack\'s own, and the next call works', () => {
  const printed = runNode(`
    const calls = [
      () => addon.pinThread([-1]), () => addon.pinThread(5), () => addon.setThreadName(5), () => addon.setThreadPriority(99), () => addon.threadAffinity(),
      () => addon.storeAtThreadExit(5, 0, 0), () => addon.createPublisher(5, {}), () => addon.gatherLines(5), () => addon.keepRing(5, '', {}), () => addon.inherit(5), () => addon.measureLine(5), () => addon.writeFd && addon.writeFd(-1)
    ]
    // Up again a frame at a time, so that each call is tried with every little room there is.
    const deep = (call) => { try { deep(call) } catch {} try { call() } catch {} }
    const once = (call) => { try { once(call) } catch { call() } }
    for (const call of calls) { try { once(call) } catch {} }
    let depth = 0
    const some = (call) => { try { depth++ < 20000 && some(call) } catch {} if (depth-- > 0 && depth > 5000) return; try { call() } catch {} }
    for (const call of calls) { depth = 0; some(call) }
    print(addon.threadAffinity().length > 0)
  `, { timeoutMs: 170_000 })
  expect(printed).toEqual([true])
}, 180_000)

test.each([
  ['an element of cores', 'addon.pinThread(Object.defineProperty([0], 0, { get: endless }))'],
  ['a property of a layout', 'addon.createPublisher(new Int32Array(new SharedArrayBuffer(64)), Object.defineProperty({}, "capacity", { get: endless }))']
])('a worker terminated inside %s ends, and the process goes on', async (_, call) => {
  const worker = startWorker(`
    const endless = () => { parentPort.postMessage('inside'); for (;;); }
    ${call}
  `, null)
  await once(worker, 'message')
  expect(await worker.terminate()).toBe(1)
  expect(addon.threadAffinity()).toEqual(addon.initialAffinity())
})

const endThreads = (...args: string[]): Ended => {
  const { status, signal, stdout, stderr } = spawnSync(process.execPath, [join(__dirname, 'ending-threads.js'), addonPath, ...args], { encoding: 'utf8' })
  return { status, signal, stdout, stderr }
}
interface Ended { status: number | null, signal: string | null, stdout: string, stderr: string }

test('workers terminated at any moment, while the addon loads and while it is called, end alone', () => {
  expect(endThreads('120')).toEqual({ status: 0, signal: null, stdout: '[1]\n', stderr: '' })
}, 300_000)

test('a process that exits while its workers load and call the addon ends well', () => {
  for (let n = 0; n < 5; n++) expect(endThreads('6', 'exit')).toEqual({ status: 0, signal: null, stdout: '', stderr: '' })
}, 300_000)

test.each([
  ['a getter in cores', 'addon.pinThread(Object.defineProperty([0], 0, { get: endless }))'],
  ['a getter in a layout', 'addon.createPublisher(new Int32Array(new SharedArrayBuffer(64)), Object.defineProperty({}, "capacity", { get: endless }))'],
  ['a setter in Array.prototype', 'Object.defineProperty(Array.prototype, 0, { set: endless, configurable: true }); addon.threadAffinity()'],
  ['a setter of the code of errors', 'Object.defineProperty(Error.prototype, "code", { set: endless, configurable: true }); addon.pinThread()'],
  ['a setter of what system errors have', 'Object.defineProperty(Error.prototype, "errno", { set: endless, configurable: true }); addon.pinThread([65000])']
])('%s that a vm timeout ends gives that timeout, and the next call works', (_, call) => {
  const printed = runNode(`
    const run = () => {
      const endless = () => { for (;;); }
      ${call}
    }
    try {
      require('node:vm').runInNewContext('run()', { run }, { timeout: 50 })
    } catch (error) {
      delete Array.prototype[0]
      delete Error.prototype.code
      delete Error.prototype.errno
      print(error.code)
    }
    print(addon.threadAffinity().length > 0)
  `)
  expect(printed).toEqual(['ERR_SCRIPT_EXECUTION_TIMEOUT', true])
})

test.each([
  ['code', [true, true, true]],
  ['errno', [false, false, true]]
])('an error whose prototype has a setter for its %s that throws is what that throws', (name, isThrown) => {
  const printed = runNode(`
    Object.defineProperty(Error.prototype, '${name}', { set () { throw 5 } })
    const calls = [() => addon.pinThread(), () => addon.setThreadPriority(99), () => addon.pinThread([65000])]
    print(calls.map((call) => { try { call() } catch (error) { return error === 5 } }))
  `)
  expect(printed).toEqual([isThrown])
})

test('a name is as long as a text may be, and is cut like any other', () => {
  const printed = runNode(`
    addon.setThreadName('\\u4e16'.repeat(2 ** 29 - 25))
    print(fs.readFileSync('/proc/thread-self/comm', 'utf8').trim())
  `, { timeoutMs: 170_000 })
  expect(printed).toEqual(['世世世世世'])
}, 180_000)
