import { runCommand } from './support/process'

test.each([
  ['pino-pinned', ['AttachedStream', 'RingStream', 'attach', 'default', 'transport']],
  ['pino-pinned/affinity', ['allowedCores', 'currentCore', 'isolatedCores', 'pinThread', 'setThreadPriority', 'threadAffinity']]
])('what %s exports can be spied on and replaced, by those who test what uses it', (name, names) => {
  const exported = require(name) as Record<string, unknown>
  expect(Object.keys(exported).sort()).toEqual(names)
  for (const each of names) expect(Object.getOwnPropertyDescriptor(exported, each)).toMatchObject({ configurable: true, enumerable: true, writable: true })
  const spy = jest.spyOn(exported as Record<string, () => void>, names.at(-1)!).mockReturnValue(undefined)
  expect(exported[names.at(-1)!]).toBe(spy)
  spy.mockRestore()
})

test('an ES module imports by name what there is', async () => {
  const { code, stdout, stderr } = await runCommand(process.execPath, ['--input-type=module', '-e', `
    import pinned, { attach, AttachedStream, RingStream, transport } from 'pino-pinned'
    import { allowedCores, currentCore, isolatedCores, pinThread, setThreadPriority, threadAffinity } from 'pino-pinned/affinity'
    console.log(pinned.transport === transport && typeof pinned.default, AttachedStream.name, RingStream.name, [attach, allowedCores, currentCore, isolatedCores, pinThread, setThreadPriority, threadAffinity].every((each) => typeof each === 'function'))
  `])
  expect({ code, stderr, stdout }).toEqual({ code: 0, stderr: '', stdout: 'function AttachedStream RingStream true\n' })
})
