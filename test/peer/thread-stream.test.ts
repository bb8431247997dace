import { join } from 'node:path'
import { ROOT, temporaryDirectory } from '../support/process'
import type { Suite } from './differences'
import { expectParity } from './run'
import { copyThreadStream, testFiles } from './workspace'

const SUITES: ReadonlyArray<[Suite, string]> = [
  ['thread-stream 4', 'thread-stream'],
  ['thread-stream 3', 'pino9/node_modules/thread-stream']
]

describe.each(SUITES)('%s\'s own tests, with our stream in its place', (suite, path) => {
  let directory: string
  beforeAll(() => { directory = join(copyThreadStream(path, temporaryDirectory()), 'test') })

  test.each(testFiles(join(ROOT, 'node_modules', path, 'test')))('%s', async (file) => {
    // CI=1 leaves out what needs a gigabyte and minutes, as it does there.
    await expectParity(file, { suite, directory, env: { CI: '1', SKIP_PROCESS_EXIT_CHECK: 'true' } })
  }, 300_000)
})
