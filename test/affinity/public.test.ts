import { cores, lastCore, onTwoCores, runNode, allCores, onLinux } from './support'

interface Refusal { name: string, code: string, message: string }
const firstCore = cores[0] ?? 0

/** Runs with the built `pino-pinned/affinity` as `{ pinThread … }`. */
function runPublic (code: string, options: Parameters<typeof runNode>[1] = {}): unknown[] {
  return runNode(`const face = affinity(); ${code}`, options)
}

onTwoCores('pinThread', () => {
  test.each([
    [`${lastCore}`, `${lastCore}`],
    [`[${lastCore}]`, `${lastCore}`],
    [`'${lastCore}'`, `${lastCore}`],
    ["'auto'", `${lastCore}`],
    ['[...face.allowedCores()]', allCores]
  ])('(%s) has the kernel say the same', (argument, expected) => {
    const [kernel, said] = runPublic(`face.pinThread(${argument}); print(kernelSays(process.pid)); print([face.threadAffinity(), face.currentCore(), face.allowedCores()])`)
    expect(kernel).toBe(expected)
    const [affinity, core, allowed] = said as [number[], number, number[]]
    expect(affinity).toContain(core)
    expect(allowed).toEqual(cores)
  })

  test('of a core outside the mask that taskset gave is a RangeError that names those inside', () => {
    const [refusals, allowed, after] = runPublic(`
      print([() => face.pinThread(${lastCore}), () => face.pinThread('0-9999')].map(attempt)); print(face.allowedCores()); face.pinThread('auto'); print(kernelSays(process.pid))
    `, { taskset: `${firstCore}` })
    const [one, many] = refusals as [Refusal, Refusal]
    expect(one).toEqual({
      name: 'RangeError',
      code: 'ERR_PINO_PINNED_CORE_NOT_ALLOWED',
      message: `pinThread: cores: core ${lastCore} is not among the allowed cores ${firstCore}`
    })
    expect(many.message).toContain('are not among the allowed cores')
    expect({ allowed, after }).toEqual({ allowed: [firstCore], after: `${firstCore}` })
  })
})

describe('a wrong argument', () => {
  test.each([
    ['pinThread()', 'TypeError', 'ERR_PINO_PINNED_INVALID_CORE', 'got undefined'],
    ['pinThread({})', 'TypeError', 'ERR_PINO_PINNED_INVALID_CORE', 'got object'],
    ['pinThread(-1)', 'RangeError', 'ERR_PINO_PINNED_INVALID_CORE', '-1 is not a core number'],
    ["pinThread('one')", 'RangeError', 'ERR_PINO_PINNED_INVALID_CORE', "'one' is neither a number nor a range"],
    ['pinThread([])', 'RangeError', 'ERR_PINO_PINNED_INVALID_CORE', 'an empty list'],
    ['pinThread(99999)', 'RangeError', 'ERR_PINO_PINNED_CORE_NOT_ALLOWED', 'core 99999 is not among the allowed cores'],
    ['setThreadPriority(20)', 'RangeError', 'ERR_PINO_PINNED_OUT_OF_RANGE', 'from -20 to 19, got 20'],
    ["setThreadPriority('5')", 'TypeError', 'ERR_PINO_PINNED_INVALID_ARG_TYPE', 'nice must be a number']
  ])('%s is a %s with a code', (call, name, code, message) => {
    const [refusal] = runPublic(`print(attempt(() => face.${call}))`)
    expect(refusal).toMatchObject({ name, code })
    expect((refusal as Refusal).message).toContain(message)
  })
})

onLinux('without the addon', () => {
  const env = { PINO_PINNED_ADDON: 'off' }

  test('the allowed cores are those of the kernel all the same, taken before anybody is pinned', () => {
    const [before, after] = runPublic(`
      print(face.allowedCores())
      require('node:child_process').execFileSync('taskset', ['-pc', '${lastCore}', String(process.pid)])
      print(face.allowedCores())
    `, { env, taskset: `${firstCore}` })
    expect({ before, after }).toEqual({ before: [firstCore], after: [firstCore] })
  })

  test('isolated cores are known, and CPU time is 0', () => {
    expect(runPublic("print([Array.isArray(face.isolatedCores()), require('./test/support/source').requireSource('affinity/addon').threadCpuMs()])", { env })).toEqual([[true, 0]])
  })

  test.each(['pinThread(0)', "pinThread('auto')", 'threadAffinity()', 'currentCore()', 'setThreadPriority(0)'])('%s says that it is not supported, and why', (call) => {
    const [refusal] = runPublic(`print(attempt(() => face.${call}))`, { env })
    expect(refusal).toMatchObject({ name: 'Error', code: 'ERR_PINO_PINNED_NOT_SUPPORTED' })
    expect((refusal as Refusal).message).toMatch(/^\w+: threads can't be pinned: .*PINO_PINNED_ADDON=off/)
  })
})
