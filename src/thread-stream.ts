/** What pino gets for `require('thread-stream')` once `pino-pinned/register` is loaded. */

import { readEnvironment } from './options'
import { getCallers } from './resolve-target'
import { RingStream } from './stream/ring-stream'
import { readThreadStreamOptions, type RingStreamOptions } from './thread-stream-options'

/** A RingStream that takes its options from pino and, where pino's caller named none, from `PINO_PINNED`. */
class ThreadStream extends RingStream {
  constructor (options: RingStreamOptions) {
    super(readThreadStreamOptions(options, { byDefault: readEnvironment(process.env.PINO_PINNED), callers: getCallers(), sharesUnasked: true }))
  }
}

export = ThreadStream
