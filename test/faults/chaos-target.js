'use strict'

/** The chaos run's transport: what it is handed stands in the file at once, unless it has enough (the file `stall` is there). */

const { appendFileSync, existsSync } = require('node:fs')
const { Writable } = require('node:stream')
const { parentPort } = require('node:worker_threads')

const LOOK_MS = 5

module.exports = async ({ path, stall }) => {
  const stream = new Writable({
    decodeStrings: false,
    write (chunk, encoding, callback) {
      if (!existsSync(stall)) {
        appendFileSync(path, chunk)
        return callback()
      }
      setTimeout(() => this._write(chunk, encoding, callback), LOOK_MS)
    }
  })
  parentPort.on('message', ({ die }) => {
    switch (die) {
      case 'throws': throw new Error('on purpose')
      case 'rejects': return Promise.reject(new Error('on purpose'))
      case 'exits': return process.exit(3)
      case 'errs': return stream.emit('error', new Error('on purpose'))
      case 'closes': return stream.destroy()
    }
  })
  return stream
}

module.exports.WAYS = ['throws', 'rejects', 'exits', 'errs', 'closes']
