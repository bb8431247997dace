import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { application } from '../support/application'
import { runCommand, type Finished } from '../support/process'

/** Says on stderr in which thread it is loaded. */
const TELL = `
  const { isMainThread } = require('node:worker_threads')
  require('node:fs').writeSync(2, isMainThread ? 'main ' : 'worker ')`

/** Makes a transport while the application's main file has not been loaded yet. */
const PRELOAD = (options: string): string => `${TELL}
  globalThis.logger = require('pino')(require('pino-pinned').transport(${options}))
  globalThis.logger.info('from the preload')`

const TARGET = `
  const { appendFileSync } = require('node:fs')
  const { Writable } = require('node:stream')
  module.exports = ({ path }) => {
    appendFileSync(path + '.loads', 'x')
    return new Writable({ decodeStrings: false, write (chunk, encoding, callback) { appendFileSync(path, chunk); callback() } })
  }`

const MAIN = "globalThis.logger.info('from the application')"
const FLAGS = ['--require ./preload.js', '-r ./preload.js', '--require=./preload.js', '--import ./preload.js', '--import=./preload.js']

/** A directory with an application of which `app.log` is the log. */
function install (files: Record<string, string>): { directory: string, log: string, run: (args: string[], nodeOptions?: string) => Promise<Finished> } {
  const directory = application({ 'target.js': TARGET, ...files })
  return {
    directory,
    log: join(directory, 'app.log'),
    run: (args, nodeOptions = '') => runCommand(process.execPath, args, { cwd: directory, env: { ...process.env, NODE_OPTIONS: nodeOptions } })
  }
}

const messages = (log: string): string[] => readFileSync(log, 'utf8').trimEnd().split('\n').map((line) => JSON.parse(line).msg)
const TO_TARGET = "{ target: require.resolve('./target.js'), options: { path: __dirname + '/app.log' } }"
const TO_FILE = "{ destination: __dirname + '/app.log' }"

describe.each([['app.cjs'], ['app.mjs']])('a transport made by a preload of %s', (main) => {
  test.each(FLAGS)('to a target starts one writer, which does not run the preload again (%s)', async (flags) => {
    const { log, run } = install({ 'preload.js': PRELOAD(TO_TARGET), [main]: MAIN })
    const { code, stderr } = await run([...flags.split(' '), main])
    expect({ code, stderr }).toEqual({ code: 0, stderr: 'main ' })
    expect(messages(log)).toEqual(['from the preload', 'from the application'])
    expect(readFileSync(log + '.loads', 'utf8')).toBe('x')
  })
})

test('a preload in NODE_OPTIONS that makes a transport to a target does not make writers without end', async () => {
  const { log, run } = install({ 'preload.js': PRELOAD(TO_TARGET), 'app.js': MAIN })
  const { code, stderr } = await run(['app.js'], '--require ./preload.js')
  // The target's thread runs it, as it may need a loader; the thread that this starts does not.
  expect({ code, stderr }).toEqual({ code: 0, stderr: 'main worker ' })
  expect(messages(log)).toContain('from the application')
})

describe('a writer to a file', () => {
  test.each([['on the command line', ['--require', './preload.js'], ''], ['in NODE_OPTIONS', [], '--require ./preload.js']])('runs no preload that stands %s', async (_, flags, nodeOptions) => {
    const { log, run } = install({ 'preload.js': PRELOAD(TO_FILE), 'app.js': MAIN })
    const { code, stderr } = await run([...flags, 'app.js'], nodeOptions)
    expect({ code, stderr }).toEqual({ code: 0, stderr: 'main ' })
    expect(messages(log)).toEqual(['from the preload', 'from the application'])
  })

  test.each([['off', true], ['', false]])('has the rest of the environment: with PINO_PINNED_ADDON=%s it reads no CPU time: %s', async (addon, isZero) => {
    const { run } = install({
      'app.js': `
        process.env.PINO_PINNED_ADDON = '${addon}'
        process.env.NODE_OPTIONS = '--no-warnings'
        const stream = require('pino-pinned').transport(${TO_FILE})
        stream.once('close', () => console.log(stream.stats().writerCpuMs === 0))
        stream.end()`
    })
    expect(await run(['app.js'])).toMatchObject({ code: 0, stdout: `${isZero}\n` })
  })
})

