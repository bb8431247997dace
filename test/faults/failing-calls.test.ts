import { execFileSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { constants } from 'node:os'
import { join } from 'node:path'
import { runScript, temporaryDirectory } from '../support/process'
import { check, logPath, read } from './support'

/**
 * Errors that no file system at hand makes, or makes at will, put between the program and the C library's calls: the
 * writer, its thread and the file are real.
 */

const library = join(temporaryDirectory(), 'failing-calls.so')
execFileSync(process.env.CXX ?? 'g++', ['-shared', '-fPIC', '-O1', '-o', library, join(__dirname, 'failing-calls.cc'), '-ldl'])

type ErrorName = keyof typeof constants.errno
/** The calls from one number to another, and what they fail with; a short write takes half of what it is given. */
type Failure = ['open' | 'write' | 'fsync', number, number, ErrorName | 'short']

interface Outcome {
  text: string
  /** The calls that failed, as they were to. */
  failed: string[]
  errors: string[]
  warnings: string[]
  stats: { linesAccepted: number, linesDropped: number, linesWritten: number, restarts: number, writerState: string }
}

const LINES = 1500

/** Writes `LINES` lines, a hundred at a time, to a file on which calls fail. */
async function log (failures: Failure[], { addon = '', destination = 'FILE', options = '' } = {}): Promise<Outcome> {
  const path = logPath()
  const report = path + '.report'
  const { stdout, stderr } = await runScript(`
    const fs = require('node:fs')
    const FILE = ${JSON.stringify(path)}
    const { numbered } = require('./faults/lines')
    const [errors, warnings] = [[], []]
    process.on('warning', ({ message }) => warnings.push(message))
    const stream = require('pino-pinned').transport({ destination: ${destination}, exitTimeout: 20000, ${options} })
    stream.on('error', ({ code }) => errors.push(code))
    let n = 0
    const next = () => {
      for (let at = 0; at < 100; at++) stream.write(numbered(n++))
      if (n < ${LINES}) stream.flush(next)
      else stream.end()
    }
    stream.on('close', () => setImmediate(() => console.log(JSON.stringify({ errors, warnings, stats: stream.stats() }))))
    next()`, {
    env: {
      ...process.env,
      PINO_PINNED_ADDON: addon,
      LD_PRELOAD: library,
      FAILING_FILE: path,
      FAILING_CALLS: failures.map(([call, first, last, name]) => `${call} ${first} ${last} ${errnoOf(name)}`).join(';'),
      FAILING_REPORT: report
    }
  })
  if (stdout === '') throw new Error(stderr)
  return { ...JSON.parse(stdout), text: existsSync(path) ? read(path) : '', failed: existsSync(report) ? readFileSync(report, 'utf8').trimEnd().split('\n') : [] }
}

function errnoOf (name: ErrorName | 'short'): number { return name === 'short' ? 0 : constants.errno[name] }

function everyCall (failures: Failure[]): string[] {
  return failures.flatMap(([call, first, last, name]) => Array.from({ length: last - first + 1 }, (_, at) => `${call} ${first + at} ${errnoOf(name)}`))
}

/** All lines are there, whole and once, and nobody was troubled. */
function expectAll ({ text, failed, errors, warnings, stats }: Outcome, failures: Failure[]): void {
  expect(failed.sort()).toEqual(everyCall(failures).sort())
  expect(check(text)).toEqual({ numbers: Array.from({ length: LINES }, (_, n) => n), repeated: 0, torn: [], told: 0, inOrder: true })
  expect({ errors, warnings, ...stats }).toMatchObject({ errors: [], warnings: [], linesAccepted: LINES, linesDropped: 0, linesWritten: LINES, restarts: 0 })
}

const PASSING: ErrorName[] = ['EAGAIN', 'EINTR', 'ENOBUFS', 'ENOMEM', 'ENOSPC', 'EDQUOT', 'EFBIG']

describe.each([['with the addon', ''], ['without the addon', 'off']])('%s, writes to a file that fail', (_, addon) => {
  test.each<ErrorName>([...PASSING, 'EIO', 'ESTALE'])('with %s for a while, in the middle of a line, lose and tear nothing', async (error) => {
    const failures: Failure[] = [['write', 3, 3, 'short'], ['write', 4, 9, error]]
    expectAll(await log(failures, { addon }), failures)
  })
})

describe('writes to a file that fail', () => {
  test.each<[ErrorName, ErrorName]>([
    ['EIO', 'ENOENT'], ['EIO', 'EIO'], ['EIO', 'EACCES'], ['ESTALE', 'ESTALE'], ['ESTALE', 'EROFS'], ['ESTALE', 'EMFILE']
  ])('with %s, and then cannot be opened for a while (%s), lose and tear nothing', async (error, ofOpen) => {
    const failures: Failure[] = [['write', 3, 3, 'short'], ['write', 4, 5, error], ['open', 2, 6, ofOpen]]
    expectAll(await log(failures), failures)
  })

  test.each(PASSING)('with %s for a while lose and tear nothing of a descriptor either', async (error) => {
    const failures: Failure[] = [['write', 3, 3, 'short'], ['write', 4, 9, error]]
    expectAll(await log(failures, { destination: "fs.openSync(FILE, 'a')" }), failures)
  })

  test.each<ErrorName>(['EIO', 'ESTALE', 'EBADF', 'EINVAL', 'EPERM'])("with %s are the end of a descriptor: one 'error', then every line is dropped and counted", async (error) => {
    const failures: Failure[] = [['write', 3, 3, error]]
    const { failed, errors, warnings, stats, text } = await log(failures, { destination: "fs.openSync(FILE, 'a')" })
    expect(failed).toEqual(everyCall(failures))
    expect({ first: errors[0], warnings }).toEqual({ first: error, warnings: [] })
    expect(stats).toMatchObject({ writerState: 'failed', restarts: 0 })
    expect(check(text)).toMatchObject({ torn: [], inOrder: true, numbers: { length: stats.linesWritten } })
  })
})

describe('a file that cannot be opened the first time', () => {
  test.each<ErrorName>(['EMFILE', 'ENFILE', 'ENOMEM', 'EINTR', 'EAGAIN', 'EBUSY', 'ETXTBSY', 'ENOSPC', 'EDQUOT'])('for a passing reason (%s) is waited for', async (error) => {
    const failures: Failure[] = [['open', 1, 5, error]]
    expectAll(await log(failures), failures)
  })

  test.each<ErrorName>(['EMFILE', 'ENFILE', 'ENOMEM', 'EAGAIN', 'EBUSY', 'ETXTBSY', 'ENOSPC', 'EDQUOT'])("for a passing reason (%s) does not keep 'ready' back, and what is logged then is kept in the ring", async (error) => {
    const path = logPath()
    const { code, stdout } = await runScript(`
      const stream = require('pino-pinned').transport({ destination: ${JSON.stringify(path)}, exitTimeout: 300 })
      stream.on('error', ({ code }) => console.log('error', code))
      require('node:events').once(stream, 'ready').then(() => {
        for (let line = 0; line < 10; line++) stream.write(line + '\\n')
        const { writerState, linesAccepted, linesDropped } = stream.stats()
        console.log(JSON.stringify({ ready: stream.ready, writerState, linesAccepted, linesDropped }))
        stream.end()
      })`, { env: { ...process.env, LD_PRELOAD: library, FAILING_FILE: path, FAILING_CALLS: `open 1 1000000 ${errnoOf(error)}`, FAILING_REPORT: path + '.report' } })
    expect(stdout).toBe('{"ready":true,"writerState":"stalled","linesAccepted":10,"linesDropped":0}\n')
    expect(code).toBe(0)
  })

  test.each<ErrorName>(['EIO', 'ESTALE', 'EACCES', 'EPERM', 'ELOOP'])("for another reason (%s) is one 'error' with its code", async (error) => {
    const failures: Failure[] = [['open', 1, 1, error]]
    const { failed, errors, warnings, stats } = await log(failures)
    expect(failed).toEqual(everyCall(failures))
    expect({ first: errors[0], warnings }).toEqual({ first: error, warnings: [] })
    expect(stats).toMatchObject({ linesWritten: 0, writerState: 'failed' })
  })
})

describe('fsync: true', () => {
  test('is told again when a signal interrupts it (EINTR)', async () => {
    const failures: Failure[] = [['fsync', 2, 5, 'EINTR']]
    expectAll(await log(failures, { options: 'fsync: true' }), failures)
  })

  test.each<ErrorName>(['EIO', 'ENOSPC', 'EDQUOT', 'ESTALE'])('that fails (%s) is one warning each time it begins to fail, and logging goes on', async (error) => {
    const failures: Failure[] = [['fsync', 2, 5, error], ['fsync', 7, 8, error]]
    const { failed, text, errors, warnings, stats } = await log(failures, { options: 'fsync: true' })
    expect(failed).toEqual(everyCall(failures))
    expect(check(text)).toMatchObject({ numbers: { length: LINES }, torn: [], repeated: 0 })
    expect(errors).toEqual([])
    expect(warnings).toEqual([expect.stringContaining('fsync'), expect.stringContaining('fsync')])
    expect(stats).toMatchObject({ linesWritten: LINES, restarts: 0 })
  })
})

test('while a write takes its time end() of an attached stream waits for it longer than for a sink that says it takes nothing', async () => {
  const path = logPath()
  const { code, stdout, stderr } = await runScript(`
    const fs = require('node:fs')
    const { attach, transport } = require('pino-pinned')
    const stream = transport({ destination: ${JSON.stringify(path)}, exitTimeout: 200 })
    stream.once('ready', () => {
      const attached = attach(stream.handle())
      attached.write('a line\\n')
      let looks = 0
      const timer = setInterval(() => {
        if (++looks < 100) return
        clearInterval(timer)
        fs.writeFileSync(${JSON.stringify(`${path}.go`)}, '')
      }, 10)
      attached.end((error) => {
        console.log(error?.message, looks)
        stream.end()
      })
    })`, { env: { ...process.env, LD_PRELOAD: library, FAILING_FILE: path, FAILING_CALLS: 'write 1 1 -2', FAILING_REPORT: `${path}.report` } })
  expect({ code, stdout, stderr, text: read(path) }).toEqual({ code: 0, stdout: 'undefined 100\n', stderr: '', text: 'a line\n' })
})
