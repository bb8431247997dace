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
  for (const name of ['pinThread', 'setThreadName', 'setThreadPriority', 'storeAtThreadExit', 'createPublisher', 'writeFd']) {
    expect([name, came[name]]).toEqual([name, expect.objectContaining({ done: expect.any(Number), TypeError: expect.any(Number), RangeError: expect.any(Number) })])
  }
}, 300_000)

test('an error where the stack has no room for one is the stack\'s own, and the next call works', () => {
  const printed = runNode(`
    const calls = [
      () => addon.pinThread([-1]), () => addon.pinThread(5), () => addon.setThreadName(5), () => addon.setThreadPriority(99), () => addon.threadAffinity(),
      () => addon.storeAtThreadExit(5, 0, 0), () => addon.createPublisher(5, {}), () => addon.measureLine(5), () => addon.writeFd && addon.writeFd(-1)
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

test('workers terminated at any moment, while the addon loads and while it is called, end alone', () => {
  const printed = runNode(`
    const { Worker } = require('node:worker_threads')
    const code = \`
      const addon = require(\${JSON.stringify(process.argv.at(-1))})
      const attempt = (name, ...args) => { try { addon[name](...args) } catch {} }
      for (;;) { addon.threadAffinity(); attempt('pinThread', [65000]); attempt('setThreadName', 5); attempt('createPublisher', 5) }
    \`
    const round = async (ms) => {
      const worker = new Worker(code, { eval: true })
      await new Promise((resolve) => worker.once('online', resolve))
      await new Promise((resolve) => setTimeout(resolve, ms))
      return await worker.terminate()
    }
    (async () => {
      const codes = new Set()
      for (let n = 0; n < 100; n++) codes.add(await round(n % 12))
      print([...codes])
    })()
  `, { argv: [addonPath], timeoutMs: 280_000 })
  expect(printed).toEqual([[1]])
}, 300_000)

test('a name is as long as a text may be, and is cut like any other', () => {
  const printed = runNode(`
    addon.setThreadName('\\u4e16'.repeat(2 ** 29 - 25))
    print(fs.readFileSync('/proc/thread-self/comm', 'utf8').trim())
  `, { timeoutMs: 170_000 })
  expect(printed).toEqual(['世世世世世'])
}, 180_000)
