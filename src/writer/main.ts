import { workerData } from 'node:worker_threads'
import { addon } from '../affinity/addon'
import { WriterWord } from '../ring/layout'
import type { WriterData } from '../writer-data'
import { FdWriter } from './fd-writer'
import { takePlace } from './place'
import { WriterThread } from './thread'

const { block: shared, generation } = workerData as WriterData
const block = new Int32Array(shared)

// First of all: from here on the owner learns that this thread is gone, however it goes.
addon?.storeAtThreadExit(block, WriterWord.Gone, generation)
if (addon === undefined) process.once('exit', () => { Atomics.store(block, WriterWord.Gone, generation) })
// Pairs with the compare-exchange in the supervisor: a thread that took too long to come up finds that another has its place.
if (Atomics.compareExchange(block, WriterWord.Claim, generation * 2, generation * 2 + 1) === generation * 2) write()

function write (): void {
  const thread = new WriterThread()
  takePlace(thread)
  const { sink } = thread.data
  if (sink.kind === 'fd') {
    new FdWriter(thread, sink).run()
  } else {
    // A writer to a file does without.
    const { StreamWriter } = require('./stream-writer') as typeof import('./stream-writer')
    new StreamWriter(thread, sink).run()
  }
}
