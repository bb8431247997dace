import { closeSync, existsSync, openSync } from 'node:fs'
import { devNull } from 'node:os'
import { once, startWorker, theAddon } from './support'

const addon = theAddon()

/** A worker that claims what it is sent and answers what it gets. */
function startClaimer (): { claim: (key: string) => Promise<number>, terminate: () => Promise<unknown> } {
  const worker = startWorker("parentPort.on('message', (key) => parentPort.postMessage(addon.claim(key)))", null)
  const claim = async (key: string): Promise<number> => {
    const [[claimed]] = await Promise.all([once(worker, 'message'), worker.postMessage(key)])
    return claimed as number
  }
  return { claim, terminate: () => worker.terminate() }
}

describe('a key', () => {
  test('belongs to the first thread that claims it, until that releases it', async () => {
    const other = startClaimer()
    expect(addon.claim('one')).toBe(1)
    expect(addon.claim('one')).toBe(1)
    expect(await other.claim('one')).toBe(0)
    expect(await other.claim('another')).toBe(1)
    expect(addon.claim('another')).toBe(0)
    addon.release('another', false) // not ours to give
    expect(addon.claim('another')).toBe(0)
    addon.release('one', false)
    expect(await other.claim('one')).toBe(1)
    await other.terminate()
  })

  test('is free again when its thread is terminated, and not before', async () => {
    const other = startClaimer()
    expect(await other.claim('mortal')).toBe(1)
    expect(addon.claim('mortal')).toBe(0)
    await other.terminate()
    expect(addon.claim('mortal')).toBe(1)
    addon.release('mortal', true)
  })

  test('is an heir\'s once the sink was open under whoever had it, until that is forgotten', async () => {
    const other = startClaimer()
    addon.sinkOpened('estate') // nobody has it
    expect(await other.claim('estate')).toBe(1)
    addon.sinkOpened('estate')
    expect(await other.claim('estate')).toBe(2)
    await other.terminate()
    expect(addon.claim('estate')).toBe(2)
    addon.release('estate', false)
    expect(addon.claim('estate')).toBe(2)
    addon.release('estate', true)
    expect(addon.claim('estate')).toBe(1)
    addon.release('estate', true)
  })

  test('costs nothing any more when it is released, however often it is claimed', () => {
    const key = 'k'.repeat(100_000)
    const rounds = 10_000
    const before = process.memoryUsage.rss()
    let claimed = 0
    for (let n = 0; n < rounds; n++) {
      claimed += addon.claim(key)
      addon.release(key, true)
    }
    expect(claimed).toBe(rounds)
    expect(process.memoryUsage.rss() - before).toBeLessThan(rounds * key.length / 2)
  })
})

describe('what is kept for a key', () => {
  const isOpen = (fd: number): boolean => existsSync(`/proc/self/fd/${fd}`)
  const keepEnd = addon.keepEnd!
  const keptEnd = addon.keptEnd!
  let fd: number
  beforeAll(() => { fd = openSync(devNull, 'w') })
  afterAll(() => { closeSync(fd) })

  test('is open until the key is released, or something else is kept', () => {
    addon.claim('kept')
    expect(keptEnd('kept')).toBe(-1)
    const first = keepEnd('kept', fd)
    expect({ isAnother: first !== fd, isOpen: isOpen(first), kept: keptEnd('kept') }).toEqual({ isAnother: true, isOpen: true, kept: first })
    const second = keepEnd('kept', fd)
    expect({ first: isOpen(first), second: isOpen(second), kept: keptEnd('kept') }).toEqual({ first: false, second: true, kept: second })
    expect(keepEnd('kept', -1)).toBe(-1)
    expect({ second: isOpen(second), kept: keptEnd('kept') }).toEqual({ second: false, kept: -1 })
    const third = keepEnd('kept', fd)
    addon.release('kept', true)
    expect({ third: isOpen(third), kept: keptEnd('kept'), fd: isOpen(fd) }).toEqual({ third: false, kept: -1, fd: true })
  })

  test('is nothing where nobody has the key, or the descriptor is not open', async () => {
    expect(keepEnd('nobody\'s', fd)).toBe(-1)
    const other = startClaimer()
    await other.claim('left')
    addon.sinkOpened('left') // an heir's, from now on
    await other.terminate()
    expect(keepEnd('left', fd)).toBe(-1)
    addon.claim('left')
    expect(keepEnd('left', 2 ** 30)).toBe(-1)
    addon.release('left', true)
  })

  test('outlives the thread that had it kept, and not the thread that has the key', async () => {
    const owner = startClaimer()
    expect(await owner.claim('outlived')).toBe(1)
    const writer = startWorker(`parentPort.postMessage(addon.keepEnd('outlived', ${fd})); parentPort.on('message', () => {})`, null)
    const [end] = await once(writer, 'message') as [number]
    await writer.terminate()
    expect({ kept: keptEnd('outlived'), isOpen: isOpen(end) }).toEqual({ kept: end, isOpen: true })
    await owner.terminate()
    expect({ kept: keptEnd('outlived'), isOpen: isOpen(end) }).toEqual({ kept: -1, isOpen: false })
  })
})
