import { type ChildProcess, spawn } from 'node:child_process'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { application } from '../support/application'
import { type Finished, runCommand } from '../support/process'

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
 * The same program over and over: only `makeStream` and `pino` differ. It finds the path of its log in `path`, `fs`,
 * and how many lines the log has by `visible()`.
 */
function install (whose: Whose, program: string): { directory: string, file: string } {
  const directory = application({ 'stalled.js': STALLED_TARGET, 'dying.js': DYING_TARGET })
  const file = join(directory, 'app.js')
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

const started = new Set<ChildProcess>()
afterEach(() => { for (const child of started) child.kill('SIGKILL') })

/** Starts a program that may never end by itself; it ends with the test. */
export function startWith (whose: Whose, program: string): ChildProcess {
  const { directory, file } = install(whose, program)
  const child = spawn(process.execPath, [file], { cwd: directory, stdio: ['ignore', 'pipe', 'inherit'] })
  started.add(child)
  return child
}
