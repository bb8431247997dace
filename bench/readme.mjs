// npm run bench:readme [file]: puts the comparison between the marks in README.md, with its picture, and what was aimed at
// between those in docs/performance.md; from the newest results, or from `file`.
import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { barPicture } from './report/svg.mjs'
import { markdownTable, shown, targetSection } from './report/tables.mjs'

const START = '<!-- bench:start -->'
const END = '<!-- bench:end -->'
/** The columns of the comparison: which figure of which measure. */
const COMPARED = [
  { measure: 'added-cost', section: '50 lines a turn', column: 'cpu', title: 'CPU a line adds to the thread that logs, ns' },
  { measure: 'added-cost', section: '50 lines a turn', column: 'ratio', title: '÷ pino.transport\'s' },
  { measure: 'latency', section: '100,000 lines/s', column: 'p50', title: 'a call at 100,000 lines/s: p50, ns' },
  { measure: 'burst', section: 'Time, losses, memory', column: 'onDisk', title: 'a million lines at once: in the file when the loop ends, %' },
  { measure: 'burst', section: 'Time, losses, memory', column: 'rss', title: 'memory for it, MB' },
  { measure: 'throughput', section: 'Until drained', column: 'perSecond', title: 'lossless, lines/s' }
]

const pathOf = (relative) => fileURLToPath(new URL(relative, import.meta.url))
const results = pathOf('results/')
const newest = () => readdirSync(results).filter((name) => name.endsWith('.json') && !name.endsWith('-part.json'))
  .map((name) => join(results, name)).sort((a, b) => statSync(b).mtimeMs - statSync(a).mtimeMs)[0]

const file = process.argv[2] ?? newest()
if (file === undefined) throw new Error('no results: run npm run bench first')
const { machine, measures } = JSON.parse(readFileSync(file, 'utf8'))
const picture = file.replace(/\.json$/, '.svg')
writeFileSync(picture, barPicture(measures.flatMap((measure) => measure.bars ?? []).filter(({ isDetail }) => isDetail !== true)))
const measured = `Measured by \`npm run bench\` on ${machine.cpu}, ${machine.system}, Node ${machine.node}, ${machine.date.slice(0, 10)}` +
  `${machine.mode === 'quick' ? ' (a quick run)' : ''}: medians of interleaved rounds, quartiles in brackets.`

putBetweenMarks('../README.md', [
  `${measured} Each figure is above pino writing nowhere where it says "adds". All there is, with plots: bench/results/${basename(file, '.json')}.html.`,
  `![Ratios to pino.transport, median and quartiles](bench/results/${basename(picture)})`,
  markdownTable(comparison()),
  ...measures.flatMap(({ title, remarks = [] }) => remarks.map((remark) => `${title}: ${remark}.`))
])
putBetweenMarks('../docs/performance.md', [measured, markdownTable(targetSection(measures.flatMap((measure) => measure.targets ?? [])))])

/** One row a subject, in the order of the first measure. */
function comparison () {
  const sources = COMPARED.map(({ measure, section }) =>
    measures.find(({ name }) => name === measure)?.sections.find(({ title }) => title === section)?.rows ?? [])
  const names = [...new Set(sources.flat().map(({ name }) => name))]
  return {
    columns: Object.fromEntries(COMPARED.map(({ title }, i) => [i, title])),
    rows: names.map((name) => {
      const found = sources.map((rows) => rows.find((row) => row.name === name))
      const dropped = Math.max(...found.map((row) => row?.dropped ?? row?.droppedLines?.median ?? 0))
      return { name, dropped, ...COMPARED.map(({ column }, i) => figure(found[i], column)) }
    })
  }
}

function figure (row, column) {
  const figure = row?.[column]
  return row?.fewerLines > 0 ? `${shown(figure)} [${row.fewerLines.toLocaleString('en')} lines]` : figure
}

function putBetweenMarks (relative, paragraphs) {
  const path = pathOf(relative)
  const text = readFileSync(path, 'utf8')
  const from = text.indexOf(START)
  const to = text.indexOf(END)
  if (from < 0 || to < from) throw new Error(`${path} needs the marks ${START} and ${END}`)
  writeFileSync(path, text.slice(0, from) + [START, ...paragraphs, END].join('\n\n') + text.slice(to + END.length))
}
