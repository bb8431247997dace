import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, realpathSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import ts from 'typescript'
import { ROOT } from '../support/process'

const { ES5, ES2015, ES2017, ESNext } = ts.ScriptTarget
/** What the suites' own transpile scripts make of a fixture. */
const FIXTURE_TARGETS = { es5: ES5, es6: ES2015, es2017: ES2017, esnext: ESNext }
/** Prose, and what the suites run for minutes. */
const LEFT_OUT = /[\\/](docs|docsify|benchmarks)$/

/**
 * A copy of an installed package with its tests, outside node_modules, so that what they write stays out of there and
 * TypeScript may be run. Packages that it does not bring along are found where we have them.
 *
 * @param path of the package in our node_modules
 * @returns the copy's directory
 */
export function copyPackage (path: string, parent: string): string {
  const directory = join(parent, path.replaceAll('/', '-'))
  if (!existsSync(join(parent, 'node_modules'))) symlinkSync(join(ROOT, 'node_modules'), join(parent, 'node_modules'))
  cpSync(realpathSync(join(ROOT, 'node_modules', path)), directory, { recursive: true, filter: (source) => !LEFT_OUT.test(source) })
  return directory
}

/** A copy of a pino, with what its tests expect to find beside it. */
export function copyPino (name: string, parent: string): string {
  const directory = copyPackage(name, parent)
  mkdirSync(join(directory, 'node_modules'), { recursive: true })
  symlinkSync(join(ROOT, 'node_modules', 'get-caller-file'), join(directory, 'node_modules', 'get-caller-file'))
  transpileFixture(join(directory, 'test', 'fixtures', 'ts', 'to-file-transport.ts'))
  const tests = join(directory, 'test', 'transport')
  for (const file of readdirSync(tests)) {
    if (file.endsWith('.test.ts')) transpile(join(tests, file), join(tests, file.replace('.test.ts', '.from-ts.test.js')), ES2017)
  }
  return directory
}

/** A copy of a thread-stream whose stream is ours: lossless and without restarts, as ThreadStream is. */
export function copyThreadStream (path: string, parent: string): string {
  const directory = copyPackage(path, parent)
  const options = '{ onFull: \'block\', maxRestarts: 0, ...options }'
  writeFileSync(join(directory, 'index.js'), `
    const { RingStream } = require(${JSON.stringify(join(ROOT, 'dist', 'index.js'))})
    module.exports = class extends RingStream { constructor (options) { super(${options}) } }
  `)
  transpileFixture(join(directory, 'test', 'ts', 'to-file.ts'))
  return directory
}

/** The files of a suite that Node runs as they are. */
export function testFiles (directory: string): string[] {
  return readdirSync(directory).filter((file) => /\.test\.m?js$/.test(file)).sort()
}

/** Compiles a TypeScript fixture as the suite's transpile script does, beside it. */
function transpileFixture (file: string): void {
  for (const [suffix, target] of Object.entries(FIXTURE_TARGETS)) {
    transpile(file, file.replace(/\.ts$/, `.${suffix}.cjs`), target)
    transpile(file, file.replace(/\.ts$/, `.${suffix}.mjs`), target, ts.ModuleKind.ESNext)
  }
}

function transpile (file: string, output: string, target: ts.ScriptTarget, module = ts.ModuleKind.CommonJS): void {
  const { outputText } = ts.transpileModule(readFileSync(file, 'utf8'), {
    fileName: file,
    compilerOptions: { module, target, esModuleInterop: true }
  })
  writeFileSync(output, outputText)
}
