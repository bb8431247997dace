import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, openSync, readdirSync, readFileSync, readlinkSync, renameSync } from 'node:fs'
import { Worker } from 'node:worker_threads'
import { scriptFile } from '../support/process'
import { check, expectComplete, finish, load, makeFifo, numbered, open, Reader, until } from './support'

/** Descriptors of this process that lead to the file. */
function openings (path: string): number {
  return readdirSync('/proc/self/fd').filter((fd) => {
    try {
      return readlinkSync(`/proc/self/fd/${fd}`) === path
    } catch {
      return false // closed meanwhile
    }
  }).length
}

/** How many writes the thread of this name has tried, as the system counts them; 0 if there is no such thread. */
function triesOf (name: string): number {
  for (const thread of readdirSync('/proc/self/task')) {
    try {
      if (readFileSync(`/proc/self/task/${thread}/comm`, 'utf8') === `${name}\n`) return Number(/^syscw: (\d+)$/m.exec(readFileSync(`/proc/self/task/${thread}/io`, 'utf8'))![1])
    } catch {} // it ended meanwhile
  }
  return 0
}

const allOf = (count: number): number[] => Array.from({ length: count }, (_, n) => n)

test('a FIFO whose reader leaves goes on with its next reader; what the pipe held waits there for him', async () => {
  const path = makeFifo()
  const { stream, restarts, errors } = open({ destination: path, capacity: '1mb' })
  const first = new Reader(path)
  await load(stream, 0, 200)
  await first.takeUntil(() => stream.stats().used === 0)
  await load(stream, 200, 400)
  await until(() => stream.stats().used === 0) // all in the pipe, none read
  first.close()
  await load(stream, 400, 600)
  await until(() => stream.stats().writerState === 'stalled')
  const second = new Reader(path)
  const closed = finish(stream)
  await second.takeUntil(() => stream.closed)
  await closed
  second.close()
  expectComplete(stream, check(first.text + second.text), 600)
  expect({ restarts, errors }).toEqual({ restarts: [], errors: [] })
})

test.each(['', ', also when the writer dies while it waits for him', ', also when the writer dies before it has seen that nobody reads'])('the next reader of a FIFO does not begin in the middle of a long line%s', async (dies) => {
  const longBytes = 200_000
  const path = makeFifo()
  const first = new Reader(path)
  const { stream, restarts } = open({ destination: path, capacity: '1mb' })
  await load(stream, 0, 3, longBytes) // line 0 is longer than the pipe
  await until(() => first.take(10_000) && stream.stats().writerState === 'stalled')
  if (dies.includes('before')) {
    const gone = once(stream.worker, 'exit')
    stream.worker.terminate()
    await gone
    expect(stream.stats().writerState).toBe('restarting')
  }
  first.close()
  await until(() => openings(path) === 0) // the writer, or its successor, has seen that nobody reads
  if (dies.includes('while')) stream.worker.terminate()
  await until(() => restarts.length === (dies === '' ? 0 : 1))
  const second = new Reader(path)
  const closed = finish(stream)
  await second.takeUntil(() => stream.closed)
  await closed
  second.close()
  expect(check(second.text, longBytes)).toEqual({ numbers: [0, 1, 2], repeated: 0, torn: [], told: 0, inOrder: true })
})

test.each(['', ', also when the writer dies while it waits for him'])('whole lines that a FIFO holds in front of a long one under way are there for its next reader%s', async (dies) => {
  const longBytes = 9000
  const line = (n: number): string => `{"n":${n},"pad":"${'x'.repeat(longBytes)}"}\n`
  const path = makeFifo()
  const first = new Reader(path)
  const { stream, restarts } = open({ destination: path, capacity: '1mb', name: 'to-fifo' })
  for (let n = 0; n < 50; n++) stream.write(line(n))
  // The pipe is full inside a line, and the reader leaves after the first one.
  await until(() => first.take(line(0).length))
  await until(() => stream.stats().writerState === 'stalled')
  first.close()
  const tries = triesOf('to-fifo')
  await until(() => triesOf('to-fifo') > tries + 1 || openings(path) === 0) // it has seen that nobody reads
  if (dies !== '') {
    const gone = once(stream.worker, 'exit')
    stream.worker.terminate()
    await gone
    await until(() => restarts.length === 1 && (triesOf('to-fifo') > 1 || openings(path) === 0))
  }
  const second = new Reader(path)
  const closed = finish(stream)
  await second.takeUntil(() => stream.closed)
  await closed
  second.close()
  expect((first.text + second.text).split('\n')).toEqual(Array.from({ length: 50 }, (_, n) => line(n).trimEnd()).concat(''))
  expect(stream.stats()).toMatchObject({ linesAccepted: 50, linesWritten: 50, linesSkipped: 0 })
})

