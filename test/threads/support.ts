import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { type Finished, runScript, temporaryDirectory } from '../support/process'

/** What a program of these tests finds: its modules, and helpers that both its threads use. */
const PRELUDE = `
const { Worker, isMainThread, parentPort, threadId, workerData } = require('node:worker_threads')
const { once } = require('node:events')
const pino = require('pino')
const { attach, transport } = require('pino-pinned')
const file = isMainThread ? process.argv[2] : undefined
const words = (count) => new Int32Array(new SharedArrayBuffer(4 * count))
const finished = (stream) => new Promise((resolve) => { stream.once('close', resolve); stream.end() })
const flushed = (stream) => new Promise((resolve, reject) => stream.flush((error) => error ? reject(error) : resolve()))
const until = async (isSo) => { while (!isSo()) await new Promise((resolve) => setTimeout(resolve, 2)) }
/** A stream that nothing else holds may be collected, and ended, at any moment. */
const hold = (stream) => { (globalThis.held ??= new Set()).add(stream); return stream }
const print = (value) => console.log(JSON.stringify(value))
/** How many OS threads of the process have this name: only Linux shows them. */
function threadsNamed (name) {
  const { readdirSync, readFileSync } = require('node:fs')
  return readdirSync('/proc/self/task').filter((tid) => {
    try { return readFileSync('/proc/self/task/' + tid + '/comm', 'utf8').trim() === name } catch { return false } // it has ended
  }).length
}
/** Numbered lines of one producer. */
function logLines (stream, who, from, to, pad = '') {
  const logger = pino({ base: null, timestamp: false }, stream)
  for (let i = from; i < to; i++) logger.info({ who, i }, pad)
}
`

export interface Logged {
  who: string
  i: number
}

/** What a program printed, each line a JSON value, and what its log has. */
export interface Outcome extends Finished {
  printed: any[]
  /** Numbers of the lines in the log, by who wrote them, in the order of the log. */
  logged: Map<string, number[]>
  /** Sum of the drop notices. */
  noticed: number
  text: string
}

/**
 * Runs a program of several threads. Its workers are started from its own file: `isMainThread` tells which one runs;
 * the log is the path `file`. It is to say nothing on stderr but what is expected there.
 */
export async function runThreads (source: string, options: Parameters<typeof runScript>[1] = {}, told = ''): Promise<Outcome> {
  const file = join(temporaryDirectory(), 'app.log')
  const result = await runScript(`${PRELUDE}\n${source}`, { timeout: 110_000, ...options, args: [file] })
  // A program that failed says why.
  expect({ code: result.code, stderr: result.stderr }).toEqual({ code: 0, stderr: told })
  const printed = result.stdout.split('\n').filter((line) => line !== '').map((line) => JSON.parse(line))
  return { ...result, ...readLog(readFileSync(file, 'utf8')), printed }
}

function readLog (text: string): Pick<Outcome, 'logged' | 'noticed' | 'text'> {
  const logged = new Map<string, number[]>()
  let noticed = 0
  for (const line of text.split('\n').filter((line) => line.startsWith('{'))) {
    const { who, i, dropped } = JSON.parse(line)
    if (dropped !== undefined) noticed += dropped
    else if (logged.has(who)) logged.get(who)!.push(i)
    else logged.set(who, [i])
  }
  return { logged, noticed, text }
}

/** The numbers from `from` to below `to`. */
export function numbers (from: number, to: number): number[] {
  return Array.from({ length: to - from }, (_, at) => from + at)
}

/** Whether numbers only grow: in order, none twice. */
export function isAscending (list: readonly number[]): boolean {
  return list.every((each, at) => at === 0 || each > list[at - 1]!)
}
