import { formatCpuList, parseCpuList } from '../../src/affinity/cpu-list'

describe('a list of cores', () => {
  test.each([
    ['3', [3]],
    ['2-3,5', [2, 3, 5]],
    ['0-1\n', [0, 1]],
    [' 4 , 1 - 2 ', [1, 2, 4]],
    ['5,0-2,1,5', [0, 1, 2, 5]],
    ['', []],
    ['\n', []]
  ])('is read as the kernel writes it: %j', (list, expected) => {
    expect(parseCpuList(list)).toEqual(expected)
  })

  test.each([
    ['a', "'a' is neither a number nor a range"],
    ['1,,2', "'' is neither"],
    ['-1', "'-1' is neither"],
    ['1.5', "'1.5' is neither"],
    ['1-2-3', "'1-2-3' is neither"],
    ['0x1', "'0x1' is neither"],
    ['3-1', "the range '3-1' runs backwards"],
    ['0-4000000000', '4000000000 is more than 65535']
  ])('that can not be read is refused with the part that is wrong: %j', (list, why) => {
    const read = (): unknown => parseCpuList(list)
    expect(read).toThrow(why)
    expect(read).toThrow(expect.objectContaining({ name: 'RangeError', code: 'ERR_PINO_PINNED_INVALID_CORE_LIST' }))
  })

  test.each([
    [[], ''],
    [[3], '3'],
    [[0, 1, 2, 5], '0-2,5'],
    [[5, 1, 0, 5], '0-1,5'],
    [[0, 2, 4], '0,2,4']
  ])('is written as the kernel writes it: %j', (cores, expected) => {
    expect(formatCpuList(cores)).toBe(expected)
    expect(parseCpuList(expected)).toEqual([...new Set(cores)].sort((a, b) => a - b))
  })
})
