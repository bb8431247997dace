/** What register puts between the application and Node shows in none of the errors that pass through. */

import { pathToFileURL } from 'node:url'

/** More than we ever put into one call stack. */
const MOST_FRAMES = 8

/**
 * Does something for the application. What it throws is thrown on, without the lines of these files in its call stack.
 *
 * @param files whose lines are left out; this one's are too
 */
export function unseen<T> (files: readonly string[], act: () => T): T {
  const { stackTraceLimit } = Error
  // A frame of ours must not take the place of one that would be seen without us.
  limitFrames(stackTraceLimit + MOST_FRAMES)
  try {
    return act()
  } catch (error) {
    leaveOut([...files, __filename], stackTraceLimit, error)
    throw error
  } finally {
    if (Error.stackTraceLimit === stackTraceLimit + MOST_FRAMES) limitFrames(stackTraceLimit)
  }
}

function limitFrames (limit: number): void {
  try {
    Error.stackTraceLimit = limit
  } catch {} // the application froze it
}

function leaveOut (files: readonly string[], limit: number, error: unknown): void {
  try {
    const { stack } = error as { stack?: unknown }
    if (typeof stack !== 'string') return // it was made into something else, or is no error
    const names = files.flatMap((file) => [file, pathToFileURL(file).href])
    const isFrame = (line: string): boolean => /^ +at /.test(line)
    let frames = 0
    const lines = stack.split('\n')
    const isOurs = (line: string): boolean => isFrame(line) && names.some((name) => line.includes(`${name}:`))
    if (!lines.some(isOurs)) return
    const left = lines.filter((line) => !isFrame(line) || (!isOurs(line) && ++frames <= limit))
    ;(error as Error).stack = left.join('\n')
  } catch {} // frozen, or a proxy
}
