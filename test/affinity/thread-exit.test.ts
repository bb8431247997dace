import { once, startWorker, theAddon } from './support'
import type { Worker } from 'node:worker_threads'

theAddon()
const READY = 0
const GONE = 1

interface Dying { words: Int32Array, worker: Worker, exited: Promise<unknown>, errors: Array<Error & { code?: string }> }

/** A worker that registers its last word and then runs `code`; ready when it has set `words[READY]`. */
async function startDying (code: string, resourceLimits?: { maxOldGenerationSizeMb: number }): Promise<Dying> {
  const words = new Int32Array(new SharedArrayBuffer(64))
  const errors: Error[] = []
  const worker = startWorker(`
    const words = workerData
    addon.storeAtThreadExit(words, ${GONE}, -7)
    if (Atomics.load(words, ${GONE}) !== 0) throw new Error('stored too early')
    Atomics.store(words, ${READY}, 1)
    ${code}
  `, words, resourceLimits)
  worker.on('error', (error) => { errors.push(error) })
  const exited = new Promise((resolve) => worker.on('exit', resolve))
  await once(worker, 'online')
  while (Atomics.load(words, READY) === 0 && errors.length === 0) await new Promise((resolve) => setTimeout(resolve, 1))
  return { words, worker, exited, errors }
}

describe('the last word of a thread is stored', () => {
  test('when its code has come to an end', async () => {
    const { words, exited, errors } = await startDying('')
    await exited
    expect({ gone: words[GONE], errors }).toEqual({ gone: -7, errors: [] })
  })

  test('when it called process.exit', async () => {
    const { words, exited } = await startDying('process.exit(3)')
    expect(await exited).toBe(3)
    expect(words[GONE]).toBe(-7)
  })

  test('when it threw', async () => {
    const { words, exited, errors } = await startDying("throw new Error('planned')")
    await exited
    expect({ gone: words[GONE], error: errors[0]?.message }).toEqual({ gone: -7, error: 'planned' })
  })

  test('when it is terminated in Atomics.wait, and not before', async () => {
    const { words, worker } = await startDying('Atomics.wait(words, 8, 0)')
    expect(words[GONE]).toBe(0)
    await worker.terminate()
    expect(words[GONE]).toBe(-7)
  })

  test('when it is terminated in a busy loop', async () => {
    const { words, worker } = await startDying('for (;;);')
    expect(words[GONE]).toBe(0)
    await worker.terminate()
    expect(words[GONE]).toBe(-7)
  })

  test('when it is terminated in its event loop, with timers and a file request under way', async () => {
    const { words, worker } = await startDying("setInterval(() => {}, 1); const again = () => fs.stat('/', again); again()")
    expect(words[GONE]).toBe(0)
    await worker.terminate()
    expect(words[GONE]).toBe(-7)
  })

  test('when it ran out of memory', async () => {
    const hoard = 'const hoard = []; for (;;) hoard.push(new Array(1000).fill({}).map(() => ({ a: {} })))'
    const { words, exited, errors } = await startDying(hoard, { maxOldGenerationSizeMb: 16 })
    await exited
    expect({ gone: words[GONE], code: errors[0]?.code }).toEqual({ gone: -7, code: 'ERR_WORKER_OUT_OF_MEMORY' })
  })

  test('for everyone who waits in this thread without an event loop: a poll sees it', async () => {
    const { words, worker } = await startDying('for (;;);')
    const asked = worker.terminate() // from here on nothing of ours runs an event loop
    const until = Date.now() + 10_000
    while (Atomics.load(words, GONE) === 0 && Date.now() < until) Atomics.wait(words, 8, 0, 1)
    expect(words[GONE]).toBe(-7)
    await asked
  })

  test('in every place it was registered for, once each', async () => {
    const { words, exited } = await startDying(`
      for (let i = 4; i < 12; i++) addon.storeAtThreadExit(words, i, i * 1000)
      addon.storeAtThreadExit(words.subarray(12), 1, 2147483647)
      addon.storeAtThreadExit(words, 14, -2147483648)
    `)
    await exited
    expect([...words.subarray(4)]).toEqual([4000, 5000, 6000, 7000, 8000, 9000, 10000, 11000, 0, 2147483647, -2147483648, 0])
  })
})

test('of one word it can be taken back, by the thread that said it: it is not stored, and its words are not kept', async () => {
  const words = new Int32Array(new SharedArrayBuffer(64))
  const worker = startWorker(`
    require('node:v8').setFlagsFromString('--expose-gc')
    const collect = require('node:vm').runInNewContext('gc')
    for (const at of [1, 2, 3]) addon.storeAtThreadExit(workerData, at, 5)
    addon.cancelStoreAtThreadExit(workerData.subarray(2), 0)
    addon.cancelStoreAtThreadExit(workerData, 2) // nothing is left to take back
    const make = () => {
      const words = new Int32Array(new SharedArrayBuffer(1 << 20))
      addon.storeAtThreadExit(words, 5, 1)
      addon.cancelStoreAtThreadExit(words, 5)
      return new WeakRef(words)
    }
    const dropped = make()
    parentPort.once('message', () => { collect(); parentPort.postMessage(dropped.deref() !== undefined) })
  `, words)
  const exited = once(worker, 'exit')
  await once(worker, 'online')
  theAddon().cancelStoreAtThreadExit(words, 3) // another thread's
  worker.postMessage('go on')
  expect(await once(worker, 'message')).toEqual([false])
  await exited
  expect([...words.subarray(0, 5)]).toEqual([0, 5, 0, 5, 0])
})

test('words that nobody else holds are kept until the last word is stored', async () => {
  const worker = startWorker(`
    require('node:v8').setFlagsFromString('--expose-gc')
    const collect = require('node:vm').runInNewContext('gc')
    const make = (isKept) => {
      const words = new Int32Array(new SharedArrayBuffer(1 << 20))
      if (isKept) addon.storeAtThreadExit(words, 5, 1)
      return new WeakRef(words)
    }
    const kept = make(true)
    const dropped = make(false)
    setTimeout(() => { collect(); parentPort.postMessage([kept.deref() !== undefined, dropped.deref() !== undefined]) }, 1)
  `, null)
  const exited = once(worker, 'exit')
  expect(await once(worker, 'message')).toEqual([[true, false]])
  expect(await exited).toEqual([0])
})
