import { execFileSync } from 'node:child_process'
import { closeSync, constants, mkdtempSync, openSync, readFileSync, readSync, rmdirSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setImmediate, setTimeout as sleep } from 'node:timers/promises'
import { transport, type RingStream, type TransportOptions } from 'pino-pinned'
import { temporaryDirectory } from '../support/process'
import { check, numbered, type Found } from './lines'

export { check, numbered }

/** Resolves when `isSo`; the test's own time limit is the only one. */
export async function until (isSo: () => boolean): Promise<void> {
  while (!isSo()) await sleep(2)
}

export function logPath (): string {
  return join(temporaryDirectory(), 'app.log')
}

/** A transport whose warnings and events are kept. */
export function open (options: TransportOptions): { stream: RingStream, restarts: number[], errors: Error[] } {
  const stream = transport({ exitTimeout: 20_000, ...options })
  const restarts: number[] = []
  const errors: Error[] = []
  stream.on('writer-restart', (count: number) => { restarts.push(count) })
  stream.on('error', (error: Error) => { errors.push(error) })
  return { stream, restarts, errors }
}

/** Writes lines numbered from `from`, with a turn of the event loop after every hundred. */
export async function load (stream: RingStream, from: number, to: number, longBytes = 0): Promise<void> {
  for (let n = from; n < to; n++) {
    stream.write(numbered(n, longBytes))
    if (n % 100 === 99) await setImmediate()
  }
}

/** Ends the stream and waits until all is delivered. */
export async function finish (stream: RingStream): Promise<void> {
  const closed = new Promise((resolve) => stream.once('close', resolve))
  stream.end()
  await closed
}

/** Everything accepted is there, once, in order, none torn; and the counts say so. */
export function expectComplete (stream: RingStream, found: Found, written: number, mostRepeated = 0): void {
  const { linesAccepted, linesDropped, linesWritten, linesSkipped } = stream.stats()
  expect(found.torn).toEqual([])
  expect(found.inOrder).toBe(true)
  expect({ delivered: found.numbers.length, accepted: linesAccepted, dropped: linesDropped }).toEqual({
    delivered: linesAccepted, accepted: linesAccepted, dropped: written - linesAccepted
  })
  expect({ written: linesWritten, skipped: linesSkipped, told: found.told }).toEqual({ written: linesAccepted, skipped: 0, told: linesDropped })
  expect(found.repeated).toBeLessThanOrEqual(mostRepeated)
}

export function read (path: string): string {
  return readFileSync(path, 'utf8')
}

export function makeFifo (): string {
  const path = join(temporaryDirectory(), 'fifo')
  execFileSync('mkfifo', [path])
  return path
}

/** The reading end of a FIFO, read by hand. Opening it does not wait for a writer. */
export class Reader {
  readonly #fd: number
  readonly #buffer = Buffer.alloc(64 * 1024)
  readonly chunks: Buffer[] = []
  /** What it met last was no writer that has the pipe open. */
  isAtEnd = false

  constructor (path: string) {
    this.#fd = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK)
  }

  /** Reads what is there; false if there is nothing now. */
  take (most = this.#buffer.length): boolean {
    try {
      const count = readSync(this.#fd, this.#buffer, 0, most, null)
      this.isAtEnd = count === 0
      if (count > 0) this.chunks.push(Buffer.from(this.#buffer.subarray(0, count)))
      return count > 0
    } catch (error) {
      this.isAtEnd = false
      if ((error as NodeJS.ErrnoException).code === 'EAGAIN') return false
      throw error
    }
  }

  /** Reads until `isDone`, which is asked when the pipe is empty. */
  async takeUntil (isDone: () => boolean): Promise<void> {
    for (;;) {
      if (this.take()) continue
      if (isDone()) return
      await sleep(1)
    }
  }

  get text (): string { return Buffer.concat(this.chunks).toString() }

  close (): void { closeSync(this.#fd) }
}

const mounts: string[] = []

/** A file system of its own, of so many bytes. Tests that need one need root. */
export function smallDisk (size: string): string {
  const disk = mkdtempSync(join(tmpdir(), 'pino-pinned-disk-'))
  execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${size}`, 'tmpfs', disk])
  mounts.push(disk)
  return disk
}

afterAll(() => {
  for (const disk of mounts) {
    execFileSync('umount', ['--lazy', disk])
    rmdirSync(disk)
  }
})
