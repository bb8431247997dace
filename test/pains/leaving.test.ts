import { once } from 'node:events'
import { runWith, startWith } from './both'

const messages = (lines: string[]): string[] => lines.map((line) => JSON.parse(line).msg)

describe('process.exit() straight after a log', () => {
  test.each([
    ['before ready', ''],
    ['after ready', "await once(stream, 'ready')"]
  ])('%s: every line arrives, here as there', async (_, wait) => {
    const program = `;(async () => {
      const stream = makeStream(toFile)
      const logger = pino(stream)
      ${wait}
      for (let n = 0; n < 1000; n++) logger.info('a line')
      process.exit(3)
    })()`
    for (const whose of ['pino10', 'ours'] as const) {
      const { code, lines } = await runWith(whose, program)
      expect({ whose, code, lines: lines.length }).toEqual({ whose, code: 3, lines: 1000 })
    }
  })
})

test('an uncaught exception: every line before it arrives, here as there', async () => {
  const program = `
    const logger = pino(makeStream(toFile))
    for (let n = 0; n < 1000; n++) logger.info('a line')
    throw new Error('uncaught')`
  for (const whose of ['pino10', 'ours'] as const) {
    const { code, lines, stderr } = await runWith(whose, program)
    expect({ whose, code, lines: lines.length }).toEqual({ whose, code: 1, lines: 1000 })
    expect(stderr).toContain('Error: uncaught')
  }
})

describe('lines logged in exit handlers, before and behind that of the transport', () => {
  test('arrive when the process leaves before ready; there: those of the handlers behind are lost', async () => {
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

  test("arrive when pino's own exit hook has ended the stream before; there: they are lost", async () => {
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
      for (let n = 0; n < 1000; n++) logger.info('a line')
      process.exit()
    })`

  test('does not hold the process for longer than exitTimeout, and the lines left are told; there: it waits on', async () => {
    const theirs = startWith('pino10', program)
    await once(theirs, 'spawn')
    const { code, stderr, ms } = await runWith('ours', program)
    expect(theirs.exitCode).toBe(null)
    expect(code).toBe(0)
    expect(stderr).toBe('pino-pinned: up to 1000 lines were left: the sink took nothing any more (exitTimeout: 1000 ms)\n')
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
