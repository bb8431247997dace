/**
 * What to do about an error of the sink: the one table. Everything not listed is final.
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

const passing = (pauses: Pauses): Rule => ({ descriptor: 'wait', path: 'wait', fifo: 'wait', pauses })

/** A reader that catches up: prompt at first, cheap when it lasts. */
const READER: Pauses = { first: 0.05, longest: 25 }
/** A disk or a peer: looked at ten times a second at most. */
const DISK: Pauses = { first: 1, longest: 100 }

const RULES: Readonly<Record<string, Rule>> = {
  EAGAIN: passing(READER),
  EWOULDBLOCK: passing(READER),
  EINTR: passing(READER),
  ENOBUFS: passing(DISK),
  ENOMEM: passing(DISK),
  ENOSPC: passing(DISK),
  EDQUOT: passing(DISK),
  EFBIG: passing(DISK),
  EIO: { descriptor: 'final', path: 'reopen', fifo: 'reopen', pauses: DISK },
  ESTALE: { descriptor: 'final', path: 'reopen', fifo: 'reopen', pauses: DISK },
  EPIPE: { descriptor: 'final', path: 'reopen', fifo: 'next-reader', pauses: DISK }
}

/** What to do when a write failed with `code`. */
export function remedyOfWrite (code: string, kind: SinkKind): Remedy {
  return RULES[code]?.[kind] ?? 'final'
}

/** How long to pause after `code`. */
export function pausesOf (code: string): Pauses {
  return RULES[code]?.pauses ?? DISK
}

/** Opening fails with these for a while only: a FIFO without a reader, a full disk, no descriptor or memory left. */
const OPEN_AGAIN: ReadonlySet<string> = new Set(['ENXIO', 'EBUSY', 'ETXTBSY', 'ENOSPC', 'EDQUOT', 'EMFILE', 'ENFILE', 'ENOMEM', 'EINTR', 'EAGAIN'])

/**
 * What to do when opening the sink failed with `code`.
 *
 * @param hasBeenOpen it was open before: then the path was good once, and whoever took it away may bring it back
 */
export function remedyOfOpen (code: string, hasBeenOpen: boolean): Remedy {
  return hasBeenOpen || OPEN_AGAIN.has(code) ? 'wait' : 'final'
}

/**
 * A target is a program of its own: whatever ends it (it throws, rejects, emits 'error', closes early) costs this target
 * its life, and a new one is loaded in a new writer. Only one that never came up the first time is final: it would fail
 * the same way again; and one that fails as it closes, with all lines handed on: a new one would have nothing to do.
 */
export function remedyOfTarget (hasBeenOpen: boolean, hasAll: boolean): 'restart' | 'final' {
  return hasBeenOpen && !hasAll ? 'restart' : 'final'
}
