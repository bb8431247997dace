import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { ROOT, runCommand, temporaryDirectory } from './support/process'

const bench = join(ROOT, 'bench')
const ofIssue = ['added-cost', 'latency', 'burst', 'throughput', 'stalled', 'delivery', 'idle', 'memory', 'service', 'pinning']

async function jsonOf (args: string[]): Promise<any> {
  const { code, stdout, stderr } = await runCommand(process.execPath, args)
  expect({ code, stderr }).toMatchObject({ code: 0 })
  return JSON.parse(stdout)
}

test('every subject of the bench stands in every measure, or bench/README.md says why it does not', async () => {
  const source = `
    import { EVERYONE } from './bench/subjects.mjs'
    const measures = {}
    for (const name of ${JSON.stringify(ofIssue)}) measures[name] = (await import('./bench/measures/' + name + '.mjs')).subjects
    console.log(JSON.stringify({ EVERYONE, measures }))`
  const { EVERYONE, measures } = await jsonOf(['--input-type=module', '-e', source])
  const rows = [...readFileSync(join(bench, 'README.md'), 'utf8').matchAll(/^\| ([\w-]+) \| (`[^|]*`) \| [^|]+ \|$/gm)]
  const excused = (measure: string): string[] =>
    rows.filter(([, name]) => name === measure).flatMap(([, , names]) => [...names!.matchAll(/`(\w+)`/g)].map(([, name]) => name!))
  const missing = (measure: string): string[] => EVERYONE.filter((name: string) => !measures[measure].includes(name))
  expect(EVERYONE.length).toBeGreaterThan(10)
  expect(Object.fromEntries(ofIssue.map((measure) => [measure, excused(measure).sort()])))
    .toEqual(Object.fromEntries(ofIssue.map((measure) => [measure, missing(measure).sort()])))
})

test('a full run of the bench gives every subject a million lines in a burst and with a stalled sink', async () => {
  const source = `
    import { EVERYONE } from './bench/subjects.mjs'
    const lines = {}
    for (const name of ['burst', 'stalled']) {
      const { linesOf, subjects } = await import('./bench/measures/' + name + '.mjs')
      for (const subject of subjects) lines[name + ' ' + subject] = linesOf(subject, false)
    }
    console.log(JSON.stringify({ subjects: EVERYONE.length, lines }))`
  const { subjects, lines } = await jsonOf(['--input-type=module', '-e', source])
  expect(Object.keys(lines)).toHaveLength(2 * subjects)
  for (const [where, given] of Object.entries(lines)) expect(`${where}: ${given as number}`).toBe(`${where}: 1000000`)
})

test('a subject of the bench that says its lines are written has written them', async () => {
  const { logged, written } = await jsonOf([join(ROOT, 'test', 'fixtures', 'bench-flush.mjs')])
  expect(Object.keys(written)).toEqual(expect.arrayContaining(['pinned', 'register', 'dropIn', 'transport', 'winston', 'bunyan', 'logtape']))
  for (const [name, lines] of Object.entries(written)) expect(`${name}: ${lines as number}`).toBe(`${name}: ${logged}`)
})

test('lines that never come are counted as missing by the bench', async () => {
  const source = `
    import { appendFileSync } from 'node:fs'
    import { FileWatch } from './bench/file-watch.mjs'
    const file = process.argv[1]
    const watch = new FileWatch(file)
    watch.logged = 10
    appendFileSync(file, 'a line\\n'.repeat(7))
    await watch.untilHeld()
    const missing = watch.missing
    setTimeout(() => appendFileSync(file, 'a line\\n'.repeat(3)), 10)
    await watch.untilHeld()
    console.log(JSON.stringify({ missing, atLast: watch.missing }))`
  expect(await jsonOf(['--input-type=module', '-e', source, join(temporaryDirectory(), 'file.log')])).toEqual({ missing: 3, atLast: 0 })
})
