import { chooseCores } from '../../src/affinity/choose'
import type { CoreOption, Machine } from '../../src/affinity/choose'

function machine (facts: Partial<Machine> = {}): Machine {
  return { allowed: [0, 1, 2, 3], isolated: [], permitted: () => [0, 1, 2, 3], ...facts }
}

describe('the option core', () => {
  test.each<[CoreOption, number[]]>([
    [2, [2]],
    [[3, 1, 3], [1, 3]],
    ['2-3', [2, 3]],
    ['0,2', [0, 2]]
  ])('%j names cores outright', (core, expected) => {
    expect(chooseCores(core, machine())).toEqual({ cores: expected })
  })

  test.each([undefined, null])('%s leaves the thread unpinned', (core) => {
    expect(chooseCores(core, machine())).toEqual({ cores: null })
  })

  test('of a core that is not allowed names it and those that are', () => {
    expect(chooseCores(99, machine({ allowed: [0, 1] }))).toEqual({
      cores: null, problem: 'core 99 is not among the allowed cores 0-1', code: 'ERR_PINO_PINNED_CORE_NOT_ALLOWED'
    })
  })

  test('of several cores is all or nothing, and names those that are not allowed', () => {
    expect(chooseCores([1, 8, 9], machine())).toEqual({
      cores: null, problem: 'cores 8-9 are not among the allowed cores 0-3', code: 'ERR_PINO_PINNED_CORE_NOT_ALLOWED'
    })
  })

  test.each([
    [-1, '-1'], [1.5, '1.5'], [NaN, 'NaN'], [[], 'an empty list'], ['', 'an empty string'], ['autobahn', "'autobahn'"],
    ['3-1', 'backwards'], [[1, undefined], 'undefined'], [{}, '{}'], [true, 'true'], [10n, '10'], [[['1']], '["1"]']
  ])('%p is no core at all, on any machine', (core, shown) => {
    for (const obstacle of [undefined, 'no addon']) {
      const choice = chooseCores(core as CoreOption, machine({ obstacle }))
      expect(choice).toMatchObject({ cores: null, code: 'ERR_PINO_PINNED_INVALID_CORE' })
      expect(choice.problem).toContain(shown)
    }
  })

  test('says why nothing can be pinned where nothing can', () => {
    expect(chooseCores('auto', machine({ obstacle: 'no addon' }))).toEqual({
      cores: null, problem: 'no addon', code: 'ERR_PINO_PINNED_NOT_SUPPORTED'
    })
  })
})

describe("core: 'auto'", () => {
  test('takes the last allowed core', () => {
    expect(chooseCores('auto', machine({ allowed: [0, 2] }))).toEqual({ cores: [2] })
  })

  test('prefers an isolated core of the mask', () => {
    expect(chooseCores('auto', machine({ isolated: [1, 2, 7] }))).toEqual({ cores: [2] })
  })

  test('takes no isolated core outside the mask, which may be meant for somebody else', () => {
    expect(chooseCores('auto', machine({ isolated: [7], permitted: () => [0, 1, 2, 3, 7] }))).toEqual({ cores: [3] })
  })

  test('leaves the thread unpinned where there is one core, without a word', () => {
    expect(chooseCores('auto', machine({ allowed: [1] }))).toEqual({ cores: null })
  })
})

describe('an isolated core, which no process has in its mask by itself', () => {
  test('may be named outright if the kernel grants it', () => {
    const isolating = machine({ allowed: [0, 1], isolated: [2, 3], permitted: () => [0, 1, 2, 3] })
    expect(chooseCores(3, isolating)).toEqual({ cores: [3] })
    expect(chooseCores('1,3', isolating)).toEqual({ cores: [1, 3] })
    expect(chooseCores([3, 9], isolating).problem).toBe('core 9 is not among the allowed cores 0-3')
  })

  test('of a machine whose cpuset keeps us out of it is not allowed', () => {
    const contained = machine({ allowed: [0, 1], isolated: [2, 3], permitted: () => [0, 1] })
    expect(chooseCores(3, contained).problem).toBe('core 3 is not among the allowed cores 0-1')
  })

  test('is the only reason to go beyond the mask: taskset is obeyed', () => {
    const narrowed = machine({ allowed: [0], permitted: () => { throw new Error('need not be asked') } })
    expect(chooseCores(1, narrowed).problem).toBe('core 1 is not among the allowed cores 0')
  })
})