describe('a target', () => {
  test('runs what the application preloads: it may need a loader that stands there', async () => {
    const { run } = install({ 'preload.js': TELL, 'app.js': `require('pino-pinned').transport(${TO_TARGET}).once('ready', () => {})` })
    expect(await run(['--require', './preload.js', 'app.js'])).toMatchObject({ code: 0, stderr: 'main worker ' })
    expect(await run(['app.js'], '--require ./preload.js')).toMatchObject({ code: 0, stderr: 'main worker ' })
  })

  test('of an ES module has the loader that it was started with', async () => {
    const { log, run } = install({
      'hooks.mjs': `
        const isOurs = (name) => name === 'virtual:word'
        export const resolve = (name, context, next) => isOurs(name) ? { url: name, shortCircuit: true } : next(name, context)
        export const load = (url, context, next) => isOurs(url) ? { format: 'module', source: 'export default "from the loader"', shortCircuit: true } : next(url, context)`,
      'loader.mjs': "import { register } from 'node:module'; register('./hooks.mjs', import.meta.url)",
      'target.mjs': `
        import { appendFileSync } from 'node:fs'
        import { Writable } from 'node:stream'
        import odd from 'virtual:word'
        export default ({ path }) => new Writable({ write (chunk, encoding, done) { appendFileSync(path, odd + chunk); done() } })`,
      'app.mjs': `
        import { transport } from 'pino-pinned'
        import { fileURLToPath } from 'node:url'
        transport({ target: new URL('./target.mjs', import.meta.url), options: { path: fileURLToPath(new URL('./app.log', import.meta.url)) } }).write(' a line\\n')`
    })
    for (const flags of [['--import', './loader.mjs'], ['--import=./loader.mjs']]) {
      // Node 26 calls `register` deprecated, on stderr.
      expect(await run(['--no-deprecation', ...flags, 'app.mjs'])).toMatchObject({ code: 0, stderr: '' })
    }
    expect(readFileSync(log, 'utf8')).toBe('from the loader a line\n'.repeat(2))
  })

  test('runs it too where the application is text that was given to a worker, or to node', async () => {
    const { directory, run } = install({ 'preload.js': TELL })
    const text = `require('pino-pinned').transport({ target: ${JSON.stringify(join(directory, 'target.js'))}, options: { path: 'app.log' } }).once('ready', () => {})`
    writeFileSync(join(directory, 'app.js'), `new (require('node:worker_threads').Worker)(${JSON.stringify(text)}, { eval: true })`)
    expect(await run(['--require', './preload.js', 'app.js'])).toMatchObject({ code: 0, stderr: 'main worker worker ' })
    for (const type of ['commonjs', 'module']) {
      const prelude = type === 'module' ? "import { createRequire } from 'node:module'; const require = createRequire(process.cwd() + '/');" : ''
      const { code, stderr } = await run(['--require', './preload.js', `--input-type=${type}`, '--eval', prelude + text])
      expect({ type, code, stderr }).toEqual({ type, code: 0, stderr: 'main worker ' })
    }
  })

  const lost = (directory: string): Array<[string, string]> => {
    const file = join(directory, 'not here.js')
    return [
      ['--require', `--require "${file}"`], ['-r', `-r "${file}"`], ['--require=', `--require="${file}"`],
      ['--import', `--import "${pathToFileURL(file).href}"`], ['--import=', `--import=${pathToFileURL(file).href}`]
    ]
  }

  test('starts although NODE_OPTIONS name a file that is not there any more; what else stands there holds', async () => {
    const { directory, log, run } = install({ 'tell.js': TELL })
    for (const [name, flag] of lost(directory)) {
      const nodeOptions = `--no-deprecation ${flag} --require "${join(directory, 'tell')}" --require ./tell.js`
      writeFileSync(join(directory, 'app.js'), `
        process.env.NODE_OPTIONS = ${JSON.stringify(nodeOptions)}
        require('pino-pinned').transport(${TO_TARGET}).write('a line\\n')`)
      const { code, stderr } = await run(['app.js'])
      expect({ name, code, stderr }).toEqual({ name, code: 0, stderr: 'worker ' })
    }
    expect(readFileSync(log, 'utf8')).toBe('a line\n'.repeat(lost('').length))
    expect(existsSync(log + '.loads')).toBe(true)
  })
})
