// For loggers that can't say when their lines are written.
import { closeSync, openSync, readSync, statSync } from 'node:fs'
import { sleep } from './clock.mjs'

/** A file that has not grown for so long gets no more of what was logged. */
const QUIET_MS = 2000

/** Knows how many lines a file should have, and looks whether it does. All lines must have the same length. */
export class FileWatch {
  /** Lines given to the logger so far. */
  logged = 0
  /** How many of these were not in the file when it had stopped growing. */
  missing = 0
  #file
  #bytesPerLine

  constructor (file) { this.#file = file }

  /**
   * Resolves when the file holds every line, or does not grow any more.
   *
   * @param hurry is called whenever it does not grow
   */
  async untilHeld (hurry) {
    let size = -1
    let grown
    while (!this.#holdsAll()) {
      const now = this.#size()
      if (now !== size) grown = performance.now()
      else if (performance.now() - grown > QUIET_MS) break
      else hurry?.()
      size = now
      await sleep(1)
    }
  }

  #holdsAll () {
    const size = this.#size()
    if (size === 0) return this.logged === 0
    this.#bytesPerLine ??= firstLineBytes(this.#file)
    if (this.#bytesPerLine === undefined) return false
    this.missing = this.logged - Math.floor(size / this.#bytesPerLine)
    return this.missing <= 0
  }

  #size () { return statSync(this.#file, { throwIfNoEntry: false })?.size ?? 0 }
}

function firstLineBytes (file) {
  const fd = openSync(file)
  const bytes = Buffer.alloc(4096)
  const end = bytes.subarray(0, readSync(fd, bytes)).indexOf(10)
  closeSync(fd)
  // A line that is not whole yet counts as none.
  return end < 0 ? undefined : end + 1
}
