import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, openSync } from 'node:fs'
import { makeFifo, Reader } from '../faults/support'
import { scriptFile } from '../support/process'

const LINES = 100_000

interface Outcome { stats: Record<string, any>, events: any[], published: any[], lines: any[], slowest: number }

/** Logs `LINES` lines into a pipe that nobody reads, then reads it. */
async function floodPipe (options: string, log: string, ofPino = '{}'): Promise<Outcome> {
  // A real pipe: what Node makes for a child is a pair of sockets, of which it reads a first piece without being asked.
  const path = makeFifo()
  const reader = new Reader(path)
  const writingEnd = openSync(path, 'w')
  const child = spawn(process.execPath, [scriptFile(`
    const fs = require('node:fs')
    const published = []
    require('node:diagnostics_channel').subscribe('pino-pinned:drop', (counts) => published.push(counts))
    const stream = require('pino-pinned').transport({ destination: 1, capacity: '64kb', exitTimeout: 20000, ${options} })
    const logger = require('pino')({ level: 'debug', ...${ofPino} }, stream)
    const events = []
    stream.on('drop', (counts) => events.push(counts))
    for (let line = 0; line < ${LINES}; line++) { ${log} }
    fs.writeSync(2, '\\n')
    process.stdin.once('data', () => {
      stream.end()
      stream.on('close', () => fs.writeSync(2, JSON.stringify({ stats: stream.stats(), events, published })))
      process.stdin.destroy()
    })
  `)], { stdio: ['pipe', writingEnd, 'pipe'] })
  closeSync(writingEnd)
  let report = ''
  let code: number | null | undefined
  child.once('close', (exitCode) => { code = exitCode })
  child.stderr!.setEncoding('utf8').on('data', (chunk: string) => { report += chunk })
  await once(child.stderr!, 'data') // the loop is over: now somebody reads
  child.stdin!.write('go')
  await reader.takeUntil(() => code !== undefined)
  reader.close()
  expect(code).toBe(0)
  const { text } = reader
  expect(text.endsWith('\n')).toBe(true)
  return { ...JSON.parse(report), lines: text.trimEnd().split('\n').map((line) => JSON.parse(line)) }
}

const isNotice = (line: any): boolean => line.name === 'pino-pinned' && line.dropped !== undefined
const sum = (numbers: number[]): number => numbers.reduce((total, each) => total + each, 0)

test('a full ring drops whole lines, counts them exactly, and the log shows each gap where it was', async () => {
  const { stats, events, published, lines } = await floodPipe('', 'logger.info({ line }, "text")')
  expect(stats.linesAccepted + stats.linesDropped).toBe(LINES)
  expect(stats.linesDropped).toBeGreaterThan(0)
  expect(stats.linesWritten).toBe(stats.linesAccepted)
  expect(stats.droppedByLevel).toEqual({ info: stats.linesDropped })

  // Replayed in order: each line is the next one, or follows a notice that tells exactly how many are missing.
  let next = 0
  for (const line of lines) {
    if (isNotice(line)) next += line.dropped
    else expect(line.line).toBe(next++)
  }
  expect(next).toBe(LINES)
  expect(sum(lines.filter(isNotice).map((line) => line.dropped))).toBe(stats.linesDropped)
  expect(sum(lines.filter(isNotice).map((line) => line.droppedBytes))).toBe(stats.bytesDropped)
  for (const line of lines.filter(isNotice)) expect(line).toMatchObject({ level: 40, droppedByLevel: { info: line.dropped } })

  expect(sum(events.map((event) => event.linesDropped))).toBe(stats.linesDropped)
  expect(events.at(-1).totalLinesDropped).toBe(stats.linesDropped)
  expect(published).toEqual(events)
})

test('the last part of the ring is kept for errors, so that a flood of debug cannot drown them', async () => {
  const { stats, lines } = await floodPipe('', `
    if (line === ${LINES - 1}) logger.error({ line }, 'why it all went wrong'); else logger.debug({ line }, 'noise')`)
  expect(stats.droppedByLevel).toEqual({ debug: stats.linesDropped })
  expect(stats.linesDropped).toBeGreaterThan(0)
  expect(lines.filter((line) => line.msg === 'why it all went wrong')).toHaveLength(1)
})

test.each([
  ["by a formatter's name", '{ formatters: { level: (severity) => ({ severity }) } }'],
  ["by a formatter's number, which is not pino's", '{ formatters: { level: (label, number) => ({ level: 9 - number / 10 }) } }'],
  ["by a formatter's label in pino's place", '{ formatters: { level: (level) => ({ level }) } }'],
  ['by a number of its own', "{ customLevels: { debug: 21, error: 55 }, useOnlyCustomLevels: true, level: 'debug' }"]
])('a level that the line shows %s counts as what it is to pino', async (_, ofPino) => {
  const { stats, lines } = await floodPipe('', `
    if (line === ${LINES - 1}) logger.error({ line }, 'why it all went wrong'); else logger.debug({ line }, 'noise')`, ofPino)
  expect(stats.droppedByLevel).toEqual({ debug: stats.linesDropped })
  expect(stats.linesDropped).toBeGreaterThan(0)
  expect(lines.filter((line) => line.msg === 'why it all went wrong')).toHaveLength(1)
})

test('without the reserve an error is dropped like any other line', async () => {
  const { stats } = await floodPipe('reserve: false', `
    if (line === ${LINES - 1}) logger.error({ line }, 'why it all went wrong'); else logger.debug({ line }, 'noise')`)
  expect(stats.droppedByLevel.error).toBe(1)
})

test('with dropNotice: false the log holds nothing but the lines accepted', async () => {
  const { stats, lines } = await floodPipe('dropNotice: false', 'logger.info({ line }, "text")')
  expect(lines.filter(isNotice)).toEqual([])
  expect(lines).toHaveLength(stats.linesAccepted)
  expect(stats.bytesWritten).toBe(Buffer.byteLength(lines.map((line) => JSON.stringify(line) + '\n').join('')))
})

test('levels with names of their own are counted by what pino says', async () => {
  const { stats } = await floodPipe('', 'logger.warn({ line }, "text")')
  expect(stats.droppedByLevel).toEqual({ warn: stats.linesDropped })
})
