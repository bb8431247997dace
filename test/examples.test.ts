import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { ROOT, runCommand } from './support/process'

const examples = readdirSync(join(ROOT, 'examples')).filter((name) => name.endsWith('.mjs'))

test.each(examples)('the example %s runs and ends well', async (name) => {
  const { code, stdout, stderr } = await runCommand(process.execPath, [join(ROOT, 'examples', name)])
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
  expect(stdout).not.toBe('')
})

test('the trading loop says what it logged, what each call cost, and where the writer is', async () => {
  const { stdout } = await runCommand(process.execPath, [join(ROOT, 'examples', 'trading-loop.mjs')])
  const dropped = Number(/lines dropped +(\d+)/.exec(stdout)?.[1])
  const written = Number(/lines written +(\d+)/.exec(stdout)?.[1])
  const logged = Number(/lines logged +(\d+)/.exec(stdout)?.[1])
  expect(logged).toBeGreaterThan(100_000)
  expect(written + dropped).toBe(logged)
  expect(stdout).toMatch(/per call +p50 [\d.]+ µs, p99 [\d.]+ µs, max [\d.]+ µs/)
  expect(stdout).toMatch(/writer +(on core \d+|not pinned)/)
})

test('the pool of eight workers logs every task through one writer', async () => {
  const { stdout } = await runCommand(process.execPath, [join(ROOT, 'examples', 'piscina-pool.mjs')])
  expect(stdout).toMatch(/^lines written {2}400, in the file 400, dropped 0$/m)
  const lines = Array.from(stdout.matchAll(/ (\d+) lines$/gm), ([, count]) => Number(count))
  expect(lines).toHaveLength(8)
  expect(lines.reduce((sum, each) => sum + each, 0)).toBe(400)
})
