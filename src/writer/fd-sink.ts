import { closeSync, constants, fstatSync, fsyncSync, mkdirSync, openSync, readlinkSync, readSync, statSync, writeSync, type Stats } from 'node:fs'
import { dirname } from 'node:path'
import { fileURLToPath } from 'node:url'
import { addon, WriteMode } from '../affinity/addon'
import type { FdSink as FdSinkSettings } from '../options'
import { RingWord, type Ring } from '../ring/layout'
import type { SinkKind } from './sink-errors'

const { O_APPEND, O_CREAT, O_NOCTTY = 0, O_NONBLOCK = 0, O_TRUNC, O_WRONLY } = constants
const NEWLINE = 10
/** A write of so many bytes is done whole, whatever other processes write to the same pipe or Unix socket (Linux). */
const WHOLE_BYTES = { [WriteMode.File]: Infinity, [WriteMode.Pipe]: 4096, [WriteMode.BlockingPipe]: Infinity, [WriteMode.Socket]: 16 * 1024 }
const DEFAULT_MODE = 0o666

/** An errno as a thrown error has it. */
export interface SystemError extends Error { code: string, errno: number, syscall: string, path?: string }

/**
 * A file descriptor as sink: a path, or a descriptor that the process has. No call it makes can block for ever, since a
 * thread inside such a call can neither be ended nor let the process end.
 */
export class FdSink {
  readonly #settings: FdSinkSettings
  readonly #path: string | null
  /** By which a descriptor is kept that outlives this thread; its owner has claimed it. */
  readonly #key: string
  #fd = -1
  #mode = WriteMode.File
  /** We opened it, so we close it. */
  #isOurs = false
  #isRegular = false
  /** What is or was open last, and whether the one before was the same regular file. */
  #file: Stats | undefined
  #isSameFile = false
  #kind: SinkKind = 'descriptor'
  /** It was open before, by this thread or by the one it takes over from: then nothing may be truncated. */
  #hasBeenOpen: boolean

  constructor (settings: FdSinkSettings, hasBeenOpen: boolean, key: string) {
    this.#settings = settings
    this.#key = key
    this.#hasBeenOpen = hasBeenOpen
    const { destination } = settings
    this.#path = typeof destination === 'number' ? null : destination.startsWith('file:') ? fileURLToPath(destination) : destination
  }

