// Ratio bars with their spread as an SVG for README.md, which can show a picture but run no chart library.
import { titleOf } from './tables.mjs'

const WIDTH = 860
const LABELS = 270
const ROW = 22

const escaped = (text) => text.replace(/[&<>"]/g, (c) => ({ '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' })[c])

/** @param bars `{ title, rows }` of a measure; rows without a meaningful ratio are left out */
export function barPicture (bars) {
  let y = 0
  const parts = bars.flatMap(({ title, rows }) => {
    const sound = rows.filter((row) => row.isMeaningless !== true)
    const most = Math.max(1, ...sound.map(({ q3 }) => q3))
    const at = (value) => LABELS + Math.max(0, value) / most * (WIDTH - LABELS - 60)
    const head = `<text x="0" y="${y += 24}" font-weight="bold">${escaped(title)}</text>`
    const drawn = sound.map(({ name, median, q1, q3 }) => {
      y += ROW
      return `<text x="${LABELS - 8}" y="${y}" text-anchor="end">${escaped(titleOf(name))}</text>` +
        `<rect x="${LABELS}" y="${y - 12}" width="${(at(median) - LABELS).toFixed(1)}" height="14" fill="#8ab"/>` +
        `<rect x="${at(q1).toFixed(1)}" y="${y - 6}" width="${(at(q3) - at(q1)).toFixed(1)}" height="2" fill="#245"/>` +
        `<text x="${(at(Math.max(median, q3)) + 6).toFixed(1)}" y="${y}">${median.toFixed(2)}</text>`
    })
    y += 8
    return [head, ...drawn]
  })
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${y + 8}" font-family="system-ui, sans-serif" font-size="13" fill="#234">
<rect width="100%" height="100%" fill="#fff"/>
${parts.join('\n')}
</svg>
`
}
