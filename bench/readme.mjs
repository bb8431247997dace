// npm run bench:readme [file]: puts the comparison between the marks in README.md, and its picture, from the newest results or from `file`.
import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { barPicture } from './report/svg.mjs'
import { markdownTable, targetSection } from './report/tables.mjs'

const START = '<!-- bench:start -->'
const END = '<!-- bench:end -->'
/** What of which measure stands in the README. */
const SHOWN = [['added-cost', '50 lines a turn'], ['latency', '100,000 lines/s'], ['burst', 'Time, losses, memory'], ['throughput', 'Until drained'], ['service', null]]

const results = fileURLToPath(new URL('results/', import.meta.url))
const readme = fileURLToPath(new URL('../README.md', import.meta.url))
const newest = () => readdirSync(results).filter((name) => name.endsWith('.json') && !name.endsWith('-part.json'))
  .map((name) => join(results, name)).sort((a, b) => statSync(b).mtimeMs - statSync(a).mtimeMs)[0]

const file = process.argv[2] ?? newest()
if (file === undefined) throw new Error('no results: run npm run bench first')
const { machine, measures } = JSON.parse(readFileSync(file, 'utf8'))
const parts = SHOWN.flatMap(([name, title]) => {
  const measure = measures.find((each) => each.name === name)
  return (measure?.sections ?? []).filter((section) => title === null || section.title === title)
    .map((section) => [`**${measure.title}: ${section.title}**`, ...measure.remarks, markdownTable(section)].join('\n\n'))
})
const picture = file.replace(/\.json$/, '.svg')
writeFileSync(picture, barPicture(measures.flatMap((measure) => measure.bars ?? [])))
const targets = measures.flatMap((measure) => measure.targets ?? [])
const block = [
  START,
  `Measured by \`npm run bench\` on ${machine.cpu}, ${machine.system}, Node ${machine.node}, ${machine.date.slice(0, 10)}${machine.mode === 'quick' ? ' (a quick run)' : ''}; medians, quartiles in brackets, of interleaved rounds. All of it, with plots: bench/results/${basename(file, '.json')}.html.`,
  `![Ratios to pino.transport, median and quartiles](bench/results/${basename(picture)})`,
  ...parts,
  '**Targets**',
  markdownTable(targetSection(targets)),
  END
].join('\n\n')

const text = readFileSync(readme, 'utf8')
const from = text.indexOf(START)
const to = text.indexOf(END)
if (from < 0 || to < from) throw new Error(`README.md needs the marks ${START} and ${END}`)
writeFileSync(readme, text.slice(0, from) + block + text.slice(to + END.length))
