import { mkdirSync, mkdtempSync, renameSync, rmSync, symlinkSync, truncateSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { temporaryDirectory } from '../support/process'
import { check, expectComplete, finish, load, logPath, open, read, until } from './support'

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
