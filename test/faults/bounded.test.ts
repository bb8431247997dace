import { once } from 'node:events'
import { join } from 'node:path'
import { getHeapStatistics } from 'node:v8'
import { runScript } from '../support/process'
import { finish, logPath, makeFifo, open } from './support'

const target = join(__dirname, 'target.js')
const MB = 1024 * 1024

/** Of one size from the start: V8 enlarges it in steps of many megabytes, which come when they come. */
const YOUNG_GENERATION = ['--min-semi-space-size=1', '--max-semi-space-size=1']

/** By then everything that is hot has been compiled, which takes and leaves some megabytes. */
const WARM_UP_LINES = 500_000
/** Over so many the least counts: the writer's heap grows, and is collected, when it comes to that. */
const LEAST_OVER_LINES = 200_000

/** One of several targets is known to be stalled when the others have waited for it: a warning, and only from then on is there work. */
const ONE_STALLS = "log(20000); setInterval(() => {}, 1000); process.once('warning', turn)"

/** Logs lines to warm up, then so many more; prints by how many bytes the process grew over the latter. */
const loop = (stream: string, lines: number, start: string): string => `
  const stream = ${stream}
  const logger = require('pino')({}, stream)
  let n = 0
  const log = (count) => { for (const end = n + count; n < end; n++) logger.info({ n }, 'a line as long as lines are in most applications') }
  // V8 gives back in a thread of its own what a collection has freed.
  const rss = () => Math.min(...Array.from({ length: 5 }, () => {
    gc()
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 10)
    return process.memoryUsage.rss()
  }))
  const isAtEndOf = (lines) => n > lines - ${LEAST_OVER_LINES} && n <= lines
  let before = Infinity
  let after = Infinity
  const turn = () => {
    log(20000)
    if (isAtEndOf(${WARM_UP_LINES})) before = Math.min(before, rss())
    if (isAtEndOf(${WARM_UP_LINES + lines})) after = Math.min(after, rss())
    if (n < ${WARM_UP_LINES + lines}) return setImmediate(turn)
    require('node:fs').writeSync(1, JSON.stringify({ grown: after - before, stats: stream.stats?.() }))
    process.kill(process.pid, 'SIGKILL') // with pino.transport nothing else ends a process whose pipe is full
  }
  const start = () => { ${start} }
  if (stream.stats) stream.on('ready', start)
  else start()`

async function grown (stream: string, { lines = 1_000_000, start = 'turn()' } = {}): Promise<{ grown: number, stats?: { linesAccepted: number, linesDropped: number } }> {
  const { stdout, stderr } = await runScript(loop(stream, lines, start), { execArgv: ['--expose-gc', ...YOUNG_GENERATION] })
  if (stdout === '') throw new Error(stderr)
  return JSON.parse(stdout)
}

test('a stalled sink of any kind leaves memory where it was: 4 MB at most beyond a no-op stream, over a million lines', async () => {
  const idle = await grown('{ write () {} }')
  const pipe = makeFifo()
  const stalled = {
    pipe: await grown(`(require('node:fs').openSync('${pipe}', require('node:fs').constants.O_RDONLY | require('node:fs').constants.O_NONBLOCK), require('pino-pinned').transport({ destination: '${pipe}', exitTimeout: 50 }))`),
    disk: await grown("require('pino-pinned').transport({ destination: '/dev/full', exitTimeout: 50 })"),
    target: await grown(`require('pino-pinned').transport({ target: ${JSON.stringify(target)}, options: { path: ${JSON.stringify(logPath())}, neverCallsBack: true }, exitTimeout: 50 })`),
    oneOfSeveral: await grown(`require('pino-pinned').transport({ targets: [{ target: ${JSON.stringify(target)}, options: { path: ${JSON.stringify(logPath())}, neverCallsBack: true } }, { target: 'pino/file', options: { destination: '/dev/null' } }], exitTimeout: 50 })`, { start: ONE_STALLS }),
    allOfSeveral: await grown(`require('pino-pinned').transport({ targets: [1, 2].map((n) => ({ target: ${JSON.stringify(target)}, options: { path: ${JSON.stringify(logPath())} + n, neverCallsBack: true } })), exitTimeout: 50 })`)
  }
  for (const [kind, { grown, stats }] of Object.entries(stalled)) {
    expect({ kind, lines: stats!.linesAccepted + stats!.linesDropped }).toEqual({ kind, lines: WARM_UP_LINES + 1_000_000 })
    const mostMb = 4
    expect({ kind, grown, idle: idle.grown, isBounded: (grown - idle.grown) / MB <= mostMb }).toEqual({ kind, grown, idle: idle.grown, isBounded: true })
  }
}, 300_000)

