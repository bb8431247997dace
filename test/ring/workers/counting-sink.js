'use strict'

// Takes numbered lines (`<number> <padding of number % 97 digits>`) and notices (`!<lines>`) from a ring and checks
// each: in order, whole, once, and where numbers are missing a notice tells exactly how many.

const { parentPort, workerData } = require('node:worker_threads')
const { requireSource } = require('../../support/source')

const { openRing } = requireSource('ring/layout')
const { Consumer } = requireSource('ring/consumer')

const { shared, published, done, levelSlots } = workerData
const ring = openRing(shared)
const consumer = new Consumer(ring, (counts) => `!${counts.subarray(0, levelSlots).reduce((sum, count) => sum + count, 0)}\n`)
const SPACE = 32
const NEWLINE = 10
const MARK = 33

let next = 0
let missing = 0
let lines = 0
let gaps = 0
let checksum = 0
let wrong = null

function check (bytes, at, end) {
  while (at < end && wrong === null) {
    const isNotice = bytes[at] === MARK
    if (isNotice) at++
    let number = 0
    for (; bytes[at] >= 48 && bytes[at] <= 57; at++) number = number * 10 + bytes[at] - 48
    if (isNotice) {
      missing += number
      gaps++
    } else {
      if (number !== next + missing) wrong = `line ${number} after line ${next - 1} and ${missing} dropped`
      if (bytes[at++] !== SPACE) wrong ??= `line ${number} has no space`
      for (let i = 0; i < number % 97; i++) {
        if (bytes[at++] !== 97 + (number + i) % 26) wrong ??= `line ${number} is torn at ${i}`
      }
      checksum = (Math.imul(checksum, 31) + number) | 0
      next = number + 1
      missing = 0
      lines++
    }
    if (bytes[at++] !== NEWLINE) wrong ??= `what comes after ${next - 1} has no newline`
  }
}

parentPort.postMessage('up')
for (;;) {
  const isDone = Atomics.load(ring.words, done) === 1
  if (consumer.gather()) {
    check(ring.bytes, consumer.batchStart, consumer.batchStop)
    consumer.took(consumer.batchStop - consumer.batchStart)
    consumer.release()
  } else if (isDone) {
    break
  } else {
    Atomics.wait(ring.words, published, consumer.published, 1)
  }
}
parentPort.postMessage({ lines, next, missing, gaps, checksum, wrong })
