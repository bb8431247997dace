import { execFileSync } from 'node:child_process'
import { closeSync, constants, mkdirSync, openSync, readFileSync, readSync, statSync } from 'node:fs'
import { createServer, connect } from 'node:net'
import type { AddressInfo, Socket } from 'node:net'
import { constants as osConstants } from 'node:os'
import { join } from 'node:path'
import { WriteMode } from '../../src/affinity/addon'
import { onLinux, once, runNode, startNode, startWorker, temporaryDirectory, theAddon } from './support'

const { O_APPEND, O_CREAT, O_NONBLOCK, O_RDONLY, O_WRONLY } = constants
const { EAGAIN, EBADF, ENOSPC, EPIPE } = osConstants.errno
const PIPE_BUF = 4096
const TAKEN = 3

const writeFd = theAddon().writeFd!
const directory = temporaryDirectory()
const descriptors: number[] = []
let fifos = 0

afterEach(() => { for (const fd of descriptors.splice(0)) closeSync(fd) })

function open (path: string, flags: number): number {
  const fd = openSync(path, flags, 0o600)
  descriptors.push(fd)
  return fd
}

function newFifo (): string {
  const path = join(directory, `fifo-${++fifos}`)
  execFileSync('mkfifo', [path])
  return path
}

/** A pipe without anybody else at its ends. */
function newPipe (writeFlags: number): { reader: number, writer: number } {
  const path = newFifo()
  const reader = open(path, O_RDONLY | O_NONBLOCK)
  return { reader, writer: open(path, O_WRONLY | writeFlags) }
}

function readAll (fd: number): Buffer {
  const chunks: Buffer[] = []
  for (;;) {
    const chunk = Buffer.alloc(1 << 16)
    try {
      const length = readSync(fd, chunk)
      if (length === 0) break
      chunks.push(chunk.subarray(0, length))
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'EAGAIN') break
      throw error
    }
  }
  return Buffer.concat(chunks)
}

function newWords (): Int32Array {
  return new Int32Array(new SharedArrayBuffer(64))
}

/** Lines of the lengths given, newline included, over shared memory. */
function lines (...lengths: number[]): Buffer {
  const text = lengths.map((length, i) => `${i}`.padEnd(length - 1, String.fromCharCode(97 + i % 26)) + '\n').join('')
  const bytes = Buffer.from(new SharedArrayBuffer(text.length))
  bytes.write(text, 'latin1')
  return bytes
}

/** Writes again and again until an error, and returns it with the bytes taken. */
function fill (fd: number, bytes: Buffer, mode: WriteMode, words: Int32Array): { total: number, error: number } {
  let total = 0
  for (;;) {
    const taken = writeFd(fd, bytes, 0, bytes.length, mode, words, TAKEN)
    if (taken < 0) return { total, error: -taken }
    total += taken
  }
}

