import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdirSync, readFileSync, renameSync, statSync, symlinkSync, truncateSync } from 'node:fs'
import { join } from 'node:path'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { runScript, scriptFile, temporaryDirectory } from '../support/process'

/** The numbers in front of the lines of these files, in order; a line that is not whole is a NaN. */
function numbersIn (files: string[]): number[] {
  const texts = files.map((file) => readFileSync(file, 'utf8'))
  for (const [at, text] of texts.entries()) {
    if (!text.endsWith('\n')) throw new Error(`${files[at]} does not end with a whole line but with ${JSON.stringify(text.slice(-80))}`)
  }
  return texts.flatMap((text) => text.slice(0, -1).split('\n')).map((line) => {
    const [, number, length, filling] = /^(\d+) (\d+) (x*)$/.exec(line) ?? []
    return filling !== undefined && filling.length === Number(length) ? Number(number) : NaN
  })
}

function expectEachOnceInOrder (numbers: number[], count: number): void {
  const wrong = numbers.findIndex((number, at) => number !== at)
  if (wrong >= 0) throw new Error(`line ${wrong} is ${numbers[wrong]}, after ${numbers.slice(Math.max(0, wrong - 3), wrong)}`)
  expect(numbers).toHaveLength(count)
}

async function until (isTrue: () => boolean): Promise<void> {
  while (!isTrue()) await nextTurn()
}

const hasLines = (path: string): boolean => existsSync(path) && statSync(path).size > 0

/** Logs `<number> <length> xxx…`, some of them longer than the ring. */
const NUMBERED = `
const { transport } = require('pino-pinned')
const path = process.argv[2]
let number = 0
const log = (stream) => {
  const length = number % 997 === 0 ? 150_000 : number % 50
  stream.write(number++ + ' ' + length + ' ' + 'x'.repeat(length) + '\\n')
}`

test('a file renamed and reopened under load: no line lost, none torn, order kept over all files', async () => {
  const path = join(temporaryDirectory(), 'app.log')
  const { code, stderr, stdout } = await runScript(`${NUMBERED}
    const { renameSync } = require('node:fs')
    const stream = transport({ destination: path, onFull: 'block', capacity: '64kb' })
    let files = 0
    const isOpenAgain = () => new Promise((resolve, reject) => {
      renameSync(path, path + '.' + files++)
      stream.reopen((error) => error ? reject(error) : resolve())
      for (let n = 0; n < 3000; n++) log(stream) // meanwhile
    })
    stream.once('ready', async () => {
      while (files < 12) await isOpenAgain()
      stream.end()
      console.log(number)
    })
    for (let n = 0; n < 3000; n++) log(stream)`, { args: [path] })
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
  const rotated = Array.from({ length: 12 }, (_, number) => `${path}.${number}`)
  expectEachOnceInOrder(numbersIn([...rotated, path]), Number(stdout))
})

test('when the callback of reopen is called, the file stands under its path again', async () => {
  const path = join(temporaryDirectory(), 'app.log')
  const { stdout } = await runScript(`
    const { transport } = require('pino-pinned')
    const { existsSync, renameSync } = require('node:fs')
    const stream = transport({ destination: process.argv[2] })
    stream.once('ready', () => {
      let left = 50
      const again = () => {
        renameSync(process.argv[2], process.argv[2] + '.old')
        stream.reopen((error) => {
          if (error || !existsSync(process.argv[2])) console.log('not there', error)
          if (--left > 0) again()
          else stream.end()
        })
      }
      again()
    })
    stream.on('close', () => stream.reopen((error) => console.log('after the end:', error.code)))`, { args: [path] })
  expect(stdout).toBe('after the end: ERR_PINO_PINNED_ENDED\n')
})

describe('a full disk', () => {
  const disk = join(temporaryDirectory(), 'disk')
  beforeAll(() => {
    mkdirSync(disk)
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=64k', 'tmpfs', disk])
  })
  afterAll(() => { execFileSync('umount', [disk]) })

  test('is left behind by reopening elsewhere: the line under way stands whole in the new file', async () => {
    const directory = temporaryDirectory()
    const path = join(directory, 'app.log')
    const elsewhere = join(directory, 'elsewhere.log')
    symlinkSync(join(disk, 'full.log'), path)
    const { code, stderr, stdout } = await runScript(`${NUMBERED}
      const { symlinkSync, unlinkSync } = require('node:fs')
      const stream = transport({ destination: path, dropNotice: false })
      for (number = 1; number < 5000;) log(stream) // the first long line fills the disk
      const look = () => {
        if (stream.stats().writerState !== 'stalled') return setImmediate(look)
        unlinkSync(path)
        symlinkSync(process.argv[3], path)
        stream.reopen(() => stream.end())
      }
      look()
      stream.on('close', () => console.log(stream.stats().linesAccepted))`, { args: [path, elsewhere] })
    expect({ code, stderr, stdout }).toEqual({ code: 0, stderr: '', stdout: '4999\n' })
    const full = join(disk, 'full.log')
    const text = readFileSync(full, 'utf8')
    truncateSync(full, text.lastIndexOf('\n') + 1) // the torn line, which the new file has again
    expectEachOnceInOrder([0, ...numbersIn([full, elsewhere])], 5000)
  })
})