  get isPath (): boolean { return this.#path !== null }

  /** What the table of errors distinguishes. */
  get kind (): SinkKind { return this.#kind }
  get hasBeenOpen (): boolean { return this.#hasBeenOpen }

  /** Whether a FIFO is at the path, or may be: where nothing is any more, the next try tells. */
  get leadsToFifo (): boolean {
    try {
      return this.#path !== null && statSync(this.#path).isFIFO()
    } catch {
      return true
    }
  }

  /** A regular file: what it took, it has. */
  get isFile (): boolean { return this.#isRegular }

  /** Opened again, it is the very file, or FIFO, that it was before: that has what it took. */
  get isSameFile (): boolean { return this.#isSameFile }

  /** Of a regular file, in bytes, or NaN where that can't be told; any other is as long as can be. */
  get size (): number { return this.#isRegular ? statsOf(this.#fd)?.size ?? NaN : Infinity }

  /** Whether it is a file whose last byte is no newline. */
  get endsInsideLine (): boolean {
    if (!this.#isRegular || this.#path === null) return false
    const last = Buffer.alloc(1)
    let fd = -1
    try {
      fd = openSync(this.#path, 'r')
      return readSync(fd, last, 0, 1, fstatSync(fd).size - 1) === 1 && last[0] !== NEWLINE
    } catch {
      return false // it may not be read, or is empty
    } finally {
      if (fd >= 0) closeSync(fd)
    }
  }

  /** Ends the line that it ends inside. */
  endLine (): void {
    try {
      writeSync(this.#fd, '\n')
    } catch {} // the next line is torn then
  }

  /**
   * Opens the sink, again if it was open: but for a FIFO that is still at the path, which may hold what nobody has read yet.
   * Throws what the system says.
   */
  open (): void {
    this.#closeOurs()
    if (this.#path !== null) this.#openPath(this.#path)
    else this.#openDescriptor(this.#settings.destination as number)
    this.#hasBeenOpen = true
  }

  #openPath (path: string): void {
    const { append, mkdir, mode } = this.#settings
    if (this.#takeKept(path)) return
    if (mkdir) mkdirSync(dirname(path), { recursive: true })
    const truncate = append || this.#hasBeenOpen ? 0 : O_TRUNC
    // Non-blocking: a FIFO without a reader says so (ENXIO) instead of holding the thread. Regular files do not mind.
    this.#fd = openSync(path, O_WRONLY | O_CREAT | O_APPEND | O_NONBLOCK | O_NOCTTY | truncate, mode ?? DEFAULT_MODE)
    this.#isOurs = true
    const stats = fstatSync(this.#fd)
    this.#setMode(stats, true)
    if (stats.isFIFO() || stats.isFile()) this.#keep()
  }

  /**
   * Node closes what this thread opened, with it. A FIFO whose reader is gone holds what it holds as long as somebody has it
   * open; and of a file a successor is to know whether it was deleted.
   */
  #keep (): void {
    const end = addon?.keepEnd?.(this.#key, this.#fd) ?? -1
    if (end < 0) return
    this.#closeOurs()
    this.#fd = end
  }

  /** Whether the writer before this one wrote to a file that is on no path any more. */
  get wasLeftDeleted (): boolean {
    const end = addon?.keptEnd?.(this.#key) ?? -1
    const kept = end < 0 ? undefined : statsOf(end)
    return kept?.isFile() === true && kept.nlink === 0
  }

  /** Whether the path leads to what is kept, which is open again then. */
  #takeKept (path: string): boolean {
    const end = addon?.keptEnd?.(this.#key) ?? -1
    if (end < 0) return false
    const kept = statsOf(end)
    const found = statSync(path, { throwIfNoEntry: false })
    if (kept === undefined || found?.dev !== kept.dev || found.ino !== kept.ino) {
      addon!.keepEnd!(this.#key, -1)
      return false
    }
    this.#fd = end
    this.#setMode(kept, true)
    if (kept.isFIFO()) this.#isSameFile = true
    return true
  }

  #openDescriptor (descriptor: number): void {
    const stats = fstatSync(descriptor)
    this.#fd = descriptor
    this.#isOurs = false
    let isNonBlocking = false
    if (stats.isFIFO() || stats.isCharacterDevice()) {
      // The descriptor is shared with other processes, its flags with it. A description of our own may be non-blocking.
      try {
        this.#fd = openSync(`/proc/self/fd/${descriptor}`, O_WRONLY | O_NONBLOCK | O_NOCTTY | O_APPEND)
        this.#isOurs = isNonBlocking = true
      } catch {}
    }
    this.#setMode(stats, isNonBlocking)
  }

  #setMode (stats: Stats, isNonBlocking: boolean): void {
    this.#isRegular = stats.isFile()
    // An empty one may be another that was given the number of a deleted one, or has been truncated.
    this.#isSameFile = this.#isRegular && stats.size > 0 && stats.dev === this.#file?.dev && stats.ino === this.#file.ino
    this.#file = stats
    this.#kind = this.#path !== null ? 'path' : 'descriptor'
    if (stats.isFIFO() && (this.#path !== null || hasPath(this.#settings.destination as number))) this.#kind = 'fifo'
    if (stats.isSocket()) this.#mode = WriteMode.Socket
    else if (stats.isFIFO() || stats.isCharacterDevice()) this.#mode = isNonBlocking ? WriteMode.Pipe : WriteMode.BlockingPipe
    else this.#mode = WriteMode.File
  }

  /**
   * Writes `ring.bytes` from `from` to `to`, or the part that the sink takes now.
   *
   * @returns bytes taken; if none, a negative errno
   */
  write (ring: Ring, from: number, to: number): number {
    return addon?.writeFd !== undefined
      ? addon.writeFd(this.#fd, ring.bytes, from, to, this.#mode, ring.words, RingWord.BatchTaken)
      : this.#writeWithoutAddon(ring.bytes, from, to)
  }

  /** Whether `write` stores the bytes taken in `BatchTaken` together with the system call. */
  get storesTaken (): boolean { return addon?.writeFd !== undefined }

  /** Without the addon a socket or a terminal that could not be reopened is written as it is: that call can block. */
  #writeWithoutAddon (bytes: Buffer, from: number, to: number): number {
    let end = to
    const whole = WHOLE_BYTES[this.#mode]
    if (end - from > whole) {
      const last = bytes.lastIndexOf(NEWLINE, from + whole - 1)
      end = last >= from ? last + 1 : Math.min(to, endOfLine(bytes, from))
    }
    try {
      return writeSync(this.#fd, bytes, from, end - from)
    } catch (error) {
      return (error as SystemError).errno
    }
  }

  /** Of a pipe: bytes that it holds and nobody has read; -1 where that can't be told. */
  get unreadBytes (): number { return addon?.unreadBytes?.(this.#fd) ?? -1 }

  /** Of a pipe: whether somebody is known to read it now. */
  get hasReader (): boolean {
    try {
      closeSync(openSync(`/proc/self/fd/${this.#fd}`, O_WRONLY | O_NONBLOCK | O_NOCTTY))
      return true
    } catch {
      return false
    }
  }

  /** Whether the file is on no path any more: what is written to it now, nobody will read. */
  get isDeleted (): boolean {
    return this.#isRegular && this.isUnlinked
  }

  /** Whether a path that we opened leads here no more, since it was removed. */
  get isUnlinked (): boolean {
    return this.#path !== null && statsOf(this.#fd)?.nlink === 0
  }

  /** Brings everything written to the disk. */
  sync (): void {
    if (!this.#isRegular) return
    for (;;) {
      try {
        fsyncSync(this.#fd)
        return
      } catch (error) {
        if ((error as SystemError).code !== 'EINTR') throw error
      }
    }
  }

  /** With what a pipe holds that nobody reads. */
  close (): void {
    this.#closeOurs()
    addon?.keepEnd?.(this.#key, -1)
  }

  #closeOurs (): void {
    if (this.#fd >= 0 && this.#isOurs) {
      try { closeSync(this.#fd) } catch {} // nothing is buffered here, so nothing is lost that can be helped
    }
    this.#fd = -1
    this.#isOurs = false
  }

  /** An error as `fs` would throw it. */
  error (code: string, errno: number, more = ''): SystemError {
    const error = new Error(`${code}: cannot write to ${this.#path ?? `descriptor ${this.#settings.destination}`}${more}`) as SystemError
    return Object.assign(error, { code, errno, syscall: 'write' }, this.#path === null ? {} : { path: this.#path })
  }
}

/** Whether a descriptor is of a FIFO that others can open by its name, such as the shell's `> fifo`. */
function hasPath (descriptor: number): boolean {
  try {
    return readlinkSync(`/proc/self/fd/${descriptor}`).startsWith('/')
  } catch {
    return false
  }
}

/** Of an open file; undefined where the system won't say (somebody closed it, a server is away): writing to it will meet that. */
function statsOf (fd: number): Stats | undefined {
  try {
    return fstatSync(fd)
  } catch {
    return undefined
  }
}

function endOfLine (bytes: Buffer, from: number): number {
  const at = bytes.indexOf(NEWLINE, from)
  return at < 0 ? Infinity : at + 1
}
