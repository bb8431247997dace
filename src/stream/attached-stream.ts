import { checkHandle, type Handle } from './handle'
import { Guest } from './guest'
import { Port } from './port'
import { addLeaver, type Leaver, removeLeaver } from './process-exit'
import { type Connect, RingStream } from './ring-stream'

/** How an attached stream leaves with its thread. Its lines need nobody to wait: they are in shared memory. */
class GuestDeparture implements Leaver {
  readonly #port: Port
  readonly #guest: Guest
  readonly #patienceMs: number

  constructor (port: Port, guest: Guest, patienceMs: number) {
    this.#port = port
    this.#guest = guest
    this.#patienceMs = patienceMs
  }

  leave (): void { this.#port.leave() }

  leaveNow (): void {
    const { producer } = this.#port
    if (!this.#guest.isOver) this.#port.waitFor(() => producer.tryPublishNotice(), this.#patienceMs)
    this.#guest.end()
    this.#guest.thread.leave()
  }
}

/** Ends what a stream had that the application forgot: its writer gives the ring back. */
const forgotten = new FinalizationRegistry<{ guest: Guest, departure: Leaver }>(({ guest, departure }) => {
  removeLeaver(departure)
  guest.end()
})

function connectTo (handle: Handle): Connect {
  const { block, channel, settings } = handle
  return (stream) => {
    const guest = new Guest(block, channel, settings.capacity)
    const patienceMs = settings.onFull === 'block' ? Infinity : 0
    const port = new Port(guest.ring, guest.block, guest, { ...settings, patienceMs })
    const departure = new GuestDeparture(port, guest, settings.exitTimeout)
    addLeaver(departure)
    stream.once('close', () => removeLeaver(departure))
    forgotten.register(stream, { guest, departure })
    guest.onState(weakly(stream))
    return { port, writer: guest, exitTimeout: settings.exitTimeout, bufferSize: undefined, handle: () => handle }
  }
}

function weakly (stream: RingStream): () => void {
  const reference = new WeakRef(stream)
  return () => reference.deref()?.onWriterState()
}

/**
 * A stream of this thread into the writer of another one. It does what {@link RingStream} does, with a ring of its own:
 * `end` gives that ring back and leaves the writer to the others; `restart` and `worker` are the owner's. When the owner
 * ends its stream, lines written here are dropped and counted.
 */
export class AttachedStream extends RingStream {
  /** @throws {TypeError|RangeError} as `attach` */
  constructor (handle: Handle) {
    super(connectTo(checkHandle(handle)))
    this.onWriterState() // it may have ended already
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
