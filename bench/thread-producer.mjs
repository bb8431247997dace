// One of several threads that log at once (measures/threads.mjs).
import { createRequire } from 'node:module'
import { parentPort, workerData } from 'node:worker_threads'
import pino from 'pino'

const require = createRequire(import.meta.url)
const { way, file, handle, gate, lines } = workerData

const streams = {
  attached: () => require('../dist/index.js').attach(handle),
  transports: () => pino.transport({ target: 'pino/file', options: { destination: file } }),
  funnel: () => ({ write: (line) => parentPort.postMessage(line) })
}
const stream = streams[way]()
const logger = pino({}, stream)
const log = (i) => logger.info({ symbol: 'AAPL', price: 150, i }, '[MD] Tick')

if (way === 'transports') await new Promise((resolve) => stream.once('ready', resolve))
Atomics.sub(gate, 0, 1)
let seen
while ((seen = Atomics.load(gate, 0)) !== 1) Atomics.wait(gate, 0, seen)
const started = process.hrtime.bigint()
for (let i = 0; i < lines; i++) log(i)
parentPort.postMessage({ nsPerLine: Number(process.hrtime.bigint() - started) / lines })
