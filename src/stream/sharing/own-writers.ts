import type { Supervisor } from '../supervisor'

/** The writers of this thread that streams may be attached to, by their channels. */
const ownWriters = new Map<string, Supervisor>()

export function addOwnWriter (channelName: string, writer: Supervisor): void { ownWriters.set(channelName, writer) }
export function removeOwnWriter (channelName: string): void { ownWriters.delete(channelName) }

/** For a thread that waits for a writer: if it is this thread's own, nobody else can start the next one. */
export function keepOwnAlive (channelName: string): void { ownWriters.get(channelName)?.keepAlive() }
