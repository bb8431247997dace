import { setImmediate } from 'node:timers'
import type { RingStream } from './ring-stream'
import type { WriterAccess } from './writer-access'
import { hasExited } from './writer-errors'

/** Tells of writes that nobody will take, as under thread-stream, but once a turn of the event loop at most. */
export class RefusalTeller {
  readonly #tell: (isExplained: boolean) => boolean
  /** One is to be told, or was and is enough. While it is told too: a listener that logs what it hears must not hear of that. */
  #isTold = false
  #lives = 0

  /** @param tell returns whether that is all that is to be told, until lines are taken again */
  constructor (tell: (isExplained: boolean) => boolean) { this.#tell = tell }

  /** @param isExplained whether the application has heard why */
  refused (isExplained: boolean): void {
    if (this.#isTold) return
    this.#isTold = true
    const life = this.#lives
    setImmediate(() => {
      let isEnough = false
      try { isEnough = this.#tell(isExplained) } finally { if (life === this.#lives) this.#isTold = isEnough }
    })
  }

  /** Lines are taken again. */
  renew (): void {
    this.#isTold = false
    this.#lives++
  }
}

/**
 * Tells a stream of a line that nobody takes; why that is so comes first. To the writer's owner it is on its way, others ask
 * here: the owner's thread may be busy.
 *
 * @returns whether that is all that is to be told: of another's end once is enough
 */
export function tellRefusal (stream: RingStream, writer: WriterAccess, isExplained: boolean, tell: (error: Error) => boolean): boolean {
  const isOwner = writer.worker !== undefined
  if (isExplained || stream.closed || (!isOwner && writer.failure === undefined)) return tell(hasExited()) && !isOwner
  if (!isOwner) stream.onWriterState()
  return false
}
