import { performance } from 'node:perf_hooks'
import { setInterval } from 'node:timers'
import { WriterWord } from '../ring/layout'

/** Several looks in any `exitTimeout` that makes sense, and too few to count as work themselves. */
const LOOK_MS = 50
/** The part of the time that an event loop works when it waits for a peer is well below, when it writes a buffer away well above. */
const LEAST_UTILIZATION = 0.1
/** For so many looks in a row: V8 tidies up the heap of a thread that has been idle for some seconds. */
const LEAST_BUSY_LOOKS = 3
/** pino gives a transport 10 seconds to close: no application knows a longer wait for what nobody sees. */
const MOST_CLOSING_MS = 10_000
/** More than any pipeline has. */
const MOST_STAGES = 32

/** A stream, as far as it shows what it holds and what it is piped into. */
export interface Stage {
  readonly writableLength?: number
  readonly readableLength?: number
  /** A SonicBoom's `writableLength`. */
  readonly _len?: number
  readonly _readableState?: { readonly pipes?: unknown }
  /** Of a Writable: whether it has written all, and finishes. */
  readonly _writableState?: { readonly finalCalled?: boolean, readonly prefinished?: boolean }
  on (event: 'drain', listener: () => void): unknown
}

/** Shows those who wait for a target that it is at work on lines that nobody sees leave it. */
export class TargetWork {
  readonly #block: Int32Array
  readonly #backlogs: readonly Backlog[]

  /** @param targets each stream that is given lines */
  constructor (block: Int32Array, targets: readonly Stage[]) {
    this.#block = block
    this.#backlogs = targets.map((target) => new Backlog(target))
  }

  /** Shows that a target has let go of something since the last look. */
  look (): void {
    if (this.#haveMoved()) this.#show()
  }

  /** As far as they show, the targets hold nothing. */
  get isNoneLeft (): boolean { return this.#backlogs.every((backlog) => backlog.isEmpty) }

  /** The targets have written all that they were given: none has failed in a write. */
  get areFinishing (): boolean { return this.#backlogs.every((backlog) => backlog.isFinishing) }

  /**
   * The targets have been told to end, and may be at work on what does not show: a busy event loop can be seen. From now on
   * it looks by itself, which holds the thread only as `ref` of what it returns is called.
   */
  watchClosing (): NodeJS.Timeout {
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
    }, LOOK_MS).unref()
  }

  #haveMoved (): boolean { return this.#backlogs.filter((backlog) => backlog.hasMoved()).length > 0 }

  #show (): void { Atomics.add(this.#block, WriterWord.TargetWork, 1) }
}

/** What a target holds, stage by stage. */
class Backlog {
  readonly #stages: readonly Stage[]
  #lengths: number[] = []
  #hasDrained = false

  constructor (first: Stage) {
    this.#stages = stagesFrom(first)
    for (const stage of this.#stages) stage.on('drain', () => { this.#hasDrained = true })
  }

  get isFinishing (): boolean {
    return this.#stages.every(({ _writableState: state }) => state?.finalCalled === true || state?.prefinished === true)
  }

  get isEmpty (): boolean { return this.#look().every((length) => length === 0) }

  #look (): number[] {
    return this.#stages.flatMap(({ writableLength, _len: length, readableLength }) => [writableLength ?? length ?? 0, readableLength ?? 0])
  }

  /** Whether something has moved on since the last look: a stage holds less, and none before it more, or had enough and has room again. */
  hasMoved (): boolean {
    const before = this.#lengths
    const hasDrained = this.#hasDrained
    this.#hasDrained = false
    this.#lengths = this.#look()
    const changed = this.#lengths.findIndex((length, at) => length !== before[at])
    return hasDrained || (changed !== -1 && this.#lengths[changed]! < before[changed]!)
  }
}

/** The stream and those it is piped into now: one that has ended forgets them. */
function stagesFrom (first: Stage): Stage[] {
  const stages = [first]
  while (stages.length < MOST_STAGES) {
    const pipes = stages.at(-1)!._readableState?.pipes
    if (!Array.isArray(pipes) || pipes.length === 0) break
    stages.push(pipes[0])
  }
  return stages
}
