import { performance } from 'node:perf_hooks'
import { setInterval } from 'node:timers'
import { WriterWord } from '../ring/layout'
import type { Stages } from './stages'

/** Several looks in any `exitTimeout` that makes sense, and too few to count as work themselves. */
const LOOK_MS = 50
/** The part of the time that an event loop works when it waits for a peer is well below, when it writes a buffer away well above. */
const LEAST_UTILIZATION = 0.1
/** For so many looks in a row: V8 tidies up the heap of a thread that has been idle for some seconds. */
const LEAST_BUSY_LOOKS = 3
/** pino gives a transport 10 seconds to close: no application knows a longer wait for what nobody sees. */
const MOST_CLOSING_MS = 10_000

/** Shows those who wait for a target that it is at work on lines that nobody sees leave it. */
export class TargetWork {
  readonly #block: Int32Array
  readonly #backlogs: readonly Backlog[]

  /** @param targets each stream that is given lines */
  constructor (block: Int32Array, targets: readonly Stages[]) {
    this.#block = block
    this.#backlogs = targets.map((target) => new Backlog(target))
  }

  /** Shows that a target has let go of something since the last look. */
  look (): void {
    if (this.#haveMoved()) this.#show()
  }

  /** As far as they show, the targets hold nothing that is still to come. */
  get isNoneLeft (): boolean { return this.#backlogs.every((backlog) => backlog.isOver) }

  /** A target, or a stage of it, was destroyed with lines that it had not written. */
  get isCutOff (): boolean { return this.#backlogs.some((backlog) => backlog.isCutOff) }

  /** The targets have written all that they were given: none has failed in a write. */
  get areFinishing (): boolean { return this.#backlogs.every((backlog) => backlog.isFinishing) }

  /**
   * The targets have been told to end, and may be at work on what does not show: a busy event loop can be seen. From now on
   * it looks by itself, which holds the thread only as `ref` of what it returns is called.
   *
   * @param look called with each look
   */
  watchClosing (look: () => void): NodeJS.Timeout {
    const start = performance.now()
    let last = performance.eventLoopUtilization()
    let busyLooks = 0
    return setInterval(() => {
      const now = performance.eventLoopUtilization()
      const { utilization } = performance.eventLoopUtilization(now, last)
      last = now
      busyLooks = utilization > LEAST_UTILIZATION ? busyLooks + 1 : 0
      const isBusy = busyLooks >= LEAST_BUSY_LOOKS && performance.now() - start <= MOST_CLOSING_MS
      if (this.#haveMoved() || isBusy) this.#show()
      look()
    }, LOOK_MS).unref()
  }

  #haveMoved (): boolean { return this.#backlogs.filter((backlog) => backlog.hasMoved()).length > 0 }

  #show (): void { Atomics.add(this.#block, WriterWord.TargetWork, 1) }
}

/** What a target holds, stage by stage. */
class Backlog {
  readonly #stages: Stages
  #lengths: number[] = []
  #hasDrained = false

  constructor (stages: Stages) {
    this.#stages = stages
    for (const stream of stages.streams) stream.on('drain', () => { this.#hasDrained = true })
  }

  get isFinishing (): boolean { return this.#stages.isFinishing }

  get isCutOff (): boolean { return this.#stages.isCutOff }

  get isOver (): boolean { return this.#stages.isOver }

  /** Whether something has moved on since the last look: a stage holds less, and none before it more, or had enough and has room again. */
  hasMoved (): boolean {
    const before = this.#lengths
    const hasDrained = this.#hasDrained
    this.#hasDrained = false
    this.#lengths = this.#stages.lengths
    const changed = this.#lengths.findIndex((length, at) => length !== before[at])
    return hasDrained || (changed !== -1 && this.#lengths[changed]! < before[changed]!)
  }
}
