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

  describe('--import, which Node does not run in workers whose code is text,', () => {
    /** Says what a transport is, and with which flags; `log` is the name of a file. */
    const logs = (log: string): string => `
      const stream = require('pino').transport({ target: 'pino/file', options: { destination: '${log}' } })
      require('pino')(stream).info('from ' + __filename)
      console.log(typeof stream.stats, process.execArgv.join(' '))`
    /** Starts workers one after the other: [what, options], of which the code stands in \`code\`. */
    const startsWorkers = (workers: string, prelude = "const { Worker } = require('node:worker_threads')"): string => `
      ${prelude}
      const code = ${JSON.stringify(logs('out.log'))}
      const start = (...args) => new Promise((resolve) => new Worker(...args).once('error', (error) => console.log(error)).once('exit', resolve))
      ;(async () => { for (const args of ${workers}) await start(...args) })()`
    const inText = 'from [worker eval]'

    test.each([
      ['the command line', ['--import', 'pino-pinned/register'], '', '--import pino-pinned/register'],
      ['the command line, beside flags that a worker can\'t be given', ['--expose-gc', '--trace-event-categories', 'node.perf', '--no-warnings', '--max-old-space-size=512', '--import=pino-pinned/register'], '', '--expose-gc --trace-event-categories node.perf --no-warnings --max-old-space-size=512 --import=pino-pinned/register'],
      ['NODE_OPTIONS', [], '--max-old-space-size=512 --import "pino-pinned/register"', '']
    ])('reaches them from %s', async (_, flags, nodeOptions, flagsThere) => {
      const application = new Application(PACKAGES)
      application.write('app.cjs', startsWorkers(`[
        [code, { eval: true }],
        ["'use strict'\\n" + code, { eval: true, env: require('node:worker_threads').SHARE_ENV, execArgv: undefined }]
      ]`))
      const { stdout, stderr } = await application.run([...flags, 'app.cjs'], { NODE_OPTIONS: nodeOptions })
      expect({ stdout, stderr }).toEqual({ stdout: `function ${flagsThere}\n`.repeat(2), stderr: '' })
      expect(messages(application.read('out.log'))).toEqual([inText, inText])
    })

    test('reaches those of an ES module, those that they start, and those that import from a data: URL', async () => {
      const application = new Application(PACKAGES)
      application.write('logs.cjs', logs('out.log'))
      application.write('app.mjs', startsWorkers(`[
        [code, { eval: true }],
        ["new (require('node:worker_threads').Worker)(" + JSON.stringify(code) + ", { eval: true })", { eval: true }],
        ["new (require('node:worker_threads').Worker)('./logs.cjs')", { eval: true }],
        [new URL('data:text/javascript,import ' + JSON.stringify(new URL('logs.cjs', import.meta.url).href))]
      ]`, "import { Worker } from 'node:worker_threads'"))
      const { stdout, stderr } = await application.run(['--import', 'pino-pinned/register', 'app.mjs'])
      expect({ stdout, stderr }).toEqual({ stdout: 'function --import pino-pinned/register\n'.repeat(4), stderr: '' })
      expect(messages(application.read('out.log')).filter((message) => message === inText)).toHaveLength(2)
    })

    test('reaches them by a file that loads it', async () => {
      const application = new Application(PACKAGES)
      application.write('instrument.mjs', "import 'pino-pinned/register'")
      application.write('app.cjs', startsWorkers('[[code, { eval: true }], [code, { eval: true, execArgv: process.execArgv }]]'))
      const { stdout, stderr } = await application.run(['--import', './instrument.mjs', 'app.cjs'])
      expect({ stdout, stderr }).toEqual({ stdout: 'function --import ./instrument.mjs\n'.repeat(2), stderr: '' })
    })

    test('reaches one with flags or an environment of its own if they name it, as it would a file', async () => {
      const application = new Application(PACKAGES)
      application.write('app.cjs', startsWorkers(`[
        { execArgv: [...process.execArgv, '--no-warnings'] },
        { execArgv: ['--import=' + require('node:url').pathToFileURL(require.resolve('pino-pinned/register'))] },
        { execArgv: [], env: { ...process.env, NODE_OPTIONS: '--no-warnings --import "pino-pinned/register"' } },
        { env: { OTHER: 'word' } },
        { execArgv: [] },
        { execArgv: ['--import', 'node:fs'], env: { NODE_OPTIONS: '--no-warnings' } }
      ].map((options) => [code, { eval: true, ...options }])`))
      const { stdout } = await application.run(['--import', 'pino-pinned/register', 'app.cjs'])
      expect(stdout.trimEnd().split('\n').map((line) => line.split(' ', 1)[0])).toEqual(['function', 'function', 'function', 'function', 'undefined', 'undefined'])
    })

    test('leaves Worker what it was', async () => {
      const application = new Application(PACKAGES)
      const tells = `
        class Own extends Worker { constructor (code) { super(code, { eval: true }) } }
        const own = new Own(code)
        const worker = new Worker('', { eval: true })
        console.log(own instanceof Own, own instanceof Worker, worker instanceof Worker, own.constructor === Own, worker.constructor === Worker)
        console.log(Worker.name, Worker.length, Object.getPrototypeOf(Worker).name, Object.getOwnPropertyNames(Worker.prototype).join(), JSON.stringify(Object.getOwnPropertyDescriptor(Worker.prototype, 'constructor')))
        console.log([require('worker_threads'), process.getBuiltinModule?.('worker_threads') ?? require('node:worker_threads')].every((each) => each.Worker === Worker), require('node:util').types.isProxy(Worker))
        own.once('exit', (exitCode) => console.log(exitCode))`
      application.write('app.mjs', startsWorkers('[]', `
        import { Worker } from 'node:worker_threads'
        import { createRequire } from 'node:module'
        const require = createRequire(import.meta.url)`) + tells)
      const plain = await application.run(['app.mjs'])
      const covered = await application.run(['--import', 'pino-pinned/register', 'app.mjs'])
      const [proxy, ...lines] = ['true true\n', 'undefined \n', '0\n']
      expect(plain.stdout.endsWith(`true false\n${lines.join('')}`)).toBe(true)
      expect(covered.stdout).toBe(plain.stdout.replace('true false\n', proxy!).replace('undefined ', 'function --import pino-pinned/register'))
      expect((await application.run(['--require', 'pino-pinned/register', 'app.mjs'])).stdout)
        .toBe(plain.stdout.replace('undefined ', 'function --require pino-pinned/register'))
    })

    /** Runs the same with register and without; what another `--import` brings about by itself is in both. */
    const withAndWithout = async (application: Application, main: string): Promise<[plain: Finished, covered: Finished]> => {
      application.write('nothing.mjs', '')
      const [plain, covered] = await Promise.all(['./nothing.mjs', 'pino-pinned/register'].map((name) => application.run(['--expose-gc', '--import', name, main])))
      return [plain!, covered!]
    }

    test.each([
      ['Worker.toString()', 'Worker.toString()'],
      ['a string', 'String(Worker)'],
      ['a class of its own', 'class Own extends Worker {}; [Own.toString(), Object.getPrototypeOf(Own) === Worker, Own.name, Own.length]'],
      ['an instance', "const worker = new Worker('', { eval: true }); [worker.constructor === Worker, Object.keys(worker), worker instanceof Worker, worker.constructor.toString()]"],
      ['what makes things of another class', "class Other extends Worker {}; const made = Reflect.construct(Worker, ['', { eval: true }], Other); [made instanceof Other, made instanceof Worker]"],
      ['what is inherited without a class', "function Own () { return Reflect.construct(Worker, ['', { eval: true }], Own) } util.inherits(Own, Worker); [new Own() instanceof Worker, new Own().constructor === Own]"],
      ['what the module says of it', "const { value, ...rest } = Object.getOwnPropertyDescriptor(require('worker_threads'), 'Worker'); [rest, value === Worker, Object.keys(require('worker_threads'))]"],
      ['what it says of itself', "[Reflect.ownKeys(Worker), Reflect.ownKeys(Worker.prototype), ['name', 'length'].map((name) => Object.getOwnPropertyDescriptor(Worker, name)), Object.getPrototypeOf(Worker).name, Object.isExtensible(Worker)]"],
      ['its prototype', "const { value, ...rest } = Object.getOwnPropertyDescriptor(Worker.prototype, 'constructor'); [rest, value === Worker]"],
      ['a property given to it', 'Worker.own = 1; [Worker.own, delete Worker.own, Reflect.ownKeys(Worker)]'],
      ['one in its place', 'const threads = require(\'worker_threads\'); threads.Worker = 7; const other = threads.Worker; threads.Worker = Worker; [other, require(\'worker_threads\').Worker === Worker]'],
      ['options that tell what is read of them', `
        const read = []
        const given = { eval: true, env: { A: 'b' }, name: 'named', workerData: 1, argv: ['x'] }
        const options = new Proxy(given, { get: (target, name) => { read.push(name); return target[name] }, ownKeys: () => { throw new Error('is not asked') } })
        new Worker('', options)
        read`],
      ['options with getters', "const read = []; new Worker('', { get eval () { read.push('eval'); return read.length < 9 }, get execArgv () { read.push('execArgv'); return undefined } }); read"],
      ['options of a prototype', "new Worker('process.exit(3)', Object.create({ eval: true })).once('exit', (code) => console.log(code)); 0"]
    ])('leaves Worker what it was: %s', async (_, expression) => {
      const application = new Application(PACKAGES)
      application.write('app.cjs', `
        const util = require('node:util')
        const { Worker } = require('node:worker_threads')
        console.log(util.inspect(eval(${JSON.stringify(expression)}), { depth: 5 }))`)
      const [plain, covered] = await withAndWithout(application, 'app.cjs')
      expect(plain).toMatchObject({ code: 0, stderr: '' })
      expect(covered).toEqual({ ...plain, ms: covered.ms })
    })

    test('leaves its errors what they were, with their call stacks', async () => {
      const application = new Application(PACKAGES)
      application.write('app.cjs', `
        const { Worker } = require('node:worker_threads')
        const tell = (error) => console.log(error.name, error.code, error.message, error.stack, Object.keys(error), Error.stackTraceLimit)
        const given = (options) => [["throw new Error('of the code')", { eval: true, ...options }]]
        const frozen = Object.freeze(new Error('frozen'))
        const all = [
          ...given({}), ['a syntax error', { eval: true }], ["'use strict'; x = 3", { eval: true }], ['not/a/path', { eval: false }],
          [], [3, { eval: true }], [undefined], ['', null], ['', 3], ['', { eval: true, workerData: () => {} }],
          ['', { get eval () { throw new Error('of a getter') } }], ['', { eval: true, get env () { throw frozen } }], ['', new Proxy({}, { get () { throw new RangeError('of a proxy') } })],
          ...[{ execArgv: 3 }, { execArgv: ['--bogus'] }, { execArgv: ['--import', 'pino-pinned/register', '--bogus'] }, { env: 3 }, { name: 7 }, { argv: 7 }].flatMap(given),
          ...given({ env: { NODE_OPTIONS: '--import pino-pinned/register --bogus' } })
        ]
        const deep = (depth, act) => depth === 0 ? act() : deep(depth - 1, act)
        for (const call of [() => Worker('x'), () => Worker.call({}, 'x'), () => Reflect.construct(Worker, [''], () => {})]) try { call() } catch (error) { tell(error) }
        ;(async () => {
          for (const [depth, limit] of [[0, 10], [20, 10], [20, 3], [0, 0], [0, Infinity]]) {
            Error.stackTraceLimit = limit
            for (const args of all) {
              try {
                await new Promise((resolve) => deep(depth, () => new Worker(...args)).once('error', tell).once('exit', (code) => resolve(console.log(code))))
              } catch (error) {
                tell(error)
              }
            }
          }
        })()`)
      const [plain, covered] = await withAndWithout(application, 'app.cjs')
      expect(plain.stdout).toContain('of the code')
      expect(plain.stdout.match(/ ERR_WORKER_INVALID_EXEC_ARGV/g)).toHaveLength(15)
      const named = (text: string): string => text.replaceAll('./nothing.mjs', 'pino-pinned/register')
      expect(covered).toEqual({ ...plain, stdout: named(plain.stdout), stderr: named(plain.stderr), ms: covered.ms })
    })
  })

  describe.each(['--require', '--import'])('%s', (flag) => {
    /** Runs the same with register and without; what another file in its place brings about by itself is in both. */
    const withAndWithout = async (main: string, text: string, more: string[] = []): Promise<[plain: Finished, covered: Finished]> => {
      const application = new Application(PACKAGES)
      application.write('nothing.cjs', "require('node:worker_threads')")
      application.write('requires.cjs', "require('./gone')")
      application.write(main, text)
      const [plain, covered] = await Promise.all(['./nothing.cjs', 'pino-pinned/register'].map((name) => application.run([...more, flag, name, main])))
      return [plain!, { ...covered!, ms: plain!.ms }]
    }

    test.each([
      [[]], [['--stack-trace-limit=3']], [['--enable-source-maps']]
    ])('leaves the errors of modules that are not there what they were, with their call stacks, with %j', async (more) => {
      const [plain, covered] = await withAndWithout('app.cjs', `
        const Module = require('node:module')
        const tell = (error) => console.log(error.name, error.code, error.requireStack, Object.keys(error), error.stack)
        const loads = [
          () => require('./missing'), () => require.resolve('missing'), () => require(''), () => require(3), () => require('node:missing'), () => require.resolve('./x', 3),
          () => require.resolve('missing', { paths: ['/'] }), () => require('./requires.cjs'), () => Module.createRequire(__filename)('missing'),
          () => Module.createRequire(__filename).resolve('missing'), () => (0, Module._resolveFilename)('missing', module)
        ]
        const deep = (depth, act) => depth === 0 ? act() : deep(depth - 1, act)
        const all = () => {
          for (const depth of [0, 20]) {
            for (const load of loads) try { deep(depth, load) } catch (error) { tell(error) }
          }
        }
        all()
        for (const limit of [0, 1, Infinity, undefined]) {
          Error.stackTraceLimit = limit
          all()
        }
        Error.stackTraceLimit = 10
        const tellSite = (site) => [site.getFileName(), site.getFunctionName(), site.getMethodName(), site.getTypeName(), String(site)].join()
        for (const prepare of [(error, sites) => sites.map(tellSite).join('\\n'), (error, sites) => ({ frames: sites.length })]) {
          Error.prepareStackTrace = prepare
          all()
        }
        Error.prepareStackTrace = undefined
        import('./requires.cjs').catch(tell).then(() => import('./missing.cjs')).catch(tell)`, more)
      expect(plain.stdout.match(/ MODULE_NOT_FOUND/g)!.length).toBeGreaterThan(100)
      expect(covered).toEqual(plain)
    })

    test.each([
      ['a module', 'app.cjs', "require('./requires.cjs')"], ['an ES module', 'app.mjs', "import './requires.cjs'"]
    ])('leaves what Node says of %s that ends the process for want of another what it was', async (_, name, text) => {
      const [plain, covered] = await withAndWithout(name, text)
      expect(plain.stderr).toMatch(/^node:internal[^]*Cannot find module '\.\/gone'/)
      expect(covered).toEqual(plain)
    })

    test('changes nothing that can be seen of Node\'s modules, of the process and of what is global', async () => {
      const [plain, covered] = await withAndWithout('app.cjs', `
        const { isProxy } = require('node:util').types
        const Module = require('node:module')
        const told = (value) => typeof value === 'function' ? [value.name, value.length, String(value), isProxy(value), Object.getOwnPropertyNames(value)] : typeof value
        const properties = (of) => Reflect.ownKeys(of).map((key) => {
          const { value, ...rest } = Object.getOwnPropertyDescriptor(of, key)
          return [String(key), rest, told(value), String(rest.get)]
        })
        const places = { Module, prototype: Module.prototype, process, global, Error, Function: Function.prototype, fs: require('fs'), env: process.env }
        for (const [name, place] of Object.entries(places)) console.log(name, JSON.stringify(properties(place)))
        console.log(Object.getPrototypeOf(Module._pathCache), Object.keys(Module._pathCache).filter((key) => key.includes('thread-stream')), 'x' in Module._pathCache)
        for (const name of process.eventNames()) console.log(name, process.listeners(name).map(String))
        console.log(Object.keys(require.cache).length, module.children, Error.stackTraceLimit)`)
      expect(plain.stdout).toContain('_resolveFilename')
      expect(covered).toEqual(plain)
    })
  })

  test('goes before a resolver in the place of Node\'s that does not look into its cache, as that of Yarn\'s Plug\'n\'Play', async () => {
    const application = new Application(PACKAGES)
    application.write('resolver.cjs', `
      const Module = require('node:module')
      const { _resolveFilename: resolveFilename } = Module
      Module._resolveFilename = (...args) => { // with nothing that was found before
        const { _pathCache: found } = Module
        Module._pathCache = {}
        try { return resolveFilename(...args) } finally { Module._pathCache = found }
      }`)
    application.write('app.cjs', COMMON_JS)
    const { stdout, stderr } = await application.run(['--require', './resolver.cjs', '--require', 'pino-pinned/register', 'app.cjs'])
    expect({ stdout, stderr }).toEqual({ stdout: 'cjs ThreadStream function\n', stderr: '' })
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
