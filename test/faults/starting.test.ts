import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { type Finished, runCommand, runScript, scriptFile, temporaryDirectory } from '../support/process'

const linesOf = (path: string): number[] => readFileSync(path, 'utf8').trimEnd().split('\n').map((line) => JSON.parse(line).line)
const upTo = (count: number): number[] => Array.from({ length: count }, (_, line) => line)

describe.each([['with the addon', ''], ['without the addon', 'off']])('a writer terminated before it has come up, %s,', (_, addon) => {
  const env = { ...process.env, PINO_PINNED_ADDON: addon }

  test.each<[string, string, string]>([
    ["a line that waits under onFull: 'block'", "onFull: 'block', capacity: '64kb'", ''],
    ['flushSync', '', 'if (!stream.flushSync()) throw new Error("not flushed")'],
    ['the end of the process', '', '']
  ])('is replaced by %s, and no line is lost', async (_, options, then) => {
    const path = join(temporaryDirectory(), 'app.log')
    const { code, stderr } = await runScript(`
      const stream = require('pino-pinned').transport({ destination: ${JSON.stringify(path)}, ${options} })
      const logger = require('pino')(stream)
      stream.worker.terminate()
      for (let line = 0; line < 2000; line++) logger.info({ line })
      ${then}
      process.exit()
    `, { env })
    expect({ code, left: /left/.test(stderr) }).toEqual({ code: 0, left: false })
    expect(linesOf(path)).toEqual(upTo(2000))
  })
})

/** A program that has too few descriptors left when its writer's thread starts (one), until it calls `giveBack()`. */
function withoutDescriptors (path: string, addon: string, options: string, source: string): Promise<Finished> {
  const file = scriptFile(`
    const fs = require('node:fs')
    const pino = require('pino')
    const { transport } = require('pino-pinned')
    const eaten = []
    const giveBack = () => { for (const fd of eaten.splice(0)) fs.closeSync(fd) }
    try {
      for (;;) eaten.push(fs.openSync('/dev/null'))
    } catch {}
    fs.closeSync(eaten.pop())
    const stream = transport({ destination: ${JSON.stringify(path)}, maxRestarts: 0, ${options} })
    const logger = pino(stream)
    for (let line = 0; line < 1000; line++) logger.info({ line })
    ${source}
  `)
  return runCommand('sh', ['-c', 'ulimit -n 64; exec "$@"', 'sh', process.execPath, file], { env: { ...process.env, PINO_PINNED_ADDON: addon } })
}

describe.each([['with the addon', ''], ['without the addon', 'off']])('a writer whose thread finds no descriptors, %s,', (_, addon) => {
  test('is waited for as long as that lasts, with one warning, whatever maxRestarts: no line is lost', async () => {
    const path = join(temporaryDirectory(), 'app.log')
    const { code, stdout, stderr } = await withoutDescriptors(path, addon, '', `
      for (const event of ['ready', 'error', 'writer-restart']) stream.on(event, () => console.log(event))
      process.on('warning', ({ code }) => console.log(code))
      const { openSync } = fs
      let looks = 0
      fs.openSync = (...args) => {
        try {
          return openSync(...args)
        } catch (error) {
          if (++looks === 4) giveBack()
          throw error
        }
      }
      stream.on('ready', () => stream.end(() => console.log(stream.stats().restarts)))`)
    expect({ code, stdout, stderr: stderr.includes("EMFILE: the log writer can't be started for now") }).toEqual({ code: 0, stdout: 'EMFILE\nready\n0\n', stderr: true })
    expect(linesOf(path)).toEqual(upTo(1000))
  })

  test('is started by a thread that waits without an event loop, once there are some', async () => {
    const path = join(temporaryDirectory(), 'app.log')
    const { code, stdout } = await withoutDescriptors(path, addon, '', `
      const isFlushed = stream.flushSync(100)
      while (stream.stats().writerState !== 'restarting') stream.flushSync(100)
      console.log(isFlushed)
      giveBack()
      console.log(stream.flushSync(60_000))`)
    expect({ code, stdout }).toEqual({ code: 0, stdout: 'false\ntrue\n' })
    expect(linesOf(path)).toEqual(upTo(1000))
  })

  test('is no death when they have come back before it is noticed', async () => {
    const path = join(temporaryDirectory(), 'app.log')
    const { code, stdout } = await withoutDescriptors(path, addon, '', `
      const end = performance.now() + 500
      while (performance.now() < end);
      giveBack()
      console.log(stream.flushSync(60_000), stream.stats().restarts)`)
    expect({ code, stdout }).toEqual({ code: 0, stdout: 'true 0\n' })
    expect(linesOf(path)).toEqual(upTo(1000))
  })

  test('is given no more than exitTimeout by a process that leaves, which says what was left and why', async () => {
    const { code, stdout, stderr } = await withoutDescriptors(join(temporaryDirectory(), 'app.log'), addon, 'exitTimeout: 200', `
      process.on('exit', () => console.log(Date.now()))
      process.on('warning', () => process.exit())`)
    expect({ code, left: stderr.includes('up to 1000 lines were left: the sink took nothing any more, EMFILE') }).toEqual({ code: 0, left: true })
    expect(Date.now() - Number(stdout)).toBeLessThan(9000)
  })
})

