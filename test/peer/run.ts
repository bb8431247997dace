import { join } from 'node:path'
import { ROOT, runCommand } from '../support/process'
import { DIFFERENCES, type Suite } from './differences'

/** How the test files of a suite are run. */
export interface Run {
  suite: Suite
  /** The directory that the files are in. */
  directory: string
  /** Loaded first, in every process and worker that the tests start. */
  preload?: string[]
  /** Loads it with `--import` instead of `--require`. */
  imports?: boolean
  env?: NodeJS.ProcessEnv
}

interface Outcome {
  passed: string[]
  failed: string[]
  skipped: string[]
  /** What the file wrote, for whoever must find out why. */
  output: string
}

export const REGISTER = join(ROOT, 'dist', 'register.js')
/** The very file that pino asks for in workers: another would compile a second time what is compiled already. */
const TS_NODE = join(ROOT, 'node_modules', 'ts-node', 'register', 'index.js')
/** A file that hangs is ended after so long. */
const PATIENCE_MS = 240_000

/** Runs one file and expects every test to pass that is not listed as a difference, and those listed to differ. */
export async function expectParity (file: string, run: Run): Promise<void> {
  const { passed, failed, skipped, output } = await runFile(file, run)
  const listed = DIFFERENCES.filter((each) => each.suite === run.suite && each.file === file)
  const unexpected = failed.filter((name) => !listed.some((each) => each.test === name))
  if (unexpected.length > 0) throw new Error(`${run.suite} ${file}: these fail and are not listed as differences: ${unexpected.join('; ')}\n${output}`)
  const listedAndPassing = listed.filter((each) => each.isRace !== true && !failed.includes(each.test) && !skipped.includes(each.test)).map((each) => each.test)
  expect({ listedAndPassing }).toEqual({ listedAndPassing: [] })
  if (listed.length === 0) expect(passed.length).toBeGreaterThan(0)
}

/** Runs a test file, of node:test or tap, and reads the results of its tests from the TAP it prints. */
async function runFile (file: string, { directory, preload = [], imports = false, env = {} }: Run): Promise<Outcome> {
  const preloads = preload.map((each) => `${imports ? '--import' : '--require'} ${each}`)
  if (file.includes('.from-ts.')) preloads.push(`--require ${TS_NODE}`)
  const { code, signal, stdout, stderr } = await runCommand(process.execPath, ['--expose-gc', '--test-reporter=tap', file], {
    cwd: directory,
    timeout: PATIENCE_MS,
    killSignal: 'SIGKILL',
    env: { ...process.env, TS_NODE_TRANSPILE_ONLY: '1', NODE_OPTIONS: preloads.join(' '), ...env }
  })
  const outcome: Outcome = { passed: [], failed: [], skipped: [], output: `${stdout}\n${stderr}\n(code ${code}, signal ${signal})` }
  for (const [, not, name, directive] of stdout.matchAll(/^(not )?ok \d+ - (.*?)(?: # (SKIP|TODO|time)\b.*)?$/gm)) {
    if (not !== undefined) outcome.failed.push(name!)
    else if (directive === 'SKIP') outcome.skipped.push(name!)
    else outcome.passed.push(name!)
  }
  if (code !== 0 && outcome.failed.length === 0) outcome.failed.push(`(the file ended with ${code ?? signal})`)
  // Skipped in both worlds is no failure; a file of nothing else has nothing to say.
  if (outcome.passed.length === 0 && outcome.failed.length === 0 && outcome.skipped.length > 0) outcome.passed.push(...outcome.skipped)
  return outcome
}