onLinux('a regular file', () => {
  test('gets exactly the range, and the count is told twice', () => {
    const path = join(directory, 'file')
    const fd = open(path, O_WRONLY | O_CREAT | O_APPEND)
    const words = newWords()
    const bytes = lines(...Array<number>(2000).fill(500))
    expect(writeFd(fd, bytes, 7, 999_990, WriteMode.File, words, TAKEN)).toBe(999_983)
    expect(writeFd(fd, bytes, 0, 0, WriteMode.File, words, TAKEN)).toBe(0)
    expect(writeFd(fd, bytes, 999_990, 1_000_000, WriteMode.File, words, TAKEN)).toBe(10)
    expect(readFileSync(path).equals(bytes.subarray(7))).toBe(true)
    expect([...words]).toEqual([0, 0, 0, 999_993, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0])
  })

  test('or any other descriptor gives the error number of the system, and counts nothing', () => {
    const words = newWords()
    const errorOf = (fd: number, mode: WriteMode): number => -writeFd(fd, lines(10), 0, 10, mode, words, TAKEN)
    for (const mode of [WriteMode.File, WriteMode.Pipe, WriteMode.Socket, WriteMode.BlockingPipe]) expect(errorOf(12345, mode)).toBe(EBADF)
    expect(errorOf(open('/dev/full', O_WRONLY), WriteMode.File)).toBe(ENOSPC)
    const { reader, writer } = newPipe(O_NONBLOCK)
    closeSync(descriptors.splice(descriptors.indexOf(reader), 1)[0]!)
    for (const mode of [WriteMode.Pipe, WriteMode.BlockingPipe]) expect(errorOf(writer, mode)).toBe(EPIPE)
    expect(words[TAKEN]).toBe(0)
  })

  test('holds what the count says whenever its writer is terminated', async () => {
    const path = join(directory, 'terminated')
    const words = newWords()
    const bytes = lines(...Array<number>(200).fill(50))
    for (let round = 0; round < 20; round++) {
      const before = Atomics.load(words, TAKEN)
      const worker = startWorker(`
        const { words, bytes, path } = workerData
        const fd = fs.openSync(path, 'a')
        for (;;) addon.writeFd(fd, bytes, 0, bytes.length, 0, words, ${TAKEN})
      `, { words, bytes: new Uint8Array(bytes.buffer), path })
      while (Atomics.load(words, TAKEN) === before) await new Promise((resolve) => setTimeout(resolve, 1))
      await worker.terminate()
      expect(statSync(path).size).toBe(Atomics.load(words, TAKEN))
    }
  })
})

onLinux('a pipe that nobody reads', () => {
  test.each([[WriteMode.Pipe, O_NONBLOCK, 'non-blocking'], [WriteMode.BlockingPipe, 0, 'blocking']])(
    'takes what fits, then says EAGAIN; when read it goes on (mode %i)', (mode, flags) => {
      const { reader, writer } = newPipe(flags)
      const words = newWords()
      const bytes = lines(...Array.from({ length: 100 }, (_, i) => 50 + i * 7))
      const first = fill(writer, bytes, mode, words)
      expect(first.error).toBe(EAGAIN)
      expect(first.total).toBeGreaterThan(PIPE_BUF)
      expect(words[TAKEN]).toBe(first.total)

      const endless = Buffer.concat(Array<Buffer>(10).fill(bytes))
      const read = readAll(reader)
      expect(read.equals(endless.subarray(0, first.total % bytes.length + Math.floor(first.total / bytes.length) * bytes.length))).toBe(true)
      expect(fill(writer, bytes, mode, words).error).toBe(EAGAIN)
      expect(readAll(reader).length + first.total).toBe(words[TAKEN])
    })

  test('gets whole lines only, as long as they are no longer than PIPE_BUF', () => {
    const { reader, writer } = newPipe(O_NONBLOCK)
    fill(writer, lines(...Array<number>(100).fill(3000)), WriteMode.Pipe, newWords())
    expect(readAll(reader).at(-1)).toBe('\n'.charCodeAt(0))
  })

  test('takes a line longer than itself in parts', () => {
    const { reader, writer } = newPipe(O_NONBLOCK)
    const words = newWords()
    const bytes = lines(300_000, 10)
    let from = 0
    const chunks: Buffer[] = []
    while (from < bytes.length) {
      const taken = writeFd(writer, bytes, from, bytes.length, WriteMode.Pipe, words, TAKEN)
      if (taken === -EAGAIN) chunks.push(readAll(reader))
      else from += taken
    }
    expect(Buffer.concat([...chunks, readAll(reader)]).equals(bytes)).toBe(true)
    expect(words[TAKEN]).toBe(bytes.length)
  })

  test('is not waited for though it is shared in blocking mode and another process fills it too', () => {
    // In a process of its own, which can be ended if it waits after all.
    const [taken, rest] = runNode(`
      const path = process.argv.at(-1)
      const reader = fs.openSync(path, fs.constants.O_RDONLY | fs.constants.O_NONBLOCK)
      const writer = fs.openSync(path, fs.constants.O_WRONLY)
      const rivalCode = 'const text = Buffer.alloc(100, 97); for (;;) require("node:fs").writeSync(3, text)'
      const rival = require('node:child_process').spawn(process.execPath, ['-e', rivalCode], { stdio: ['ignore', 'ignore', 'inherit', writer] })
      const words = new Int32Array(new SharedArrayBuffer(64))
      const bytes = Buffer.from('b'.repeat(99) + '\\n')
      // Each round makes a little room, for which both race.
      let error = 0
      for (const until = Date.now() + 1500; Date.now() < until;) {
        while ((error = addon.writeFd(writer, bytes, 0, bytes.length, ${WriteMode.BlockingPipe}, words, ${TAKEN})) > 0);
        fs.readSync(reader, Buffer.alloc(${PIPE_BUF}))
      }
      rival.kill('SIGKILL')
      print(words[${TAKEN}]); print(error)
    `, { argv: [newFifo()], timeoutMs: 100_000 })
    expect(taken).toBeGreaterThan(0)
    expect(rest).toBe(-EAGAIN)
  })
})

