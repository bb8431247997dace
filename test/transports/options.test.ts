import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { application } from '../support/application'
import { runCommand } from '../support/process'
import { PINO_TRANSPORT, WAYS } from './ways'

/** A target that notes where and how it runs, what it gets, and that it was ended. */
const body = (kind: string, type = ''): string => `
  const note = (name${type && ': string'}, text${type && ': string'}) => appendFileSync(name + '.log', text + '\\n')
  const target = (options${type && ': Record<string, any>'} = {}) => {
    const { $context, pinoWillSendConfig, file = 'app', ...others } = options
    const threadFlags = process.execArgv.filter((flag) => flag === '--trace-warnings')
    note('start', JSON.stringify(['${kind}', process.env.PLACE, threadFlags, resourceLimits.maxOldGenerationSizeMb === 71, others, pinoWillSendConfig, typeof $context]))
    return new Writable({
      write (chunk, encoding, done) { appendFileSync(file + '.log', chunk); done() },
      final (done) { note('end', file); done() }
    })
  }`
const commonJs = (kind: string, type = ''): string => `const { appendFileSync } = require('node:fs'); const { Writable } = require('node:stream')
  const { resourceLimits } = require('node:worker_threads')${body(kind, type)}; module.exports = target`
const esModule = (kind: string, type = ''): string => `import { appendFileSync } from 'node:fs'; import { Writable } from 'node:stream'
  import { resourceLimits } from 'node:worker_threads'${body(kind, type)}; export default target`

const FILES = {
  'target.cjs': commonJs('cjs'),
  'target.mjs': esModule('mjs'),
  'target.ts': esModule('ts', 'typed'),
  'target.cts': commonJs('cts', 'typed'), // Node's own type stripping takes .cts for CommonJS, whatever its syntax
  'upper.cjs': "const { Transform } = require('node:stream'); module.exports = () => new Transform({ transform (chunk, encoding, done) { done(null, chunk.toString().toUpperCase()) } })",
  'tsconfig.json': JSON.stringify({ compilerOptions: { module: 'commonjs', target: 'es2022', esModuleInterop: true }, 'ts-node': { transpileOnly: true } }),
  'node_modules/sink/package.json': JSON.stringify({ name: 'sink', type: 'module', exports: { '.': { require: './for-require.cjs', import: './lib.js' }, './esm': './lib.js' } }),
  'node_modules/sink/for-require.cjs': commonJs('package, required'),
  'node_modules/sink/lib.js': esModule('package, imported')
}

interface Case {
  /** The options of the transport, as text. */
  options: string
  /** The settings of the logger. */
  settings?: string
  execArgv?: string[]
  env?: NodeJS.ProcessEnv
  /** A way in which it means something else. */
  except?: string
}

