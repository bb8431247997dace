import { once } from 'node:events'
import { runWith, startWith } from './both'

const messages = (lines: string[]): string[] => lines.map((line) => JSON.parse(line).msg)

describe.each([
  ['process.exit()', 'process.exit(3)', 3],
  ['an uncaught exception', "throw new Error('uncaught')", 1]
])('%s straight after a log', (_, leave, exitCode) => {
  const program = (isReady: boolean, exitHandler = ''): string => `
    ${exitHandler}
    const stream = makeStream(toFile)
    const logger = pino(stream)
    const run = () => {
      for (let n = 0; n < 1000; n++) logger.info('a line')
      ${leave}
    }
    ${isReady ? "stream.once('ready', run)" : 'run()'}`

  test.each([['before ready', false], ['after ready', true]])('%s: every line arrives; there: with pino 10 too', async (_, isReady) => {
    for (const whose of ['pino10', 'ours'] as const) {
      const { code, lines } = await runWith(whose, program(isReady))
      expect({ whose, code, lines: lines.length }).toEqual({ whose, code: exitCode, lines: 1000 })
    }
  })

  test.each([['before ready', false], ['after ready', true]])('%s: every line arrives though an exit handler before ours leaves at once, to set the code; there (pino 10): none', async (_, isReady) => {
    const atOnce = program(isReady, "process.on('exit', () => process.exit(4))")
    const theirs = await runWith('pino10', atOnce)
    expect({ code: theirs.code, lines: theirs.lines }).toEqual({ code: 4, lines: [] })
    const { code, lines } = await runWith('ours', atOnce)
    expect({ code, lines: lines.length }).toEqual({ code: 4, lines: 1000 })
  })
})

describe('lines logged in exit handlers, before and behind that of the transport', () => {
  test('arrive when the process leaves before ready; there (pino 10): those of the handlers behind are lost', async () => {
    const program = `
      let logger
      process.on('exit', () => logger.info('first handler'))
      logger = pino(makeStream(toFile))
      process.on('exit', () => logger.info('last handler'))
      logger.info('a line')
      process.exit()`
    expect(messages((await runWith('pino10', program)).lines)).not.toContain('last handler')
    const ours = await runWith('ours', program)
    expect(ours).toMatchObject({ code: 0, stderr: '' })
    expect(messages(ours.lines)).toEqual(['a line', 'first handler', 'last handler'])
  })

  test("arrive when pino's own exit hook has ended the stream before; there (pino 10): they are lost", async () => {
    const program = `
      const stream = makeStream(toFile)
      const logger = pino(stream)
      stream.once('ready', () => {
        process.on('exit', () => {
          stream.end()
          for (let n = 0; n < 10; n++) logger.info('behind the end')
        })
        process.exit()
      })`
    expect((await runWith('pino10', program)).lines).toEqual([])
    const ours = await runWith('ours', program)
    expect(ours).toMatchObject({ code: 0, stderr: '' })
    expect(messages(ours.lines)).toEqual(new Array(10).fill('behind the end'))
  })
})

describe('a sink that takes nothing at exit', () => {
  const program = `
    const stream = makeStream({ target: require.resolve('./stalled.js') })
    const logger = pino(stream)
    stream.once('ready', () => {
      for (let n = 0; n < 10_000; n++) logger.info('a line') // more than a batch
      process.exit()
    })`

  test('does not hold the process for longer than exitTimeout, and the lines left are told; there (pino 10): it waits on', async () => {
    const theirs = startWith('pino10', program)
    await once(theirs, 'spawn')
    const { code, stderr, ms } = await runWith('ours', program)
    expect(theirs.exitCode).toBe(null)
    expect(code).toBe(0)
    expect(stderr).toBe('pino-pinned: up to 10000 lines were left: the sink took nothing any more (exitTimeout: 1000 ms)\n')
    expect(ms).toBeGreaterThanOrEqual(1000)
  })

  test('nor does a target that dies of each line, however many there are', async () => {
    const dying = `
      const stream = makeStream({ target: require.resolve('./dying.js') })
      stream.once('ready', () => {
        for (let n = 0; n < 100_000; n++) stream.write('a line\\n')
        process.exit()
      })`
    const { code, stderr } = await runWith('ours', dying)
    expect(code).toBe(0)
    expect(stderr).toMatch(/lines were left/)
  })
})
