'use strict'

// Makes of src what a thread loads: a file for the application's threads, one for the writer's, and the package's other entries.
// To find and load a file for each module takes twice the time.

const { buildSync } = require('esbuild')
const { mkdirSync, rmSync, writeFileSync } = require('node:fs')
const { dirname, join, resolve } = require('node:path')

const root = resolve(__dirname, '..')
const src = (name) => join(root, 'src', name)
const dist = join(root, 'dist')

const { outputFiles } = buildSync({
  entryPoints: ['application', 'index', 'register', 'register-in-eval', 'thread-stream', 'affinity/index', 'writer/main'].map(src),
  outbase: src(''),
  outdir: dist,
  bundle: true,
  write: false,
  // What a process is to have once is no part of the entries that use it.
  external: ['./application', './register', 'node-gyp-build'],
  platform: 'node',
  target: 'node20',
  tsconfig: join(root, 'tsconfig.json')
})

rmSync(dist, { recursive: true, force: true })
for (const { path, text } of outputFiles) {
  mkdirSync(dirname(path), { recursive: true })
  writeFileSync(path, withPlainExports(text, path))
}

/**
 * What an application has put on `Object.prototype` is no export of ours; and exports are properties like any other, which its
 * tests may replace.
 */
function withPlainExports (text, path) {
  const own = text.replace('for (var name in all)', 'for (var name of Object.keys(all))')
  if (own === text && text.includes('__export(')) throw new Error(`${path} lists its exports in a way that is not known here`)
  const hasExports = text.includes('// Annotate the CommonJS export names')
  return hasExports ? `${own}module.exports = Object.defineProperty({ ...module.exports }, '__esModule', { value: true });\n` : own
}
