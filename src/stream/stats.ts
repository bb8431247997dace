import { threadId } from 'node:worker_threads'
import { addTotals, highWaterOf, type Totals, totalsOf } from './counts'
import type { Port } from './port'
import { threadName } from './sharing/producer-thread'
import type { ProducerStats, WriterAccess, WriterStateName } from './writer-access'

/**
 * What a stream has done so far, together with those of other threads that were attached to its writer. Lines are writes:
 * pino makes one write a line.
 */
export interface Stats extends Totals {
  /** Bytes of the stream's own ring. */
  capacity: number
  /** Bytes of the stream's own ring in use now, and the most that ever were. */
  used: number
  highWater: number
  /** Times the writer was started again. */
  restarts: number
  /** The cores that the kernel says the writer is pinned to; null if it is not, or has not come up yet ('ready' tells). */
  pinned: number[] | null
  writerState: WriterStateName
  /** CPU time of the writer's thread in milliseconds, a tenth of a second old at most; 0 without the addon. */
  writerCpuMs: number
  /**
   * A row for each thread that logs through this writer, this stream's first. The row of a thread that has ended goes when
   * its lines are delivered; the totals keep what it did.
   */
  producers: ProducerStats[]
}

export function statsOf ({ ring, used }: Port, writer: WriterAccess): Stats {
  // First: it may find the writer gone, which settles what became of the ring's lines.
  const { totals, producers } = writer.others()
  const own = totalsOf(ring)
  addTotals(totals, own)
  const highWater = highWaterOf(ring)
  return {
    ...totals,
    capacity: ring.capacity,
    used,
    highWater,
    restarts: writer.restarts,
    pinned: writer.pinned,
    writerState: writer.state,
    writerCpuMs: writer.cpuMs,
    producers: [{ threadId, name: threadName(), accepted: own.linesAccepted, dropped: own.linesDropped, highWater }, ...producers]
  }
}
