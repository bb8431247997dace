/** Names that people bring along from elsewhere (pino.destination, sonic-boom, pino-roll, pino-pretty), and what to write here. */

interface Hint {
  readonly names: readonly string[]
  /** The option to use; the hint is for those who may give it. */
  readonly instead?: string
  readonly text: string
}

const HINTS: readonly Hint[] = [
  { names: ['dest', 'path', 'file', 'filename', 'fd', 'stream', 'output'], instead: 'destination', text: "use 'destination', a path or a descriptor" },
  { names: ['destination', 'target'], instead: 'filename', text: "here the target is 'filename', and what it gets is 'workerData'; transport() takes destinations" },
  { names: ['bufferSize', 'highWaterMark', 'size', 'ringSize', 'queueSize', 'maxBufferLength'], instead: 'capacity', text: "use 'capacity', the size of the ring" },
  { names: ['minLength', 'maxLength', 'maxWrite', 'periodicFlush', 'retryEAGAIN', 'contentMode'], text: 'leave it out: the ring is the buffer, and is emptied all the time' },
  {
    names: ['maxSize', 'maxFiles', 'limit', 'frequency', 'interval', 'rotate', 'rotation', 'extension', 'symlink', 'dateFormat'],
    instead: 'target',
    text: "to rotate files use target: 'pino-roll' with it in 'options', or logrotate with 'reopenOnSignal'"
  },
  {
    names: ['colorize', 'translateTime', 'ignore', 'singleLine', 'messageFormat', 'messageKey', 'prettyPrint', 'minimumLevel'],
    instead: 'target',
    text: "it belongs to a target: target: 'pino-pretty', options: { … }"
  },
  { names: ['cpu', 'cpus', 'affinity', 'pin', 'pinned'], instead: 'core', text: "use 'core'" },
  { names: ['workerData'], instead: 'options', text: "use 'options': what the target's function gets" },
  { names: ['workerOpts', 'workerOptions', 'autoEnd', 'env', 'execArgv', 'resourceLimits'], instead: 'worker', text: "use 'worker', the options of the writer's thread" },
  { names: ['timeout', 'flushTimeout'], instead: 'exitTimeout', text: "use 'exitTimeout'" }
]

/** What to write instead of an option that is not known, if people are known to bring it along. */
export function hintFor (option: string, known: readonly string[]): string | undefined {
  return HINTS.find(({ names, instead }) => names.includes(option) && (instead === undefined || known.includes(instead)))?.text
}
