/**
 * What to do about an error of the sink: the one table.
 *
 * - `wait`: it passes; keep the batch, pause, try again
 * - `reopen`: this descriptor is finished, the path may still be good; open it again, then go on with the line under way
 * - `next-reader`: keep the pipe, with what it holds, until another reader opens it
 * - `final`: tell the application, then drop and count
 */
export type Remedy = 'wait' | 'reopen' | 'next-reader' | 'final'

/**
 * - `descriptor`: the user gave it; there is no path to open again
 * - `path`: a path, already open
 * - `fifo`: a pipe that has a name, and so may get another reader
 */
export type SinkKind = 'descriptor' | 'path' | 'fifo'

/** Pauses between tries, in milliseconds: the first and the longest. */
export interface Pauses { readonly first: number, readonly longest: number }

interface Rule extends Readonly<Record<SinkKind, Remedy>> {
  readonly pauses: Pauses
}

/** A reader that catches up: prompt at first, cheap when it lasts. */
const READER: Pauses = { first: 0.05, longest: 25 }
/** A disk or a peer: looked at ten times a second at most. */
const DISK: Pauses = { first: 1, longest: 100 }
/** A path, which is opened again each time. */
const PATH: Pauses = { first: 1, longest: 1000 }

const passing = (pauses: Pauses): Rule => ({ descriptor: 'wait', path: 'wait', fifo: 'wait', pauses })
/** Somebody's act or a device's state, which the next one may undo: a path that was good once may be good again. */
const REOPENED: Rule = { descriptor: 'final', path: 'reopen', fifo: 'reopen', pauses: PATH }
/** The call is none that this sink takes, and the next one would be the same: no waiting makes it right. */
const FINAL: Rule = { descriptor: 'final', path: 'final', fifo: 'final', pauses: DISK }

const RULES: Readonly<Record<string, Rule>> = {
  EAGAIN: passing(READER),
  EWOULDBLOCK: passing(READER),
  EINTR: passing(READER),
  ENOBUFS: passing(DISK),
  ENOMEM: passing(DISK),
  ENOSPC: passing(DISK),
  EDQUOT: passing(DISK),
  EFBIG: passing(DISK),
  EIO: REOPENED,
  ESTALE: REOPENED,
  EPIPE: { ...REOPENED, fifo: 'next-reader', pauses: DISK },
  EINVAL: FINAL, // not for writing, or not in such pieces
  EFAULT: FINAL, // memory that can't be read
  ENOSYS: FINAL, // the file system, or a filter of system calls, has no write
  ENOTSUP: FINAL,
  EOPNOTSUPP: FINAL // the same, where a system has two numbers
}

/**
 * Any other is taken for one that passes: which call meets `chattr +i`, a file system gone read-only or a server that is
 * away, and what it makes of that, is chance, and an open that meets it later is waited for.
 */
const ruleOf = (code: string): Rule => RULES[code] ?? REOPENED

/** What to do when a write failed with `code`. */
export function remedyOfWrite (code: string, kind: SinkKind): Remedy { return ruleOf(code)[kind] }

/** How long to pause after `code`. */
export function pausesOf (code: string): Pauses { return ruleOf(code).pauses }

/** Opening fails with these for a while only: a FIFO without a reader, a full disk, no descriptor or memory left. */
const OPEN_AGAIN: ReadonlySet<string> = new Set(['ENXIO', 'EBUSY', 'ETXTBSY', 'ENOSPC', 'EDQUOT', 'EMFILE', 'ENFILE', 'ENOMEM', 'EINTR', 'EAGAIN'])

/** What opening depends on. */
export interface Opening {
  readonly isPath: boolean
  /** It was open before: then the path was good once, and whoever took it away may bring it back. */
  readonly hasBeenOpen: boolean
  /** Looked up where it matters. */
  readonly leadsToFifo: boolean
}

/** What to do when opening the sink failed with `code`. */
export function remedyOfOpen (code: string, sink: Opening): Remedy {
  if (code === 'EBADF' && !sink.isPath) return 'final' // the descriptor we were given is closed, and nobody can open it again
  if (sink.hasBeenOpen) return 'wait'
  // A FIFO will get a reader. A Unix socket, or a terminal of a process that has none, answers the same and will for ever.
  if (code === 'ENXIO' && !sink.leadsToFifo) return 'final'
  return OPEN_AGAIN.has(code) ? 'wait' : 'final'
}

/** Whether the table has no name for what is waited for: then somebody is told. */
export function isUnexpected (code: string, call: 'open' | 'write'): boolean {
  return RULES[code] === undefined && !(call === 'open' && OPEN_AGAIN.has(code))
}

/**
 * A target is a program of its own: whatever ends it (it throws, rejects, emits 'error', closes early) costs this target
 * its life, and a new one is loaded in a new writer. Only one that never came up the first time is final: it would fail
 * the same way again; and one that fails as it closes, with all lines handed on: a new one would have nothing to do.
 */
export function remedyOfTarget (hasBeenOpen: boolean, hasAll: boolean): 'restart' | 'final' {
  return hasBeenOpen && !hasAll ? 'restart' : 'final'
}
