import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { ROOT, temporaryDirectory } from '../support/process'
import type { Suite } from './differences'
import { expectParity, REGISTER } from './run'
import { copyPino } from './workspace'

/** Takes minutes on a small machine: `npm run test:peer-big`. */
const BIG = 'transport/big.test.js'

/** Lossless, as thread-stream is. The other two are the suites' own: how long they wait for a file, in tries and in milliseconds. */
const ENVIRONMENT = {
  // Millions of lines wait in the target's own buffer when big.test.js ends: more than 10 s of work on a machine that is busy.
  PINO_PINNED: process.env.PEER_BIG === '1' ? 'onFull=block,exitTimeout=60000' : 'onFull=block',
  MAX_TEST_LOOP_ITERATION: '2000000',
  PINO_TEST_WAIT_WATCHFILE_TIMEOUT: '60000',
  PINO_TEST_WAIT_WRITE_TIMEOUT: '60000'
}

/**
 * Runs all tests of a pino that use transports, with register loaded in every process they start.
 *
 * @param imported files that are run a second time, with `--import`
 */
export function runPinoSuite (suite: Suite, name: string, imported: string[] = []): void {
  describe(`${suite}'s own tests of transports, over the ring`, () => {
    let directory: string
    beforeAll(() => { directory = join(copyPino(name, temporaryDirectory()), 'test') })

    const isBigWanted = process.env.PEER_BIG === '1'
    for (const file of isBigWanted ? [] : imported) {
      test(`${file}, with --import`, async () => {
        await expectParity(file, { suite, directory, preload: [REGISTER], imports: true, env: ENVIRONMENT })
      }, 300_000)
    }

    test.each(transportTests(name).filter((file) => (file === BIG) === isBigWanted))('%s', async (file) => {
      await expectParity(file, { suite, directory, preload: [REGISTER], env: ENVIRONMENT })
    }, 300_000)
  })
}

function transportTests (name: string): string[] {
  const tests = join(ROOT, 'node_modules', name, 'test')
  const transport = readdirSync(join(tests, 'transport')).filter((file) => /\.test\.(js|mjs|ts)$/.test(file))
  const others = readdirSync(tests).filter((file) => file.endsWith('.test.js') && !file.startsWith('browser'))
    .filter((file) => file === 'syncfalse.test.js' || readFileSync(join(tests, file), 'utf8').includes('transport'))
  return [...transport.map((file) => `transport/${file.replace('.test.ts', '.from-ts.test.js')}`), ...others].sort()
}
