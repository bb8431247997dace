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
