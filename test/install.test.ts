import { cpSync, existsSync, readFileSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'
import { ROOT, runCommand, temporaryDirectory } from './support/process'

/** A copy of what npm unpacks, before any install script ran. */
function unpacked (): string {
  const directory = temporaryDirectory()
  for (const name of [...JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')).files, 'package.json']) {
    cpSync(join(ROOT, name), join(directory, name), { recursive: true })
  }
  symlinkSync(join(ROOT, 'node_modules'), join(directory, 'node_modules'))
  return directory
}

test('without a compiler the install succeeds with a line that says so, and lines are written unpinned, saying so once', async () => {
  const directory = unpacked()
  const env = { ...process.env, CC: '/nonexistent/cc', CXX: '/nonexistent/c++' }
  const install = await runCommand(process.execPath, ['scripts/build-addon.js'], { cwd: directory, env })
  expect(install.code).toBe(0)
  expect(install.stdout + install.stderr).toMatch(/unpinned/)
  expect(existsSync(join(directory, 'build', 'Release', 'pino_pinned.node'))).toBe(false)

  const { code, stderr } = await runCommand(process.execPath, ['-e', `
    const { transport } = require('./dist')
    for (const name of ['one', 'two']) transport({ destination: name + '.log' }).write(name)
  `], { cwd: directory })
  expect(code).toBe(0)
  expect(stderr.match(/writers run unpinned/g)).toHaveLength(1)
  expect(readFileSync(join(directory, 'one.log'), 'utf8') + readFileSync(join(directory, 'two.log'), 'utf8')).toBe('onetwo')
})

test('what npm packs holds all that an install and a run need, and no tests', async () => {
  const { stdout } = await runCommand('npm', ['pack', '--dry-run', '--json', '--ignore-scripts'])
  const files = JSON.parse(stdout)[0].files.map(({ path }: { path: string }) => path)
  expect(files).toEqual(expect.arrayContaining(['dist/index.js', 'dist/index.d.ts', 'dist/writer/main.js', 'dist/affinity/index.js', 'native/addon.cc', 'binding.gyp', 'scripts/build-addon.js', 'LICENSE', 'README.md']))
  expect(files.filter((path: string) => /^(test|bench|build)\//.test(path))).toEqual([])
})
