'use strict'

// Ends threads at any moment while they load the addon (argv[2]) and call every function of it, with right arguments and wrong
// ones: argv[3] workers, three at a time. With `exit` behind that, the process itself ends while the last are at it. Prints the exit codes of the workers.

const { once } = require('node:events')
const fs = require('node:fs')
const { isMainThread, parentPort, Worker, workerData } = require('node:worker_threads')

const SHARED_BYTES = 32768
const LANES = 3

/** @returns {Array<[string, unknown[][]]>} each function's name and what to call it with */
function listCalls (words) {
  const sink = fs.openSync('/dev/null', 'w')
  const line = Buffer.from('line\n')
  const layout = { capacity: 8192, dataStart: 512, headerBytes: 8, mostPayload: 1024, published: 1, quickEnd: 2, linesAccepted: 4, meta: 7 }
  const kept = { capacity: 8192, dataStart: 512, published: 1, released: 2, adopted: 3, tallied: 4, closed: 5, givenBack: -1, totalsSlot: 6, batchBase: 7, batchTaken: 8, position: 5, outputEnds: 6, totalsStride: 2, line: 1, time: 3, first: 1, last: 2 }
  const gathering = new Int32Array(new SharedArrayBuffer(64))
  gathering.set([20000, 0, 0, 0, 0x7FF00000, 512, 8192, 1024, 9736, 20000, 7, 3], 3) // as f64 the time Infinity
  const second = (get) => Object.defineProperty([0, 0], 1, { get })
  const throwing = () => { throw 5 } // eslint-disable-line no-throw-literal
  const slow = () => { for (let n = 0; n < 50_000; n++); return 0 }
  return Object.entries({
    pinThread: [[], [[]], [[-1]], [['x']], [[65000]], [[0]], [second(throwing)], [second(slow)], [Array.from({ length: 500 }, (_, n) => n)]],
    moveThread: [[], [0, [0]], [process.pid, []], [process.pid, second(throwing)], [process.pid, second(slow)], [2 ** 31 - 1, [0]]],
    threadIds: [[]],
    unpinThread: [[]],
    threadAffinity: [[]],
    initialAffinity: [[]],
    permittedCores: [[]],
    currentCore: [[]],
    threadCpuMs: [[]],
    threadId: [[]],
    setThreadName: [[], [''], ['name'], ['\u4e16'.repeat(100)]],
    setThreadPriority: [[], [99], [0.5], [0]],
    storeAtThreadExit: [[], [words, -1], [words, 0, 'x'], [new Int32Array(4), 0, 0], [words, 3, 1]],
    cancelStoreAtThreadExit: [[], [words, -1], [words, 3]],
    claim: [[], ['a'], ['b']],
    sinkOpened: [[], ['a'], ['d']],
    keepEnd: [[], ['a'], ['a', sink], ['b', sink], ['d', sink], ['a', -1], ['a', 2 ** 30]],
    keptEnd: [[], ['a']],
    unreadBytes: [[], [0]],
    release: [[], ['a', false], ['c', true]],
    measureLine: [[], ['line'], ['x'.repeat(5000)]],
    createPublisher: [[], [words, 5], [words, {}], [words, { ...layout, get meta () { return slow() } }], [words, { ...layout, get meta () { return throwing() } }], [words, layout]],
    gatherLines: [[], [words, words, 0, 0, 0], [words, gathering, 0, 8, 0], [words, gathering, 0, 'x'], [words, gathering, 0, 4096, 9736]],
    keepRing: [[], [words, 'a', {}], [words, 'a', { ...kept, get closed () { return slow() } }], [words, 'a', kept, {}], [words, 'a', kept, '/dev/null', -1], [words, 'a', kept, '/dev/null', 0o644, 1], [words, 'a', kept, '/dev/null', 0o644, false]],
    keepRingToo: [[], [words]],
    letRingGo: [[], [words]],
    inherit: [[], ['a']],
    writeFd: [[], [-1], [sink, 'x'], [sink, line, 0, 9], [sink, line, 0, 5, 9, words, 0], [sink, line, 0, 5, 0, words, 8]]
  })
}

function callForEver (addonPath, words) {
  const addon = require(addonPath)
  const calls = listCalls(words)
  const missing = Object.keys(addon).filter((name) => typeof addon[name] === 'function' && !calls.some(([listed]) => listed === name))
  if (missing.length > 0) throw new Error(`listCalls knows nothing of ${missing.join(', ')}`)
  parentPort.postMessage('calling')
  for (let turn = 0; ; turn++) {
    for (const [name, lists] of calls) {
      for (const args of lists) {
        // What each successful call of these leaves behind stays until the thread ends.
        if ((name === 'storeAtThreadExit' || name === 'createPublisher') && args === lists.at(-1) && turn % 16 > 0) continue
        try { addon[name](...args) } catch {}
      }
    }
  }
}

const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms))

async function endAll (addonPath, count, isExiting) {
  const codes = new Set()
  const endOne = async (n) => {
    const words = new Int32Array(new SharedArrayBuffer(SHARED_BYTES))
    const worker = new Worker(__filename, { workerData: { addonPath, words } })
    // One of four while it still loads the addon.
    await once(worker, n % 4 === 0 ? 'online' : 'message')
    await sleep(Math.random() * 4)
    if (isExiting && n === count - 1) process.exit()
    codes.add(await worker.terminate())
  }
  const lane = async (first) => { for (let n = first; n < count; n += LANES) await endOne(n) }
  await Promise.all(Array.from({ length: LANES }, (_, n) => lane(n)))
  console.log(JSON.stringify([...codes]))
}

if (isMainThread) endAll(process.argv[2], Number(process.argv[3]), process.argv[4] === 'exit')
else callForEver(workerData.addonPath, workerData.words)
