'use strict'

// Makes of src what a thread loads: a file for the application's threads, one for the writer's, one more for that to a target, and
// the package's other entries.
// To find and load a file for each module takes twice the time.

const { buildSync } = require('esbuild')
const { mkdirSync, rmSync, writeFileSync } = require('node:fs')
const { dirname, join, resolve } = require('node:path')

const root = resolve(__dirname, '..')
const src = (name) => join(root, 'src', name)
const dist = join(root, 'dist')

const { outputFiles } = buildSync({
  entryPoints: ['application', 'index', 'register', 'register-in-eval', 'thread-stream', 'affinity/index', 'writer/main', 'writer/stream-writer'].map(src),
  outbase: src(''),
  outdir: dist,
  bundle: true,
  write: false,
  // What a process is to have once is no part of the entries that use it, and a writer to a file does without that to a target.
  external: ['./application', './register', './stream-writer', 'node-gyp-build'],
  platform: 'node',
  target: 'node20',
  // White space is 0.7 MB of a process; lines stay short enough for a call stack to point at.
  minifyWhitespace: true,
  lineLimit: 150,
  tsconfig: join(root, 'tsconfig.json')
})

rmSync(dist, { recursive: true, force: true })
for (const { path, text } of outputFiles) {
  mkdirSync(dirname(path), { recursive: true })
  writeFileSync(path, withPlainExports(withMagicComment(text), path))
}

/**
 * What an application has put on `Object.prototype` is no export of ours; and exports are properties like any other, which its
 * tests may replace.
 */
function withPlainExports (text, path) {
  const own = text.replace(/for\(var (\w+) in (\w+)\)/, 'for(var $1 of Object.keys($2))')
  if (own === text && text.includes('__export=')) throw new Error(`${path} lists its exports in a way that is not known here`)
  const hasExports = text.includes('0&&(module.exports={')
  return hasExports ? `${own.trimEnd()}\nmodule.exports = Object.defineProperty({ ...module.exports }, '__esModule', { value: true });\n` : own
}

/** To webpack: not to look for a target that only the running process knows. It goes with the white space. */
function withMagicComment (text) {
  return text.replace(/\bimport\((?=\w+\))/, 'import(/* webpackIgnore: true */')
}
