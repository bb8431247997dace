import { BroadcastChannel, parentPort, type Transferable } from 'node:worker_threads'
import { WriterWord } from '../ring/layout'
import { guestsChannelName, type WriterMessage } from '../writer-data'
import type { WriterThread } from './thread'

/**
 * What a target sends to its stream goes to the streams of other threads too, and from here: before whoever waits for a line to
 * be delivered hears that it is, also while the owner's event loop stands.
 */
export function forwardEvents (thread: WriterThread): void {
  if (parentPort === null) return
  const port = parentPort
  const { postMessage } = port
  port.postMessage = (message: WriterMessage | null | undefined, transferList?: readonly Transferable[]) => {
    // A stream sends the target each 'message' that is emitted on it: that one would come back from all of them.
    if (message?.code === 'EVENT' && message.name !== 'message' && Atomics.load(thread.block, WriterWord.RingsMade) > 0) tellGuests(thread.data.channel, message)
    return Reflect.apply(postMessage, port, [message, transferList])
  }
}

function tellGuests (channelName: string, { name, args }: { name: string, args: unknown }): void {
  const channel = new BroadcastChannel(guestsChannelName(channelName))
  try {
    channel.postMessage({ event: name, args: Array.isArray(args) ? args : [args] })
  } catch {} // what can be sent to one thread only is the owner's
  channel.close()
}
