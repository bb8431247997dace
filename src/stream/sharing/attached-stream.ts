import { connectTo } from './connect-guest'
import { checkHandle, type Handle } from './handle'
import { RingStream } from '../ring-stream'

/**
 * A stream of this thread into the writer of another one. It does what {@link RingStream} does, with a ring of its own:
 * `end` gives that ring back and leaves the writer to the others; `restart` and `worker` are the owner's. When the owner
 * ends its stream, lines written here are dropped and counted.
 */
export class AttachedStream extends RingStream {
  /** @throws {TypeError|RangeError} as `attach` */
  constructor (handle: Handle) {
    super(connectTo(checkHandle(handle)))
  }
}

/**
 * Makes a stream for pino in any thread of the process, by the handle of a stream in another: what is logged goes into a
 * ring of the calling thread's own, and the other's writer takes it to its sink. Works at any time: before that writer
 * is up, while the other thread is blocked, from workers of workers.
 *
 * @param handle what `stream.handle()` returned, as it arrived here
 * @throws {TypeError} `ERR_PINO_PINNED_OPTION`: not a handle
 * @throws {RangeError} `ERR_PINO_PINNED_TOO_MANY_RINGS`: the writer serves 1024 attached rings already
 */
export function attach (handle: Handle): AttachedStream {
  return new AttachedStream(handle)
}
