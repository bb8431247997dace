import { spawn } from 'node:child_process'
import { existsSync, readFileSync, readdirSync } from 'node:fs'
import { Worker } from 'node:worker_threads'
import { allCores, cores, kernelSays, lastCore, once, onLinux, onTwoCores, runNode, startWorker, theAddon } from './support'

const addon = theAddon()
const firstCore = cores[0] ?? 0

/** A worker that lives until it is told to end, after having run `code`. It posts what `code` leaves in `result`. */
async function workerThatRan (code: string): Promise<{ worker: Worker, tid: number, result: unknown }> {
  const worker = startWorker(`let result; ${code}; parentPort.postMessage([addon.threadId(), result]); parentPort.once('message', () => {})`, null)
  const [[tid, result]] = await once(worker, 'message') as [[number, unknown]]
  return { worker, tid, result }
}

onTwoCores('a pinned thread', () => {
  test('is where the kernel says it is, and no other thread is', async () => {
    const { worker, tid, result } = await workerThatRan(`
      const before = threads()
      addon.pinThread([${lastCore}])
      result = { core: addon.currentCore(), affinity: addon.threadAffinity(), before }
    `)
    const { before, ...said } = result as { before: number[] }
    expect(kernelSays(tid)).toBe(`${lastCore}`)
    expect(said).toEqual({ core: lastCore, affinity: [lastCore] })
    const others = before.filter((each) => each !== tid && existsSync(`/proc/self/task/${each}`)) // some may have ended
    for (const other of others) expect([other, kernelSays(other)]).toEqual([other, allCores])
    await worker.terminate()
  })

  test('can be pinned to several cores, to others later, and unpinned', async () => {
    const { worker, result } = await workerThatRan(`
      result = [[${lastCore}], [${firstCore}, ${lastCore}, ${firstCore}], [${firstCore}]].map((cores) => { addon.pinThread(cores); return kernelSays(addon.threadId()) })
      addon.unpinThread()
      result.push(kernelSays(addon.threadId()))
    `)
    expect(result).toEqual([`${lastCore}`, `${firstCore}${lastCore === firstCore + 1 ? '-' : ','}${lastCore}`, `${firstCore}`, allCores])
    await worker.terminate()
  })

  test('stays as it is when one of the cores asked for does not exist, though the kernel would take the rest', async () => {
    const { worker, tid, result } = await workerThatRan(`
      addon.pinThread([${lastCore}])
      result = [[9999], [${firstCore}, 9999], [65535]].map((cores) => attempt(() => addon.pinThread(cores)))
    `)
    const refusal = { name: 'Error', code: 'EINVAL', message: 'EINVAL: invalid argument, sched_setaffinity' }
    expect(result).toEqual([refusal, refusal, refusal])
    expect(kernelSays(tid)).toBe(`${lastCore}`)
    await worker.terminate()
  })
})

onTwoCores('another thread of the process', () => {
  test('is moved to other cores', async () => {
    const { worker, tid } = await workerThatRan('')
    addon.moveThread!(tid, [lastCore])
    expect(kernelSays(tid)).toBe(`${lastCore}`)
    await worker.terminate()
  })

  test('is not: threads of other processes, and none at all', async () => {
    const other = spawn('cat', { stdio: ['pipe', 'ignore', 'ignore'] })
    await once(other, 'spawn')
    for (const tid of [other.pid!, 2 ** 31 - 1]) expect(() => addon.moveThread!(tid, [lastCore])).toThrow(expect.objectContaining({ code: 'ESRCH', syscall: 'tgkill' }))
    expect(kernelSays(other.pid!, other.pid)).toBe(allCores)
    other.stdin!.end()
    await once(other, 'exit')
  })
})

