import { readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { runApplication } from '../support/application'
import { WAYS } from './ways'

const LINES = 3000
const SIZE_BYTES = 64 * 1024
/** A turn's lines, which pino-roll may get in one piece, and then writes before it looks at the size. */
const TURN_BYTES = 100 * 400

test.each(WAYS)('pino-roll rotates by size through %s: no line is lost, torn or twice, and order is kept over the files', async (_, makeLogger) => {
  const { code, stderr, directory } = await runApplication(`
    ${makeLogger}
    const logger = makeLogger({ target: 'pino-roll', options: { file: 'logs/app', size: '64k', mkdir: true } }, { base: null })
    let line = 0
    const turn = () => {
      for (let n = 0; n < 100; n++) logger.info({ line: line++, filling: 'x'.repeat(line % 300) })
      if (line < ${LINES}) logger.flush(turn)
    }
    turn()`)
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
  const logs = join(directory, 'logs')
  const numberOf = (file: string): number => Number(/^app\.(\d+)$/.exec(file)?.[1])
  const files = readdirSync(logs).sort((a, b) => numberOf(a) - numberOf(b))
  expect(files.length).toBeGreaterThan(3)
  for (const file of files) expect(statSync(join(logs, file)).size).toBeLessThanOrEqual(SIZE_BYTES + TURN_BYTES)
  const lines = files.flatMap((file) => readFileSync(join(logs, file), 'utf8').split('\n').filter((text) => text !== ''))
  expect(lines.map((text) => JSON.parse(text).line)).toEqual(Array.from({ length: LINES }, (_, line) => line))
})