test('what a FIFO holds whose reader is gone waits for the next one, also when writers die meanwhile', async () => {
  const path = makeFifo()
  const first = new Reader(path)
  const { stream, restarts, errors } = open({ destination: path, capacity: '1mb' })
  await load(stream, 0, 10)
  await first.takeUntil(() => stream.stats().used === 0 && check(first.text).numbers.length === 10)
  await load(stream, 10, 20)
  await until(() => stream.stats().linesWritten === 20) // in the pipe, none read
  first.close()
  for (let deaths = 1; deaths <= 3; deaths++) {
    stream.worker.terminate()
    await until(() => restarts.length === deaths && stream.stats().writerState !== 'restarting')
  }
  await load(stream, 20, 30)
  const second = new Reader(path)
  const closed = finish(stream)
  await second.takeUntil(() => stream.closed)
  await closed
  expect(second.isAtEnd).toBe(true)
  second.close()
  expectComplete(stream, check(first.text + second.text), 30)
  expect(errors).toEqual([])
})

test('the reader of a FIFO does not meet its end when a writer dies, but when the last one has', async () => {
  const path = makeFifo()
  const reader = new Reader(path)
  const { stream, restarts, errors } = open({ destination: path, maxRestarts: 2 })
  stream.write(numbered(0))
  await reader.takeUntil(() => check(reader.text).numbers.length === 1 && stream.stats().used === 0)
  for (let deaths = 1; errors.length === 0; deaths++) {
    stream.worker.terminate()
    await until(() => {
      if (errors.length === 0) expect(reader.take() || !reader.isAtEnd).toBe(true)
      return errors.length > 0 || (restarts.length === deaths && stream.stats().writerState === 'running')
    })
  }
  await until(() => !reader.take() && reader.isAtEnd)
  reader.close()
  expect({ restarts, openings: openings(path) }).toEqual({ restarts: [1, 2], openings: 0 })
})

test('reopen() leaves a FIFO whose reader is gone as it is, with what it holds', async () => {
  const path = makeFifo()
  const first = new Reader(path)
  const { stream } = open({ destination: path })
  await load(stream, 0, 10)
  await until(() => stream.stats().linesWritten === 10)
  first.close()
  await new Promise((resolve) => stream.reopen(resolve))
  const second = new Reader(path)
  const closed = finish(stream)
  await second.takeUntil(() => stream.closed)
  await closed
  second.close()
  expectComplete(stream, check(second.text), 10)
})

test('a FIFO that another one has replaced at its path is left when its writer dies, and its reader meets its end', async () => {
  const path = makeFifo()
  const old = new Reader(path)
  const { stream } = open({ destination: path })
  await load(stream, 0, 10)
  await old.takeUntil(() => check(old.text).numbers.length === 10)
  renameSync(path, `${path}.old`)
  execFileSync('mkfifo', [path])
  const next = new Reader(path)
  stream.worker.terminate()
  await until(() => !old.take() && old.isAtEnd)
  old.close()
  await load(stream, 10, 20)
  const closed = finish(stream)
  await next.takeUntil(() => stream.closed)
  await closed
  next.close()
  expectComplete(stream, check(old.text + next.text), 20)
})

test('threads that are terminated leave no end of a FIFO open', async () => {
  const path = makeFifo()
  const script = scriptFile(`
    const { parentPort, workerData } = require('node:worker_threads')
    const stream = require('pino-pinned').transport({ destination: workerData })
    stream.write('line\\n')
    stream.flush(() => { parentPort.postMessage('written') })
    parentPort.on('message', () => {})`)
  for (let round = 0; round < 3; round++) {
    const reader = new Reader(path)
    const owners = Array.from({ length: 8 }, () => new Worker(script, { workerData: path }))
    await Promise.all(owners.map((owner) => once(owner, 'message')))
    reader.close()
    expect(openings(path)).toBe(owners.length)
    await Promise.all(owners.map((owner) => owner.terminate()))
    expect(openings(path)).toBe(0)
  }
})

