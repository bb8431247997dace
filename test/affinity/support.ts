import { spawn, spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { Worker } from 'node:worker_threads'
import { formatCpuList } from '../../src/affinity/cpu-list'
import { addon, addonError } from '../../src/affinity/addon'
import type { Addon } from '../../src/affinity/addon'

export const packageRoot = resolve(__dirname, '..', '..')

/** The addon under test; these tests make no sense without it. */
export function theAddon (): Addon {
  if (addon === undefined) throw new Error(`the addon is not built: ${addonError?.message}`)
  return addon
}

/** Found here and not in the workers, so that what runs there is the addon and nothing else. */
const addonPath = (require('node-gyp-build') as { resolve: (directory: string) => string }).resolve(packageRoot)

/** What code run by {@link runNode} and {@link startWorker} finds defined. */
const PRELUDE = `
  const fs = require('node:fs')
  const addon = require(${JSON.stringify(addonPath)})
  const affinity = () => require(${JSON.stringify(join(packageRoot, 'dist', 'affinity', 'index.js'))})
  const kernelSays = (tid) => /^Cpus_allowed_list:\\s*(\\S+)/m.exec(fs.readFileSync('/proc/self/task/' + tid + '/status', 'utf8'))[1]
  const threads = () => fs.readdirSync('/proc/self/task').map(Number)
  const print = (value) => fs.writeSync(1, JSON.stringify(value) + '\\n')
  const attempt = (action) => { try { return action() } catch (error) { return { name: error.name, code: error.code, message: error.message } } }
`

export interface RunOptions { taskset?: string, env?: Record<string, string>, argv?: string[], timeoutMs?: number }

/** Runs code in a Node of its own and returns what it printed, JSON a line. Throws with all output if it did not end well. */
export function runNode (code: string, { taskset, env = {}, argv = [], timeoutMs = 110_000 }: RunOptions = {}): unknown[] {
  const node = [process.execPath, '-e', PRELUDE + code, '--', ...argv]
  const [command, ...args] = taskset === undefined ? node : ['taskset', '-c', taskset, ...node]
  const run = spawnSync(command!, args, { cwd: packageRoot, env: { ...process.env, ...env }, encoding: 'utf8', timeout: timeoutMs, killSignal: 'SIGKILL' })
  if (run.status !== 0) throw new Error(`ended with ${run.status ?? run.signal} ${run.error ?? ''}\n${run.stdout}\n${run.stderr}`)
  return run.stdout.split('\n').filter((line) => line !== '').map((line) => JSON.parse(line) as unknown)
}

/** Starts code in a Node of its own. */
export function startNode (code: string, argv: string[], stdio: Array<'pipe' | 'ignore' | 'inherit' | number>): ReturnType<typeof spawn> {
  return spawn(process.execPath, ['-e', PRELUDE + code, '--', ...argv], { cwd: packageRoot, stdio })
}

/** Starts code in a worker; `workerData` and `parentPort` are defined there too. */
export function startWorker (code: string, workerData: unknown, resourceLimits?: { maxOldGenerationSizeMb: number }): Worker {
  const source = `${PRELUDE}; const { workerData, parentPort } = require('node:worker_threads'); ${code}`
  return new Worker(source, { eval: true, workerData, ...(resourceLimits && { resourceLimits }), stderr: true })
}

/** Where the kernel says a thread of a process may run, in its own notation. */
export function kernelSays (tid: number, process: number | 'self' = 'self'): string {
  return /^Cpus_allowed_list:\s*(\S+)/m.exec(readFileSync(`/proc/${process}/task/${tid}/status`, 'utf8'))![1]!
}

/** The cores of this test run; most tests about pinning need two. */
export const cores = addon?.initialAffinity() ?? []
export const allCores = formatCpuList(cores)
export const lastCore = cores.at(-1) ?? 0

/** For what only Linux shows or has. */
export const onLinux = process.platform === 'linux' ? describe : describe.skip
/** For what needs a core to be pinned to and another to be kept off. */
export const onTwoCores = process.platform === 'linux' && cores.length > 1 ? describe : describe.skip

/** A directory that is gone after the tests of the file. */
export function temporaryDirectory (): string {
  const directory = mkdtempSync(join(tmpdir(), 'pino-pinned-affinity-'))
  afterAll(() => rmSync(directory, { recursive: true, force: true }))
  return directory
}

/** Resolves with the arguments of the event; rejects if the emitter fails first. */
export { once } from 'node:events'
