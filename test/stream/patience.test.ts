import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { check, makeFifo, Reader, until } from '../faults/support'
import { runScript, scriptFile, temporaryDirectory } from '../support/process'

const EXIT_TIMEOUT_MS = 1500

/** How often the main thread of a process has waited: each look of one who waits for the writer is followed by a wait. */
const looksOf = (pid: number): number => Number(/^voluntary_ctxt_switches:\s*(\d+)/m.exec(readFileSync(`/proc/${pid}/task/${pid}/status`, 'utf8'))![1])

test.each([
  ['flushSync', 'console.log(stream.flushSync())'],
  ['end', "stream.once('finish', () => console.log('true')).end()"],
  ['leaving', "console.log('true')"]
])('a process that is stopped for longer than exitTimeout in the midst of %s finds its patience as it left it', async (_, wait) => {
  const path = makeFifo()
  const child = spawn(process.execPath, [scriptFile(`
    const fs = require('node:fs')
    const { numbered } = require('./faults/lines')
    const stream = require('pino-pinned').transport({ destination: ${JSON.stringify(path)}, exitTimeout: ${EXIT_TIMEOUT_MS} })
    for (let n = 0; n < 2000; n++) stream.write(numbered(n)) // more than the pipe holds
    const look = () => {
      if (stream.stats().writerState !== 'stalled') return setImmediate(look)
      fs.writeSync(2, 'waits')
      ${wait}
    }
    look()`)], { stdio: ['ignore', 'pipe', 'pipe'] })
  const reader = new Reader(path)
  let stdout = ''
  child.stdout.setEncoding('utf8').on('data', (text: string) => { stdout += text })
  const closed = once(child, 'close')
  await once(child.stderr, 'data')
  const looks = looksOf(child.pid!)
  await until(() => looksOf(child.pid!) > looks + 10)
  child.kill('SIGSTOP')
  await sleep(2 * EXIT_TIMEOUT_MS) // it is the time that does the harm
  child.kill('SIGCONT')
  await sleep(EXIT_TIMEOUT_MS / 10) // it looks before there is room again
  let isClosed = false
  closed.then(() => { isClosed = true })
  await reader.takeUntil(() => isClosed)
  reader.close()
  expect({ end: await closed, stdout }).toEqual({ end: [0, null], stdout: 'true\n' })
  expect(check(reader.text)).toMatchObject({ numbers: { length: 2000 }, torn: [], repeated: 0, inOrder: true })
})

test.each([
  ['flushSync', 'console.log(stream.flushSync())'],
  ['end', "stream.once('finish', () => console.log('true')).end()"],
  ['leaving', "console.log('true')"]
])('a target that takes longer than exitTimeout to load has all of exitTimeout for its lines when %s waits for it', async (_, wait) => {
  const target = join(temporaryDirectory(), 'target.js')
  writeFileSync(target, `
    const { setTimeout: sleep } = require('node:timers/promises')
    const { Writable } = require('node:stream')
    module.exports = async () => {
      await sleep(${1.5 * EXIT_TIMEOUT_MS})
      return new Writable({ write (chunk, encoding, done) { sleep(${EXIT_TIMEOUT_MS / 4}).then(() => done()) } })
    }`)
  const { code, stdout, stderr } = await runScript(`
    const stream = require('pino-pinned').transport({ target: ${JSON.stringify(target)}, exitTimeout: ${EXIT_TIMEOUT_MS} })
    stream.write('a line\\n')
    ${wait}`)
  expect({ code, stdout, stderr }).toEqual({ code: 0, stdout: 'true\n', stderr: '' })
})

test.each([
  ['flushSync', 'console.log(stream.flushSync())'],
  ['end', "stream.once('finish', () => console.log('true')).end()"],
  ['leaving', "console.log('true')"]
])('a target that is never idle, and takes something every exitTimeout, gets all its lines when %s waits for it', async (_, wait) => {
  const target = join(temporaryDirectory(), 'target.js')
  const path = `${target}.log`
  writeFileSync(target, `
    const fs = require('node:fs')
    const { Writable } = require('node:stream')
    const fd = fs.openSync(${JSON.stringify(path)}, 'w')
    const write = (text, encoding, done) => { fs.writeSync(fd, text); setTimeout(done, ${EXIT_TIMEOUT_MS / 4}) }
    module.exports = () => new Writable({ decodeStrings: false, highWaterMark: 1, write })`)
  const { code, stdout, stderr } = await runScript(`
    const stream = require('pino-pinned').transport({ target: ${JSON.stringify(target)}, exitTimeout: ${EXIT_TIMEOUT_MS} })
    for (let n = 0; n < 400; n++) stream.write(String(n).padEnd(5000) + '\\n') // eight batches
    ${wait}`)
  expect({ code, stdout, stderr }).toEqual({ code: 0, stdout: 'true\n', stderr: '' })
  expect(readFileSync(path, 'utf8').trimEnd().split('\n').map(Number)).toEqual(Array.from({ length: 400 }, (_, n) => n))
})

test('flushSync waits no longer than it was told to for a target that is being loaded, and without a word for as long as that may take', async () => {
  const target = join(temporaryDirectory(), 'target.js')
  const path = `${target}.log`
  writeFileSync(target, `
    const { appendFileSync } = require('node:fs')
    const { Writable } = require('node:stream')
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ${2 * EXIT_TIMEOUT_MS})
    module.exports = () => new Writable({ write (chunk, encoding, done) { appendFileSync(${JSON.stringify(path)}, chunk); done() } })`)
  const { code, stdout } = await runScript(`
    const stream = require('pino-pinned').transport({ target: ${JSON.stringify(target)}, exitTimeout: ${EXIT_TIMEOUT_MS} })
    stream.write('a line\\n')
    console.log(stream.flushSync(100), stream.flushSync())`)
  expect({ code, stdout, text: readFileSync(path, 'utf8') }).toEqual({ code: 0, stdout: 'false true\n', text: 'a line\n' })
})

test.each([
  ['flushSync', 'stream.flushSync(20000)'],
  ['leaving', 'process.exit()']
])('under a clock that an application has stopped, a writer that died is replaced by %s all the same', async (_, wait) => {
  const path = join(temporaryDirectory(), 'app.log')
  const { code } = await runScript(`
    const { numbered } = require('./faults/lines')
    const stream = require('pino-pinned').transport({ destination: ${JSON.stringify(path)} })
    stream.once('ready', () => {
      const time = performance.now()
      performance.now = () => time
      for (let n = 0; n < 1000; n++) stream.write(numbered(n))
      stream.worker.terminate()
      ${wait}
    })`, { timeout: 60_000 })
  expect(code).toBe(0)
  expect(check(readFileSync(path, 'utf8'))).toMatchObject({ numbers: { length: 1000 }, torn: [] })
})
