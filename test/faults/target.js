'use strict'

/**
 * A pino transport that goes wrong as told. It appends each line to `path` at once, so that what it was handed is there.
 * `dies`: how, at the line numbered `at`, or with that text; only the first time, unless `always`, or the first `times` times
 * that it is loaded. `lagMs`: it says so late that it took a line.
 */

const { appendFileSync, existsSync, readFileSync, writeFileSync } = require('node:fs')
const { Writable } = require('node:stream')
const { parentPort } = require('node:worker_threads')

const WAYS = {
  'calls process.exit()': () => process.exit(3),
  throws: () => { throw new Error('on purpose') },
  'throws null': () => { throw null }, // eslint-disable-line no-throw-literal
  'throws later': (stream, callback) => { setTimeout(() => { throw new Error('on purpose') }) },
  'rejects a promise': () => { Promise.reject(new Error('on purpose')) },
  'rejects with what has no text': () => { Promise.reject(Object.create(null)) },
  'rejects with what cannot be copied': () => { Promise.reject(Object.assign(new Error('on purpose'), { cause: () => {} })) },
  "emits 'error'": (stream) => { stream.emit('error', new Error('on purpose')) },
  'calls back with an error': (stream, callback) => { callback(new Error('on purpose')) },
  'closes early': (stream) => { stream.destroy() },
  'runs out of memory': () => { for (let chain = null; ;) chain = { chain, n: [1, 2, 3] } }
}

module.exports = async ({ path, dies, at, always = false, times = 0, stallsUntil, lagMs, neverCallsBack = false, flush, more }) => {
  const isFirst = !existsSync(path + '.died')
  appendFileSync(path + '.loads', JSON.stringify(more ?? null) + '\n')
  const loads = readFileSync(path + '.loads', 'utf8').split('\n').length - 1
  parentPort.on('message', (message) => appendFileSync(path + '.messages', JSON.stringify(message) + '\n'))
  const mark = typeof at === 'string' ? at : `"n":${at},`
  const stream = new Writable({
    decodeStrings: false,
    highWaterMark: 16 * 1024, // Node's own is four times that from 22 on
    write (chunk, encoding, callback) {
      if (neverCallsBack) return
      if (dies !== undefined && chunk.includes(mark) && (isFirst || always || loads <= times)) {
        writeFileSync(path + '.died', '')
        return WAYS[dies](stream, callback)
      }
      if (stallsUntil === undefined || existsSync(stallsUntil)) {
        appendFileSync(path, chunk)
        if (lagMs === undefined) callback()
        else setTimeout(callback, lagMs)
        return
      }
      appendFileSync(path + '.stalled', '.')
      const timer = setInterval(() => {
        if (!existsSync(stallsUntil)) return
        clearInterval(timer)
        appendFileSync(path, chunk)
        callback()
      }, 10)
    }
  })
  if (flush === 'fails') stream.flush = (done) => done(new Error('flush on purpose'))
  if (flush === 'is silent') stream.flush = (done) => {}
  if (flush === 'throws') stream.flush = () => { throw new Error('flush on purpose') }
  return stream
}

module.exports.WAYS = Object.keys(WAYS)
