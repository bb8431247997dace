import { cpSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { extname, join } from 'node:path'
import { application } from '../support/application'
import { type Finished, ROOT, runCommand, temporaryDirectory } from '../support/process'

const PAGE = readFileSync(join(ROOT, 'docs', 'bundlers.md'), 'utf8')

/**
 * Everything that needs a file of its own: the writer to a file, to a target, to several; and the config, with pino's thread.
 * With an argument, one line to a file.
 */
const APP = `
  const settings = { base: null, timestamp: false }
  const patient = { exitTimeout: 60_000 } // other processes may have both cores for long
  const pretty = (destination) => ({ target: 'pino-pretty', options: { destination, colorize: false, sync: true, singleLine: true } })
  const makers = {
    file: () => pino(settings, transport({ destination: 'file.log', ...patient })),
    target: () => pino(settings, transport({ ...pretty('target.log'), ...patient })),
    targets: () => pino(settings, transport({ ...patient, targets: [
      { target: 'pino/file', level: 'info', options: { destination: 'all.log' } },
      { target: 'pino/file', level: 'error', options: { destination: 'errors.log' } }
    ] })),
    config: () => pino({ ...settings, transport: { target: 'pino-pinned', options: { destination: 'config.log', ...patient } } }),
    configTarget: () => pino({ ...settings, transport: { target: 'pino-pinned', options: { ...pretty('config-target.log'), ...patient } } })
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
  ['esbuild, as ES modules', 'build.mjs', ['build.mjs']],
  ['webpack', 'webpack.config.js', runWebpack('webpack.config.js')],
  ['webpack, as ES modules', 'webpack.config.mjs', runWebpack('webpack.config.mjs')]
]

function runWebpack (file: string): string[] {
  return ['-e', `
    import('./${file}').then(({ default: config }) => require('webpack')(config, (error, stats) => {
      if (error) throw error
      const isPinos = ({ moduleName }) => /real-require/.test(moduleName)
      if (stats.hasErrors() || !stats.toJson().warnings.every(isPinos)) throw new Error(stats.toString())
    }))
  `]
}

/** What begins an application, and another file that loads it, in the kind of module that a file of the page is for. */
const KINDS = {
  '.js': { imports: "const pino = require('pino'); const { transport } = require('pino-pinned')", loads: "require('./app.js')" },
  '.mjs': { imports: "import pino from 'pino'; import { transport } from 'pino-pinned'", loads: "await import('./app.mjs')" }
}

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
  const kind = extname(file) as keyof typeof KINDS
  const { imports, loads } = KINDS[kind]
  let expected: Record<string, string>
  /** What comes out, moved to where there is nothing else. */
  let directory: string
  beforeAll(async () => {
    const source = application({ [`app${kind}`]: `${imports}\n${APP}`, [file]: recipe(file) })
    expected = await logsOf(`app${kind}`, source)
    await run(args, source)
    directory = join(temporaryDirectory(), 'moved')
    renameSync(join(source, 'out'), directory)
  }, 300_000)

  test('a bundle without node_modules writes what the unbundled application writes, and has the addon', async () => {
    expect(Object.values(expected).map((text) => text.split('\n').length - 1)).toEqual([101, 101, 101, 1, 101, 101])
    expect(await logsOf(`app${kind}`, directory)).toEqual(expected)
  })

  test('the writer may be anywhere if the key tells, is found beside the bundle if it does not, and is asked for if it is neither', async () => {
    const log = join(directory, 'file.log')
    const app = (prelude: string): void => {
      rmSync(log, { force: true })
      writeFileSync(join(directory, `main${kind}`), `${prelude}; ${loads}`)
    }
    const told = (): string => JSON.parse(readFileSync(log, 'utf8')).msg

    app('globalThis.__bundlerPathsOverrides = {}')
    await run([`main${kind}`, 'beside'], directory)
    expect(told()).toBe('beside')

    mkdirSync(join(directory, 'other'))
    renameSync(join(directory, `pino-pinned-writer${kind}`), join(directory, 'other', `writer${kind}`))
    cpSync(join(directory, 'pino-pinned-addon.node'), join(directory, 'other', 'pino-pinned-addon.node'))
    app(`globalThis.__bundlerPathsOverrides = { 'pino-pinned-writer': process.cwd() + '/other/writer${kind}' }`)
    await run([`main${kind}`, 'where the key says'], directory)
    expect(told()).toBe('where the key says')

    // Node itself shows the line that threw, which is the whole bundle, and the pipe may take no more than that.
    app(`globalThis.__bundlerPathsOverrides = {}
      process.on('uncaughtException', ({ code, message }) => { console.error(code, message); process.exitCode = 1 })`)
    const { code, stderr } = await runCommand(process.execPath, [`main${kind}`, 'nowhere'], { cwd: directory })
    expect({ code, stderr }).toEqual({ code: 1, stderr: expect.stringMatching(/^ERR_PINO_PINNED_WRITER_FILE /) })
    expect(stderr).toContain("globalThis.__bundlerPathsOverrides['pino-pinned-writer']")
  })
})
