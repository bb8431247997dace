import { runCommand, runScript, scriptFile, temporaryDirectory } from '../support/process'
import { join } from 'node:path'
import { allowedCores } from 'pino-pinned/affinity'
import { parseCpuList } from '../../src/affinity/cpu-list'

/** Prints, by the kernel's word, the name and cores of each thread of the process while the writer runs, as JSON. */
const REPORT_THREADS = `
  const fs = require('node:fs')
  const threads = fs.readdirSync('/proc/self/task').flatMap((tid) => {
    try {
      return [{
        name: fs.readFileSync('/proc/self/task/' + tid + '/comm', 'utf8').trim(),
        cores: /Cpus_allowed_list:\\t(.*)/.exec(fs.readFileSync('/proc/self/task/' + tid + '/status', 'utf8'))[1]
      }]
    } catch { return [] } // it has ended meanwhile
  })
  console.log(JSON.stringify({ threads, pinned: stream.stats().pinned }))
`

const program = (options: object): string => `
  const { transport } = require('pino-pinned')
  const stream = transport(${JSON.stringify(options)})
  stream.on('ready', () => { ${REPORT_THREADS} })
`

const file = (): string => join(temporaryDirectory(), 'app.log')
const cores = allowedCores()
const last = cores.at(-1)!
const both = `${cores[0]},${last}`

test('the kernel shows the writer thread, and only it, on the core asked for', async () => {
  expect(cores.length).toBeGreaterThan(1) // this test needs two cores to tell them apart
  const script = scriptFile(program({ destination: file(), core: last }))
  const { stdout, stderr, code } = await runCommand('taskset', ['-c', both, process.execPath, script])
  expect({ stderr, code }).toEqual({ stderr: '', code: 0 })
  const { threads, pinned } = JSON.parse(stdout)
  expect(pinned).toEqual([last])
  expect(threads.filter((thread: { cores: string }) => thread.cores === String(last))).toEqual([{ name: 'pino-pinned', cores: String(last) }])
})

test('a writer for a pino transport is pinned and named too', async () => {
  const { stdout, code } = await runScript(program({ target: 'pino-pretty', core: last, name: 'log-writer', caller: join(__dirname, 'x.js') }))
  expect(code).toBe(0)
  const { threads, pinned } = JSON.parse(stdout)
  expect(pinned).toEqual([last])
  expect(threads).toContainEqual({ name: 'log-writer', cores: String(last) })
})

test.each([
  ['a file', { destination: file(), core: last }],
  ['a target', { target: 'pino-pretty', caller: join(__dirname, 'x.js') }],
  ['a target with a core', { target: 'pino-pretty', core: last, caller: join(__dirname, 'x.js') }],
  ['a target whose preload uses the pool before anything else runs', { target: 'pino-pretty', caller: join(__dirname, 'x.js'), worker: { execArgv: ['--import', 'data:text/javascript,await (await import("node:fs/promises")).stat(".")'] } }]
])("only the writer has its name and its cores, not libuv's pool, which may be started from it: %s", async (_, options) => {
  const { stdout } = await runScript(program({ ...options, name: 'log-writer' }))
  const others = (JSON.parse(stdout).threads as Array<{ name: string, cores: string }>).filter(({ name }) => name !== 'log-writer')
  expect(JSON.parse(stdout).threads).toHaveLength(others.length + 1)
  expect(others.map((thread) => parseCpuList(thread.cores))).toEqual(others.map(() => cores))
})

test('a writer to a file starts no thread but its own: there may be a limit, at which libuv aborts the process', async () => {
  const count = "require('node:fs').readdirSync('/proc/self/task').length"
  const { stdout } = await runScript(`const before = ${count}; ${program({ destination: file() })}; stream.on('ready', () => console.log(${count} - before))`)
  expect(stdout.split('\n')[1]).toBe('1')
})

test('without a core, a writer started by a pinned thread runs on all cores of the process', async () => {
  const { stdout } = await runScript(`require('pino-pinned/affinity').pinThread(${cores[0]}); ${program({ destination: file() })}`)
  const { threads, pinned } = JSON.parse(stdout)
  expect(pinned).toBeNull()
  const writer = threads.find((thread: { name: string }) => thread.name === 'pino-pinned')
  const unpinned = threads.find((thread: { name: string, cores: string }) => thread.name !== 'pino-pinned' && thread.cores !== String(cores[0]))
  expect(writer.cores).toBe(unpinned.cores)
})

