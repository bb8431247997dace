import { closeSync, openSync } from 'node:fs'
import { constants, devNull } from 'node:os'
import { WriterWord } from '../ring/layout'

/** What a thread can't start without, and what may be given back at any time. */
export type Lack = 'EMFILE' | 'ENFILE' | 'ENOMEM' | 'EAGAIN'

/** Descriptors that a thread needs up to its first line: for its event loop, and for the file with that line. */
const DESCRIPTORS_OF_A_THREAD = 5

/** Writers that no thread comes up for, because the process or the machine has run out of something. */
export class Lacks {
  readonly #block: Int32Array
  /** Found in a row. */
  #count = 0
  /** Found as the last thread was started. */
  #atStart: Lack | undefined

  constructor (block: Int32Array) {
    this.#block = block
  }

  get isKnown (): boolean { return this.#count > 0 }

  /** A thread is about to be started. It may be long gone, and its lack too, when that is noticed. */
  starts (): void { this.#atStart = lackNow() }

  /**
   * What the thread lacked that has died before anything of the writer ran, if that is what it died of.
   *
   * @param reason as far as known: who waits without an event loop has not heard it
   */
  behind (reason: Error): Lack | undefined {
    const hasRun = Atomics.load(this.#block, WriterWord.Claim) === Atomics.load(this.#block, WriterWord.Generation) * 2 + 1
    return hasRun ? undefined : lackOf(reason) ?? this.#atStart ?? lackNow()
  }

  /** Takes note of one: to all threads it is a writer that waits for its sink. Returns how many there were in a row before. */
  found (lack: Lack): number {
    Atomics.store(this.#block, WriterWord.Claim, Atomics.load(this.#block, WriterWord.Generation) * 2 + 1)
    Atomics.store(this.#block, WriterWord.Stalled, constants.errno[lack])
    return this.#count++
  }

  /** What is still lacking of what was. */
  look (): Lack | undefined {
    if (this.#count === 0) return undefined
    const lack = lackNow()
    if (lack === undefined) Atomics.store(this.#block, WriterWord.Stalled, 0)
    return lack
  }

  forget (): void { this.#count = 0 }
}

function lackOf ({ code, message }: Error & { code?: string }): Lack | undefined {
  switch (code) {
    case 'EMFILE': case 'ENFILE': case 'ENOMEM': return code
    // Of this one Node tells the cause in the message alone.
    case 'ERR_WORKER_INIT_FAILED': return /(?:EMFILE|ENFILE|ENOMEM|EAGAIN)$/.exec(message)?.[0] as Lack | undefined
    default: return undefined
  }
}

function lackNow (): Lack | undefined {
  const opened: number[] = []
  try {
    while (opened.length < DESCRIPTORS_OF_A_THREAD) opened.push(openSync(devNull, 'r'))
    return undefined
  } catch (error) {
    return lackOf(error as Error)
  } finally {
    for (const fd of opened) closeSync(fd)
  }
}
