import { execFileSync, spawnSync } from 'node:child_process'
import { mkdirSync, openSync, renameSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { pausesOf } from '../../src/writer/sink-errors'
import { runCommand, runScript, scriptFile, temporaryDirectory } from '../support/process'
import { check, expectComplete, finish, load, logPath, numbered, open, read, smallDisk, until } from './support'

describe('a disk that fills up and is freed', () => {
  test('keeps every line accepted, tears none, and logging goes on by itself; the writer tries ten times a second at least', async () => {
    const disk = smallDisk('512k')
    const path = join(disk, 'app.log')
    writeFileSync(join(disk, 'ballast'), Buffer.alloc(350_000))
    const { stream, restarts, errors } = open({ destination: path, capacity: '256kb' })
    await until(() => stream.ready)
    let n = 0
    for (; stream.stats().writerState !== 'stalled'; n += 100) await load(stream, n, n + 100)
    await load(stream, n, n + 3000)
    n += 3000
    expect(stream.stats().linesDropped).toBeGreaterThan(0)
    const before = stream.stats().linesWritten
    rmSync(join(disk, 'ballast'))
    await until(() => stream.stats().linesWritten > before)
    await load(stream, n, n + 100)
    await finish(stream)
    expectComplete(stream, check(read(path)), n + 100)
    expect({ restarts, errors }).toEqual({ restarts: [], errors: [] })
    expect(pausesOf('ENOSPC').longest).toBeLessThanOrEqual(100) // ms, as promised
  })

  test('keeps them too when the writer dies while it is full', async () => {
    const disk = smallDisk('512k')
    const path = join(disk, 'app.log')
    writeFileSync(join(disk, 'ballast'), Buffer.alloc(350_000))
    const { stream, restarts } = open({ destination: path, capacity: '256kb' })
    await load(stream, 0, 4000)
    for (let death = 1; death <= 3; death++) {
      await until(() => stream.stats().writerState === 'stalled')
      stream.worker.terminate()
      await until(() => restarts.length === death)
    }
    rmSync(join(disk, 'ballast'))
    await finish(stream)
    expectComplete(stream, check(read(path)), 4000, 3)
  })

  test('is no place for lines either when the file was deleted before, and the writer dies while it is full', async () => {
    const disk = smallDisk('512k')
    const path = join(disk, 'app.log')
    const ballast = join(disk, 'ballast')
    const { stream, restarts } = open({ destination: path })
    await load(stream, 0, 30)
    await new Promise((resolve) => stream.flush(resolve))
    rmSync(path)
    expect(() => writeFileSync(ballast, Buffer.alloc(1024 * 1024))).toThrow('ENOSPC')
    await load(stream, 30, 430) // of which some fit into the deleted file's last page
    await until(() => stream.stats().writerState === 'stalled')
    stream.worker.terminate()
    await until(() => restarts.length === 1)
    rmSync(ballast)
    await finish(stream)
    const { numbers, torn } = check(read(path))
    expect({ numbers, torn }).toEqual({ numbers: Array.from({ length: 400 }, (_, n) => 30 + n), torn: [] })
  })

  test('keeps what it took of the batch under way where the file is deleted and the writer dies at once: another file gets it', async () => {
    const disk = smallDisk('512k')
    const path = join(disk, 'app.log')
    const ballast = join(disk, 'ballast')
    writeFileSync(ballast, Buffer.alloc(350_000))
    const { stream, restarts } = open({ destination: path, capacity: '256kb' })
    await load(stream, 0, 4000)
    await until(() => stream.stats().writerState === 'stalled')
    const { linesWritten, linesAccepted } = stream.stats()
    expect(check(read(path)).numbers.length).toBeGreaterThan(linesWritten)
    rmSync(path)
    stream.worker.terminate()
    await until(() => restarts.length === 1)
    rmSync(ballast)
    await finish(stream)
    const { numbers, torn, inOrder } = check(read(path))
    expect({ first: numbers[0], lines: numbers.length, torn, inOrder }).toEqual({ first: linesWritten, lines: linesAccepted - linesWritten, torn: [], inOrder: true })
  })

  test.each(['goes on', 'dies'])('begins the line under way again where somebody frees it by emptying the file itself; the writer %s', async (fate) => {
    const disk = smallDisk('512k')
    const path = join(disk, 'app.log')
    const { stream, restarts, errors } = open({ destination: path })
    await until(() => stream.ready)
    let n = 0
    // So that it is full inside a line.
    for (; stream.stats().writerState !== 'stalled' || read(path).endsWith('\n'); n += 100) {
      if (stream.stats().writerState === 'stalled') truncateSync(path)
      await load(stream, n, n + 100)
      await until(() => stream.stats().used === 0 || stream.stats().writerState === 'stalled')
    }
    if (fate === 'dies') stream.worker.terminate()
    truncateSync(path)
    await until(() => stream.stats().used === 0)
    const text = read(path)
    await finish(stream)
    const { numbers, torn, inOrder } = check(text)
    expect({ torn, inOrder, last: numbers.at(-1), restarts: restarts.length, errors }).toEqual({ torn: [], inOrder: true, last: n - 1, restarts: fate === 'dies' ? 1 : 0, errors: [] })
    expect(numbers).toEqual(Array.from({ length: numbers.length }, (_, at) => n - numbers.length + at))
  })

  test.each(['the same', 'another'])('tears no line either when %s file is opened (reopen) meanwhile', async (which) => {
    const disk = smallDisk('512k')
    const path = join(disk, 'app.log')
    const old = path + '.1'
    writeFileSync(old, '')
    writeFileSync(join(disk, 'ballast'), Buffer.alloc(350_000))
    const { stream } = open({ destination: path, capacity: '1mb' })
    await load(stream, 0, 4000)
    await until(() => stream.stats().writerState === 'stalled')
    if (which === 'another') renameSync(path, old)
    await new Promise<void>((resolve, reject) => stream.reopen((error) => { if (error) reject(error); else resolve() }))
    rmSync(join(disk, 'ballast'))
    await finish(stream)
    // What the old file has of the line under way when it is left stands there for good; the new one has all of that line.
    const whole = read(old).slice(0, read(old).lastIndexOf('\n') + 1)
    expectComplete(stream, check(whole + read(path)), 4000)
  })

  test('pino.transport, in its place, loses or tears lines', async () => {
    const disk = smallDisk('512k')
    const path = join(disk, 'app.log')
    const ballast = join(disk, 'ballast')
    writeFileSync(ballast, Buffer.alloc(350_000))
    await runScript(`
      const { statfsSync, rmSync } = require('node:fs')
      const { numbered } = require('./faults/lines')
      const stream = require('pino').transport({ target: 'pino/file', options: { destination: ${JSON.stringify(path)} } })
      stream.on('error', () => {})
      let n = 0
      const turn = () => {
        for (let at = 0; at < 100; at++) try { stream.write(numbered(n++)) } catch {}
        if (statfsSync(${JSON.stringify(disk)}).bavail > 0 && n < 20000) return setTimeout(turn, 5)
        for (let at = 0; at < 3000; at++) try { stream.write(numbered(n++)) } catch {}
        setTimeout(() => { rmSync(${JSON.stringify(ballast)}); setTimeout(() => process.exit(), 500) }, 500)
      }
      stream.on('ready', turn)`)
    const found = check(read(path))
    expect(found.numbers.length).toBeGreaterThan(0)
    expect(found.numbers.at(-1)! + 1 - found.numbers.length + found.torn.length).toBeGreaterThan(0)
  })
})

test('a disk that stays full does not hold the process: it leaves within exitTimeout and says how many lines were left', async () => {
  const { code, stderr } = await runScript(`
    const stream = require('pino-pinned').transport({ destination: '/dev/full', exitTimeout: 200 })
    for (let n = 0; n < 10; n++) stream.write('line\\n')`)
  expect({ code, stderr }).toEqual({ code: 0, stderr: 'pino-pinned: up to 10 lines were left: the sink took nothing any more, ENOSPC (exitTimeout: 200 ms)\n' })
})

test('a file that reached its greatest size (EFBIG) goes on where it stopped when it may grow again', async () => {
  const path = logPath()
  const script = scriptFile(`
    const { execFileSync } = require('node:child_process')
    const { numbered } = require('./faults/lines')
    const stream = require('pino-pinned').transport({ destination: ${JSON.stringify(path)}, exitTimeout: 20000 })
    for (let n = 0; n < 5000; n++) stream.write(numbered(n))
    const timer = setInterval(() => {
      if (stream.stats().writerState !== 'stalled') return
      clearInterval(timer)
      console.log('stalled')
      execFileSync('prlimit', ['--fsize=unlimited', '--pid', String(process.pid)])
    }, 5)`)
  const { code, stdout } = await runCommand('prlimit', ['--fsize=100000:unlimited', process.execPath, script])
  expect({ code, stdout }).toEqual({ code: 0, stdout: 'stalled\n' })
  expect(check(read(path))).toMatchObject({ torn: [], repeated: 0, inOrder: true, numbers: { length: 5000 } })
})

describe('an input/output error', () => {
  // The kernel answers EIO to whoever writes to this file.
  test('of a path is waited out by opening it again: nothing is lost meanwhile, nothing is told', async () => {
    const { stream, errors } = open({ destination: '/proc/version', exitTimeout: 100 })
    stream.write(numbered(0))
    await until(() => stream.stats().writerState === 'stalled')
    expect(stream.stats()).toMatchObject({ linesAccepted: 1, linesWritten: 0, linesDropped: 0 })
    expect(errors).toEqual([])
    await finish(stream)
    expect(errors).toEqual([expect.objectContaining({ code: 'ERR_PINO_PINNED_TIMEOUT' })])
  })

  test("of a descriptor is final: one 'error' with its code, then lines are dropped and counted", async () => {
    const { stream, errors } = open({ destination: openSync('/proc/version', 'w') })
    stream.write(numbered(0))
    await until(() => errors.length > 0)
    expect(errors).toEqual([expect.objectContaining({ code: 'EIO', syscall: 'write' })])
    expect(stream.write(numbered(1))).toBe(false)
    expect(stream.stats()).toMatchObject({ linesDropped: 1, writerState: 'failed' })
  })
})

/** A disk in a file, of a file system that an error makes read-only; undefined where containers have no such thing. */
function frailDisk (): { path: string, fail: () => void, repair: () => void } | undefined {
  const disk = smallDisk('24m')
  const [image, path] = [join(disk, 'image'), join(disk, 'mounted')] // unmounted together, in the end
  const mount = (): void => { execFileSync('mount', ['-o', 'loop', image, path], { stdio: 'ignore' }) }
  try {
    mkdirSync(path)
    execFileSync('truncate', ['-s', '16m', image])
    execFileSync('mkfs.ext4', ['-q', '-F', '-e', 'remount-ro', image], { stdio: 'ignore' })
    mount()
  } catch {
    return undefined
  }
  const device = execFileSync('losetup', ['-j', image, '-O', 'NAME', '-n']).toString().trim()
  return {
    path,
    fail: () => {
      execFileSync('sync', ['-f', path]) // what the kernel has taken, and not yet on the disk, the error takes away
      writeFileSync(device.replace('/dev', '/sys/fs/ext4') + '/trigger_fs_error', '1')
    },
    repair: () => {
      execFileSync('umount', ['--lazy', path])
      spawnSync('fsck.ext4', ['-y', image])
      mount()
    }
  }
}

test('a file system that an error makes read-only (EROFS) is waited for until it is repaired and mounted again', async () => {
  const disk = frailDisk()
  if (disk === undefined) return
  mkdirSync(join(disk.path, 'logs')) // which is nowhere while the disk is not mounted
  const path = join(disk.path, 'logs', 'app.log')
  const { stream, restarts, errors } = open({ destination: path })
  await load(stream, 0, 1000)
  await until(() => stream.stats().used === 0)
  disk.fail()
  await load(stream, 1000, 2000)
  await until(() => stream.stats().writerState === 'stalled')
  expect(stream.stats().linesWritten).toBe(1000)
  disk.repair()
  await load(stream, 2000, 3000)
  await finish(stream)
  expectComplete(stream, check(read(path)), 3000)
  expect({ restarts, errors }).toEqual({ restarts: [], errors: [] })
})

describe('a sink that cannot be opened', () => {
  const CASES: Array<[string, () => string]> = [
    ['ENOENT', () => join(temporaryDirectory(), 'missing', 'app.log')],
    ['EISDIR', () => temporaryDirectory()],
    ['ENOTDIR', () => '/proc/version/app.log'],
    ['ENXIO', () => { // what is left of a server that is gone, or not
      const path = join(temporaryDirectory(), 'socket')
      execFileSync('python3', ['-c', 'import socket, sys; socket.socket(socket.AF_UNIX).bind(sys.argv[1])', path])
      return path
    }],
    ['EROFS', () => {
      const disk = smallDisk('64k')
      execFileSync('mount', ['-o', 'remount,ro', disk])
      return join(disk, 'app.log')
    }]
  ]

  test.each(CASES)("(%s) is one 'error' at once if somebody listens", async (code, path) => {
    const { stream, errors } = open({ destination: path() })
    await until(() => errors.length > 0)
    expect(errors).toEqual([expect.objectContaining({ code, syscall: 'open' })])
    expect(stream.write(numbered(0))).toBe(false)
  })

  test("(/dev/tty of a process without a terminal, ENXIO) is one 'error' at once", async () => {
    const script = scriptFile(`
      const stream = require('pino-pinned').transport({ destination: '/dev/tty' })
      const timer = setTimeout(() => {}, 60000) // holds the process
      stream.once('error', ({ code }) => {
        console.log(code, stream.stats().writerState)
        clearTimeout(timer)
      })`)
    const { code, stdout } = await runCommand('setsid', ['--wait', process.execPath, script])
    expect({ code, stdout }).toEqual({ code: 0, stdout: 'ENXIO failed\n' })
  })

  test('(EACCES) is a warning if nobody does, and the process goes on', async () => {
    const directory = temporaryDirectory()
    writeFileSync(join(directory, 'app.log'), '', { mode: 0o600 })
    const { code, stdout, stderr } = await runScript(`
      process.setuid(65534)
      const stream = require('pino-pinned').transport({ destination: ${JSON.stringify(join(directory, 'app.log'))} })
      setTimeout(() => {}, 60000).unref()
      const timer = setInterval(() => { if (stream.closed) { clearInterval(timer); console.log(stream.write('line\\n')) } }, 5)`)
    expect({ code, stdout }).toEqual({ code: 0, stdout: 'false\n' })
    expect(stderr.match(/EACCES/g)).not.toBeNull()
    expect(stderr.match(/^\(node:/gm)).toHaveLength(1)
  })

  test('for want of its directories is no error with mkdir', async () => {
    const path = join(temporaryDirectory(), 'a', 'b', 'app.log')
    const { stream } = open({ destination: path, mkdir: true })
    await load(stream, 0, 10)
    await finish(stream)
    expect(check(read(path)).numbers).toHaveLength(10)
  })
})