/** Logs to standard output, whose reader leaves, and goes on with other work. */
const talks = (stream: string): string => `
  const { numbered } = require('./faults/lines')
  const stream = ${stream}
  let n = 0
  const timer = setInterval(() => {
    for (let at = 0; at < 100; at++) stream.write(numbered(n++))
    if (stream.closed && stream.stats?.().linesDropped > 0) process.send('goes on')
  }, 5)
  process.on('message', () => {
    clearInterval(timer)
    process.send({ n, stats: stream.stats?.() }, () => process.exit())
  })`

async function loseReader (source: string): Promise<{ answer: { n: number, stats: Record<string, number> } | undefined, code: number | null, stderr: string }> {
  const child = spawn(process.execPath, [scriptFile(source)], { stdio: ['ignore', 'pipe', 'pipe', 'ipc'] })
  let stderr = ''
  child.stderr!.on('data', (chunk) => { stderr += chunk })
  const closed = once(child, 'close')
  await once(child.stdout!, 'data')
  child.stdout!.destroy()
  let answer
  child.on('message', (message) => { answer = message })
  await Promise.race([closed, once(child, 'message')]) // it dies of it, or goes on
  if (child.exitCode === null) child.send('enough')
  const [code] = await closed
  return { answer, code, stderr }
}