const toTarget = (target: string, more = ''): string => `{ target: ${target}, options: { some: 'option' }${more} }`
const TS_NODE = ['--require', 'ts-node/register']
const CASES: Record<string, Case> = {
  'a CommonJS target, relative to the caller': { options: toTarget("'./target.cjs'") },
  'an ES module, by its whole path': { options: toTarget("require('node:path').join(__dirname, 'target.mjs')") },
  'an ES module, as a file: URL': { options: toTarget("require('node:url').pathToFileURL('target.mjs').href") },
  'a package with exports': { options: toTarget("'sink'") },
  'a package whose exports lead to an ES module': { options: toTarget("'sink/esm'") },
  'TypeScript, with --require ts-node/register': { options: toTarget("'./target.ts'"), execArgv: TS_NODE },
  'TypeScript, with ts-node in NODE_OPTIONS': { options: toTarget("'./target.ts'"), env: { NODE_OPTIONS: TS_NODE.join(' ') } },
  'TypeScript, with ts-node in worker.execArgv': { options: toTarget("require.resolve('./target.ts')", `, worker: { execArgv: ${JSON.stringify(TS_NODE)} }`) },
  'TypeScript that nobody has a loader for': { options: toTarget("require.resolve('./target.ts')") },
  'TypeScript (.cts)': { options: toTarget("require.resolve('./target.cts')") },
  'worker.env, worker.execArgv and worker.resourceLimits': {
    options: toTarget("'./target.cjs'", ", worker: { env: { PLACE: 'there' }, execArgv: ['--trace-warnings'], resourceLimits: { maxOldGenerationSizeMb: 71 } }")
  },
  'worker.name': { options: toTarget("'./target.cjs'", ", worker: { name: 'mine' }") },
  // Of a config it is pino that ends the stream: there it stands beside the target, not in its options.
  'worker.autoEnd: false': { options: toTarget("'./target.cjs'", ', worker: { autoEnd: false }'), except: 'a pino config' },
  'sync: true': { options: toTarget("'./target.cjs'", ', sync: true') },
  levels: { options: toTarget("'./target.cjs'", ', levels: { loud: 35 }'), settings: '{ customLevels: { loud: 35 } }' },
  dedupe: { options: toTarget("'./target.cjs'", ', dedupe: true') },
  targets: { options: "{ targets: [{ target: './target.cjs', options: { file: 'a' } }, { target: './target.mjs', options: { file: 'b' } }] }" },
  'targets with levels, of which one is a target of all': {
    options: "{ targets: [{ target: './target.cjs', level: 'error', options: { file: 'errors' } }, { target: './target.cjs', level: 10, options: { file: 'all' } }, { target: './target.cjs', options: { file: 'default' } }] }",
    settings: "{ level: 'trace' }"
  },
  'one of targets, with a level': { options: "{ targets: [{ target: './target.cjs', level: 'warn' }] }" },
  'one of targets, without': { options: "{ targets: [{ target: './target.cjs' }] }" },
  'targets with dedupe': {
    options: "{ dedupe: true, targets: [{ target: './target.cjs', level: 'error', options: { file: 'errors' } }, { target: './target.cjs', level: 'info', options: { file: 'others' } }] }"
  },
  'targets with levels of their own': {
    options: "{ levels: { loud: 35 }, targets: [{ target: './target.cjs', level: 'loud', options: { file: 'loud' } }, { target: './target.cjs', level: 'info', options: { file: 'info' } }] }",
    settings: '{ customLevels: { loud: 35 } }'
  },
  'a pipeline': { options: "{ pipeline: [{ target: './upper.cjs' }, { target: './target.cjs', options: { file: 'piped' } }] }" },
  'a pipeline among targets, with a level': {
    options: "{ targets: [{ level: 'warn', pipeline: [{ target: './upper.cjs' }, { target: './target.cjs', options: { file: 'piped' } }] }, { target: 'pino/file', level: 'info', options: { destination: 'file.log' } }] }"
  }
}

/** What an application leaves behind, but for the order of what happens in several targets at once. */
async function leftBehind (makeLogger: string, { options, settings = '{}', execArgv = [], env = {} }: Case): Promise<Record<string, string>> {
  const directory = application({
    ...FILES,
    'app.cjs': `${makeLogger}
      const logger = makeLogger(${options}, { base: null, timestamp: false, ...${settings} })
      logger.trace('a detail')
      logger.info({ user: 7 }, 'grün')
      logger.loud?.('of a level of its own')
      logger.child({ of: 'child' }).error(new Error('on purpose').message)
      logger.flush(() => {})`
  })
  const { code, stderr } = await runCommand(process.execPath, [...execArgv, 'app.cjs'], { cwd: directory, env: { ...process.env, ...env } })
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
  const names = readdirSync(directory).filter((name) => name.endsWith('.log')).sort()
  return Object.fromEntries(names.map((name) => {
    const text = readFileSync(join(directory, name), 'utf8')
    return [name, ['start.log', 'end.log'].includes(name) ? text.split('\n').sort().join('\n') : text]
  }))
}

describe.each(Object.entries(CASES))('%s', (_, each) => {
  let expected: Record<string, string>
  beforeAll(async () => {
    expected = await leftBehind(PINO_TRANSPORT, each)
    expect(Object.keys(expected).length).toBeGreaterThan(1)
  })

  test.each(WAYS.filter(([way]) => way !== each.except))('does by %s what it does by pino.transport', async (_, makeLogger) => {
    expect(await leftBehind(makeLogger, each)).toEqual(expected)
  })
})

test('TypeScript that ts-node, though there, fails at is left to another loader', async () => {
  const directory = application({
    'target.cts': FILES['target.cts'],
    // As tsx is, beside a TypeScript that ts-node does not know.
    'loader.js': `
      const Module = require('node:module')
      const { readFileSync } = require('node:fs')
      const { _resolveFilename: resolve } = Module
      Module._resolveFilename = (name, ...more) => {
        if (name === 'ts-node/register') throw new TypeError('on purpose')
        return resolve(name, ...more)
      }
      require.extensions['.cts'] = (module, file) => module._compile(require('esbuild').transformSync(readFileSync(file, 'utf8'), { loader: 'ts', format: 'cjs' }).code, file)`,
    'app.js': "require('pino')(require('pino-pinned').transport({ target: require.resolve('./target.cts'), worker: { execArgv: ['--require', './loader.js'] } })).info('hello')"
  })
  const { code, stderr } = await runCommand(process.execPath, ['app.js'], { cwd: directory })
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
  expect(readFileSync(join(directory, 'app.log'), 'utf8')).toContain('"msg":"hello"')
})