onLinux('two processes on one pipe', () => {
  async function countTorn (): Promise<number> {
    const path = newFifo()
    const reader = open(path, O_RDONLY | O_NONBLOCK)
    const code = `
      const [path, mode, letter] = process.argv.slice(-3)
      const fd = fs.openSync(path, fs.constants.O_WRONLY | fs.constants.O_NONBLOCK)
      const words = new Int32Array(new SharedArrayBuffer(4))
      const bytes = Buffer.from(Array.from({ length: 4000 }, (_, i) => letter.repeat(50 + i % 900) + '\\n').join(''))
      for (let from = 0; from < bytes.length;) {
        const taken = addon.writeFd(fd, bytes, from, bytes.length, Number(mode), words, 0)
        if (taken > 0) from += taken
        else Atomics.wait(words, 0, Atomics.load(words, 0), 0.1)
      }
    `
    const writers = ['a', 'b'].map((letter) => startNode(code, [path, `${WriteMode.Pipe}`, letter], ['ignore', 'ignore', 'inherit']))
    const chunks: Buffer[] = []
    const reading = setInterval(() => chunks.push(readAll(reader)), 1)
    await Promise.all(writers.map(async (writer) => await once(writer, 'exit')))
    clearInterval(reading)
    chunks.push(readAll(reader))
    const got = Buffer.concat(chunks).toString().split('\n')
    expect(got).toHaveLength(8001)
    return got.filter((line) => !/^(a*|b*)$/.test(line)).length
  }

  test("do not tear each other's lines", async () => {
    expect(await countTorn()).toBe(0)
  })

  test('would do so with as many bytes a call as there are', () => {
    const path = newFifo()
    const reader = open(path, O_RDONLY | O_NONBLOCK)
    const [one, other] = [open(path, O_WRONLY | O_NONBLOCK), open(path, O_WRONLY | O_NONBLOCK)]
    const words = new Int32Array(new SharedArrayBuffer(64))
    const bytes = Buffer.from(('a'.repeat(998) + '\n').repeat(100))
    // The pipe is full in the middle of a line, and the other is there first when it is read.
    const taken = writeFd(one, bytes, 0, bytes.length, WriteMode.File, words, TAKEN)
    const chunks = [readAll(reader)]
    writeFd(other, Buffer.from('b\n'), 0, 2, WriteMode.File, words, TAKEN)
    writeFd(one, bytes, taken, bytes.length, WriteMode.File, words, TAKEN)
    chunks.push(readAll(reader))
    expect(Buffer.concat(chunks).toString().split('\n').filter((line) => !/^(a*|b*)$/.test(line))).not.toEqual([])
  })
})

