import { join } from 'node:path'
import { inspect } from 'node:util'
import type { OptionError } from '../../src/errors'
import { readOptions, type OptionsContext, type Settings, type TargetSink, type TransportOptions } from '../../src/options'
import { ROOT } from './process'

/** A file from which targets are resolved; it need not exist. */
export const CALLER = join(ROOT, 'test', 'caller.js')
export const PINO = join(ROOT, 'node_modules', 'pino')
export const PRETTY = join(ROOT, 'node_modules', 'pino-pretty', 'index.js')
export const PINO_WORKER = join(PINO, 'lib', 'worker.js')

export function context (way: OptionsContext['way'] = 'direct'): OptionsContext {
  return { callers: [CALLER], way }
}

export function read (options: unknown, way?: OptionsContext['way']): Settings {
  return readOptions(options, context(way))
}

export function targetOf (options: TransportOptions, way?: OptionsContext['way']): TargetSink {
  const { sink } = read(options, way)
  if (sink.kind !== 'target') throw new Error(`expected a target, got ${inspect(sink)}`)
  return sink
}

export interface Expected {
  type: 'TypeError' | 'RangeError'
  option: string
  /** What the message must name as allowed. */
  says: RegExp
  code?: string
  value?: unknown
}

/** The error that `act` throws, checked for what every error about an option must have. */
export function refused (act: () => unknown, { type, option, says, code = 'ERR_PINO_PINNED_OPTION', ...rest }: Expected): OptionError {
  let error: unknown
  try {
    const result = act()
    throw new Error(`expected option ${option} to be refused, got ${inspect(result)}`)
  } catch (thrown) {
    error = thrown
  }
  expect(error).toMatchObject({ name: type, code, option })
  const { message, value } = error as OptionError
  expect(message).toMatch(says)
  expect(message).toContain(option)
  if ('value' in rest) expect(value).toBe(rest.value)
  return error as OptionError
}
