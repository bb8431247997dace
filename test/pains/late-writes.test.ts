import { runWith } from './both'

test('a line after the end does not throw and is counted; there (pino 10): the application dies of an error that nobody heard', async () => {
  const program = `
    const stream = makeStream(toFile)
    const logger = pino(stream)
    logger.info('a line')
    stream.end()
    stream.once('close', () => setImmediate(() => {
      logger.info('behind the end')
      setImmediate(() => console.log('goes on', stream.stats?.().linesDropped))
    }))
    const untilClosed = setInterval(() => { if (stream.destroyed) clearInterval(untilClosed) }, 10)`
  const theirs = await runWith('pino10', program)
  expect(theirs).toMatchObject({ code: 1, stdout: '' })
  expect(theirs.stderr).toContain('the worker has exited')
  expect(await runWith('ours', program)).toMatchObject({ code: 0, stdout: 'goes on 1\n', stderr: '' })
})

test('lines after the writer failed do not throw and are counted; the failure is told, and the first line refused; there (pino 10): an error a line', async () => {
  const program = `
    const stream = makeStream({ target: 'pino/file', options: { destination: '/proc/no/such/directory' } })
    const logger = pino(stream)
    let errors = 0
    stream.on('error', () => errors++)
    stream.once('close', () => setImmediate(() => {
      for (let n = 0; n < 50; n++) logger.info('nobody takes it')
      setImmediate(() => {
        console.log(errors, stream.stats?.().linesDropped)
        process.exit()
      })
    }))
    setInterval(() => {}, 1000)`
  const theirs = await runWith('pino10', program)
  expect(parseInt(theirs.stdout)).toBeGreaterThanOrEqual(50)
  expect(await runWith('ours', program)).toMatchObject({ code: 0, stdout: '2 50\n', stderr: '' })
})
