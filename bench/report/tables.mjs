// Results as text: for the terminal and for the README.
import { SUBJECTS } from '../subjects.mjs'

export const titleOf = (name) => SUBJECTS[name]?.title ?? name

function number (value) {
  const size = Math.abs(value)
  if (size >= 100) return Math.round(value).toLocaleString('en')
  return value.toFixed(size >= 10 ? 1 : 2)
}

/** A number, a summary (`median (q1–q3)`), a ratio that may mean nothing, or nothing. */
export function shown (value) {
  if (value === null || value === undefined) return ''
  if (typeof value === 'string') return value
  if (typeof value === 'number') return number(value)
  if (value.isMeaningless === true) return `— (${value.why})`
  if (value.rounds === 1) return number(value.median)
  return `${number(value.median)} (${number(value.q1)}–${number(value.q3)})`
}

/** What must be known beside the figures: lines dropped, and fewer logged than of others. */
function noteOf ({ dropped, fewerLines }) {
  return (dropped > 0 ? ` [dropped ${number(dropped)}]` : '') + (fewerLines > 0 ? ` [${number(fewerLines)} lines]` : '')
}

function cells ({ columns, rows }) {
  const keys = Object.keys(columns)
  return [
    ['', ...Object.values(columns)],
    ...rows.map((row) => [titleOf(row.name) + noteOf(row), ...keys.map((key) => shown(row[key]))])
  ]
}

export function plainTable (section) {
  const lines = cells(section)
  const widths = lines[0].map((_, i) => Math.max(...lines.map((line) => line[i].length)))
  return lines.map((line) => line.map((cell, i) => i === 0 ? cell.padEnd(widths[i]) : cell.padStart(widths[i])).join('  ')).join('\n')
}

export function markdownTable (section) {
  const [head, ...rows] = cells(section)
  return [head, head.map((_, i) => i === 0 ? '---' : '---:'), ...rows].map((line) => `| ${line.join(' | ')} |`).join('\n')
}

const medianOf = (value) => typeof value === 'number' ? value : value?.isMeaningless === true ? undefined : value?.median

/** Targets as rows of a section. */
export function targetSection (targets) {
  return {
    title: 'Targets',
    columns: { value: 'measured', target: 'target', verdict: '' },
    rows: targets.map(({ what, value, most, least }) => {
      const median = medianOf(value)
      const isReached = median !== undefined && (most === undefined ? median >= least : median <= most)
      return { name: what, value, target: most === undefined ? `≥ ${least}` : `≤ ${most}`, verdict: median === undefined ? 'not measurable now' : isReached ? 'reached' : 'missed' }
    })
  }
}
