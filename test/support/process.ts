import { spawn, type SpawnOptions } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'

export const ROOT = resolve(__dirname, '..', '..')

/** What a finished process left behind. */
export interface Finished {
  code: number | null
  signal: NodeJS.Signals | null
  stdout: string
  stderr: string
  ms: number
}

const directories: string[] = []

/** A directory of the test's own, removed when the test file is done. */
export function temporaryDirectory (): string {
  const directory = mkdtempSync(join(tmpdir(), 'pino-pinned-'))
  directories.push(directory)
  return directory
}

afterAll(() => {
  for (const directory of directories) rmSync(directory, { recursive: true, force: true })
})

/** Command line of a Node process that runs `source` (CommonJS) as a file, in which `require('pino-pinned')` works. */
export function scriptFile (source: string, name = 'script.js'): string {
  const file = join(temporaryDirectory(), name)
  const prelude = name.endsWith('.mjs')
    ? `import { createRequire } from 'node:module'; const require = createRequire(${JSON.stringify(join(ROOT, 'test', 'x.js'))});`
    : `require = require('node:module').createRequire(${JSON.stringify(join(ROOT, 'test', 'x.js'))});`
  writeFileSync(file, `${prelude}\n${source}`)
  return file
}

/** Runs `source` as a program of its own and waits for its end. */
export function runScript (source: string, options: SpawnOptions & { args?: string[], execArgv?: string[], name?: string } = {}): Promise<Finished> {
  const { args = [], execArgv = [], name, ...spawnOptions } = options
  return runCommand(process.execPath, [...execArgv, scriptFile(source, name), ...args], spawnOptions)
}

/** Runs a command and waits for its end. */
export function runCommand (command: string, args: string[], options: SpawnOptions = {}): Promise<Finished> {
  return new Promise((resolve, reject) => {
    const started = Date.now()
    const child = spawn(command, args, { cwd: ROOT, stdio: ['ignore', 'pipe', 'pipe'], ...options })
    let stdout = ''
    let stderr = ''
    child.stdout?.setEncoding('utf8').on('data', (chunk: string) => { stdout += chunk })
    child.stderr?.setEncoding('utf8').on('data', (chunk: string) => { stderr += chunk })
    child.on('error', reject)
    child.on('close', (code, signal) => resolve({ code, signal, stdout, stderr, ms: Date.now() - started }))
  })
}
