/**
 * Tests of pino and of thread-stream that fail with our stream in thread-stream's place, each with the reason why it is
 * right that they do. A test that fails and does not stand here fails ours, and so does one that stands here and passes.
 */

export type Suite = 'pino 10' | 'pino 9' | 'thread-stream 4' | 'thread-stream 3'

export interface Difference {
  suite: Suite
  file: string
  test: string
  why: string
  /** The test bets on who is faster, and may win. */
  isRace?: true
}

const OTHER_WORKER = "it replaces thread-stream's own worker file by way of a bundler's map; ours is another file under a key of its own, 'pino-pinned-writer'"
const OTHER_MEMORY = "its worker speaks thread-stream's private protocol in shared memory; our memory is laid out otherwise"
const END_WAITS = 'there end() blocks the thread until everything is written; here it returns at once, and \'close\' tells'
const IS_THERE_ALREADY = 'it looks into the file right after a line was logged and expects it not to be there yet; our writer may have written it'
const NOT_IN_ONE_PIECE = 'it reads the file as soon as anything is in it and expects two lines, which the target writes one after the other, and which our writer may hand it one by one (pino 10 waits for the second)'
const DEATH_IS_KNOWN = 'it keeps the message of the death from the stream and expects the stream not to know; ours may learn of it from the end of the thread first'
const OTHER_VERSION = 'it compares with its own version; ours names the release whose protocol it speaks, a 4'
const EXIT_IS_ERROR = 'a writer that is gone while lines may come is an error to us whatever its exit code, so that nobody loses lines without hearing of it'

const NAMED_OURS = "it reads its thread's name, where Node tells it (from 22.20 on); ours is called 'pino-pinned', as `top` shows it"

const COLLECTED_MEANWHILE = "it counts listeners of 'exit' before and after; that of a stream which the test before did not end goes when the stream is collected, which may be in between (made to happen there, it fails with pino's own stream too)"

export const DIFFERENCES: readonly Difference[] = [
  ...(['pino 10', 'pino 9'] as const).flatMap((suite) => [
    { suite, file: 'transport/core.test.js', test: 'autoEnd = false', why: COLLECTED_MEANWHILE, isRace: true as const },
    { suite, file: 'transport/core.from-ts.test.js', test: 'autoEnd = false', why: COLLECTED_MEANWHILE, isRace: true as const }
  ]),
  { suite: 'pino 9', file: 'transport/uses-pino-config.test.js', test: 'transport uses pino config', why: NOT_IN_ONE_PIECE, isRace: true },
  { suite: 'pino 9', file: 'transport/uses-pino-config.test.js', test: 'transport uses pino config without customizations', why: NOT_IN_ONE_PIECE, isRace: true },
  { suite: 'pino 9', file: 'transport/uses-pino-config.test.js', test: 'transport uses pino config with multistream', why: NOT_IN_ONE_PIECE, isRace: true },
  { suite: 'pino 9', file: 'transport/syncfalse.test.js', test: 'thread-stream async flush should call the passed callback', why: IS_THERE_ALREADY, isRace: true },
  ...(['thread-stream 4', 'thread-stream 3'] as const).flatMap((suite) => [
    { suite, file: 'bundlers.test.js', test: 'bundlers support with .js file', why: OTHER_WORKER },
    { suite, file: 'bundlers.test.js', test: 'bundlers support with .mjs file', why: OTHER_WORKER }
  ]),
  { suite: 'thread-stream 4', file: 'ready.test.js', test: 'ready is emitted when the read index skips the startup snapshot', why: OTHER_MEMORY },
  { suite: 'thread-stream 4', file: 'flush.test.js', test: 'pending flush callbacks fail when worker exits', why: EXIT_IS_ERROR },
  { suite: 'thread-stream 4', file: 'worker-name.test.js', test: 'worker has default name "thread-stream"', why: NAMED_OURS },
  { suite: 'thread-stream 3', file: 'end.test.js', test: 'destroy support', why: END_WAITS },
  { suite: 'thread-stream 3', file: 'end.test.js', test: 'synchronous _final support', why: END_WAITS },
  { suite: 'thread-stream 3', file: 'context.test.js', test: 'get context', why: OTHER_VERSION },
  { suite: 'thread-stream 4', file: 'error-flush.test.js', test: 'nextFlush does not crash when the error sentinel is seen before the ERROR message', why: DEATH_IS_KNOWN, isRace: true }
]