/** A program whose sink takes nothing from the start. */
async function withoutReader (exitTimeout: number, source: string): Promise<{ code: number | null, stdout: string, endedAt: number }> {
  const fifo = join(temporaryDirectory(), 'fifo')
  execFileSync('mkfifo', [fifo])
  const finished = await runScript(`
    const stream = require('pino-pinned').transport({ destination: ${JSON.stringify(fifo)}, exitTimeout: ${exitTimeout} })
    const logger = require('pino')(stream)
    ${source}
  `)
  return { ...finished, endedAt: Date.now() }
}

test('a writer that waits for its sink gets no more than exitTimeout: the ten seconds are for one that comes up', async () => {
  const { code, stdout, endedAt } = await withoutReader(200, "logger.info('x'); process.on('exit', () => console.log(Date.now()))")
  expect(code).toBe(0)
  expect(endedAt - Number(stdout)).toBeLessThan(9000)
})

test('pino flushes with each fatal line: with a sink that takes nothing, only the first of them waits', async () => {
  const { code, stdout } = await withoutReader(1500, `
    const before = performance.now()
    for (let line = 0; line < 20; line++) logger.fatal('again')
    console.log(performance.now() - before)
  `)
  expect(code).toBe(0)
  expect(Number(stdout)).toBeLessThan(20 * 1500 / 2)
})

test("a listener that logs each 'error' does not hear of its own lines for ever: the process ends", async () => {
  const { code, stdout } = await runScript(`
    const stream = require('pino-pinned').transport({ destination: '/no/such/directory/app.log' })
    const logger = require('pino')(stream)
    let errors = 0
    stream.on('error', (error) => { errors++; logger.error(error) })
    const hold = setInterval(() => {}, 1000)
    stream.on('close', () => clearInterval(hold))
    process.on('exit', () => console.log(errors))
  `)
  expect(code).toBe(0)
  expect(Number(stdout)).toBeGreaterThan(0)
  expect(Number(stdout)).toBeLessThan(5)
})

test('lines of exit handlers after end() are refused one and all: what is accepted is in the file', async () => {
  for (let round = 0; round < 8; round++) {
    const path = join(temporaryDirectory(), 'app.log')
    const { stdout } = await runScript(`
      const stream = require('pino-pinned').transport({ destination: ${JSON.stringify(path)} })
      const logger = require('pino')(stream)
      stream.on('ready', () => {
        for (let line = 0; line < 3000; line++) logger.info({ line })
        stream.end()
        process.on('exit', () => {
          for (let line = 0; line < 50; line++) logger.info({ line })
          console.log(JSON.stringify(stream.stats()))
        })
        process.exit()
      })
    `)
    expect(JSON.parse(stdout)).toMatchObject({ linesAccepted: 3000, linesDropped: 50 })
    expect(linesOf(path)).toEqual(upTo(3000))
  }
})
