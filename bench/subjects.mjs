// Who is measured. `make(file, more)`, with `more` for the options of pino-pinned, gives `log()`, `flush(done)` (everything
// logged so far is in the file), and where there is one `logger` (pino's) or else `info(fields, message)`, and `stats()`.
// `putsOff`: later turns of the same thread do much of the work.
import { createRequire } from 'node:module'
import { fileURLToPath } from 'node:url'
import pino from 'pino'
import { FileWatch } from './file-watch.mjs'

const require = createRequire(import.meta.url)
const root = fileURLToPath(new URL('..', import.meta.url))
const ours = () => require('../dist/index.js')

const MESSAGE = '[MD] Tick: AAPL @ $150.00'
const record = { symbol: 'AAPL', price: 150, size: 300 }

function viaPino (stream, more = {}) {
  const logger = pino({}, stream)
  return { logger, log: () => logger.info(record, MESSAGE), ...more }
}

function viaUs (options) {
  const stream = ours().transport(options)
  return viaTransport(stream, { stats: () => stream.stats() })
}

/** What pino-pinned tells of itself from pino's transport thread. */
function viaConfig (options) {
  const stream = pino.transport({ target: `${root}dist/index.js`, options })
  let latest = { linesDropped: 0 }
  stream.on('stats', (stats) => { latest = stats })
  return viaTransport(stream, { stats: () => latest })
}

/** A logger that can't say when its lines are in the file: the file is asked. `hurry` has it write what it holds back. */
function viaFile (file, info, hurry) {
  const watch = new FileWatch(file)
  return {
    info: (fields, message) => {
      watch.logged++
      info(fields, message)
    },
    log: () => {
      watch.logged++
      info(record, MESSAGE)
    },
    flush: (done) => { watch.untilHeld(hurry).then(done) },
    stats: () => ({ linesDropped: watch.missing }),
    putsOff: true
  }
}

const noAddon = { PINO_PINNED_ADDON: 'off' }

/** @type {Record<string, { title: string, env?: object, execArgv?: string[], make: Function }>} */
export const SUBJECTS = {
  noop: { title: 'pino → no-op', make: () => viaPino({ write () {} }, { flush: (done) => setImmediate(done) }) },
  pinned: { title: 'pino-pinned', make: (file, more) => viaUs({ destination: file, ...more }) },
  js: { title: 'pino-pinned, no addon', env: noAddon, make: (file, more) => viaUs({ destination: file, ...more }) },
  spin: { title: 'pino-pinned, spin', make: (file, more) => viaUs({ destination: file, wait: 'spin', ...more }) },
  park: { title: 'pino-pinned, park', make: (file, more) => viaUs({ destination: file, wait: 'park', ...more }) },
  target: {
    title: 'pino-pinned, stream target',
    make: (file, more) => viaUs({ target: fileURLToPath(new URL('stream-target.mjs', import.meta.url)), options: { destination: file }, ...more })
  },
  register: {
    title: 'pino.transport + register',
    execArgv: ['--require', `${root}dist/register.js`],
    make: (file, more) => {
      process.env.PINO_PINNED = Object.entries(more).map(([option, value]) => `${option}=${value}`).join(',')
      const stream = pino.transport({ target: 'pino/file', options: { destination: file } })
      return viaTransport(stream, { stats: () => stream.stats() })
    }
  },
  dropIn: { title: 'pino-pinned in the config', make: (file, more) => viaConfig({ destination: file, ...more }) },
  transport: {
    title: 'pino.transport',
    make: (file) => viaTransport(pino.transport({ target: 'pino/file', options: { destination: file } }))
  },
  destinationSync: {
    title: 'pino.destination',
    make: (file) => viaPino(pino.destination({ dest: file, sync: true }), { flush: (done) => setImmediate(done) })
  },
  destinationAsync: {
    title: 'pino.destination, 4 kB async',
    make: (file) => {
      const stream = pino.destination({ dest: file, sync: false, minLength: 4096 })
      const logger = pino({}, stream)
      // Its own flush calls back with lines still in the buffer when it comes while a write is under way.
      return { logger, ...viaFile(file, (fields, message) => logger.info(fields, message), () => stream.flush()) }
    }
  },
  winston: {
    title: 'winston',
    make: (file) => {
      const winston = require('winston')
      const format = winston.format.combine(winston.format.timestamp(), winston.format.json())
      const logger = winston.createLogger({ format, transports: [new winston.transports.File({ filename: file })] })
      return viaFile(file, (fields, message) => logger.info(message, fields))
    }
  },
  bunyan: {
    title: 'bunyan',
    make: (file) => {
      const logger = require('bunyan').createLogger({ name: 'bench', streams: [{ path: file }] })
      return viaFile(file, (fields, message) => logger.info(fields, message))
    }
  },
  logtape: {
    title: 'logtape, non-blocking file',
    make: async (file) => {
      const { configure, getLogger, jsonLinesFormatter } = await import('@logtape/logtape')
      const { getFileSink } = await import('@logtape/file')
      await configure({
        sinks: { file: getFileSink(file, { formatter: jsonLinesFormatter, nonBlocking: true }) },
        loggers: [{ category: 'bench', sinks: ['file'], lowestLevel: 'info' }, { category: ['logtape', 'meta'], lowestLevel: null }]
      })
      const logger = getLogger('bench')
      return viaFile(file, (fields, message) => logger.info(message, fields))
    }
  },
  spdlog: {
    title: '@vscode/spdlog, async',
    make: async (file) => {
      const spdlog = require('@vscode/spdlog')
      const logger = await spdlog.createAsyncRotatingLogger('bench', file, 1 << 30, 1)
      logger.setPattern('%v')
      const info = (fields, message) => logger.info(JSON.stringify({ level: 30, time: Date.now(), ...fields, msg: message }))
      return viaFile(file, info, () => logger.flush())
    }
  }
}

function viaTransport (stream, more = {}) {
  return viaPino(stream, { flush: (done) => stream.flush(done), ...more })
}

export const EVERYONE = Object.keys(SUBJECTS)

/** Those that targets are about: in most rounds. */
const COMPARED = ['noop', 'pinned', 'js', 'transport']
export const isCompared = (name) => COMPARED.includes(name)

/** Those that are there to be seen beside them: in fewest rounds, and in a quick run with fewer lines, because with some a line takes long. */
const FOR_CONTEXT = ['destinationAsync', 'winston', 'bunyan', 'logtape', 'spdlog']
export const isForContext = (name) => FOR_CONTEXT.includes(name)

/** Those of `names` that can be measured here: what is not installed or not built is left out. */
export function available (names) {
  return names.filter((name) => {
    try {
      if (name === 'spdlog') require.resolve('@vscode/spdlog')
      if (name === 'register') require.resolve('../dist/register.js')
      return true
    } catch {
      return false
    }
  })
}
