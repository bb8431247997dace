/** The one place that loads the native addon, and what it looks like from TypeScript. */

import { existsSync, readFileSync, readlinkSync } from 'node:fs'
import { basename, join, resolve } from 'node:path'

/**
 * What `native/addon.cc` exports. Every function checks its arguments: a wrong one is a `TypeError`
 * (`ERR_PINO_PINNED_INVALID_ARG_TYPE`) or a `RangeError` (`ERR_PINO_PINNED_OUT_OF_RANGE`). What the operating system
 * refuses is an `Error` with `code`, `errno` and `syscall`, as Node's own are; what it does not have is an `Error` with
 * the code `ERR_PINO_PINNED_NOT_SUPPORTED`.
 */
export interface Addon {
  /** `exact`: a pinned thread stays where it was put; `hint`: the scheduler may do otherwise; `none`: can't pin. */
  readonly affinitySupport: 'exact' | 'hint' | 'none'

  /**
   * Pins the calling thread to a set of cores (0–65535 each). Starts libuv's thread pool first, unpinned, because its
   * threads inherit the affinity of the one that starts them. Throws, and leaves the thread as it was, unless the
   * kernel accepts every core.
   */
  pinThread (cores: readonly number[]): void

  /** Gives the calling thread the cores of {@link Addon.initialAffinity} again. */
  unpinThread (): void

  /**
   * Gives another thread of this process those of `cores` that the kernel accepts; `ESRCH` if it is none or has ended. Only on Linux.
   *
   * @param threadId as {@link Addon.threadId} says it there
   */
  moveThread?: (threadId: number, cores: readonly number[]) => void

  /** What {@link Addon.threadId} says in each thread of this process. Only on Linux. */
  threadIds?: () => number[]

  /** Where the calling thread may run, by the kernel's word, ascending. */
  threadAffinity (): number[]

  /** Where the process might run when the addon was first loaded into it; empty if the system did not say. */
  initialAffinity (): number[]

  /** Every core the kernel would let this process pin to: also those outside its present mask (taskset, isolcpus). */
  permittedCores (): number[]

  /** The core the calling thread is on at this moment. */
  currentCore (): number

  /** CPU time of the calling thread in milliseconds, with fractions; -1 if the system does not say. */
  threadCpuMs (): number

  /** What the operating system calls this thread (Linux: the tid in `/proc/self/task`). */
  threadId (): number

  /** Names the calling thread. Cut, between characters, to what the system allows: 15 bytes of UTF-8 on Linux. */
  setThreadName (name: string): void

  /** Lowers or raises the calling thread's priority: -20 (most favoured) to 19 (least). */
  setThreadPriority (nice: number): void

  /**
   * Has `value` stored atomically into `words[index]` when the calling thread's environment is torn down, in whatever
   * way: return, `terminate()`, `process.exit()`, out of memory. By then no JavaScript of it runs any more. Nobody
   * waiting in `Atomics.wait` is woken. `words` must be over a SharedArrayBuffer, which is kept until then.
   */
  storeAtThreadExit (words: Int32Array, index: number, value: number): void

  /** Takes back what the calling thread has said of this word, which is kept no longer. */
  cancelStoreAtThreadExit (words: Int32Array, index: number): void

  /**
   * Claims a key for the calling thread: one thread of the process has it, until it releases it or its environment is torn
   * down.
   *
   * @returns 0 if another thread has it; 2 if the sink was open under this holder or one before, else 1
   */
  claim (key: string): 0 | 1 | 2

  /**
   * Gives back a key that the calling thread has.
   *
   * @param isForgotten that the sink was open does not matter to its next holder
   */
  release (key: string, isForgotten: boolean): void

  /** The sink of this key is open: whoever claims the key next goes on with it. For the writer, whose thread need not be the holder's. */
  sinkOpened (key: string): void

  /**
   * Keeps a descriptor open that leads where `fd` does, in place of the one kept for this key before, until whoever has
   * claimed the key gives it back or is torn down: also when the calling thread is gone. For the writer, whose thread need not
   * be the holder's. It writes there, so the key is not to be given back as long as that thread lives: the number may be
   * another file's at once. Absent on Windows.
   *
   * @param fd -1 to keep none
   * @returns its number; -1 if none is kept, as nobody has the key, or no descriptor is to be had
   */
  keepEnd?: (key: string, fd: number) => number

  /** The number of the descriptor that is kept for this key, or -1. Absent on Windows. */
  keptEnd?: (key: string) => number

  /**
   * The calling thread has this ring, and what is in it is to go to the next writer of `key` when no thread has it any more:
   * when its last keeper has let it go, or has been torn down in whatever way. Unless the ring is given back or closed by
   * then, it is marked as given back, and copied for {@link Addon.inherit}. (At most 1024 rings, and not on top of 64 MiB.)
   * When a thread's end leaves nobody with a ring of that key, all that was left is added to the file, if it is one and there is
   * nothing but lines in it. With an empty key nobody inherits, and that is all that becomes of it.
   *
   * @param words an Int32Array over the whole of the ring's SharedArrayBuffer
   * @param layout says where things stand in it
   * @param destination the file: a path, or a descriptor
   * @param mode what the file is made with; 0o666 if not given
   * @param mkdir whether directories that it is to lie in are made too
   */
  keepRing (words: Int32Array, key: string, layout: object, destination?: string | number, mode?: number, mkdir?: boolean): void

