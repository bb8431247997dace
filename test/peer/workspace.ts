import { cpSync, existsSync, mkdirSync, readFileSync, realpathSync, symlinkSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import ts from 'typescript'
import { ROOT } from '../support/process'

/** Where a package's tests stand in a directory of their own, so that what they write stays out of node_modules. */
export interface Workspace {
  /** The copy of the package. */
  directory: string
}

const { ES5, ES2015, ES2017, ESNext } = ts.ScriptTarget
/** What the suites' own transpile scripts make of a fixture: a file for each of these. */
const FIXTURE_TARGETS = { es5: ES5, es6: ES2015, es2017: ES2017, esnext: ESNext }

/** A copy of an installed package, its own dependencies included, that finds the others where we have them. */
export function copyPackage (name: string, parent: string): Workspace {
  const directory = join(parent, name)
  mkdirSync(parent, { recursive: true })
  if (!existsSync(join(parent, 'node_modules'))) symlinkSync(join(ROOT, 'node_modules'), join(parent, 'node_modules'))
  const source = realpathSync(join(ROOT, 'node_modules', name))
  cpSync(source, directory, { recursive: true, filter: (path) => !/\/(docs|docsify|benchmarks)$/.test(path) })
  return { directory }
}

/** Compiles a TypeScript fixture as the suite's transpile script does, beside it. */
export function transpileFixture (file: string): void {
  for (const [suffix, target] of Object.entries(FIXTURE_TARGETS)) transpile(file, file.replace(/\.ts$/, `.${suffix}.cjs`), target)
}

/** Compiles a test written in TypeScript to one that Node runs. Returns its path. */
export function transpileTest (file: string): string {
  const output = file.replace(/\.test\.ts$/, '.from-ts.test.js')
  transpile(file, output, ES2017)
  return output
}

function transpile (file: string, output: string, target: ts.ScriptTarget): void {
  const { outputText } = ts.transpileModule(readFileSync(file, 'utf8'), {
    fileName: file,
    compilerOptions: { module: ts.ModuleKind.CommonJS, target, esModuleInterop: true }
  })
  mkdirSync(dirname(output), { recursive: true })
  writeFileSync(output, outputText)
}