test('an application whose standard output loses its reader goes on: one warning, then lines are dropped and counted', async () => {
  const { answer, code, stderr } = await loseReader(talks("require('pino-pinned').transport({ destination: 1 })"))
  expect(code).toBe(0)
  expect(stderr.match(/EPIPE/g)?.length).toBeGreaterThan(0)
  expect(stderr.match(/^\(node:/gm)).toHaveLength(1)
  const { linesAccepted, linesDropped } = answer!.stats
  expect(linesAccepted! + linesDropped!).toBe(answer!.n)
  expect(linesDropped).toBeGreaterThan(0)
})

test('with pino.transport the same application dies of it', async () => {
  const { answer, code } = await loseReader(talks("require('pino').transport({ target: 'pino/file', options: { destination: 1 } })"))
  expect({ answer, isWell: code === 0 }).toEqual({ answer: undefined, isWell: false })
})

test('a standard output that is a FIFO with a name gets a new reader too', async () => {
  const path = makeFifo()
  const first = new Reader(path)
  const script = scriptFile(`
    const { numbered } = require('./faults/lines')
    const stream = require('pino-pinned').transport({ exitTimeout: 20000 })
    let n = 0
    const write = () => { for (let at = 0; at < 100; at++) stream.write(numbered(n++)) }
    write()
    process.on('message', (message) => {
      write()
      if (message === 'last') return process.disconnect()
      const timer = setInterval(() => {
        if (stream.stats().writerState !== 'stalled') return
        clearInterval(timer)
        process.send('stalled')
      }, 5)
    })`)
  const child = spawn('sh', ['-c', `exec "${process.execPath}" "${script}" > "${path}"`], { stdio: ['ignore', 'ignore', 'inherit', 'ipc'] })
  const closed = once(child, 'close')
  await first.takeUntil(() => check(first.text).numbers.length === 100)
  first.close()
  child.send('more')
  await once(child, 'message')
  const second = new Reader(path)
  child.send('last')
  let isClosed = false
  closed.then(() => { isClosed = true })
  await second.takeUntil(() => isClosed)
  expect(check(first.text + second.text)).toEqual({ numbers: allOf(300), repeated: 0, torn: [], told: 0, inOrder: true })
  second.close()
})

/** What `cat` reads, and what two processes can have as standard output so that it comes to `cat`. */
const sharedOutputs = {
  pipe: () => {
    const path = makeFifo()
    const cat = spawn('cat', [path], { stdio: ['ignore', 'pipe', 'inherit'] })
    const fd = openSync(path, 'w')
    return { cat, output: fd, close: () => { closeSync(fd) } }
  },
  // What Node gives a child as a pipe is a pair of sockets.
  'Unix socket': () => {
    const cat = spawn('cat', { stdio: ['pipe', 'pipe', 'inherit'] })
    return { cat, output: cat.stdin, close: () => { cat.stdin.destroy() } }
  }
}

test.each(Object.entries(sharedOutputs))('two processes on one %s tear no line of each other', async (_, share) => {
  const script = scriptFile(`
    const name = process.argv[2]
    const stream = require('pino-pinned').transport({ onFull: 'block', exitTimeout: 20000 })
    stream.on('ready', () => process.send('ready'))
    process.once('message', () => {
      for (let n = 0; n < 8000; n++) stream.write('[' + name + ' ' + n + ' ' + name.repeat(n * 37 % 300) + ']\\n')
      process.disconnect()
    })`)
  const { cat, output, close } = share()
  let text = ''
  cat.stdout.on('data', (chunk) => { text += chunk })
  const read = once(cat, 'close')
  const children = ['a', 'b'].map((name) => spawn(process.execPath, [script, name], { stdio: ['ignore', output, 'inherit', 'ipc'] }))
  await Promise.all(children.map((child) => once(child, 'message')))
  const ended = children.map((child) => once(child, 'close'))
  for (const child of children) child.send('go')
  await Promise.all(ended)
  close()
  await read
  const lines = text.trimEnd().split('\n')
  const expected = (name: string): string[] => Array.from({ length: 8000 }, (_, n) => `[${name} ${n} ${name.repeat(n * 37 % 300)}]`)
  expect(lines.filter((line) => line.startsWith('[a'))).toEqual(expected('a'))
  expect(lines.filter((line) => line.startsWith('[b'))).toEqual(expected('b'))
  expect(lines).toHaveLength(16_000)
})

test('signals in the middle of writes (EINTR) and short writes change no byte', async () => {
  const path = makeFifo()
  const reader = new Reader(path)
  const script = scriptFile(`
    const { numbered } = require('./faults/lines')
    const stream = require('pino-pinned').transport({ destination: ${JSON.stringify(path)}, onFull: 'block', capacity: '64kb', exitTimeout: 20000 })
    process.on('SIGUSR2', () => {})
    let n = 0
    const turn = () => {
      for (let at = 0; at < 20; at++) stream.write(numbered(n++, 30000))
      process.kill(process.pid, 'SIGUSR2')
      if (n < 2000) setImmediate(turn)
    }
    turn()`)
  const child = spawn(process.execPath, [script], { stdio: ['ignore', 'ignore', 'inherit'] })
  let isClosed = false
  child.on('close', () => { isClosed = true })
  await reader.takeUntil(() => isClosed)
  reader.close()
  expect(check(reader.text, 30_000)).toEqual({ numbers: allOf(2000), repeated: 0, torn: [], told: 0, inOrder: true })
})

test('a socket as standard output is written without ever waiting for its reader', async () => {
  const script = scriptFile(`
    const { numbered } = require('./faults/lines')
    const stream = require('pino-pinned').transport({ capacity: '64kb', exitTimeout: 100 })
    for (let n = 0; n < 20000; n++) stream.write(numbered(n))
    process.send(stream.stats(), () => process.disconnect())`)
  // What Node gives a child as a pipe is a socket pair. Nobody reads it before the child is gone.
  const child = spawn(process.execPath, [script], { stdio: ['ignore', 'pipe', 'pipe', 'ipc'] })
  const [[{ linesAccepted, linesDropped }], [code]] = await Promise.all([once(child, 'message'), once(child, 'exit')])
  expect({ code, lines: linesAccepted + linesDropped }).toEqual({ code: 0, lines: 20_000 })
})

test('numbers and notices add up for a pipe that nobody reads for long', async () => {
  const path = makeFifo()
  const reader = new Reader(path)
  const { stream } = open({ destination: path, capacity: '64kb' })
  await load(stream, 0, 30_000)
  for (let n = 30_000; n < 30_010; n++) stream.write(numbered(n))
  const closed = finish(stream)
  await reader.takeUntil(() => stream.closed)
  await closed
  reader.close()
  expectComplete(stream, check(reader.text), 30_010)
  expect(stream.stats().linesDropped).toBeGreaterThan(0)
})
