import { Guest } from './guest'
import type { Handle } from './handle'
import { Port } from '../port'
import { addLeaver, type Leaver, removeLeaver } from '../process-exit'
import type { Connect } from '../connection'
import type { RingStream } from '../ring-stream'

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
  }
}

/** Ends what a stream had that the application forgot: its writer gives the ring back. */
const forgotten = new FinalizationRegistry<{ guest: Guest, departure: Leaver }>(({ guest, departure }) => {
  removeLeaver(departure)
  guest.end()
})

/** The way to the writer of another thread. */
export function connectTo (handle: Handle): Connect {
  const { settings } = handle
  return (stream) => {
    const guest = new Guest(handle, settings.capacity)
    const port = new Port(guest.ring, guest.block, guest, { ...settings, patienceMs: stream.patienceMs(settings) })
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
