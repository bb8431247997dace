import { mkdirSync, realpathSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { pathToFileURL } from 'node:url'
import * as util from 'node:util'
import { bundlerOverride, dropInCallers, getCallers, isPinoFile, resolvePinoWorker, resolveTarget } from '../src/resolve-target'
import { ROOT, runCommand, temporaryDirectory } from './support/process'

const PINO = join(ROOT, 'node_modules', 'pino')
const FILE = join(ROOT, 'src', 'resolve-target.ts')
/** What a program of its own loads. */
const LOADED = `require(${JSON.stringify(join(__dirname, 'support', 'source'))}).requireSource('resolve-target')`

/** Writes files into a directory of the test's own and gives their full names by their short ones. */
function tree (files: Record<string, string>): (name: string) => string {
  const root = realpathSync(temporaryDirectory())
  const path = (name: string): string => join(root, name)
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(dirname(path(name)), { recursive: true })
    writeFileSync(path(name), text)
  }
  return path
}

async function outputOf (args: string[], cwd = ROOT): Promise<unknown> {
  const { code, stdout, stderr } = await runCommand(process.execPath, args, { cwd })
  if (code !== 0) throw new Error(`${args.join(' ')} ended with ${code}: ${stderr}`)
  return JSON.parse(stdout)
}

function withOverrides (overrides: unknown, act: () => void): void {
  const holder = globalThis as { __bundlerPathsOverrides?: unknown }
  holder.__bundlerPathsOverrides = overrides
  try {
    act()
  } finally {
    delete holder.__bundlerPathsOverrides
  }
}

describe('a target', () => {
  const path = tree({
    'app/main.js': '',
    'app/near.js': '',
    'app/node_modules/sink/package.json': '{ "main": "lib.js" }',
    'app/node_modules/sink/lib.js': '',
    'other/main.js': '',
    'other/node_modules/sink/index.js': ''
  })

  test('that is an absolute path or a file: URL stands as it is, whether it exists or not', () => {
    expect(resolveTarget('/no/such/file.js', [])).toBe('/no/such/file.js')
    expect(resolveTarget('file:///no/such/file.mjs', [])).toBe('file:///no/such/file.mjs')
  })

  test('is the module that the first caller knows', () => {
    expect(resolveTarget('sink', [path('app/main.js'), path('other/main.js')])).toBe(path('app/node_modules/sink/lib.js'))
    expect(resolveTarget('sink', [path('other/main.js'), path('app/main.js')])).toBe(path('other/node_modules/sink/index.js'))
  })

  test('is found from an ES module, which is called by its URL', () => {
    expect(resolveTarget('sink', [pathToFileURL(path('app/main.mjs')).href])).toBe(path('app/node_modules/sink/lib.js'))
  })

  test('may be relative to the file that called', () => {
    expect(resolveTarget('./near.js', [path('app/main.js')])).toBe(path('app/near.js'))
  })

  test('is found although callers are no files at all', () => {
    expect(resolveTarget('sink', ['node:internal/modules/cjs/loader', 'evalmachine.<anonymous>', '', path('app/main.js')])).toBe(path('app/node_modules/sink/lib.js'))
  })

  test('named at the prompt of node is resolved from the working directory', () => {
    expect(resolveTarget('pino-pretty', ['node:repl'])).toBe(join(process.cwd(), 'node_modules', 'pino-pretty', 'index.js'))
  })

  test('that no caller knows is an error with pino\'s words, the name, and the files that were asked', () => {
    let error: unknown
    try {
      resolveTarget('nowhere', [path('app/main.js')], 'targets[2].target')
    } catch (thrown) {
      error = thrown
    }
    expect(error).toBeInstanceOf(RangeError)
    expect(error).toMatchObject({ code: 'ERR_PINO_PINNED_TARGET', option: 'targets[2].target', value: 'nowhere' })
    expect((error as Error).message).toContain('unable to determine transport target for "nowhere"')
    expect((error as Error).message).toContain(`resolved from ${path('app/main.js')}`)
  })
})

