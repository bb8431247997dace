import { existsSync, readdirSync } from 'node:fs'
import { addon } from '../affinity/addon'

const TASKS = '/proc/self/task'
/** With eight threads that log and four more that are busy on two cores, a start has taken more than three seconds. */
const MORE_PATIENCE = 10

/**
 * Whether threads still run, asked of the system: a thread can end before it has any way to tell. Only Linux shows them;
 * elsewhere, and where that can't be read, nothing is known.
 */
export class OsThreads {
  readonly #ids: readonly number[]

  private constructor (ids: readonly number[]) {
    this.#ids = ids
  }

  /** Calls `start`, and gives what it returns with the threads of the process that were started meanwhile. */
  static startedBy<T> (start: () => T): { started: T, threads: OsThreads } {
    const before = new Set(list())
    const started = start()
    return { started, threads: new this(before.size === 0 ? [] : list().filter((id) => !before.has(id))) }
  }

  /** The one there is; undefined if there are more, or none is known. */
  get only (): number | undefined { return this.#ids.length === 1 ? this.#ids[0] : undefined }

  /** How much longer they may take to do something, being seen to run: on a busy machine even a start can take seconds. */
  get patience (): number { return this.#ids.length === 0 ? 1 : MORE_PATIENCE }

  /** Known to have ended, all of them. */
  get areGone (): boolean {
    // One by one: that takes no descriptor.
    return this.#ids.length > 0 && existsSync(TASKS) && !this.#ids.some((id) => existsSync(`${TASKS}/${id}`))
  }
}

function list (): number[] {
  try {
    if (addon?.threadIds !== undefined) return addon.threadIds()
    return process.platform === 'linux' ? readdirSync(TASKS).map(Number) : []
  } catch {
    return []
  }
}
