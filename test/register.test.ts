import { mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { type Finished, ROOT, runCommand, temporaryDirectory } from './support/process'

/** An application in a directory of its own, with packages of ours in its node_modules. */
class Application {
  readonly directory = temporaryDirectory()

  constructor (packages: Record<string, string>) {
    for (const [name, path] of Object.entries(packages)) {
      const link = join(this.directory, 'node_modules', name)
      mkdirSync(dirname(link), { recursive: true })
      symlinkSync(path, link)
    }
  }

  write (name: string, source: string): string {
    const file = join(this.directory, name)
    mkdirSync(dirname(file), { recursive: true })
    writeFileSync(file, source)
    return file
  }

  run (args: string[], environment: NodeJS.ProcessEnv = {}): Promise<Finished> {
    return runCommand(process.execPath, args, { cwd: this.directory, env: { ...process.env, NODE_OPTIONS: '', ...environment } })
  }

  read (name: string): string { return readFileSync(join(this.directory, name), 'utf8') }
}

const modules = join(ROOT, 'node_modules')
const PACKAGES = { 'pino-pinned': ROOT, pino: join(modules, 'pino'), pino9: join(modules, 'pino9'), 'thread-stream': join(modules, 'thread-stream') }

/** Logs a line to out.log and says what took it. */
const USES_PINO = `
  const stream = pino.transport({ target: 'pino/file', options: { destination: 'out.log' } })
  pino(stream).info('from ' + name)
  console.log(name, stream.constructor.name, typeof stream.stats)
`
const COMMON_JS = `const pino = require('pino'); const name = 'cjs'; ${USES_PINO}`
const MODULE = `import pino from 'pino'; const name = 'esm'; ${USES_PINO}`

function messages (text: string): string[] {
  return text.trimEnd().split('\n').map((line) => JSON.parse(line).msg)
}

describe('pino-pinned/register', () => {
  test.each([
    ['--require', 'app.cjs', COMMON_JS], ['--require', 'app.mjs', MODULE],
    ['--import', 'app.cjs', COMMON_JS], ['--import', 'app.mjs', MODULE]
  ])('%s %s: a transport of pino is a stream of ours, and its lines arrive', async (flag, name, source) => {
    const application = new Application(PACKAGES)
    application.write(name, source)
    const { code, stdout, stderr } = await application.run([flag, 'pino-pinned/register', name])
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
    expect(stdout).toMatch(/ThreadStream function\n$/)
    expect(messages(application.read('out.log'))).toEqual([`from ${name.slice(-3) === 'cjs' ? 'cjs' : 'esm'}`])
  })

  test('serves every copy of pino in the tree, of either major version', async () => {
    const application = new Application(PACKAGES)
    application.write('app.cjs', `
      for (const name of ['pino', 'pino9']) { const pino = require(name); ${USES_PINO} }
    `)
    const { stdout, stderr } = await application.run(['--require', 'pino-pinned/register', 'app.cjs'])
    expect(stderr).toBe('')
    expect(stdout).toBe('pino ThreadStream function\npino9 ThreadStream function\n')
    expect(messages(application.read('out.log')).sort()).toEqual(['from pino', 'from pino9'])
  })

  test('may be loaded twice, by both flags', async () => {
    const application = new Application(PACKAGES)
    application.write('app.mjs', MODULE)
    const { stdout, stderr } = await application.run(['--require', 'pino-pinned/register', '--import', 'pino-pinned/register', 'app.mjs'])
    expect({ stdout, stderr }).toEqual({ stdout: 'esm ThreadStream function\n', stderr: '' })
    expect(messages(application.read('out.log'))).toEqual(['from esm'])
  })

  test('leaves the thread-stream of anybody else as it is', async () => {
    const application = new Application(PACKAGES)
    application.write('app.cjs', "console.log(typeof require('thread-stream').prototype.stats, require.resolve('thread-stream').includes('thread-stream/index.js'))")
    const { stdout } = await application.run(['--require', 'pino-pinned/register', 'app.cjs'])
    expect(stdout).toBe('undefined true\n')
  })

  test('takes the options of PINO_PINNED', async () => {
    const application = new Application(PACKAGES)
    application.write('app.cjs', "console.log(require('pino').transport({ target: 'pino/file', options: { destination: 'out.log' } }).stats().capacity)")
    const { stdout, stderr } = await application.run(['--require', 'pino-pinned/register', 'app.cjs'], { PINO_PINNED: 'capacity=128kb,wait=park' })
    expect({ stdout, stderr }).toEqual({ stdout: '131072\n', stderr: '' })
  })

  test.each([
    ['capacity=lots', 'PINO_PINNED: option \'capacity\' must be'],
    ['capasity=1mb', 'did you mean \'capacity\'?'],
    ['wait', 'PINO_PINNED: option \'wait\'']
  ])('with PINO_PINNED=%s ends the process at its start, saying why', async (text, message) => {
    const application = new Application(PACKAGES)
    application.write('app.cjs', "console.log('the application runs')")
    for (const flag of ['--require', '--import']) {
      const { code, stdout, stderr } = await application.run([flag, 'pino-pinned/register', 'app.cjs'], { PINO_PINNED: text })
      expect({ flag, code, stdout }).toEqual({ flag, code: 1, stdout: '' })
      expect(stderr).toContain(message)
    }
  })

  test('puts the ring on the application thread when the config names pino-pinned, with the options that stand there', async () => {
    const application = new Application({ ...PACKAGES, 'pino-pretty': join(modules, 'pino-pretty') })
    application.write('app.cjs', `
      const pino = require('pino')
      const logger = pino({ transport: { target: 'pino-pinned', options: { destination: 'out.log', capacity: '64kb' } } })
      logger.info('direct')
      const pretty = pino({ transport: { target: 'pino-pinned', options: { target: 'pino-pretty', options: { destination: 'pretty.log', colorize: false } } } })
      pretty.info('pretty')
      for (const each of [logger, pretty]) {
        const { capacity, linesAccepted } = each[pino.symbols.streamSym].stats()
        console.log(capacity, linesAccepted)
      }
    `)
    const { stdout, stderr } = await application.run(['--import', 'pino-pinned/register', 'app.cjs'], { PINO_PINNED: 'capacity=1mb' })
    expect({ stdout, stderr }).toEqual({ stdout: '65536 1\n1048576 1\n', stderr: '' })
    expect(messages(application.read('out.log'))).toEqual(['direct'])
    expect(application.read('pretty.log')).toMatch(/INFO.*: pretty\n/)
  })

  test('works in worker threads of the application, which inherit it', async () => {
    const application = new Application(PACKAGES)
    application.write('worker.cjs', COMMON_JS)
    application.write('app.cjs', "new (require('node:worker_threads').Worker)('./worker.cjs').on('exit', (code) => console.log('worker', code))")
    const { stdout, stderr } = await application.run(['--import', 'pino-pinned/register', 'app.cjs'])
    expect({ stdout, stderr }).toEqual({ stdout: 'cjs ThreadStream function\nworker 0\n', stderr: '' })
    expect(messages(application.read('out.log'))).toEqual(['from cjs'])
  })

  test('starts nothing, and changes nothing, in the writer: a target that uses pino there gets pino\'s own transports', async () => {
    const application = new Application(PACKAGES)
    application.write('target.cjs', `
      const { parentPort } = require('node:worker_threads')
      const { Writable } = require('node:stream')
      module.exports = () => {
        const inner = require('pino').transport({ target: 'pino/file', options: { destination: 'inner.log' } })
        parentPort.postMessage({ code: 'EVENT', name: 'inner', args: [typeof inner.stats, process.execArgv.join(' ')] })
        return new Writable({ write (chunk, encoding, done) { inner.write(chunk.toString()); done() }, final (done) { inner.on('close', done); inner.end() } })
      }
    `)
    application.write('app.cjs', `
      const stream = require('pino').transport({ target: require('node:path').resolve('target.cjs') })
      stream.on('inner', (...args) => console.log(...args))
      stream.write('through both\\n')
    `)
    const { stdout, stderr } = await application.run(['--require', 'pino-pinned/register', 'app.cjs'])
    expect({ stdout, stderr }).toEqual({ stdout: 'undefined --require pino-pinned/register\n', stderr: '' })
    expect(application.read('inner.log')).toBe('through both\n')
  })
})
