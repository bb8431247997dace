/**
 * Ways in which an application comes to have a transport: the text of a function from options to a logger. What a target
 * does when it is ended may take longer on a busy machine than we give it by default.
 */
export const WAYS: ReadonlyArray<[way: string, makeLogger: string]> = [
  ['transport()', "const makeLogger = (options, settings) => require('pino')({ ...settings }, require('pino-pinned').transport({ exitTimeout: 20000, ...options }))"],
  ['a pino config', "const makeLogger = (options, settings) => require('pino')({ ...settings, transport: { target: 'pino-pinned', options: { exitTimeout: 20000, ...options } } })"],
  ['pino-pinned/register', `
    process.env.PINO_PINNED = 'exitTimeout=20000'
    require('pino-pinned/register')
    const makeLogger = (options, settings) => require('pino')({ ...settings, transport: options })`]
]

/** The same with pino's own transport. */
export const PINO_TRANSPORT = "const makeLogger = (options, settings) => require('pino')({ ...settings, transport: options })"