describe('reopenOnSignal', () => {
  let child: ChildProcess | undefined
  afterEach(() => { child?.kill('SIGKILL') })

  test('logrotate: rename, SIGHUP, and the lines go on in a new file; none lost, none torn, in order, for two streams', async () => {
    const path = join(temporaryDirectory(), 'app.log')
    child = spawn(process.execPath, [scriptFile(`${NUMBERED}
      const streams = [path, path + '-two'].map((destination) => transport({ destination, onFull: 'block', reopenOnSignal: ['SIGHUP'] }))
      let isOver = false
      process.on('message', () => { isOver = true })
      const turn = () => {
        const from = number
        for (const stream of streams) {
          number = from
          for (let n = 0; n < 100; n++) log(stream)
        }
        if (!isOver) return setImmediate(turn)
        process.send({ number, listeners: process.listenerCount('SIGHUP') })
        for (const stream of streams) stream.end()
        process.disconnect()
      }
      turn()`), path], { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] })
    const paths = [path, `${path}-two`]
    for (let rotation = 0; rotation < 5; rotation++) {
      await until(() => paths.every(hasLines))
      for (const each of paths) renameSync(each, `${each}.${rotation}`)
      child.kill('SIGHUP')
    }
    await until(() => paths.every(hasLines))
    child.send('enough')
    const [{ number, listeners }] = await once(child, 'message') as [{ number: number, listeners: number }]
    const [code, signal] = await once(child, 'exit')
    expect({ code, signal, listeners }).toEqual({ code: 0, signal: null, listeners: 1 })
    for (const each of paths) {
      expectEachOnceInOrder(numbersIn([...Array.from({ length: 5 }, (_, at) => `${each}.${at}`), each]), number)
    }
  })

  test('the signal does what it did before when the last stream that heard it is closed', async () => {
    const { signal } = await runScript(`
      const { transport } = require('pino-pinned')
      const stream = transport({ destination: process.argv[2], reopenOnSignal: ['SIGHUP'] })
      stream.on('close', () => process.kill(process.pid, 'SIGHUP'))
      stream.once('ready', () => {
        process.kill(process.pid, 'SIGHUP')
        process.once('SIGHUP', () => stream.end())
      })
      setInterval(() => {}, 1000)`, { args: [join(temporaryDirectory(), 'app.log')] })
    expect(signal).toBe('SIGHUP')
  })

  test('in a worker thread, where signals are not heard, it says so', async () => {
    const { code, stderr } = await runScript(`
      const { isMainThread, Worker } = require('node:worker_threads')
      const { transport } = require('pino-pinned')
      if (isMainThread) new Worker(__filename, { argv: process.argv.slice(2) })
      else transport({ destination: process.argv[2], reopenOnSignal: ['SIGHUP'] }).end()`, { args: [join(temporaryDirectory(), 'app.log')] })
    expect(code).toBe(0)
    expect(stderr).toContain("option 'reopenOnSignal' is without effect in a worker thread")
  })

  test('a stream that hears a signal can be forgotten: it is collected, its line delivered, the signal given back', async () => {
    const path = join(temporaryDirectory(), 'app.log')
    const { code, stderr } = await runScript(`
      const { transport } = require('pino-pinned')
      const { setImmediate: nextTurn } = require('node:timers/promises')
      let isCollected = false
      const registry = new FinalizationRegistry(() => { isCollected = true })
      const workers = []
      const forget = () => {
        const stream = transport({ destination: process.argv[2], reopenOnSignal: ['SIGHUP'] })
        stream.write('the last line\\n')
        workers.push(stream.worker)
        registry.register(stream)
      }
      forget()
      const run = async () => {
        while (!isCollected) { await nextTurn(); gc() }
        while (workers[0].threadId > 0) await nextTurn() // -1 when it has ended
        while (process.listenerCount('SIGHUP') > 0) await nextTurn()
      }
      run()`, { args: [path], execArgv: ['--expose-gc'] })
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
    expect(readFileSync(path, 'utf8')).toBe('the last line\n')
  })
})