onLinux('a terminal in blocking mode that nobody reads', () => {
  const lineLengths = [2, 100, 3000, 9000]

  test.each(lineLengths)('is not waited for, and gets every byte counted: lines of %i', async (length) => {
    // Python has pseudo-terminals in its library; it is what node-gyp runs on, so it is there where an addon was built.
    const python = `
import os, subprocess, sys
master, slave = os.openpty()
child = subprocess.Popen([*sys.argv[1:], str(slave)], pass_fds=[slave], stdout=subprocess.PIPE, text=True)
try:
  said, _ = child.communicate(timeout=60)
  os.close(slave)
  got = b''
  while True:
    try: part = os.read(master, 65536)
    except OSError: break
    if not part: break
    got += part
  print(said.strip(), len(got.replace(b'\\r\\n', b'\\n')), got.endswith(b'\\r\\n'))
except subprocess.TimeoutExpired:
  child.kill(); print('waited')
`
    const code = `
      const addon = require(process.argv[1])
      const bytes = Buffer.from(('x'.repeat(${length - 1}) + '\\n').repeat(${Math.ceil(100_000 / length)}))
      const words = new Int32Array(new SharedArrayBuffer(64))
      let taken
      while ((taken = addon.writeFd(Number(process.argv[2]), bytes, 0, bytes.length, ${WriteMode.BlockingPipe}, words, 1)) > 0);
      console.log(taken, words[1])
    `
    const addonPath = (require('node-gyp-build') as { resolve: (directory: string) => string }).resolve(join(__dirname, '..', '..'))
    mkdirSync(join(directory, 'python'), { recursive: true })
    const said = execFileSync('python3', ['-c', python, process.execPath, '-e', code, addonPath], { encoding: 'utf8', cwd: join(directory, 'python') })
    const [error, counted, got] = said.trim().split(' ')
    expect(said).not.toContain('waited')
    expect({ error, got }).toEqual({ error: `-${EAGAIN}`, got: counted })
    expect(Number(counted)).toBeGreaterThan(1000)
  })
})

onLinux('a socket that nobody reads', () => {
  test('takes what fits, then says EAGAIN, also in blocking mode: a standard output that a Node parent made', async () => {
    const child = startNode(`
      const words = new Int32Array(new SharedArrayBuffer(64))
      const bytes = Buffer.alloc(100_000, 97)
      let taken
      while ((taken = addon.writeFd(3, bytes, 0, bytes.length, ${WriteMode.Socket}, words, ${TAKEN})) > 0);
      print([fs.fstatSync(3).isSocket(), taken, words[${TAKEN}]])
    `, [], ['ignore', 'pipe', 'inherit', 'pipe'])
    const unread = child.stdio[3] as Socket
    unread.pause()
    const chunks: Buffer[] = []
    child.stdout!.on('data', (chunk: Buffer) => chunks.push(chunk))
    await once(child, 'close').catch(() => {})
    const [isSocket, error, taken] = JSON.parse(Buffer.concat(chunks).toString()) as [boolean, number, number]
    expect({ isSocket, error }).toEqual({ isSocket: true, error: -EAGAIN })
    expect(taken).toBeGreaterThan(0)
  })

  test('that the other side closed gives EPIPE and no signal', async () => {
    const server = createServer((socket) => socket.destroy())
    await once(server.listen(0, '127.0.0.1'), 'listening')
    const socket = connect((server.address() as AddressInfo).port, '127.0.0.1')
    await once(socket, 'connect')
    const fd = (socket as unknown as { _handle: { fd: number } })._handle.fd
    const words = newWords()
    let taken = 0
    while (taken >= 0) {
      taken = writeFd(fd, lines(10), 0, 10, WriteMode.Socket, words, TAKEN)
      Atomics.wait(words, 0, 0, 1) // no event loop: it would notice, and close the descriptor
    }
    expect([EPIPE, osConstants.errno.ECONNRESET]).toContain(-taken)
    socket.destroy()
    server.close()
  })
})
