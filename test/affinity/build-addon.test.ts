import { spawnSync } from 'node:child_process'
import { cpSync, mkdirSync, statSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { onLinux, packageRoot, temporaryDirectory } from './support'

const directory = temporaryDirectory()
let copies = 0

/** The package as a user has it, not built. */
function newCopy (): string {
  const copy = join(directory, `copy-${++copies}`)
  mkdirSync(copy)
  for (const part of ['package.json', 'binding.gyp', 'native', 'scripts']) cpSync(join(packageRoot, part), join(copy, part), { recursive: true })
  symlinkSync(join(packageRoot, 'node_modules'), join(copy, 'node_modules'))
  return copy
}

function build (copy: string, args: string[] = [], env: Record<string, string> = {}): { status: number | null, said: string } {
  const run = spawnSync(process.execPath, ['scripts/build-addon.js', ...args], { cwd: copy, env: { ...process.env, ...env }, encoding: 'utf8' })
  return { status: run.status, said: run.stdout + run.stderr }
}

const ONE_LINE = /^pino-pinned: the native addon was not built, the transport will run unpinned \(.+\)\n$/

onLinux('an installation', () => {
  const withoutCompiler = { CXX: '/nowhere/c++' }

  test('without a compiler succeeds, and says in one line what it has to do without', () => {
    const { status, said } = build(newCopy(), [], withoutCompiler)
    expect(said).toMatch(ONE_LINE)
    expect(said).toContain('/nowhere/c++')
    expect(status).toBe(0)
  })

  test('without a compiler fails where that was asked for', () => {
    const { status, said } = build(newCopy(), ['--strict'], withoutCompiler)
    expect(said).toMatch(ONE_LINE)
    expect(status).toBe(1)
  })

  test('without anything that could build succeeds too', () => {
    const copy = newCopy()
    const { status, said } = build(copy, [], { PATH: '/nowhere', PYTHON: '/nowhere/python', npm_config_python: '/nowhere/python' })
    expect(said).toMatch(ONE_LINE)
    expect(status).toBe(0)
  })

  test('with source code that does not compile succeeds, and names the error', () => {
    const copy = newCopy()
    writeFileSync(join(copy, 'native', 'addon.cc'), '#error "planned"\n')
    const { status, said } = build(copy)
    expect(said).toMatch(ONE_LINE)
    expect(said).toContain('planned')
    expect(status).toBe(0)
  })

  test('builds nothing where a build can be loaded, and with --always only what is out of date', () => {
    const copy = newCopy()
    const built = join(copy, 'build', 'Release', 'pino_pinned.node')
    cpSync(join(packageRoot, 'build', 'Release', 'pino_pinned.node'), built)
    expect(build(copy, [], withoutCompiler)).toEqual({ status: 0, said: '' })
    expect(build(copy, ['--always'], withoutCompiler)).toEqual({ status: 0, said: '' })

    const later = new Date(statSync(built).mtimeMs + 5000)
    utimesSync(join(copy, 'native', 'platform.h'), later, later)
    expect(build(copy, [], withoutCompiler)).toEqual({ status: 0, said: '' })
    expect(build(copy, ['--always'], withoutCompiler).said).toMatch(ONE_LINE)
  })
})
