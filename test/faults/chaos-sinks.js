'use strict'

const { execFileSync } = require('node:child_process')
const fs = require('node:fs')
const { tmpdir } = require('node:os')
const { join } = require('node:path')

/** Sinks for the chaos run. Each gets worse and is mended, and at the end of a stream's life gives all the text that reached it. */

class Sink {
  directory = fs.mkdtempSync(join(tmpdir(), 'pino-pinned-chaos-'))
  path = join(this.directory, 'app.log')
  get options () { return { destination: this.path } }
  /** How often it may hand one line on twice, or tell of drops twice. */
  mostRepeated ({ restarts }) { return restarts }
  /** Every line dropped is told of, once. */
  demandTold ({ told }, { linesDropped }, demand) { demand(told === linesDropped, `told ${told} = dropped ${linesDropped}`) }
  takeText () {
    if (!fs.existsSync(this.path)) return '' // no line in a target's whole life
    const text = fs.readFileSync(this.path, 'utf8')
    fs.rmSync(this.path)
    return text
  }

  close () { fs.rmSync(this.directory, { recursive: true, force: true }) }
}

/** A file on a disk of 48 MB that can be filled. */
class Disk extends Sink {
  #ballast = join(this.directory, 'ballast')
  constructor () {
    super()
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=48m', 'tmpfs', this.directory])
  }

  worsen () {
    const fd = fs.openSync(this.#ballast, 'w')
    try {
      for (;;) fs.writeSync(fd, Buffer.alloc(1 << 20))
    } catch {} // full
    fs.closeSync(fd)
  }

  mend () { fs.rmSync(this.#ballast, { force: true }) }
  close () {
    execFileSync('umount', ['--lazy', this.directory])
    super.close()
  }
}

/** A FIFO whose reader stops and goes on. */
class Pipe extends Sink {
  #chunks = []
  #isStalled = false
  #buffer = Buffer.alloc(65536)
  #fd
  #timer
  constructor () {
    super()
    execFileSync('mkfifo', [this.path])
    this.#fd = fs.openSync(this.path, fs.constants.O_RDONLY | fs.constants.O_NONBLOCK)
    this.#timer = setInterval(() => this.#read(), 2)
  }

  #read () {
    for (let count = 1; count > 0 && !this.#isStalled;) {
      try {
        count = fs.readSync(this.#fd, this.#buffer)
      } catch {
        return // nothing there
      }
      this.#chunks.push(Buffer.from(this.#buffer.subarray(0, count)))
    }
  }

  worsen () { this.#isStalled = true }
  mend () { this.#isStalled = false }
  takeText () {
    this.#read()
    const text = Buffer.concat(this.#chunks).toString()
    this.#chunks = []
    return text
  }

  close () {
    clearInterval(this.#timer)
    fs.closeSync(this.#fd)
    super.close()
  }
}

/** A target that writes to a file at once, has enough while it is told so, and dies when it is told so. */
class Target extends Sink {
  #stall = this.path + '.stall'
  #notices
  get options () { return { target: join(__dirname, 'chaos-target.js'), options: { path: this.path, stall: this.#stall } } }
  /** What it had not let go of is handed on again with each death. */
  mostRepeated ({ restarts }) { return restarts > 0 ? Infinity : 0 }
  /** That goes for what tells of drops too; and what was told beside a line that was skipped is skipped with it. */
  demandTold ({ told }, { linesDropped, linesSkipped }, demand) {
    const different = [...this.#notices].reduce((sum, notice) => sum + JSON.parse(notice).dropped, 0)
    demand(different <= linesDropped, `told ${different} in different words <= dropped ${linesDropped}`)
    demand(linesSkipped > 0 || told >= linesDropped, `told ${told} >= dropped ${linesDropped}`)
  }

  takeText () {
    const text = super.takeText()
    this.#notices = new Set(text.split('\n').filter((line) => line.startsWith('{"level":40')))
    return text
  }

  worsen () { fs.writeFileSync(this.#stall, '') }
  mend () { fs.rmSync(this.#stall, { force: true }) }
}

module.exports = { Disk, Pipe, Target }
