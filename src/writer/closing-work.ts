import { performance } from 'node:perf_hooks'
import { setInterval } from 'node:timers'
import { WriterWord } from '../ring/layout'

/** Several looks in any `exitTimeout` that makes sense, and too few to count as work themselves. */
const LOOK_MS = 50
/** The part of the time that an event loop works when it waits for a peer is well below, when it writes a buffer away well above. */
const LEAST_UTILIZATION = 0.1
/** pino gives a transport 10 seconds to close: no application knows a longer wait. */
const MOST_CLOSING_MS = 10_000

/**
 * Shows those who wait for the end that the target, which has been told to end, is at work: nobody sees what its own
 * buffers hold, but a busy event loop can be seen. The looks do not hold the thread.
 */
export function showWork (block: Int32Array): void {
  const start = performance.now()
  let last = performance.eventLoopUtilization()
  const timer = setInterval(() => {
    const now = performance.eventLoopUtilization()
    const { utilization } = performance.eventLoopUtilization(now, last)
    last = now
    if (utilization > LEAST_UTILIZATION) Atomics.add(block, WriterWord.ClosingWork, 1)
    if (performance.now() - start > MOST_CLOSING_MS) clearInterval(timer)
  }, LOOK_MS).unref()
}
