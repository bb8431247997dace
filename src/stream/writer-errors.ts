import { codedError, show } from '../errors'

/** What a stream says of its writer. */

/** Nobody takes lines any more. In thread-stream's words: applications compare them. */
export function hasExited (): Error {
  return codedError('ERR_PINO_PINNED_ENDED', 'the worker has exited')
}

/**
 * @param what was waited for in vain
 * @param lines at most so many: what the sink has of the last batch is not known
 * @param cause the error that the sink gives, by name
 */
export function leftInRing (what: string, lines: number, cause: string | undefined): Error {
  const why = cause === undefined ? '' : ` (${cause})`
  return codedError('ERR_PINO_PINNED_TIMEOUT', `${what}: the sink does not take lines${why}, up to ${lines} ${lines === 1 ? 'is' : 'are'} left in the ring`)
}

/**
 * @param cause the error that the sink gave, by name; without one it was the writers that died too often
 * @param sink where its lines go, in the user's words
 */
export function sinkFailed (cause: string | undefined, sink: string): Error {
  return cause === undefined
    ? codedError('ERR_PINO_PINNED_ENDED', `the writer to ${sink} is gone for good`)
    : codedError(cause, `${cause}: cannot write to ${sink}`)
}

/**
 * @param target in the user's words
 * @param lines at most so many that it has not let go of, as far as it shows
 */
export function notClosed (target: string, lines: number): Error {
  const left = lines === 0 ? 'what it still holds may be lost' : `up to ${lines} ${lines === 1 ? 'is' : 'are'} left there`
  return codedError('ERR_PINO_PINNED_TIMEOUT', `end: the target ${target} has all lines and has not closed, ${left}`)
}

/** @param sink where its lines go, in the user's words */
export function hasDied (restarts: number, reason: Error, sink: string): Error {
  const { exitCode } = reason as { exitCode?: number }
  const why = exitCode === undefined ? reason.message : `${reason.message} with code ${exitCode}`
  return new Error(`the log writer died and is started again (restart ${restarts}, sink: ${sink}): ${why}`, { cause: reason })
}

/**
 * @param lack the error that tells what there is none of, by name
 * @param sink where its lines go, in the user's words
 */
export function notStartedNow (lack: string, sink: string): Error {
  return codedError(lack, `${lack}: the log writer can't be started for now, lines wait until it can (sink: ${sink})`)
}

/** What of an error crosses between threads, whatever hangs on it. */
export interface InWords { code: string | undefined, message: string }

export function inWords ({ code, message }: Error & { code?: string }): InWords { return { code, message } }

export function fromWords ({ code, message }: InWords): Error {
  return code === undefined ? new Error(message) : codedError(code, message)
}

/** Errors of some classes cross between threads as plain objects, and a target may send anything. */
export function asError (reason: unknown): Error {
  if (reason instanceof Error) return reason
  const message = typeof reason === 'string' ? reason : (reason as { message?: unknown } | null | undefined)?.message
  return new Error(typeof message === 'string' ? message : show(reason), { cause: reason })
}
