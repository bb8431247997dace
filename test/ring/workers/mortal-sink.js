'use strict'

// Writes what a ring holds into a file, bite by bite, until it is terminated or told that the producer is done.

const { openSync } = require('node:fs')
const { parentPort, workerData } = require('node:worker_threads')
const { requireSource } = require('../../support/source')

const { addon, WriteMode } = requireSource('affinity/addon')
const { openRing } = requireSource('ring/layout')
const { Consumer } = requireSource('ring/consumer')

const { shared, path, published, done, batchTaken } = workerData
const ring = openRing(shared)
const words = ring.words
const consumer = new Consumer(ring, () => null)
const fd = openSync(path, 'a')

parentPort.postMessage('up')
for (let bite = 1; ; bite = bite * 7 % 8191 + 1) {
  const isDone = Atomics.load(words, done) === 1
  if (consumer.gather()) {
    while (consumer.hasBatch) {
      const from = consumer.batchStart
      const to = Math.min(consumer.batchStop, from + bite)
      consumer.took(addon.writeFd(fd, ring.bytes, from, to, WriteMode.File, words, batchTaken), true)
    }
    consumer.release()
  } else if (isDone) {
    break
  } else {
    Atomics.wait(words, published, consumer.published, 1)
  }
}
