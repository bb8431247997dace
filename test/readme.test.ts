import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { ROOT } from './support/process'
import { OPTION_NAMES } from '../src/options'

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

test('every file that the README links to is there', () => {
  for (const [, path] of readme.matchAll(/\]\((docs\/[\w.-]+|[\w-]+\/[\w./-]+)\)/g)) {
    expect(() => readFileSync(join(ROOT, path!))).not.toThrow()
  }
})
