import { runWith, type Whose } from './both'

const LINES = 300_000
const LINE_BYTES = 150
/** What the writer and its target may need for themselves, once: far below the bytes of the lines. */
const MOST_OF_OUR_OWN_MB = 16

/** Growth of the process in MB over so many lines. */
async function growthWith (whose: Whose, stream: string): Promise<number> {
  const { stdout } = await runWith(whose, `
    const stream = ${stream}
    const logger = pino({}, stream)
    const log = () => {
      const before = process.memoryUsage.rss()
      let line = 0
      const turn = () => {
        for (let n = 0; n < 3000; n++) logger.info({ line: line++ }, 'x'.repeat(${LINE_BYTES - 90}))
        if (line < ${LINES}) return setImmediate(turn)
        console.log((process.memoryUsage.rss() - before) / 1e6)
        process.kill(process.pid, 'SIGKILL')
      }
      turn()
    }
    if (stream.once) stream.once('ready', log)
    else log()`)
  expect(stdout).toMatch(/^-?\d+(\.\d+)?\n$/)
  return Number(stdout)
}

test('memory does not grow while the sink takes nothing; there (pino 10): it grows with every line', async () => {
  const withNothing = await growthWith('ours', '{ write () {} }')
  const stalled = "makeStream({ target: require.resolve('./stalled.js') })"
  expect(await growthWith('pino10', stalled) - withNothing).toBeGreaterThan(LINES * LINE_BYTES / 2 / 1e6)
  expect(await growthWith('ours', stalled) - withNothing).toBeLessThan(MOST_OF_OUR_OWN_MB)
})