test.each([
  ['with a core', { core: last }],
  ['without one', {}]
])('a writer %s does not come up on the core of the pinned thread that starts it', async (_, options) => {
  const { stdout } = await runScript(`
    const fs = require('node:fs')
    const { pinThread, threadAffinity } = require('pino-pinned/affinity')
    pinThread(${cores[0]})
    const tids = () => fs.readdirSync('/proc/self/task')
    const before = new Set(tids())
    const stream = require('pino-pinned').transport({ destination: ${JSON.stringify(file())}, ...${JSON.stringify(options)} })
    const started = tids().filter((tid) => !before.has(tid)).map((tid) => /Cpus_allowed_list:\\t(.*)/.exec(fs.readFileSync('/proc/self/task/' + tid + '/status', 'utf8'))[1])
    console.log(JSON.stringify({ started, own: threadAffinity() }))
  `)
  const { started, own } = JSON.parse(stdout)
  expect(started.map((list: string) => parseCpuList(list))).toEqual([expect.not.arrayContaining([cores[0]])])
  expect(own).toEqual([cores[0]])
})

test.each([
  ['with a core', { core: cores[0] }, [cores[0]]],
  ['without one', {}, cores]
])('a writer %s has the cores it is to have, also when the thread that starts it stands until it has taken its place', async (_, options, expected) => {
  const { stdout } = await runScript(`
    const addon = require('node-gyp-build')(${JSON.stringify(join(__dirname, '..', '..'))})
    const { moveThread } = addon
    const fs = require('node:fs')
    addon.moveThread = (tid, cores) => {
      while (fs.readFileSync('/proc/self/task/' + tid + '/comm', 'utf8') !== 'pino-pinned\\n');
      moveThread(tid, cores)
    }
    ${program({ destination: file(), ...options })}
  `)
  const writer = JSON.parse(stdout).threads.find((thread: { name: string }) => thread.name === 'pino-pinned')
  expect(parseCpuList(writer.cores)).toEqual(expected)
})

test('a core that this process may not use is a warning that names the allowed ones, and the writer runs unpinned', async () => {
  const script = scriptFile(program({ destination: file(), core: 99 }))
  const { stdout, stderr, code } = await runCommand('taskset', ['-c', both, process.execPath, script])
  expect(code).toBe(0)
  expect(JSON.parse(stdout).pinned).toBeNull()
  expect(stderr).toMatch(/core.*99.*not among the allowed cores/)
  expect(stderr).toContain(cores.length === 2 && cores[1]! - cores[0]! === 1 ? `${cores[0]}-${last}` : both)
})

test('with coreRequired such a core is an exception with code, option, value and allowed cores', async () => {
  const { stdout, code } = await runScript(`
    const { transport } = require('pino-pinned')
    try {
      transport({ destination: ${JSON.stringify(file())}, core: 99, coreRequired: true })
    } catch (error) {
      console.log(JSON.stringify({ isRangeError: error instanceof RangeError, code: error.code, option: error.option, value: error.value, allowedCores: error.allowedCores, message: error.message }))
    }
  `)
  expect(code).toBe(0)
  const error = JSON.parse(stdout)
  expect(error).toMatchObject({ isRangeError: true, code: 'ERR_PINO_PINNED_CORE_NOT_ALLOWED', option: 'core', allowedCores: cores })
  expect([error.value].flat()).toEqual([99])
  expect(error.message).toContain('99')
})

test('without the addon everything works unpinned, and a core asked for is a warning', async () => {
  const path = file()
  const { stderr, code } = await runScript(`
    const stream = require('pino-pinned').transport({ destination: ${JSON.stringify(path)}, core: ${last} })
    require('pino')(stream).info('hello')
  `, { env: { ...process.env, PINO_PINNED_ADDON: 'off' } })
  expect(code).toBe(0)
  expect(stderr).toMatch(/the writer runs unpinned/)
  expect(require('node:fs').readFileSync(path, 'utf8')).toContain('"msg":"hello"')
})
