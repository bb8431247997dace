import { type ChildProcess, type SpawnOptions, spawn } from 'node:child_process'
import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { type Finished, ROOT, runCommand, temporaryDirectory } from './process'

/**
 * A directory with an application in it, which finds pino-pinned and everything else as if they were installed beside it:
 * what resolves targets sees what it would see at a user's.
 *
 * @param files text by file name
 */
export function application (files: Record<string, string>): string {
  const outer = temporaryDirectory()
  const directory = join(outer, 'app')
  mkdirSync(join(directory, 'node_modules'), { recursive: true })
  symlinkSync(ROOT, join(directory, 'node_modules', 'pino-pinned'))
  symlinkSync(join(ROOT, 'node_modules'), join(outer, 'node_modules'))
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(dirname(join(directory, name)), { recursive: true })
    writeFileSync(join(directory, name), text)
  }
  return directory
}

interface ApplicationOptions extends SpawnOptions { args?: string[], execArgv?: string[], name?: string }

/** Runs `source` as the main file of an application, in its directory, and waits for its end. */
export async function runApplication (source: string, options: ApplicationOptions = {}): Promise<Finished & { directory: string }> {
  const { args = [], execArgv = [], name = 'app.js', ...spawnOptions } = options
  const directory = application({ [name]: source })
  return { ...await runCommand(process.execPath, [...execArgv, join(directory, name), ...args], { cwd: directory, ...spawnOptions }), directory }
}

const running = new Set<ChildProcess>()
afterEach(() => { for (const child of running) child.kill('SIGKILL') })

/** Starts `source` as the main file of an application, with a channel for messages. It does not outlive the test. */
export function startApplication (source: string, args: string[] = []): ChildProcess {
  const directory = application({ 'app.js': source })
  const child = spawn(process.execPath, [join(directory, 'app.js'), ...args], { cwd: directory, stdio: ['ignore', 'inherit', 'inherit', 'ipc'] })
  running.add(child)
  child.once('exit', () => running.delete(child))
  return child
}
