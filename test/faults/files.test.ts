import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, renameSync, rmSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { runScript, temporaryDirectory } from '../support/process'
import { check, expectComplete, finish, load, logPath, makeFifo, open, read, Reader, until } from './support'

const flushed = (stream: ReturnType<typeof open>['stream']): Promise<void> =>
  new Promise((resolve, reject) => stream.flush((error) => { if (error) reject(error); else resolve() }))

test('a file deleted by somebody else is made again, with every line that was accepted after that', async () => {
  const path = logPath()
  const { stream, errors } = open({ destination: path })
  await load(stream, 0, 1000)
  await flushed(stream)
  rmSync(path)
  await load(stream, 1000, 3000)
  await finish(stream)
  expect(check(read(path))).toEqual({ numbers: Array.from({ length: 2000 }, (_, at) => 1000 + at), repeated: 0, torn: [], told: 0, inOrder: true })
  expect({ errors, restarts: stream.stats().restarts }).toEqual({ errors: [], restarts: 0 })
})

test('a file truncated by somebody else goes on at its start, without a hole', async () => {
  const path = logPath()
  const { stream } = open({ destination: path })
  await load(stream, 0, 1000)
  await flushed(stream)
  truncateSync(path)
  await load(stream, 1000, 3000)
  await finish(stream)
  expect(check(read(path))).toMatchObject({ numbers: { length: 2000 }, torn: [], inOrder: true })
})

describe('a directory removed under its file', () => {
  test('is waited for: every line accepted meanwhile is there when it has come back', async () => {
    const directory = join(temporaryDirectory(), 'logs')
    mkdirSync(directory)
    const path = join(directory, 'app.log')
    const { stream, errors } = open({ destination: path })
    await load(stream, 0, 1000)
    await flushed(stream)
    rmSync(directory, { recursive: true })
    await load(stream, 1000, 2000)
    await until(() => stream.stats().writerState === 'stalled')
    mkdirSync(directory)
    await finish(stream)
    expect(check(read(path))).toMatchObject({ numbers: { length: 1000 }, torn: [], inOrder: true })
    expect(stream.stats()).toMatchObject({ linesWritten: 2000, linesDropped: 0, restarts: 0 })
    expect(errors).toEqual([])
  })

  test('is made again with mkdir', async () => {
    const directory = join(temporaryDirectory(), 'logs')
    const path = join(directory, 'app.log')
    const { stream } = open({ destination: path, mkdir: true })
    await load(stream, 0, 1000)
    await flushed(stream)
    rmSync(directory, { recursive: true })
    await load(stream, 1000, 2000)
    await finish(stream)
    expect(check(read(path))).toMatchObject({ numbers: { length: 1000 }, torn: [], inOrder: true })
  })
})

test('a symlink swapped under load: lines go to the old file until reopen, to the new one after; none is lost', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'pino-pinned-'))
  const path = join(directory, 'current')
  symlinkSync(join(directory, 'one'), path)
  const { stream } = open({ destination: path })
  await load(stream, 0, 1000)
  await flushed(stream)
  symlinkSync(join(directory, 'two'), join(directory, 'next'))
  renameSync(join(directory, 'next'), path)
  await load(stream, 1000, 2000)
  await flushed(stream)
  const before = read(join(directory, 'one'))
  await new Promise((resolve) => stream.reopen(resolve))
  await load(stream, 2000, 3000)
  await finish(stream)
  expect(check(before).numbers).toHaveLength(2000)
  expectComplete(stream, check(read(join(directory, 'one')) + read(join(directory, 'two'))), 3000)
  expect(read(join(directory, 'one'))).toBe(before)
  rmSync(directory, { recursive: true })
})

/** It takes a file system that knows the attribute, and a container that may set it. */
function mayBeImmutable (): boolean {
  const path = logPath()
  writeFileSync(path, '')
  try {
    execFileSync('chattr', ['+i', path], { stdio: 'ignore' })
    execFileSync('chattr', ['-i', path])
    return true
  } catch {
    return false
  }
}

const testImmutable = mayBeImmutable() ? test : test.skip
testImmutable('a file that is made immutable for a while (chattr +i: EPERM) goes on where it stopped; one warning says so', async () => {
  const path = logPath()
  const { stdout } = await runScript(`
    const { execFileSync } = require('node:child_process')
    const { numbered } = require('./faults/lines')
    const PATH = ${JSON.stringify(path)}
    const stream = require('pino-pinned').transport({ destination: PATH, exitTimeout: 20000 })
    const write = (from) => { for (let n = from; n < from + 1000; n++) stream.write(numbered(n)) }
    process.on('warning', ({ code, path }) => console.log('warning', code, path))
    stream.on('error', ({ code }) => console.log('error', code))
    write(0)
    stream.flush(() => {
      execFileSync('chattr', ['+i', PATH])
      write(1000)
      const timer = setInterval(() => {
        if (stream.stats().writerState !== 'stalled') return
        clearInterval(timer)
        setTimeout(() => {
          const { writerState, linesWritten } = stream.stats()
          execFileSync('chattr', ['-i', PATH])
          console.log(writerState, linesWritten)
          write(2000)
          stream.flush(() => {
            const { writerState, linesAccepted, linesWritten } = stream.stats()
            console.log(writerState, linesAccepted, linesWritten)
          })
        }, 500)
      }, 5)
    })`).finally(() => { execFileSync('chattr', ['-i', path]) })
  expect(stdout).toBe(`warning EPERM ${path}\nstalled 1000\nrunning 3000 3000\n`)
  expect(check(read(path))).toEqual({ numbers: Array.from({ length: 3000 }, (_, n) => n), repeated: 0, torn: [], told: 0, inOrder: true })
})

test.each(['file', 'FIFO'])('a %s whose descriptor somebody closes under the writer (EBADF) is opened again', async (kind) => {
  const path = kind === 'FIFO' ? makeFifo() : logPath()
  const reader = kind === 'FIFO' ? new Reader(path) : undefined
  let isDone = false
  const ended = runScript(`
    const fs = require('node:fs')
    const { numbered } = require('./faults/lines')
    const stream = require('pino-pinned').transport({ destination: ${JSON.stringify(path)}, exitTimeout: 20000 })
    const leadsThere = (fd) => { try { return fs.readlinkSync('/proc/self/fd/' + fd) === ${JSON.stringify(path)} } catch { return false } }
    const next = (from, then) => {
      for (let n = from; n < from + 100; n++) stream.write(numbered(n))
      stream.flush(then)
    }
    process.on('warning', ({ message }) => console.log(message))
    stream.on('error', ({ message }) => console.log(message))
    next(0, () => {
      const found = fs.readdirSync('/proc/self/fd').map(Number).filter(leadsThere)
      for (const fd of found) fs.closeSync(fd)
      next(100, () => {
        const { writerState, linesWritten, linesSkipped } = stream.stats()
        console.log(JSON.stringify({ closed: found.length, writerState, linesWritten, linesSkipped }))
        stream.end()
      })
    })`).finally(() => { isDone = true })
  await reader?.takeUntil(() => isDone)
  const { stdout } = await ended
  const text = reader?.text ?? read(path)
  reader?.close()
  expect(stdout.split('\n')).toEqual([
    expect.stringMatching(`^EBADF: .*${path}`), '{"closed":1,"writerState":"running","linesWritten":200,"linesSkipped":0}', ''
  ])
  expect(check(text)).toEqual({ numbers: Array.from({ length: 200 }, (_, n) => n), repeated: 0, torn: [], told: 0, inOrder: true })
})
