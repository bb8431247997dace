import { setInterval } from 'node:timers'
import { addon } from '../../affinity/addon'
import { RingStream } from '../ring-stream'
import type { Supervisor } from '../supervisor'
import { claim } from './claims'
import { isSameEnvironment } from './handle'
import type { HostRequest } from './host-question'
import { inheritedHandle } from './offer'
import { startShared } from './share'

/** A writer that nobody has had a stream into for one to two of these is ended. */
const LOOK_MS = 1000

/**
 * The main thread makes a writer for its workers: it outlives them all, and with them what a target has buffered.
 *
 * @returns whether there is one, made now or before
 */
export function hostWorkers ({ key, settings, environment }: HostRequest): boolean {
  if (!isSameEnvironment(environment)) return false
  if (inheritedHandle(key) !== undefined) return true // whoever asks for it is told
  const claimed = claim(key)
  if (claimed === undefined && addon !== undefined) return false
  try {
    let writer: Supervisor | undefined
    const stream = new RingStream((stream) => {
      const connection = startShared(stream, settings, key, claimed?.isHeir === true)
      writer = connection.writer
      return connection
    })
    stream.on('error', () => {}) // each of those that log through it hears of it
    endWhenUnused(stream, writer!)
    return true
  } catch {
    return false // no thread to be had now
  }
}

function endWhenUnused (stream: RingStream, writer: Supervisor): void {
  let wasUnused = false
  const looks = setInterval(() => {
    if (wasUnused && !writer.hasGuests) stream.end()
    wasUnused = !writer.hasGuests
  }, LOOK_MS).unref()
  stream.once('close', () => clearInterval(looks))
}
