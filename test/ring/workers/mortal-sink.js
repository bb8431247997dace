'use strict'

// Copies what a ring holds into shared memory, bite by bite, until it is terminated or told that the producer is done.

const { parentPort, workerData } = require('node:worker_threads')
const { openRing } = require('../../../dist/ring/layout.js')
const { Consumer } = require('../../../dist/ring/consumer.js')

const { shared, file, published, done, batchTaken } = workerData
const ring = openRing(shared)
const words = ring.words
const consumer = new Consumer(ring, () => null)
const length = new Int32Array(file, 0, 1)
const bytes = new Uint8Array(file, 8)

parentPort.postMessage('up')
for (let bite = 1; ; bite = bite * 7 % 8191 + 1) {
  const isDone = Atomics.load(words, done) === 1
  if (consumer.gather()) {
    while (consumer.hasBatch) {
      const from = consumer.batchStart
      const count = Math.min(consumer.batchStop - from, bite)
      const taken = from + count - ring.gatherStart
      const end = length[0] + count
      bytes.set(ring.bytes.subarray(from, from + count), length[0])
      // As the addon does after write(2), in one straight line: what was copied is in the file from here on.
      Atomics.store(length, 0, end)
      Atomics.store(words, batchTaken, taken)
      consumer.took(count, true)
    }
    consumer.release()
  } else if (isDone) {
    break
  } else {
    Atomics.wait(words, published, consumer.published, 1)
  }
}
