import { type Outcome, runThreads } from './support'

const REGISTER = require.resolve('../../dist/register.js')

/** For applications that know nothing of us; their writers' threads are called `shared-writer`. */
const PRELUDE = `
  const bare = { base: null, timestamp: false }
  const named = () => threadsNamed('shared-writer')
  const streamOf = (logger) => logger[pino.symbols.streamSym]
  const log = (logger, who, from, to) => { (globalThis.held ??= new Set()).add(logger); for (let i = from; i < to; i++) logger.info({ who, i }) }
  /** Workers that log a hundred lines, and a hundred more when told to, and end then. */
  const start = async (count, more = {}) => {
    const workers = Array.from({ length: count }, (_, at) => new Worker(__filename, { workerData: { file, who: 'w' + at }, ...more }))
    await Promise.all(workers.map((worker) => once(worker, 'message')))
    return { workers, goOn: () => Promise.all(workers.map((worker) => { worker.postMessage('go on'); return once(worker, 'exit') })) }
  }
  const work = (logger) => {
    log(logger, workerData.who, 0, 100)
    logger.flush((error) => parentPort.postMessage(error))
    parentPort.once('message', () => log(logger, workerData.who, 100, 200))
  }`

/** Runs it under register, with these options behind the name; the last flag is what register is named by. */
export const runUnderRegister = (program: string, options = '', flags = ['--require']): Promise<Outcome> => runThreads(`${PRELUDE}\n${program}`, {
  execArgv: [...flags, REGISTER], env: { ...process.env, PINO_PINNED: `name=shared-writer${options}` }
})
