// What the programs of the bench count with.
import { createRequire } from 'node:module'
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

const require = createRequire(import.meta.url)
let addon
try {
  // Also where the subject itself must do without: the clock is the bench's.
  addon = require('node-gyp-build')(fileURLToPath(new URL('..', import.meta.url)))
} catch {}

/** CPU time of this thread in ns; of the process where the addon is not there. */
export function threadCpuNs () {
  if (addon !== undefined) return addon.threadCpuMs() * 1e6
  const { user, system } = process.cpuUsage()
  return (user + system) * 1000
}

export const isThreadClock = addon !== undefined

/** Wall time in ns, the same in all processes (CLOCK_MONOTONIC). */
export const nowNs = () => Number(process.hrtime.bigint())

export const turn = () => new Promise((resolve) => setImmediate(resolve))
export const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms))

/** Busy until a time of `performance.now()`. */
export function spinUntil (until) {
  while (performance.now() < until);
}

/** Most memory that this process has had resident so far, in bytes. */
export function peakRss () {
  try {
    return Number(/^VmHWM:\s+(\d+)/m.exec(readFileSync('/proc/self/status', 'utf8'))[1]) * 1024
  } catch {
    return process.memoryUsage.rss()
  }
}
