import { runWith } from './both'

/** Waits for its lines in the same turn in which they are logged, as long as `blockMs` and not longer. */
const program = (blockMs: number): string => `
  const stream = makeStream(toFile)
  const logger = pino(stream)
  stream.once('ready', () => {
    for (let line = 0; line < 1000; line++) logger.info({ line })
    const until = Date.now() + ${blockMs}
    while (visible() < 1000 && Date.now() < until);
    console.log(visible())
    process.exit()
  })`

test('lines stand in the file while the event loop is blocked; there (pino 10): none', async () => {
  const theirs = await runWith('pino10', program(500))
  expect(theirs).toMatchObject({ code: 0, stdout: '0\n' })
  expect(await runWith('ours', program(20_000))).toMatchObject({ code: 0, stdout: '1000\n', stderr: '' })
})