describe('pino\'s own files', () => {
  const path = tree({
    'app/main.js': '',
    'app/node_modules/pino/package.json': '{ "name": "pino", "main": "pino.js" }',
    'app/node_modules/pino/pino.js': '',
    'app/node_modules/pino/file.js': '',
    'app/node_modules/pino/lib/worker.js': '',
    'other/file.js': '',
    'other/package.json': '{ "name": "other" }',
    'bare/file.js': ''
  })

  test('are those of the pino that the caller has', () => {
    expect(resolveTarget('pino/file', [path('app/main.js')])).toBe(path('app/node_modules/pino/file.js'))
    expect(resolvePinoWorker([path('app/main.js')])).toBe(path('app/node_modules/pino/lib/worker.js'))
  })

  test('are those of our pino when the caller has none', () => {
    expect(resolveTarget('pino/file', [path('other/main.js')])).toBe(join(PINO, 'file.js'))
    expect(resolvePinoWorker([])).toBe(join(PINO, 'lib', 'worker.js'))
  })

  test('are told from other files of the same name, in any copy of pino', () => {
    expect([join(PINO, 'file.js'), pathToFileURL(join(PINO, 'file.js')).href, path('app/node_modules/pino/file.js')].map(isPinoFile)).toEqual([true, true, true])
    expect([join(PINO, 'pino.js'), path('other/file.js'), path('bare/file.js'), 'file:', 'pino/file'].map(isPinoFile)).toEqual([false, false, false, false, false])
  })
})

describe('__bundlerPathsOverrides', () => {
  test('says where a bundler has put a target and pino\'s worker', () => {
    withOverrides({ sink: '/bundle/sink.js', 'pino-worker': '/bundle/worker.js', 'pino/file': '/bundle/file.js' }, () => {
      expect(resolveTarget('sink', [])).toBe('/bundle/sink.js')
      expect(resolveTarget('pino/file', [])).toBe('/bundle/file.js')
      expect(resolvePinoWorker([])).toBe('/bundle/worker.js')
    })
  })

  test.each([undefined, null, 'x', {}, { sink: 5 }, { sink: '' }, Object.create({ sink: '/inherited' })])('is not followed when it is %p', (overrides) => {
    withOverrides(overrides, () => expect(bundlerOverride('sink')).toBeUndefined())
  })

  test('has no say for names that every object has', () => {
    withOverrides({}, () => expect(bundlerOverride('constructor')).toBeUndefined())
  })

  test('has no say from a polluted prototype', async () => {
    const path = tree({
      'main.js': `const { bundlerOverride } = ${LOADED}; Object.prototype.__bundlerPathsOverrides = { sink: '/malicious' }; console.log(JSON.stringify([bundlerOverride('sink') ?? 'none']))`
    })
    expect(await outputOf([path('main.js')])).toEqual(['none'])
  })
})

