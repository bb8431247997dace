import { getHeapStatistics } from 'node:v8'
import type { ResourceLimits } from 'node:worker_threads'

const MB = 1024 * 1024
/** Lines die young: with a quarter of what V8 would take for them, targets are as fast. */
const YOUNG_GENERATION_MB = 12
/** Below two gigabytes V8 collects a heap again when it has grown by some megabytes, and not when it is four times as large. */
const OLD_GENERATION_MB = 2000

/** Of the heap of a thread in which targets run, which would otherwise hold tens of megabytes of lines that are gone. V8's own flags come first. */
export function heapLimits (given?: ResourceLimits): ResourceLimits {
  const { heap_size_limit: ownBytes } = getHeapStatistics()
  return {
    maxYoungGenerationSizeMb: YOUNG_GENERATION_MB,
    maxOldGenerationSizeMb: Math.min(OLD_GENERATION_MB, ownBytes / MB),
    ...given
  }
}
