import type { Worker } from 'node:worker_threads'
import { Patience } from '../patience'
import { addLeaver, type Leaver, removeLeaver } from './process-exit'
import { Watcher } from './watcher'

/** How long an idle process is held for the end of such a thread. */
const PATIENCE_MS = 500

/**
 * A writer's thread is known to end, from shared memory or from what it said. Node tells of it by the worker's 'exit' some
 * milliseconds later, and a worker that does not hold the process does not get to: whoever waits for that event is served first.
 */
export function awaitExit (worker: Worker): void {
  if (worker.threadId === -1) return // it has been told
  let wasHeld = false
  const leaver: Leaver = {
    leave () {},
    leaveNow () {},
    holdIdle () {
      if (wasHeld) return false
      wasHeld = true
      const patience = new Patience()
      new Watcher().watch(() => worker.threadId === -1 || patience.look() > PATIENCE_MS)
      return true
    }
  }
  addLeaver(leaver)
  worker.once('exit', () => removeLeaver(leaver))
}
