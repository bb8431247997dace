import { join } from 'node:path'
import { runCommand, ROOT } from '../support/process'

/** A suite whose tests run with our stream in thread-stream's place. */
export interface Run {
  /** The directory that its files are in. */
  directory: string
  env?: NodeJS.ProcessEnv
  /** Flags of node. */
  flags?: string[]
  /** Whoever hangs is ended after so many milliseconds, and what has not passed by then has not passed. */
  patienceMs?: number
}

export interface Outcome {
  passed: string[]
  failed: string[]
  skipped: string[]
  /** What the file wrote, for whoever must find out why. */
  output: string
}

const PATIENCE_MS = 120_000

/** Runs a test file, of node:test or tap, and reads the results of its tests from the TAP it prints. */
export async function runFile (file: string, { directory, env = {}, flags = [], patienceMs = PATIENCE_MS }: Run): Promise<Outcome> {
  const typescript = file.includes('.from-ts.') ? ['--require', join(ROOT, 'node_modules', 'ts-node', 'register', 'transpile-only')] : []
  const { code, signal, stdout, stderr } = await runCommand(process.execPath, ['--test-reporter=tap', ...flags, ...typescript, file], {
    cwd: directory,
    timeout: patienceMs,
    killSignal: 'SIGKILL',
    env: { ...process.env, TS_NODE_TRANSPILE_ONLY: '1', ...env }
  })
  const outcome: Outcome = { passed: [], failed: [], skipped: [], output: `${stdout}\n${stderr}\n(code ${code}, signal ${signal})` }
  for (const [, not, name, directive] of stdout.matchAll(/^(not )?ok \d+ - (.*?)(?: # (SKIP|TODO|time)\b.*)?$/gm)) {
    if (not !== undefined) outcome.failed.push(name!)
    else if (directive === 'SKIP') outcome.skipped.push(name!)
    else outcome.passed.push(name!)
  }
  if (code !== 0 && outcome.failed.length === 0) outcome.failed.push(`(the file ended with ${code ?? signal})`)
  return outcome
}
