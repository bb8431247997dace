'use strict'

/** Single files of `src`, as they are built, for threads and programs that jest does not load. */

const { buildSync } = require('esbuild')
const Module = require('node:module')
const { dirname, join } = require('node:path')

/** @param {string} name the file's path below `src`, without its ending */
exports.requireSource = (name) => {
  const filename = join(__dirname, '..', '..', 'src', `${name}.ts`)
  const { outputFiles } = buildSync({ entryPoints: [filename], bundle: true, write: false, platform: 'node', target: 'node20', external: ['node-gyp-build'] })
  const module = new Module(filename)
  module.paths = Module._nodeModulePaths(dirname(filename))
  module._compile(outputFiles[0].text, filename)
  return module.exports
}
