// A hot loop that logs at high rate, and what the logger did meanwhile.
import { unlinkSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createHistogram } from 'node:perf_hooks'
import pino from 'pino'
import { transport } from 'pino-pinned'
import { allowedCores, pinThread } from 'pino-pinned/affinity'

const LINES = 100_000
const file = join(tmpdir(), `trading-loop-${process.pid}.log`)
const cores = allowedCores()

// The writer gets the last core, the hot loop the first: with one core only, both stay where the system puts them.
const stream = transport({ destination: file, core: 'auto' })
if (cores.length > 1) pinThread(cores.slice(0, -1))
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

logger.flush((error) => {
  const { linesAccepted, linesDropped, linesWritten, pinned, writerCpuMs } = stream.stats()
  const micros = (percentile) => `${(calls.percentile(percentile) / 1000).toFixed(1)} µs`
  console.log(`lines logged   ${linesAccepted + linesDropped}`)
  console.log(`lines dropped  ${linesDropped}`)
  console.log(`lines written  ${linesWritten}, ${statSync(file).size} bytes${error ? ` (${error.message})` : ''}`)
  console.log(`per call       p50 ${micros(50)}, p99 ${micros(99)}, max ${(calls.max / 1000).toFixed(1)} µs`)
  console.log(`writer         ${pinned === null ? 'not pinned' : `on core ${pinned.join(', ')} of ${cores.join(', ')}`}, ${writerCpuMs.toFixed(0)} ms of CPU time`)
  stream.once('close', () => unlinkSync(file))
  stream.end()
})
