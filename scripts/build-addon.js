'use strict'

// Builds the native addon, and gets out of the way where that is not possible: without it everything works,
// unpinned. So no failure here fails an installation.
//
//   node scripts/build-addon.js            npm's install script: builds unless a build can be loaded already
//   node scripts/build-addon.js --always   builds if the sources are newer than the build
//   node scripts/build-addon.js --strict   exits with 1 if the build fails

const { spawnSync } = require('node:child_process')
const { existsSync, readFileSync, readdirSync, statSync } = require('node:fs')
const { dirname, join, resolve } = require('node:path')

const root = resolve(__dirname, '..')
const built = join(root, 'build', 'Release', 'pino_pinned.node')
const isAlways = process.argv.includes('--always')
const isStrict = process.argv.includes('--strict')

function canBeLoaded () {
  // In a process of its own: a build for another machine may do worse than throw.
  const load = 'require(require.resolve("node-gyp-build", { paths: [process.argv[1]] }))(process.argv[1])'
  return spawnSync(process.execPath, ['-e', load, root], { stdio: 'ignore' }).status === 0
}

function isUpToDate () {
  if (!existsSync(built)) return false
  const native = join(root, 'native')
  const sources = [join(root, 'binding.gyp'), ...readdirSync(native).map((name) => join(native, name))]
  const builtAt = statSync(built).mtimeMs
  return sources.every((source) => statSync(source).mtimeMs <= builtAt)
}

/** @returns {[string, ...string[]]} the command that runs node-gyp */
function findNodeGyp () {
  const fromNpm = process.env.npm_config_node_gyp
  if (fromNpm && existsSync(fromNpm)) return [process.execPath, fromNpm]
  try {
    return [process.execPath, require.resolve('node-gyp/bin/node-gyp.js', { paths: [root] })]
  } catch {
    return [process.platform === 'win32' ? 'node-gyp.cmd' : 'node-gyp']
  }
}

/** Headers that came with this very Node, as distributions and version managers have them, need no download. */
function findHeaders () {
  if (process.env.npm_config_nodedir) return []
  const prefix = dirname(dirname(process.execPath))
  try {
    const header = readFileSync(join(prefix, 'include', 'node', 'node_version.h'), 'utf8')
    const part = (name) => new RegExp(`#define NODE_${name}_VERSION (\\d+)`).exec(header)?.[1]
    const version = ['MAJOR', 'MINOR', 'PATCH'].map(part).join('.')
    return version === process.versions.node ? [`--nodedir=${prefix}`] : []
  } catch {
    return []
  }
}

/** @returns {string | undefined} what went wrong */
function build () {
  const [command, ...first] = findNodeGyp()
  const env = { ...process.env }
  // A warning of some later compiler must not cost a user the addon; in a checkout it fails the build.
  const isCheckout = existsSync(join(root, 'tsconfig.build.json'))
  if (isCheckout && process.platform !== 'win32') env.CXXFLAGS = `${env.CXXFLAGS ?? ''} -Werror`.trim()
  const run = spawnSync(command, [...first, 'rebuild', '--loglevel=error', ...findHeaders()], {
    cwd: root, env, encoding: 'utf8', maxBuffer: 1 << 26, shell: command.endsWith('.cmd')
  })
  if (run.error) return `node-gyp can't be run: ${run.error.message}`
  if (run.status !== 0) return mostTelling(`${run.stdout}\n${run.stderr}`) ?? `node-gyp ended with ${run.status ?? run.signal}`
  return canBeLoaded() ? undefined : 'what was built does not load'
}

function mostTelling (output) {
  const lines = output.split('\n').map((line) => line.replace(/^gyp ERR!\s*/, '').trim()).filter(Boolean)
  return lines.find((line) => /error:|not found|not ok$|could not|couldn't|no such/i.test(line)) ?? lines.at(-1)
}

const isNeeded = !(isAlways ? isUpToDate() && canBeLoaded() : canBeLoaded())
const problem = isNeeded ? build() : undefined
if (problem !== undefined) {
  console.warn(`pino-pinned: the native addon was not built, the transport will run unpinned (${problem})`)
  if (isStrict) process.exitCode = 1
}