test.each([
  ['is smaller than V8 would have it', undefined, [12, 2000]],
  ['is what the application says', { maxYoungGenerationSizeMb: 6, maxOldGenerationSizeMb: 100 }, [6, 100]],
  ['is what it says, in part', { maxOldGenerationSizeMb: 100 }, [12, 100]]
])('the heap in which targets run %s', async (_, resourceLimits, [young, old]) => {
  const { stream } = open({ target, options: { path: logPath() }, worker: { resourceLimits } })
  await once(stream, 'ready')
  const limits = stream.worker.resourceLimits!
  expect(limits.maxYoungGenerationSizeMb).toBe(young)
  expect(limits.maxOldGenerationSizeMb).toBe(Math.min(old!, resourceLimits === undefined ? getHeapStatistics().heap_size_limit / MB : Infinity))
  await finish(stream)
})

test('pino.transport, in its place, grows with every line', async () => {
  const pipe = makeFifo()
  const growth = await grown(`(require('node:fs').openSync('${pipe}', require('node:fs').constants.O_RDONLY | require('node:fs').constants.O_NONBLOCK), require('pino').transport({ target: 'pino/file', options: { destination: '${pipe}' } }))`, { lines: 300_000 })
  expect(growth.grown / MB).toBeGreaterThan(20)
}, 300_000)

test.each([
  ['a pipe that nobody reads', "{ destination: PIPE, capacity: '64kb' }"],
  ['a full disk', "{ destination: '/dev/full', capacity: '64kb' }"],
  ['a target that has had enough', `{ target: ${JSON.stringify(target)}, options: { path: ${JSON.stringify('PATH')}, neverCallsBack: true }, capacity: '64kb' }`]
])('%s wakes the writer so rarely that it costs less than a hundredth of a core', async (_, options) => {
  const pipe = makeFifo()
  const source = options.replace('PIPE', JSON.stringify(pipe)).replace('PATH', logPath())
  const { stdout } = await runScript(`
    const fs = require('node:fs')
    fs.openSync(${JSON.stringify(pipe)}, fs.constants.O_RDONLY | fs.constants.O_NONBLOCK)
    const stream = require('pino-pinned').transport({ exitTimeout: 50, ...${source} })
    const tasks = '/proc/self/task'
    const wakes = () => {
      const writer = fs.readdirSync(tasks).find((id) => fs.readFileSync(\`\${tasks}/\${id}/comm\`, 'utf8') === 'pino-pinned\\n')
      return Number(/^voluntary_ctxt_switches:\\s+(\\d+)/m.exec(fs.readFileSync(\`\${tasks}/\${writer}/status\`, 'utf8'))[1])
    }
    stream.on('ready', () => {
      for (let n = 0; n < 20000; n++) stream.write('a line as long as lines are in most applications\\n')
      setTimeout(() => {
        const before = wakes()
        const since = performance.now()
        setTimeout(() => {
          console.log((wakes() - before) / (performance.now() - since) * 1000)
          process.exit()
        }, 3000)
      }, 1000)
    })`)
  const wakesPerSecond = Number(stdout)
  expect(wakesPerSecond).toBeGreaterThan(0)
  expect(wakesPerSecond).toBeLessThan(100) // of less than a tenth of a millisecond each
})
