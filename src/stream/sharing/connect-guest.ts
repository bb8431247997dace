import { Guest, type GuestHost, openGuestWords } from './guest'
import type { Handle } from './handle'
import { Port } from '../port'
import { addLeaver, type Leaver, removeLeaver } from '../process-exit'
import type { Connect } from '../connection'
import type { RingStream } from '../ring-stream'

/** How an attached stream leaves with its thread. Its lines need nobody to wait: they are in shared memory. */
class GuestDeparture implements Leaver {
  readonly #stream: WeakRef<RingStream>
  readonly #port: Port
  readonly #guest: Guest
  readonly #patienceMs: number

  readonly #mayAnswer: boolean

  /** @param mayAnswer whether lines may bring about events */
  constructor (stream: RingStream, port: Port, guest: Guest, patienceMs: number, mayAnswer: boolean) {
    this.#stream = new WeakRef(stream)
    this.#mayAnswer = mayAnswer
    this.#port = port
    this.#guest = guest
    this.#patienceMs = patienceMs
  }

  leave (): void { this.#port.leave() }

  holdIdle (): boolean { return this.#mayAnswer && this.#stream.deref()?.holdIdle() === true }

  leaveNow (): void {
    const { producer } = this.#port
    if (!this.#guest.isOver) this.#port.waitFor(() => producer.tryPublishNotice(), this.#patienceMs)
    this.#guest.end()
  }
}

/** Ends what a stream had that the application forgot: its writer gives the ring back. */
const forgotten = new FinalizationRegistry<{ guest: Guest, departure: Leaver }>(({ guest, departure }) => {
  removeLeaver(departure)
  guest.end()
  guest.stopListening()
})

/** The way to the writer of another thread. */
export function connectTo (handle: Handle): Connect {
  const { settings } = handle
  return (stream) => {
    const guest = new Guest(handle, settings.capacity, openGuestWords(handle))
    const port = new Port(guest.ring, guest.block, guest, { ...settings, patienceMs: stream.patienceMs(settings) })
    const departure = new GuestDeparture(stream, port, guest, settings.exitTimeout, handle.isTarget)
    addLeaver(departure)
    stream.once('close', () => {
      removeLeaver(departure)
      guest.stopListening()
    })
    forgotten.register(stream, { guest, departure })
    guest.listen(weakly(stream))
    if (handle.isTarget) stream.on('message', (message: unknown) => guest.post(message))
    return { port, writer: guest, exitTimeout: settings.exitTimeout, isTarget: handle.isTarget, bufferSize: undefined, handle: () => handle }
  }
}

function weakly (stream: RingStream): GuestHost {
  const reference = new WeakRef(stream)
  return {
    onState: () => reference.deref()?.onWriterState(),
    onEvent: (name, args) => reference.deref()?.onEvent(name, args)
  }
}
