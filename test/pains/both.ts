import { type ChildProcess, type ChildProcessByStdio, spawn } from 'node:child_process'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Readable } from 'node:stream'
import { application } from '../support/application'
import { type Finished, ROOT, runCommand } from '../support/process'

/** What a program left behind. */
export interface Outcome extends Finished {
  /** The lines of its log. */
  lines: string[]
}

const OURS = "const makeStream = require('pino-pinned').transport"

/** Whose transport a program uses: ours, or that of pino 10 (thread-stream 4) or pino 9 (thread-stream 3). */
const STREAMS = {
  ours: `const pino = require('pino')\n${OURS}`,
  pino10: "const pino = require('pino')\nconst makeStream = pino.transport",
  pino9: "const pino = require('pino9')\nconst makeStream = pino.transport"
}

export type Whose = keyof typeof STREAMS

/** A target that gets lines and never says that it has taken them. */
const STALLED_TARGET = 'module.exports = () => new (require(\'node:stream\').Writable)({ write () {} })'
/** A target that ends its thread with each piece it gets. */
const DYING_TARGET = 'module.exports = () => new (require(\'node:stream\').Writable)({ write () { process.exit(1) } })'

/**
 * A target that does as it is told: with `isLate` it opens on 'open'; it says 'holds' of the first piece that it gets, takes
 * it on 'let go', and answers 'are you there?' by 'here'.
 */
const TOLD_TARGET = `
  const { parentPort } = require('node:worker_threads')
  const say = (name) => parentPort.postMessage({ code: 'EVENT', name, args: [] })
  module.exports = ({ isLate }) => new Promise((resolve) => {
    let letGo
    const target = new (require('node:stream').Writable)({ write (chunk, encoding, done) { letGo = done; say('holds') } })
    parentPort.on('message', (message) => {
      if (message === 'open') resolve(target)
      if (message === 'let go') letGo()
      if (message === 'are you there?') say('here')
    })
    if (!isLate) resolve(target)
  })`

/**
 * The same program over and over: only `makeStream` and `pino` differ. It finds the path of its log in `path`, `fs`,
 * and how many lines the log has by `visible()`.
 */
function install (whose: Whose, program: string, name = 'app.js'): { directory: string, file: string } {
  const directory = application({ 'stalled.js': STALLED_TARGET, 'dying.js': DYING_TARGET, 'told.js': TOLD_TARGET })
  const file = join(directory, name)
  writeFileSync(file, `
    const fs = require('node:fs')
    const { once } = require('node:events')
    ${STREAMS[whose]}
    const path = require('node:path').join(__dirname, 'app.log')
    const toFile = { target: 'pino/file', options: { destination: path } }
    const visible = () => fs.existsSync(path) ? fs.readFileSync(path, 'utf8').split('\\n').length - 1 : 0
    ${program}`)
  return { directory, file }
}

/** Runs a program with one transport and waits for its end. */
export async function runWith (whose: Whose, program: string): Promise<Outcome> {
  const { directory, file } = install(whose, program)
  const finished = await runCommand(process.execPath, [file], { cwd: directory })
  const log = join(directory, 'app.log')
  return { ...finished, lines: existsSync(log) ? readFileSync(log, 'utf8').split('\n').slice(0, -1) : [] }
}

/** The command line of jest, running a program as the body of a test, in a directory with nothing else to run. */
export function jestWith (whose: Whose, program: string): { args: string[], directory: string } {
  const { directory } = install(whose, `test('logs', () => {${program}})`, 'log.test.js')
  const config = JSON.stringify({ rootDir: directory, transform: {} })
  return { args: [join(ROOT, 'node_modules', 'jest', 'bin', 'jest.js'), '-c', config], directory }
}

const started = new Set<ChildProcess>()
afterEach(() => { for (const child of started) child.kill('SIGKILL') })

/** Starts a program that may never end by itself; it ends with the test. */
export function startWith (whose: Whose, program: string): ChildProcess {
  const { directory, file } = install(whose, program)
  return start([file], directory)
}

/** Starts a Node process, which ends with the test. */
export function start (args: string[], directory: string): ChildProcessByStdio<null, Readable, Readable> {
  const child = spawn(process.execPath, args, { cwd: directory, stdio: ['ignore', 'pipe', 'pipe'] })
  started.add(child)
  return child
}
