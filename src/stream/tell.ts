import { writeSync } from 'node:fs'
import { addon, WriteMode } from '../affinity/addon'

const STDERR = 2

/** To stderr without an event loop, by a way that can't hold the process: nobody may be reading there. */
export function tell (text: string): void {
  try {
    const bytes = Buffer.from(text)
    if (addon?.writeFd === undefined) writeSync(STDERR, bytes)
    else addon.writeFd(STDERR, bytes, 0, bytes.length, WriteMode.BlockingPipe, new Int32Array(new SharedArrayBuffer(4)), 0)
  } catch {} // there is nobody left to tell
}
