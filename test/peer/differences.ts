/**
 * Tests of pino and of thread-stream that fail with our stream, each with the reason why it is right that they do. A test
 * that fails and does not stand here fails ours, and so does one that stands here and passes.
 */

export interface Difference {
  suite: 'pino' | 'pino 9' | 'thread-stream 4' | 'thread-stream 3'
  file: string
  test: string
  why: string
}

const PRIVATE = "it looks into thread-stream's own worker and shared memory, which are not there"

export const DIFFERENCES: readonly Difference[] = [
]
void PRIVATE
