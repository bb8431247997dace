/** What pino gets for `require('thread-stream')` once `pino-pinned/register` is loaded. */

import { getCallers, readEnvironment, readThreadStreamOptions, RingStream, type RingStreamOptions } from './application'

/** A RingStream that takes its options from pino and, where pino's caller named none, from `PINO_PINNED`. */
class ThreadStream extends RingStream {
  constructor (options: RingStreamOptions) {
    super(readThreadStreamOptions(options, { byDefault: readEnvironment(process.env.PINO_PINNED), callers: getCallers(), sharesUnasked: true }))
  }
}

export = ThreadStream