describe('the callers', () => {
  const library = `const { getCallers } = ${LOADED}; exports.transport = () => getCallers()`

  test('are the files of the call stack without the function that asks, nearest first', async () => {
    const path = tree({
      'library.js': library,
      'logger.js': 'const { transport } = require("./library.js"); exports.make = () => transport()',
      'main.js': 'console.log(JSON.stringify(require("./logger.js").make()))'
    })
    const callers = await outputOf([path('main.js')]) as string[]
    expect(callers.slice(0, 2)).toEqual([path('logger.js'), path('main.js')])
  })

  test('that are ES modules are URLs', async () => {
    const path = tree({ 'library.cjs': library, 'main.mjs': 'import { transport } from "./library.cjs"; console.log(JSON.stringify(transport()))' })
    expect((await outputOf([path('main.mjs')]) as string[])[0]).toBe(pathToFileURL(path('main.mjs')).href)
  })

  test('are found under a pile of other frames, whatever Error.stackTraceLimit says', async () => {
    const path = tree({
      'library.js': library,
      'deep.js': 'const { transport } = require("./library.js"); const down = (n) => n === 0 ? transport() : down(n - 1); exports.make = () => down(100)',
      'main.js': 'Error.stackTraceLimit = 1; console.log(JSON.stringify(require("./deep.js").make()))'
    })
    expect(await outputOf([path('main.js')])).toContain(path('main.js'))
  })

  test('are none, and no error, in an application that froze Error', async () => {
    const path = tree({ 'library.js': library, 'main.js': 'Object.freeze(Error); console.log(JSON.stringify(require("./library.js").transport()))' })
    expect(Array.isArray(await outputOf([path('main.js')]))).toBe(true)
  })

  test('are asked for without leaving a trace in Error', () => {
    const { stackTraceLimit } = Error
    const prepareStackTrace = (): string => 'mine'
    const original = Error.prepareStackTrace
    Error.prepareStackTrace = prepareStackTrace
    try {
      expect(getCallers(0)[0]).toBe(__filename)
      expect(Error.prepareStackTrace).toBe(prepareStackTrace)
    } finally {
      Error.prepareStackTrace = original
    }
    expect(Error.stackTraceLimit).toBe(stackTraceLimit)
  })

  test.each(['getCallSites', 'getCallSite'])('come from util.%s where Node has it', (name) => {
    const sites = ['resolve-target.js', 'library.js', 'file:///app/main.mjs', '', '/app/entry.js'].map((scriptName) => ({ scriptName }))
    const fake = jest.fn((_frames: number) => sites)
    jest.isolateModules(() => {
      jest.doMock('node:util', () => ({ ...util, getCallSites: undefined, getCallSite: undefined, [name]: fake }))
      try {
        const isolated = require('../src/resolve-target') as typeof import('../src/resolve-target')
        expect(isolated.getCallers()).toEqual(['file:///app/main.mjs', '/app/entry.js'])
      } finally {
        jest.dontMock('node:util')
      }
    })
    expect(fake.mock.calls[0]![0]).toBe(200)
  })
})

describe('the callers of a pino config', () => {
  const report = `console.log(JSON.stringify(${LOADED}.dropInCallers()))`

  test('begin with the main file, then the working directory, then the place of this package', () => {
    const callers = dropInCallers()
    expect(callers.slice(-2)).toEqual([join(process.cwd(), 'noop.js'), join(ROOT, 'src', 'resolve-target.ts')])
    expect(callers.length).toBeGreaterThanOrEqual(2)
  })

  test('on the main thread have its main file', async () => {
    const path = tree({ 'app/main.js': report })
    expect(await outputOf([path('app/main.js')], path('.'))).toEqual([path('app/main.js'), path('noop.js'), FILE])
  })

  const onLinux = process.platform === 'linux' ? test : test.skip
  onLinux.each([
    ['by its path', ['app/main.js']],
    ['without an extension, with arguments', ['app/main', 'an', 'argument']],
    ['behind flags of node', ['--no-warnings', '--require', './preload.js', 'app/main.js', '--verbose']],
    ['behind the end of flags', ['--', 'app/main.js']]
  ])('in a worker have the application\'s main file, started %s', async (_, args) => {
    const path = tree({
      'preload.js': '',
      'app/main.js': 'new (require("node:worker_threads").Worker)(require("node:path").join(__dirname, "../transport/worker.js"))',
      'transport/worker.js': report
    })
    expect(await outputOf(args, path('.'))).toEqual([path('app/main.js'), path('noop.js'), FILE])
  })

  onLinux('in a worker of a program without a file are the working directory and the place of this package', async () => {
    const path = tree({ 'worker.js': report })
    expect(await outputOf(['-e', 'new (require("node:worker_threads").Worker)("./worker.js")'], path('.'))).toEqual([path('noop.js'), FILE])
  })
})
