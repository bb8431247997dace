// A hot loop in a thread of its own that logs at high rate, and what the logger did meanwhile. The loop and the log writer
// are pinned to cores of their own; the main thread does neither.
import { unlinkSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createHistogram } from 'node:perf_hooks'
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads'
import pino from 'pino'
import { attach, transport } from 'pino-pinned'
import { allowedCores, pinThread } from 'pino-pinned/affinity'

const LINES = 100_000
const cores = allowedCores()

if (isMainThread) main()
else hotLoop()

function hotLoop () {
  // The writer has the last core, the loop gets the first: with one core only, both stay where the system puts them.
  if (cores.length > 1) pinThread(cores[0])
  const stream = attach(workerData)
  const logger = pino(stream)
  const calls = createHistogram()
  for (let tick = 0; tick < LINES; tick++) {
    const before = process.hrtime.bigint()
    logger.info('[MD] Tick: AAPL @ $150.00')
    calls.record(process.hrtime.bigint() - before || 1n)
  }
  logger.info('Burst complete')
  const { linesDropped } = stream.stats()
  if (linesDropped > 0) logger.warn({ linesDropped }, 'the ring was full')
  const micros = (nanos) => `${(nanos / 1000).toFixed(1)} µs`
  parentPort.postMessage(`p50 ${micros(calls.percentile(50))}, p99 ${micros(calls.percentile(99))}, max ${micros(calls.max)}`)
}

function main () {
  const file = join(tmpdir(), `trading-loop-${process.pid}.log`)
  const stream = transport({ destination: file, core: 'auto' })
  let perCall = ''
  const loop = new Worker(new URL(import.meta.url), { workerData: stream.handle() })
  loop.on('message', (message) => { perCall = message })
  loop.on('exit', () => {
    stream.once('close', () => {
      const { linesAccepted, linesDropped, linesWritten, pinned, writerCpuMs } = stream.stats()
      console.log(`lines logged   ${linesAccepted + linesDropped}`)
      console.log(`lines dropped  ${linesDropped}`)
      console.log(`lines written  ${linesWritten}, ${statSync(file).size} bytes`)
      console.log(`per call       ${perCall}`)
      console.log(`writer         ${pinned === null ? 'not pinned' : `on core ${pinned.join(', ')} of ${cores.join(', ')}`}, ${writerCpuMs.toFixed(0)} ms of CPU time`)
      unlinkSync(file)
    })
    stream.end()
  })
}
