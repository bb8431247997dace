/** Which of its siblings a process is, so that the writers of forked processes do not all choose the same core. */

import { readdirSync, readFileSync } from 'node:fs'

/**
 * 0 for a process that nobody forked; in a cluster the worker's id (from 1); in a process that `child_process.fork`
 * started its place among its parent's children (from 1), where the system tells that (Linux), else 1.
 */
export function processRank (): number {
  // Loaded only here: it brings the network and child processes, a megabyte that a logger has no need of.
  const cluster = require('node:cluster') as typeof import('node:cluster').default
  if (cluster.worker !== undefined) return cluster.worker.id
  const environment = initialEnvironment()
  const id = Number(environment.get('NODE_UNIQUE_ID'))
  if (id > 0) return id
  return process.channel != null || environment.has('NODE_CHANNEL_FD') ? placeAmongSiblings() : 0
}

/** What the process was started with: Node takes its own part out of `process.env`, and workers never see it. */
function initialEnvironment (): Map<string, string> {
  try {
    const entries = readFileSync('/proc/self/environ', 'utf8').split('\0').map((each) => each.split('=', 2) as [string, string])
    return new Map(entries)
  } catch {
    return new Map()
  }
}

function placeAmongSiblings (): number {
  try {
    const tasks = `/proc/${process.ppid}/task`
    const siblings = readdirSync(tasks).flatMap((task) => readFileSync(`${tasks}/${task}/children`, 'utf8').split(' '))
    const pids = siblings.map(Number).filter((pid) => pid > 0).sort((a, b) => a - b)
    return Math.max(0, pids.indexOf(process.pid)) + 1
  } catch {
    return 1
  }
}
