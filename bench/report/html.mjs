// One page that needs nothing but itself: tables, percentile curves, ratio bars with their spread.
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { plainTable, targetSection, titleOf } from './tables.mjs'

const require = createRequire(import.meta.url)
const chartFile = join(dirname(require.resolve('chart.js')), 'chart.umd.js')

const escaped = (text) => text.replace(/[&<>]/g, (c) => ({ '&': '&amp;', '<': '&lt;', '>': '&gt;' })[c])

export function page ({ machine, measures }) {
  const charts = []
  const canvas = (chart, rem = 28) => `<div class="chart" style="height:${rem}rem"><canvas id="c${charts.push(chart) - 1}"></canvas></div>`
  const section = (each) => `<h3>${escaped(each.title)}</h3><pre>${escaped(plainTable(each))}</pre>`
  const body = measures.map(({ title, sections, curves = [], bars = [], remarks }) => [
    `<h2>${escaped(title)}</h2>`,
    ...remarks.map((remark) => `<p class="remark">${escaped(remark)}</p>`),
    ...bars.map((each) => canvas(barChart(each), 6 + 1.5 * each.rows.length)),
    ...curves.map((each) => canvas(curveChart(each))),
    ...sections.map(section)
  ].join('\n')).join('\n')
  const targets = measures.flatMap((measure) => measure.targets ?? [])
  return `<!doctype html><html lang="en"><head><meta charset="utf-8"><title>pino-pinned bench</title>
<style>body{font:15px system-ui;margin:2rem auto;max-width:70rem;padding:0 1rem}pre{overflow-x:auto;background:#f6f6f6;padding:.7rem}
.chart{margin:1rem 0}.remark{color:#a33}</style></head><body>
<h1>pino-pinned bench</h1><p>${escaped(Object.entries(machine).map(([name, value]) => `${name}: ${value}`).join(' · '))}</p>
${section(targetSection(targets))}
${body}
<script>${readFileSync(chartFile, 'utf8').replace(/<\/script/g, '<\\/script')}</script>
<script>
const percentiles = (value) => value >= 6 ? '' : ({ 0: '0', 1: '90', 2: '99', 3: '99.9', 4: '99.99', 5: '99.999' })[value] ?? ''
${charts.map((chart, i) => `{ const c = ${JSON.stringify(chart)}; if (c.type === 'line') c.options.scales.x.ticks = { stepSize: 1, callback: percentiles }; new Chart(document.getElementById('c${i}'), c) }`).join('\n')}
</script></body></html>
`
}

function curveChart ({ title, unit, series }) {
  return {
    type: 'line',
    data: {
      datasets: series.map(({ name, points }, i) => ({
        label: titleOf(name),
        // Each nine of the percentile as wide as the one before.
        data: points.map(([percentile, value]) => ({ x: -Math.log10(1 - percentile / 100), y: value })),
        borderColor: colour(i),
        pointRadius: 1
      }))
    },
    options: {
      maintainAspectRatio: false,
      animation: false,
      plugins: { title: { display: true, text: title } },
      scales: { x: { type: 'linear', title: { display: true, text: 'percentile' } }, y: { type: 'logarithmic', title: { display: true, text: unit } } }
    }
  }
}

function barChart ({ title, unit, rows }) {
  const sound = rows.filter((row) => row.isMeaningless !== true)
  return {
    type: 'bar',
    data: {
      labels: sound.map(({ name }) => titleOf(name)),
      datasets: [
        { label: 'median', data: sound.map(({ median }) => median), backgroundColor: '#8ab' },
        { label: 'quartiles', data: sound.map(({ q1, q3 }) => [q1, q3]), backgroundColor: '#245', barThickness: 3, grouped: false }
      ]
    },
    options: {
      indexAxis: 'y',
      maintainAspectRatio: false,
      animation: false,
      plugins: { title: { display: true, text: title } },
      scales: { x: { beginAtZero: true, title: { display: true, text: unit } } }
    }
  }
}

const colour = (i) => `hsl(${i * 47 % 360} 65% 42%)`
