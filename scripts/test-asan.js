'use strict'

// Runs tests on an addon built under AddressSanitizer and UndefinedBehaviorSanitizer (gcc, Linux). That build stands
// in a directory of its own; the one that everything else uses stays as it is.
//
//   npm run test:asan                 the tests below
//   npm run test:asan -- PATTERN...   others, as jest takes them

const { spawnSync } = require('node:child_process')
const { cpSync, mkdirSync, readdirSync, readFileSync, rmSync } = require('node:fs')
const { join, resolve } = require('node:path')

const TESTS = ['test/affinity', 'test/ring/native', 'test/hostile', 'test/stream/stream', 'test/stream/bytes', 'test/stream/full-ring']
/** It makes builds of its own. */
const NOT_OF_THE_ADDON = 'build-addon'

const root = resolve(__dirname, '..')
const place = join(root, 'build', 'asan')
const reports = join(place, 'reports')

// Nothing is carried on with: what a sanitizer found ends the process.
const FLAGS = '-fsanitize=address,undefined,float-cast-overflow -fno-sanitize-recover=all -fno-omit-frame-pointer -g -O1'
const ASAN_OPTIONS = [
  // Node frees little of what it has when it ends.
  'detect_leaks=0',
  'detect_stack_use_after_return=1',
  `log_path=${join(reports, 'report')}`
].join(':')

function fail (message) {
  console.error(`test:asan: ${message}`)
  process.exit(1)
}

function run (command, args, env) {
  const { status, signal, error } = spawnSync(command, args, { cwd: root, env: { ...process.env, ...env }, stdio: 'inherit' })
  if (error) fail(error.message)
  return status ?? signal
}

function findLibrary (name) {
  const path = spawnSync('gcc', [`-print-file-name=${name}`], { encoding: 'utf8' }).stdout?.trim()
  // gcc repeats the name of what it does not have.
  if (!path?.includes('/')) fail(`gcc and its ${name} are needed`)
  return path
}

function build (preload) {
  for (const part of ['binding.gyp', 'native', 'scripts/build-addon.js']) {
    cpSync(join(root, part), join(place, part), { recursive: true, preserveTimestamps: true })
  }
  const status = run(process.execPath, [join(place, 'scripts', 'build-addon.js'), '--always', '--strict'], {
    CXXFLAGS: FLAGS,
    LDFLAGS: FLAGS,
    // For the sake of the last step, which is to load what was built.
    ...preload,
    ASAN_OPTIONS: 'detect_leaks=0'
  })
  if (status !== 0) fail('the addon was not built')
}

function readReports () {
  return readdirSync(reports).map((name) => readFileSync(join(reports, name), 'utf8'))
}

if (process.platform !== 'linux') fail('only on Linux')
const preload = { LD_PRELOAD: ['libasan.so', 'libubsan.so'].map(findLibrary).join(' ') }
mkdirSync(place, { recursive: true })
build(preload)
rmSync(reports, { recursive: true, force: true })
mkdirSync(reports)

const env = {
  ...preload,
  ASAN_OPTIONS,
  UBSAN_OPTIONS: `print_stacktrace=1:log_path=${join(reports, 'report')}`,
  // Where node-gyp-build looks then, instead of in the package.
  PINO_PINNED_PREBUILD: place
}
const patterns = process.argv.slice(2)
const tests = patterns.length > 0 ? patterns : [...TESTS, '--testPathIgnorePatterns', NOT_OF_THE_ADDON]
const status = run(process.execPath, [require.resolve('jest/bin/jest'), ...tests], env)

// A test may take the death of a child for granted: every report counts, whoever wrote it.
const found = readReports()
for (const report of found) console.error(report)
if (found.length > 0) fail(`${found.length} reports`)
process.exitCode = status
