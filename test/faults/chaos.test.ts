import { join } from 'node:path'
import { runCommand } from '../support/process'

/** Seeds that once broke a promise belong here too. `npm run chaos` takes minutes of any seed. */
test.each([
  ['disk', 7],
  ['pipe', 7],
  ['disk', 2026],
  ['target', 7]
])('a few seconds of random faults of the writer and of a %s, seed %i, break no promise', async (sink, seed) => {
  const { code, stdout, stderr } = await runCommand(process.execPath, [join(__dirname, 'chaos.js'), '--seed', String(seed), '--seconds', '5', '--sink', sink])
  if (code !== 0) throw new Error(stdout + stderr)
  expect(stdout).toMatch(/^every promise kept$/m)
}, 300_000)
