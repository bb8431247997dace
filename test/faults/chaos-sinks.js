'use strict'

const { execFileSync, spawn } = require('node:child_process')
const { once } = require('node:events')
const fs = require('node:fs')
const { tmpdir } = require('node:os')
const { join } = require('node:path')

/**
 * Sinks for the chaos run. Each gets worse and is mended, and says what has reached it in the end. While an application lives
 * they do as little as they can: the machine's cores are what is measured.
 */

class Sink {
  directory = fs.mkdtempSync(join(tmpdir(), 'pino-pinned-chaos-'))
  path = join(this.directory, 'app.log')
  /** What reached it. */
  log = this.path
  get options () { return { destination: this.path } }
  begin () {}
  /** How often it may hand one line on twice, or tell of drops twice. */
  mostRepeated ({ restarts }) { return restarts }
  /** Every line dropped is told of, once. */
  demandTold ({ told }, { linesDropped }, demand) { demand(told === linesDropped, `told ${told} = dropped ${linesDropped}`) }

  async end () {
    const found = JSON.parse(execFileSync(process.execPath, [join(__dirname, 'chaos-check.js'), this.log], { encoding: 'utf8' }))
    fs.rmSync(this.log, { force: true })
    return found
  }

  close () { fs.rmSync(this.directory, { recursive: true, force: true }) }
}

const BALLAST = Buffer.alloc(1 << 20)

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
      for (;;) fs.writeSync(fd, BALLAST)
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
  log = join(this.directory, 'read.log')
  #reader
  #end
  constructor () {
    super()
    execFileSync('mkfifo', [this.path])
  }

  begin () {
    this.#end = fs.openSync(this.path, 'r+') // while it is open, the reader waits for more
    const stdio = [fs.openSync(this.path, 'r'), fs.openSync(this.log, 'w'), 'inherit']
    this.#reader = spawn('cat', { stdio })
    for (const fd of stdio.slice(0, 2)) fs.closeSync(fd)
  }

  worsen () { this.#reader.kill('SIGSTOP') }
  mend () { this.#reader.kill('SIGCONT') }
  async end () {
    fs.closeSync(this.#end)
    await once(this.#reader, 'exit')
    return await super.end()
  }
}

/** A target that writes to a file at once, has enough while it is told so, and dies when it is told so. */
class Target extends Sink {
  #stall = this.path + '.stall'
  get options () { return { target: join(__dirname, 'chaos-target.js'), options: { path: this.path, stall: this.#stall } } }
  /** What it had not let go of is handed on again with each death. */
  mostRepeated ({ restarts }) { return restarts > 0 ? Infinity : 0 }
  /** That goes for what tells of drops too; and what was told beside a line that was skipped is skipped with it. */
  demandTold ({ told, toldOnce }, { linesDropped, linesSkipped }, demand) {
    demand(toldOnce <= linesDropped, `told ${toldOnce} in different words <= dropped ${linesDropped}`)
    demand(linesSkipped > 0 || told >= linesDropped, `told ${told} >= dropped ${linesDropped}`)
  }

  worsen () { fs.writeFileSync(this.#stall, '') }
  mend () { fs.rmSync(this.#stall, { force: true }) }
}

module.exports = { Disk, Pipe, Target }
