import { cpSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { application } from '../support/application'
import { type Finished, ROOT, runCommand, temporaryDirectory } from '../support/process'

const PAGE = readFileSync(join(ROOT, 'docs', 'bundlers.md'), 'utf8')

/**
 * Everything that needs a file of its own: the writer to a file, to a target, to several; and the config, with pino's thread.
 * With an argument, one line to a file.
 */
const APP = `
  const pino = require('pino')
  const { transport } = require('pino-pinned')
  const settings = { base: null, timestamp: false }
  const pretty = (destination) => ({ target: 'pino-pretty', options: { destination, colorize: false, sync: true, singleLine: true } })
  const makers = {
    file: () => pino(settings, transport({ destination: 'file.log' })),
    target: () => pino(settings, transport(pretty('target.log'))),
    targets: () => pino(settings, transport({ targets: [
      { target: 'pino/file', level: 'info', options: { destination: 'all.log' } },
      { target: 'pino/file', level: 'error', options: { destination: 'errors.log' } }
    ] })),
    config: () => pino({ ...settings, transport: { target: 'pino-pinned', options: { destination: 'config.log' } } }),
    configTarget: () => pino({ ...settings, transport: { target: 'pino-pinned', options: pretty('config-target.log') } })
  }
  if (process.argv[2] !== undefined) {
    makers.file().info(process.argv[2])
  } else {
    for (const [name, make] of Object.entries(makers)) {
      const logger = make()
      for (let line = 0; line < 100; line++) logger.info({ line }, 'by ' + name)
      logger.error('the last by ' + name)
    }
  }
`

/** How each bundler is run on its file of the page. */
const BUNDLERS: ReadonlyArray<[name: string, file: string, run: string[]]> = [
  ['esbuild', 'build.js', ['build.js']],
  ['webpack', 'webpack.config.js', ['-e', `
    require('webpack')(require('./webpack.config.js'), (error, stats) => {
      if (error) throw error
      const isPinos = ({ moduleName }) => /real-require/.test(moduleName)
      if (stats.hasErrors() || !stats.toJson().warnings.every(isPinos)) throw new Error(stats.toString())
    })
  `]]
]

function recipe (file: string): string {
  const found = new RegExp(`^\`\`\`js ${file.replaceAll('.', '\\.')}\\n(.*?)^\`\`\`$`, 'ms').exec(PAGE)
  if (found === null) throw new Error(`expected docs/bundlers.md to have a snippet for ${file}`)
  return found[1]!
}

/** Runs a Node process of which success and silence are expected. */
async function run (args: string[], cwd: string): Promise<Finished> {
  const finished = await runCommand(process.execPath, args, { cwd })
  expect({ code: finished.code, stderr: finished.stderr }).toEqual({ code: 0, stderr: '' })
  return finished
}

async function logsOf (file: string, cwd: string): Promise<Record<string, string>> {
  await run([file], cwd)
  const names = readdirSync(cwd).filter((name) => name.endsWith('.log')).sort()
  return Object.fromEntries(names.map((name) => [name, readFileSync(join(cwd, name), 'utf8')]))
}

describe.each(BUNDLERS)('with %s, by the recipe of the page,', (_, file, args) => {
  let expected: Record<string, string>
  /** What comes out, moved to where there is nothing else. */
  let directory: string
  beforeAll(async () => {
    const source = application({ 'app.js': APP, [file]: recipe(file) })
    expected = await logsOf('app.js', source)
    await run(args, source)
    directory = join(temporaryDirectory(), 'moved')
    renameSync(join(source, 'out'), directory)
  }, 300_000)

  test('a bundle without node_modules writes what the unbundled application writes, and has the addon', async () => {
    expect(Object.values(expected).map((text) => text.split('\n').length - 1)).toEqual([101, 101, 101, 1, 101, 101])
    expect(await logsOf('app.js', directory)).toEqual(expected)
  })

  test('the writer may be anywhere if the key tells, is found beside the bundle if it does not, and is asked for if it is neither', async () => {
    const log = join(directory, 'file.log')
    const app = (prelude: string): void => {
      rmSync(log, { force: true })
      writeFileSync(join(directory, 'app.cjs'), `${prelude}; require('./app.js')`)
    }
    const told = (): string => JSON.parse(readFileSync(log, 'utf8')).msg

    app('globalThis.__bundlerPathsOverrides = {}')
    await run(['app.cjs', 'beside'], directory)
    expect(told()).toBe('beside')

    mkdirSync(join(directory, 'other'))
    renameSync(join(directory, 'pino-pinned-writer.js'), join(directory, 'other', 'writer.cjs'))
    cpSync(join(directory, 'pino-pinned-addon.node'), join(directory, 'other', 'pino-pinned-addon.node'))
    app("globalThis.__bundlerPathsOverrides = { 'pino-pinned-writer': require('node:path').join(__dirname, 'other/writer.cjs') }")
    await run(['app.cjs', 'where the key says'], directory)
    expect(told()).toBe('where the key says')

    app('globalThis.__bundlerPathsOverrides = {}')
    const { code, stderr } = await runCommand(process.execPath, ['app.cjs', 'nowhere'], { cwd: directory })
    expect(code).toBe(1)
    expect(stderr).toContain('ERR_PINO_PINNED_WRITER_FILE')
    expect(stderr).toContain("globalThis.__bundlerPathsOverrides['pino-pinned-writer']")
  })
})