onTwoCores('threads that a pinned thread starts', () => {
  test("in libuv's pool are not pinned: the pool is started first, even from a worker without event loop", () => {
    const [started] = runNode(`
      const { Worker } = require('node:worker_threads')
      const done = new Int32Array(new SharedArrayBuffer(4))
      const code = 'require(workerData.path).pinThread([${lastCore}]); Atomics.store(workerData.done, 0, 1); Atomics.wait(workerData.done, 0, 1)'
      const path = Object.keys(require.cache).find((each) => each.endsWith('.node'))
      const before = new Set(threads())
      const worker = new Worker('const { workerData } = require("node:worker_threads");' + code, { eval: true, workerData: { path, done } })
      worker.once('online', () => {
        const poll = setInterval(() => {
          if (Atomics.load(done, 0) === 0) return
          clearInterval(poll)
          print(threads().filter((tid) => !before.has(tid)).map(kernelSays).sort())
          process.exit()
        }, 5)
      })
    `, { env: { UV_THREADPOOL_SIZE: '3' } })
    // The worker itself is among the new ones, and pinned.
    expect((started as string[]).filter((list) => list === allCores)).toHaveLength(3)
  })

  test("in libuv's pool are not pinned when the thread was pinned by other means before", () => {
    const [before, started, after] = runNode(`
      const old = new Set(threads())
      require('node:child_process').execFileSync('taskset', ['-pc', '${firstCore}', String(process.pid)])
      print(kernelSays(process.pid))
      addon.pinThread([${lastCore}])
      print(threads().filter((tid) => !old.has(tid)).map(kernelSays))
      print(kernelSays(process.pid))
    `, { env: { UV_THREADPOOL_SIZE: '3' } })
    expect({ before, started, after }).toEqual({ before: `${firstCore}`, started: [allCores, allCores, allCores], after: `${lastCore}` })
  })

  test("in libuv's pool would be pinned without that: this test would see it", () => {
    const [started] = runNode(`
      const old = new Set(threads())
      require('node:child_process').execFileSync('taskset', ['-pc', '${lastCore}', String(process.pid)])
      fs.stat('/', () => print(threads().filter((tid) => !old.has(tid)).map(kernelSays)))
    `, { env: { UV_THREADPOOL_SIZE: '3' } })
    expect(started).toEqual([`${lastCore}`, `${lastCore}`, `${lastCore}`])
  })

  test('are not waited for when the pool is busy', () => {
    const [said] = runNode(`
      const path = '/tmp/pino-pinned-fifo-' + process.pid
      require('node:child_process').execFileSync('mkfifo', [path])
      // The only thread of the pool waits for a writer that never comes.
      fs.open(path, 'r', () => {})
      setTimeout(() => {
        addon.pinThread([${lastCore}])
        print(kernelSays(process.pid))
        fs.closeSync(fs.openSync(path, 'w')) // lets the pool's thread go, without which no process can end
        fs.unlinkSync(path)
      }, 100)
    `, { env: { UV_THREADPOOL_SIZE: '1' }, timeoutMs: 100_000 })
    expect(said).toBe(`${lastCore}`)
  })

  test('as workers inherit its core, and unpinThread gives them the mask of the process', () => {
    const [inherited, unpinned, parent] = runNode(`
      const { Worker } = require('node:worker_threads')
      addon.pinThread([${lastCore}])
      const path = Object.keys(require.cache).find((each) => each.endsWith('.node'))
      const worker = new Worker(\`
        const addon = require(\${JSON.stringify(path)})
        const said = [addon.threadAffinity()]
        addon.unpinThread()
        require('node:worker_threads').parentPort.postMessage([...said, addon.threadAffinity()])
      \`, { eval: true })
      worker.once('message', ([inherited, unpinned]) => { print(inherited); print(unpinned); print(kernelSays(process.pid)) })
    `)
    expect({ inherited, unpinned, parent }).toEqual({ inherited: [lastCore], unpinned: [...cores], parent: `${lastCore}` })
  })

  test('do not change what the process began with, though one worker after another is pinned', () => {
    const said = runNode(`
      const { Worker } = require('node:worker_threads')
      const path = Object.keys(require.cache).find((each) => each.endsWith('.node'))
      const code = 'const addon = require(' + JSON.stringify(path) + '); addon.pinThread([${lastCore}]); require("node:worker_threads").parentPort.postMessage(addon.initialAffinity())'
      const again = (left) => new Worker(code, { eval: true }).once('message', print).once('exit', () => { if (left > 1) again(left - 1) })
      again(3)
    `)
    expect(said).toEqual([[...cores], [...cores], [...cores]])
  })
})

