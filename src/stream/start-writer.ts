import { isMainThread, type Transferable } from 'node:worker_threads'
import type { Settings } from '../options'
import { createRing, createWriterBlock, LEAST_CAPACITY_BYTES, RingWord } from '../ring/layout'
import { resolveCores, sayOnceThatAddonIsMissing } from './cores'
import { Departure } from './departure'
import type { Handle, Sharing } from './sharing/handle'
import { giveRingUp, keepRing, letRingGo, NOBODY } from './sharing/keeping'
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
  new Watcher().watch(() => {
    if (supervisor.hasFailed) supervisor.abandon() // nobody is left who could start it again
    return supervisor.isClosed || hasStopped()
  })
})

/** Streams whose writer other threads use. */
const owners = new Set<RingStream>()

/**
 * Gives a stream a writer of its own.
 *
 * @param shared how other threads find it, if they may; and whether another owner's had the sink before
 * @param kept what the stream logs through already, while it has no writer
 */
export function startWriter (stream: RingStream, settings: Settings, shared?: { key: string | null, isHeir: boolean }, kept?: Port): Connection & { writer: Supervisor } {
  const cores = resolveCores(settings)
  sayOnceThatAddonIsMissing()
  const ring = kept?.ring ?? createRing(Math.max(settings.capacity, LEAST_CAPACITY_BYTES))
  ring.words[RingWord.Id] = ring.words[RingWord.MovesOn] = 0
  const key = shared?.key ?? null
  if (key !== null) keepRing(ring, key, settings.sink)
  // The main thread's own end waits for the writer; a worker can be ended with its writer, without a word to either.
  else if (!isMainThread) keepRing(ring, NOBODY, settings.sink)
  // What the main thread ends, it ends for all: there is no other that outlives it. Unless they do not know of each other.
  const isPassedOn = key !== null && (!isMainThread || settings.share === 'unasked')
  const sharing: Sharing = { key, isHeir: shared?.isHeir ?? false, isPassedOn }
  const supervisor = new Supervisor(createWriterBlock(), ring, settings, cores, stream, sharing)
  const port = kept ?? new Port(ring, supervisor.block, supervisor, { ...settings, patienceMs: stream.patienceMs(settings) })
  if (kept !== undefined) port.moveTo(supervisor, supervisor.block)
  followProcess(port, supervisor, settings, key !== null)
  forgotten.register(stream, { port, supervisor, exitTimeout: settings.exitTimeout })
  if (settings.sink.kind === 'target') {
    stream.on('message', (message: unknown, transferList?: readonly Transferable[]) => supervisor.post(message, transferList))
  }
  const handle = (): Handle => {
    // Other threads log through it now: that this one forgot the stream does not matter any more.
    if (!stream.closed && !owners.has(stream)) {
      owners.add(stream)
      stream.once('close', () => owners.delete(stream))
    }
    return supervisor.share()
  }
  const { exitTimeout, sync } = settings
  return { port, writer: supervisor, exitTimeout, isTarget: settings.sink.kind === 'target', bufferSize: sync ? undefined : settings.bufferSize, handle }
}

/** Apart from the stream: what is made here lives as long as the writer, and must not hold the stream. */
function followProcess (port: Port, supervisor: Supervisor, { exitTimeout, flushOnSignal, reopenOnSignal, worker }: Settings, isShared: boolean): void {
  const departure = new Departure(port, supervisor, exitTimeout, worker.autoEnd !== false)
  addLeaver(departure)
  const forgetReopen = onSignals(reopenOnSignal, 'reopenOnSignal', () => supervisor.reopen())
  const forgetFlush = leaveOnSignals(flushOnSignal, departure)
  supervisor.onClosed = () => {
    if (!isShared) letRingGo(port.ring)
    else if (supervisor.hasFailed) giveRingUp(port.ring)
    removeLeaver(departure)
    forgetReopen()
    forgetFlush()
  }
}