  /** The calling thread has this ring too, if it is one that others keep. */
  keepRingToo (words: Int32Array): void

  /** The calling thread has the ring no more. */
  letRingGo (words: Int32Array): void

  /**
   * Something that was left for the next writer of `key`, if there is anything: what stood before a ring's data, and its
   * records from the released position on. The same again, here or in another thread if this one is torn down, until the
   * ring that the calling thread makes of it is kept for that key.
   */
  inherit (key: string): ArrayBuffer | undefined

  /**
   * Makes a function that publishes a line on the ring in `words`, an Int32Array over a SharedArrayBuffer, and returns
   * whether it did: it does not when room is short, or what it got is no string. `layout` says where things stand; it is
   * checked here, once.
   */
  createPublisher (words: Int32Array, layout: object): (text: string) => boolean

  /**
   * Joins the payloads of whole lines of the ring in `words`, an Int32Array over a SharedArrayBuffer, in its gather space: from
   * `position` on until something else comes, or no more fits, or it is enough.
   *
   * @param gathering 16 words, shared too. It leaves there: the position that it came to, where in the gather space, how many
   *   lines, and as f64 in the fifth and sixth the time that holds then. It finds there: in the fourth, from which byte of the
   *   gather space on it is enough; as f64 in the fifth and sixth, the time until now, and in the next two, which one nothing
   *   may be later than; behind these, in bytes, the start of the data, its capacity, the longest payload, start and end of the
   *   gather space; and the meta words of a line and of a time
   * @param position in the ring, of 32 bits
   * @param published position up to which records may be read
   * @param to where in `words`, in bytes, the payloads go
   */
  gatherLines (words: Int32Array, gathering: Int32Array, position: number, published: number, to: number): void

  /**
   * What a dropped line counts as: its UTF-8 bytes times 128, plus its level if it shows one of pino's own where pino puts
   * it. 0 if it is too long (8192 bytes or more) to be measured so.
   */
  measureLine (text: string): number

  /** Bytes that the pipe holds which `fd` is an end of; -1 where the system does not say (Linux does). Absent on Windows. */
  unreadBytes?: (fd: number) => number

  /**
   * Writes `bytes[from, to)` to `fd` and returns the number of bytes taken, also if an error came after some, else a
   * negated errno. After each system call, before anything else, the bytes are added atomically to
   * `words[takenIndex]`. Never waits for a reader. Absent on Windows.
   */
  writeFd?: (
    fd: number, bytes: Uint8Array, from: number, to: number, mode: WriteMode, words: Int32Array, takenIndex: number
  ) => number
}

/** How {@link Addon.writeFd} writes. */
export enum WriteMode {
  /** A regular file: everything in one call. */
  File = 0,
  /** A non-blocking pipe or terminal: whole lines, at most PIPE_BUF bytes a call unless one line is longer. */
  Pipe = 1,
  /** A socket, whether it blocks or not: whole lines, at most 16 KiB a call unless one line is longer. */
  Socket = 2,
  /** A pipe, FIFO or terminal in blocking mode: at most PIPE_BUF bytes a call, and only what fits without waiting. */
  BlockingPipe = 3
}

/** Where a bundler puts it: beside the bundle that this file has become part of. */
const BUNDLED = join(__dirname, 'pino-pinned-addon.node')

function load (): { addon?: Addon, error?: Error } {
  if (process.env.PINO_PINNED_ADDON === 'off') {
    return { error: new Error('the native addon is switched off by PINO_PINNED_ADDON=off') }
  }
  try {
    return { addon: existsSync(BUNDLED) ? loadBundled() : loadBuild() }
  } catch (error) {
    return { error: error instanceof Error ? error : new Error(String(error)) }
  }
}

function loadBundled (): Addon {
  // Here, because in a worker it brings along the loader of ES modules. Not `require`: a bundler would want to have the file.
  const { createRequire } = require('node:module') as typeof import('node:module')
  return createRequire(__filename)(BUNDLED)
}

function loadBuild (): Addon {
  // One level up from the built file, two from this one or from an entry in a folder.
  const packageRoot = [resolve(__dirname, '..'), resolve(__dirname, '..', '..')].find(isOurs)
  // In an application's bundle that is anywhere, and the addon there somebody else's.
  if (packageRoot === undefined) throw new Error(`a bundle needs it at ${BUNDLED} (docs/bundlers.md)`)
  return require('node-gyp-build')(packageRoot)
}

function isOurs (directory: string): boolean {
  try {
    return JSON.parse(readFileSync(join(directory, 'package.json'), 'utf8')).name === 'pino-pinned'
  } catch {
    return false
  }
}

const loaded = load()

/** The addon, or undefined where it is not built, does not load, or is switched off (`PINO_PINNED_ADDON=off`). */
export const addon: Addon | undefined = loaded.addon

/** Why there is no {@link addon}. */
export const addonError: Error | undefined = loaded.error

/** CPU time of the calling thread in milliseconds; 0 where nothing tells. */
export function threadCpuMs (): number {
  return addon === undefined ? 0 : Math.max(0, addon.threadCpuMs())
}

/** The calling thread's id as `/proc/self/task` has it, by which others can see whether it lives; 0 where nothing tells. */
export function osThreadId (): number {
  if (addon !== undefined) return addon.threadId()
  try {
    return Number(basename(readlinkSync('/proc/thread-self')))
  } catch {
    return 0
  }
}