onTwoCores('under taskset', () => {
  test('the process has its mask as the cores to choose from, and the kernel would grant more', () => {
    const [initial, permitted, affinity, kernel] = runNode(`
      print(addon.initialAffinity()); print(addon.permittedCores()); print(addon.threadAffinity()); print(kernelSays(process.pid))
    `, { taskset: `${firstCore}` })
    expect({ initial, affinity, kernel }).toEqual({ initial: [firstCore], affinity: [firstCore], kernel: `${firstCore}` })
    expect(permitted).toEqual(expect.arrayContaining([firstCore, lastCore]))
  })
})

onLinux('the calling thread', () => {
  test('and all others of the process are known by their ids', async () => {
    const { worker, tid } = await workerThatRan('')
    expect(addon.threadIds!()).toEqual(expect.arrayContaining([addon.threadId(), tid]))
    expect(addon.threadIds!().sort()).toEqual(readdirSync('/proc/self/task').map(Number).sort())
    await worker.terminate()
  })

  test('has the id, the CPU time and the core that the kernel says', async () => {
    expect(theAddon().threadAffinity()).toEqual(kernelSays(addon.threadId()) === allCores ? [...cores] : expect.anything())
    const { worker, tid, result } = await workerThatRan(`
      const schedule = () => Number(fs.readFileSync('/proc/thread-self/schedstat', 'utf8').split(' ')[0]) / 1e6
      const before = [schedule(), addon.threadCpuMs()]
      for (const end = addon.threadCpuMs() + 30; addon.threadCpuMs() < end;);
      result = { spent: addon.threadCpuMs() - before[1], kernel: schedule() - before[0], link: fs.readlinkSync('/proc/thread-self') }
    `)
    const { spent, kernel, link } = result as { spent: number, kernel: number, link: string }
    expect(link).toBe(`${process.pid}/task/${tid}`)
    expect(spent).toBeGreaterThanOrEqual(30)
    expect(Math.abs(spent - kernel)).toBeLessThan(15) // the kernel's file may be a scheduler tick behind
    expect(cores).toContain(addon.currentCore())
    await worker.terminate()
  })

  test.each([
    ['pino-pinned', 'pino-pinned'],
    ['a-name-of-more-than-15-bytes', 'a-name-of-more-'],
    ['fourteen-bytesü', 'fourteen-bytes'],
    ['thirteen-byte€', 'thirteen-byte'],
    ['twelve-bytes😀', 'twelve-bytes'],
    ['eleven-byte😀', 'eleven-byte😀']
  ])('is named %j, cut between characters', async (name, expected) => {
    const { worker, tid } = await workerThatRan(`addon.setThreadName(${JSON.stringify(name)})`)
    expect(readFileSync(`/proc/self/task/${tid}/comm`, 'utf8')).toBe(`${expected}\n`)
    expect(readFileSync('/proc/self/comm', 'utf8')).not.toBe(`${expected}\n`)
    await worker.terminate()
  })

  test('gets the priority asked for, and no other thread does', async () => {
    const nice = (tid: number): string => readFileSync(`/proc/self/task/${tid}/stat`, 'utf8').replace(/^.*\) /, '').split(' ')[16]!
    const usual = nice(process.pid)
    const { worker, tid } = await workerThatRan('addon.setThreadPriority(7)')
    expect([nice(tid), nice(process.pid)]).toEqual(['7', usual])
    await worker.terminate()
  })

  test('is told what the system refuses: a priority that needs a privilege', () => {
    if (process.getuid?.() !== 0) return expect(() => addon.setThreadPriority(-20)).toThrow(/EACCES|EPERM/)
    const code = 'process.setuid(65534); print(attempt(() => addon.setThreadPriority(-20)))'
    const refusal = { name: 'Error', code: 'EACCES', message: 'EACCES: permission denied, setpriority' }
    expect(runNode(code)).toEqual([refusal])
  })
})
