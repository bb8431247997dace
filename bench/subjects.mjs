// Who is measured. `make(file)` gives `log(i)`, and where there is one `stream`, `logger`, `stats()` and `flush(done)`.
import { createRequire } from 'node:module'
import { fileURLToPath } from 'node:url'
import pino from 'pino'

const require = createRequire(import.meta.url)
const root = fileURLToPath(new URL('..', import.meta.url))
const ours = () => require('../dist/index.js')

const MESSAGE = '[MD] Tick: AAPL @ $150.00'
const record = { symbol: 'AAPL', price: 150, size: 300 }

function viaPino (stream, more = {}) {
  const logger = pino({}, stream)
  return { logger, stream, log: () => logger.info(record, MESSAGE), ...more }
}

function viaUs (options) {
  const stream = ours().transport(options)
  return viaPino(stream, { stats: () => stream.stats(), flush: (done) => stream.flush(done) })
}

const noAddon = { PINO_PINNED_ADDON: 'off' }

/** @type {Record<string, { title: string, env?: object, execArgv?: string[], cannotWait?: boolean, make: Function }>} */
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
    make: (file) => {
      const stream = pino.transport({ target: 'pino/file', options: { destination: file } })
      return viaPino(stream, { stats: () => stream.stats?.(), flush: (done) => stream.flush(done) })
    }
  },
  dropIn: {
    title: 'pino-pinned in the config',
    make: (file) => viaTransport(pino.transport({ target: `${root}dist/index.js`, options: { destination: file } }))
  },
  transport: {
    title: 'pino.transport',
    make: (file) => viaTransport(pino.transport({ target: 'pino/file', options: { destination: file } }))
  },
  destinationSync: { title: 'pino.destination', cannotWait: true, make: (file) => viaPino(pino.destination({ dest: file, sync: true }), { flush: (done) => setImmediate(done) }) },
  destinationAsync: {
    title: 'pino.destination, 4 kB async',
    make: (file) => {
      const stream = pino.destination({ dest: file, sync: false, minLength: 4096 })
      return viaPino(stream, { flush: (done) => stream.flush(done) })
    }
  },
  winston: {
    title: 'winston',
    make: (file) => {
      const winston = require('winston')
      const logger = winston.createLogger({ format: winston.format.combine(winston.format.timestamp(), winston.format.json()), transports: [new winston.transports.File({ filename: file })] })
      return { log: () => logger.info(MESSAGE, record) }
    }
  },
  bunyan: {
    title: 'bunyan',
    make: (file) => {
      const logger = require('bunyan').createLogger({ name: 'bench', streams: [{ path: file }] })
      return { log: () => logger.info(record, MESSAGE) }
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
      return { log: () => logger.info(MESSAGE, record) }
    }
  },
  spdlog: {
    title: '@vscode/spdlog, async',
    make: async (file) => {
      const spdlog = require('@vscode/spdlog')
      const logger = await spdlog.createAsyncRotatingLogger('bench', file, 1 << 30, 1)
      logger.setPattern('%v')
      return { log: () => logger.info(JSON.stringify({ level: 30, time: Date.now(), ...record, msg: MESSAGE })) }
    }
  }
}

function viaTransport (stream) {
  return viaPino(stream, { flush: (done) => stream.flush(done) })
}

/** Left out of a quick run where each subject takes seconds. */
const FOR_CONTEXT = ['destinationAsync', 'winston', 'bunyan', 'logtape', 'spdlog', 'park', 'spin']

/** Those of `names` that can be measured here: what is not installed or not built is left out. */
export function available (names, isShort = false) {
  return names.filter((name) => {
    if (isShort && FOR_CONTEXT.includes(name)) return false
    try {
      if (name === 'spdlog') require.resolve('@vscode/spdlog')
      if (name === 'register') require.resolve('../dist/register.js')
      return true
    } catch {
      return false
    }
  })
}
