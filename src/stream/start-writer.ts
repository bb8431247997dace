import type { Transferable } from 'node:worker_threads'
import type { Settings } from '../options'
import { createRing, createWriterBlock, LEAST_CAPACITY_BYTES } from '../ring/layout'
import { resolveCores, sayOnceThatAddonIsMissing } from './cores'
import { Departure } from './departure'
import { type Handle, makeHandle } from './handle'
import { Port, progressWatch } from './port'
import { addLeaver, removeLeaver } from './process-exit'
import type { Connection } from './connection'
import type { RingStream } from './ring-stream'
import { leaveOnSignals, onSignals } from './signals'
import { Supervisor } from './supervisor'
import { Watcher } from './watcher'

/** Ends the writer of a stream that the application forgot; the process waits for that as long as lines move. */
const forgotten = new FinalizationRegistry<{ port: Port, supervisor: Supervisor, exitTimeout: number }>(({ port, supervisor, exitTimeout }) => {
  port.close()
  port.producer.tryPublishNotice()
  supervisor.end()
  const hasStopped = progressWatch(port, exitTimeout)
  new Watcher().watch(() => supervisor.isClosed || hasStopped())
})

/** Streams whose writer other threads use. */
const shared = new Set<RingStream>()

/** Gives a stream a writer of its own. */
export function startWriter (stream: RingStream, settings: Settings): Connection {
  const cores = resolveCores(settings)
  sayOnceThatAddonIsMissing()
  const ring = createRing(Math.max(settings.capacity, LEAST_CAPACITY_BYTES))
  const supervisor = new Supervisor(createWriterBlock(), ring, settings, cores, stream)
  const port = new Port(ring, supervisor.block, supervisor, { ...settings, patienceMs: stream.patienceMs(settings) })
  followProcess(port, supervisor, settings)
  forgotten.register(stream, { port, supervisor, exitTimeout: settings.exitTimeout })
  if (settings.sink.kind === 'target') {
    stream.on('message', (message: unknown, transferList?: readonly Transferable[]) => supervisor.post(message, transferList))
  }
  const handle = (): Handle => {
    // Other threads log through it now: that this one forgot the stream does not matter any more.
    if (!stream.closed && !shared.has(stream)) {
      shared.add(stream)
      stream.once('close', () => shared.delete(stream))
    }
    return makeHandle(supervisor.block.buffer as SharedArrayBuffer, supervisor.share(), settings)
  }
  const { exitTimeout, sync } = settings
  return { port, writer: supervisor, exitTimeout, bufferSize: sync ? undefined : settings.bufferSize, handle }
}

/** Apart from the stream: what is made here lives as long as the writer, and must not hold the stream. */
function followProcess (port: Port, supervisor: Supervisor, { exitTimeout, flushOnSignal, reopenOnSignal, worker }: Settings): void {
  const departure = new Departure(port, supervisor, exitTimeout, worker.autoEnd !== false)
  addLeaver(departure)
  const forgetReopen = onSignals(reopenOnSignal, 'reopenOnSignal', () => supervisor.reopen())
  const forgetFlush = leaveOnSignals(flushOnSignal, departure)
  supervisor.onClosed = () => {
    removeLeaver(departure)
    forgetReopen()
    forgetFlush()
  }
}
