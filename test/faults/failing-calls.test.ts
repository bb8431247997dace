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

/** Linux's numbers of those that Node has no name for. */
const NUMBERS = { ...constants.errno, EUCLEAN: 117, EHOSTDOWN: 112, EKEYEXPIRED: 127 }
type ErrorName = keyof typeof NUMBERS
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
      FAILING_CALLS: callsOf(failures),
      FAILING_REPORT: report
    }
  })
  if (stdout === '') throw new Error(stderr)
  return { ...JSON.parse(stdout), text: existsSync(path) ? read(path) : '', failed: existsSync(report) ? readFileSync(report, 'utf8').trimEnd().split('\n') : [] }
}

function errnoOf (name: ErrorName | 'short'): number { return name === 'short' ? 0 : NUMBERS[name] }

function callsOf (failures: Failure[]): string {
  return failures.map(([call, first, last, name]) => `${call} ${first} ${last} ${errnoOf(name)}`).join(';')
}

function everyCall (failures: Failure[]): string[] {
  return failures.flatMap(([call, first, last, name]) => Array.from({ length: last - first + 1 }, (_, at) => `${call} ${first + at} ${errnoOf(name)}`))
}

/** All lines are there, whole and once, and nobody was told of anything else. */
function expectAll ({ text, failed, errors, warnings, stats }: Outcome, failures: Failure[], told: unknown[] = []): void {
  expect(failed.sort()).toEqual(everyCall(failures).sort())
  expect(check(text)).toEqual({ numbers: Array.from({ length: LINES }, (_, n) => n), repeated: 0, torn: [], told: 0, inOrder: true })
  expect({ errors, warnings, ...stats }).toMatchObject({ errors: [], warnings: told, linesAccepted: LINES, linesDropped: 0, linesWritten: LINES, restarts: 0 })
}

/** One warning that has the code and the path. */
const toldOf = (error: ErrorName): unknown[] => [expect.stringMatching(new RegExp(`^${error}: .*/app\\.log\\b`))]

const PASSING: ErrorName[] = ['EAGAIN', 'EINTR', 'ENOBUFS', 'ENOMEM', 'ENOSPC', 'EDQUOT', 'EFBIG']

/** Some of those that the table has no name for. */
const UNEXPECTED: ErrorName[] = [
  'EPERM', 'EACCES', 'EROFS', 'EUCLEAN', 'ENODEV', 'ENXIO', 'EBUSY', 'ETIMEDOUT', 'ENOTCONN', 'EHOSTDOWN', 'ENOLINK', 'ENOLCK', 'EKEYEXPIRED', 'ECANCELED', 'EBADF'
]

describe.each([['with the addon', ''], ['without the addon', 'off']])('%s, writes to a file that fail', (_, addon) => {
  test.each<ErrorName>([...PASSING, 'EIO', 'ESTALE'])('with %s for a while, in the middle of a line, lose and tear nothing', async (error) => {
    const failures: Failure[] = [['write', 3, 3, 'short'], ['write', 4, 9, error]]
    expectAll(await log(failures, { addon }), failures)
  })

  test.each(UNEXPECTED)('with %s for a while, in the middle of a line, are told once, and lose and tear nothing', async (error) => {
    const failures: Failure[] = [['write', 3, 3, 'short'], ['write', 4, 9, error]]
    expectAll(await log(failures, { addon }), failures, toldOf(error))
  })
})

describe('writes to a file that fail', () => {
  test.each<[ErrorName, ErrorName, ErrorName | '']>([
    ['EIO', 'ENOENT', 'ENOENT'], ['EIO', 'EIO', ''], ['EIO', 'EACCES', 'EACCES'], ['ESTALE', 'ESTALE', ''], ['ESTALE', 'EROFS', 'EROFS'], ['ESTALE', 'EMFILE', ''],
    ['EPERM', 'EPERM', 'EPERM'], ['EROFS', 'ENOENT', 'EROFS'], ['EIO', 'EBUSY', '']
  ])('with %s, and then cannot be opened for a while (%s), lose and tear nothing', async (error, ofOpen, told) => {
    const failures: Failure[] = [['write', 3, 3, 'short'], ['write', 4, 5, error], ['open', 2, 6, ofOpen]]
    expectAll(await log(failures), failures, told === '' ? [] : toldOf(told))
  })

  test('for half of the time, now and then, are told once', async () => {
    const failures: Failure[] = [3, 5, 7, 9].map((nth) => ['write', nth, nth, 'EPERM'])
    expectAll(await log(failures), failures, toldOf('EPERM'))
  })

  test.each<ErrorName>(['EINVAL', 'EFAULT', 'ENOSYS', 'ENOTSUP'])("because the call itself is wrong (%s) are one 'error', then every line is dropped and counted", async (error) => {
    const failures: Failure[] = [['write', 3, 3, error]]
    const { failed, errors, warnings, stats, text } = await log(failures)
    expect(failed).toEqual(everyCall(failures))
    expect({ first: errors[0], warnings }).toEqual({ first: error, warnings: [] })
    expect(stats).toMatchObject({ writerState: 'failed', restarts: 0 })
    expect(check(text)).toMatchObject({ torn: [], inOrder: true, numbers: { length: stats.linesWritten } })
  })

  const everySecondOpen = Array.from({ length: 1000 }, (_, nth): Failure => ['open', 2 * nth + 2, 2 * nth + 2, 'EMFILE'])
  test.each<[string, Failure[]]>([
    ['opens again each time', []],
    ['opens again every second time', everySecondOpen]
  ])('for long are tried again about once a second in the end, also where the file %s; that is told once', async (_, ofOpen) => {
    const path = logPath()
    const { stdout } = await runScript(`
      const { readFileSync } = require('node:fs')
      const stream = require('pino-pinned').transport({ destination: ${JSON.stringify(path)}, exitTimeout: 100 })
      const warnings = []
      process.on('warning', ({ message }) => warnings.push(message))
      stream.write('line\\n')
      const tries = () => readFileSync(${JSON.stringify(`${path}.report`)}, 'utf8').match(/^write/gm)?.length ?? 0
      let before
      setTimeout(() => { before = tries() }, 4000)
      setTimeout(() => {
        console.log(JSON.stringify({ tries: tries() - before, warnings, state: stream.stats().writerState }))
        stream.end()
      }, 8000)`, { env: { ...process.env, LD_PRELOAD: library, FAILING_FILE: path, FAILING_CALLS: callsOf([['write', 1, 1000000, 'EPERM'], ...ofOpen]), FAILING_REPORT: `${path}.report` } })
    const { tries, warnings, state } = JSON.parse(stdout)
    expect({ warnings, state }).toEqual({ warnings: toldOf('EPERM'), state: 'stalled' })
    expect(tries).toBeGreaterThan(0)
    expect(tries).toBeLessThan(8)
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
    expect(stdout).toBe('{"ready":true,"writerState":"stalled","linesAccepted":10,"linesDropped":0}\nerror ERR_PINO_PINNED_TIMEOUT\n') // at its end
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
