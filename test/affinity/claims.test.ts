import { once, startWorker, theAddon } from './support'

const addon = theAddon()

/** A worker that claims what it is sent and answers whether it has it. */
function startClaimer (): { claim: (key: string) => Promise<boolean>, terminate: () => Promise<unknown> } {
  const worker = startWorker("parentPort.on('message', (key) => parentPort.postMessage(addon.claim(key)))", null)
  const claim = async (key: string): Promise<boolean> => {
    const [[isOurs]] = await Promise.all([once(worker, 'message'), worker.postMessage(key)])
    return isOurs as boolean
  }
  return { claim, terminate: () => worker.terminate() }
}

describe('a key', () => {
  test('belongs to the first thread that claims it, until that releases it', async () => {
    const other = startClaimer()
    expect(addon.claim('one')).toBe(true)
    expect(addon.claim('one')).toBe(true)
    expect(await other.claim('one')).toBe(false)
    expect(await other.claim('another')).toBe(true)
    expect(addon.claim('another')).toBe(false)
    addon.release('another') // not ours to give
    expect(addon.claim('another')).toBe(false)
    addon.release('one')
    expect(await other.claim('one')).toBe(true)
    await other.terminate()
  })

  test('is free again when its thread is terminated, and not before', async () => {
    const other = startClaimer()
    expect(await other.claim('mortal')).toBe(true)
    expect(addon.claim('mortal')).toBe(false)
    await other.terminate()
    expect(addon.claim('mortal')).toBe(true)
  })
})
