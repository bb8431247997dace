import { readdirSync, readFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { ROOT } from './support/process'
import { OPTION_NAMES, readEnvironment, RING_OPTION_NAMES } from '../src/options'

const readme = readFileSync(join(ROOT, 'README.md'), 'utf8')
const packageJson = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'))

test('the README names every option, and no option that there is not', () => {
  const rows = [...readme.matchAll(/^\| `(\w+)` \| .* \| .* \|$/gm)].map(([, name]) => name!)
  // Those that only mean something to pino's own transports, and to callers that wrap us.
  const elsewhere = ['level', 'caller']
  const inText = /All of `pino\.transport\(\)`'s \(([^)]*)\)/.exec(readme)![1]!.match(/\w+/g)!
  expect([...rows, ...inText].sort()).toEqual(OPTION_NAMES.filter((name) => !elsewhere.includes(name)).sort())
})

test('the two commands of the README are there, and package.json has their scripts', () => {
  for (const script of ['demo', 'test']) {
    expect(readme).toContain(script === 'test' ? 'npm install && npm test' : 'npm install && npm run demo')
    expect(packageJson.scripts[script]).toBeDefined()
  }
})

test.each(['guarantees.md', 'threads.md'])('each test that docs/%s names is there', (page) => {
  const there = readdirSync(join(ROOT, 'test'), { recursive: true, encoding: 'utf8' }).map((file) => basename(file))
  const rows = readFileSync(join(ROOT, 'docs', page), 'utf8').split('\n').filter((line) => /^\|.*\|$/.test(line))
  const proofs = rows.map((row) => row.slice(0, -1).slice(row.slice(0, -1).lastIndexOf('|')))
  const names = new Set(proofs.flatMap((proof) => [...proof.matchAll(/`([\w-]+)(?:\.test\.ts)?`/g)].map(([, name]) => name)))
  expect(names.size).toBeGreaterThan(4)
  expect([...names].filter((name) => !there.includes(`${name}.test.ts`))).toEqual([])
})

test('PINO_PINNED is read as the README shows it', () => {
  const [, text] = /PINO_PINNED='(core=2-3[^']*)'/.exec(readme)!
  expect(readEnvironment(text)).toEqual({ core: '2-3,5', reserve: { level: 'warn', ratio: 0.25 }, flushOnSignal: ['SIGTERM', 'SIGINT'] })
  const ring = readme.slice(readme.indexOf('| `capacity`'), readme.indexOf("In pino's config they stand"))
  for (const name of RING_OPTION_NAMES) expect(ring).toContain(`\`${name}\``)
})

test('every file that the README links to is there', () => {
  for (const [, path] of readme.matchAll(/\]\((docs\/[\w.-]+|[\w-]+\/[\w./-]+)\)/g)) {
    expect(() => readFileSync(join(ROOT, path!))).not.toThrow()
  }
})
