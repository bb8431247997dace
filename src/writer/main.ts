import { addon } from '../affinity/addon'
import { WriterWord } from '../ring/layout'
import { FdWriter } from './fd-writer'
import { takePlace } from './place'
import { WriterThread } from './thread'

const thread = new WriterThread()

// First of all: from here on the owner learns that this thread is gone, however it goes.
addon?.storeAtThreadExit(thread.block, WriterWord.Gone, thread.data.generation)
if (addon === undefined) process.once('exit', () => { Atomics.store(thread.block, WriterWord.Gone, thread.data.generation) })
takePlace(thread)

const { sink } = thread.data
if (sink.kind === 'fd') {
  new FdWriter(thread, sink).run()
} else {
  // Only a target needs streams and an event loop: a writer to a file starts without them.
  const { StreamWriter } = require('./stream-writer') as typeof import('./stream-writer')
  new StreamWriter(thread, sink).run()
}
