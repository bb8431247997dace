// Eight workers of a pool log through one pinned writer: each has a ring of its own, none waits for another.
import { readFileSync, unlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { isMainThread, threadId } from 'node:worker_threads'
import pino from 'pino'
import Piscina, { workerData } from 'piscina'
import { attach, transport } from 'pino-pinned'

const WORKERS = 8
const TASKS = 200

// Once a thread, not once a task: a stream is a ring.
const logger = isMainThread ? undefined : pino({ base: { threadId } }, attach(workerData))

export default function task (number) {
  logger.info({ number }, 'task begins')
  let sum = 0
  for (let i = 0; i < 10_000; i++) sum += i % number
  logger.info({ number, sum }, 'task ends')
}

if (isMainThread) {
  const file = join(tmpdir(), `piscina-pool-${process.pid}.log`)
  const stream = transport({ destination: file, core: 'auto', capacity: '1mb' })
  const pool = new Piscina({ filename: fileURLToPath(import.meta.url), minThreads: WORKERS, maxThreads: WORKERS, workerData: stream.handle() })
  await Promise.all(Array.from({ length: TASKS }, (_, at) => pool.run(at + 1)))
  const { producers } = stream.stats()
  await pool.close()
  await new Promise((resolve) => stream.once('close', resolve).end())

  const { linesDropped, linesWritten, pinned } = stream.stats()
  for (const { name, threadId, accepted } of producers) if (threadId !== 0) console.log(`${name.padEnd(12)} ${accepted} lines`)
  console.log(`lines written  ${linesWritten}, in the file ${readFileSync(file, 'utf8').trimEnd().split('\n').length}, dropped ${linesDropped}`)
  console.log(`writer         ${pinned === null ? 'not pinned' : `on core ${pinned.join(', ')}`}`)
  unlinkSync(file)
}
