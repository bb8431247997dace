import { execFileSync } from 'node:child_process'
import { existsSync, openSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { Consumer } from '../../src/ring/consumer'
import { keptLayoutOf, restoreRing } from '../../src/ring/estate'
import { createRing, Flag, GIVEN_BACK, LEAST_CAPACITY_BYTES, openRing, RingCount, RingWord, type Ring } from '../../src/ring/layout'
import { Producer } from '../../src/ring/producer'
import { contents, drain, takeBatch, takeBytes } from '../ring/support'
import { smallDisk } from '../faults/support'
import { ROOT, runScript, temporaryDirectory } from '../support/process'
import { once, startWorker, theAddon } from './support'

const addon = theAddon()

/** A worker that keeps what it is told to. */
async function startKeeper (): Promise<{ tell: (name: 'keepRing' | 'keepRingToo' | 'letRingGo' | 'inherit', ...args: unknown[]) => Promise<unknown>, terminate: () => Promise<unknown> }> {
  const worker = startWorker("parentPort.on('message', ([name, args]) => parentPort.postMessage(addon[name](...args)))", null)
  await once(worker, 'online')
  const tell = async (name: string, ...args: unknown[]): Promise<unknown> => {
    const [[answer]] = await Promise.all([once(worker, 'message'), worker.postMessage([name, args])])
    return answer
  }
  return { tell, terminate: () => worker.terminate() }
}

function ringWith (lines: readonly string[]): Ring {
  const ring = createRing(LEAST_CAPACITY_BYTES)
  const producer = new Producer(ring)
  for (const line of lines) expect(producer.tryPublish(line)).toBe(true)
  return ring
}

/** What was left for the next writer of a key, as it is delivered. */
function inherited (key: string): string | undefined {
  const estate = addon.inherit(key)
  if (estate === undefined) return undefined
  const ring = restoreRing(estate, 1)
  addon.keepRing(ring.words, key, keptLayoutOf(ring))
  const text = contents(ring)
  Atomics.store(ring.words, RingWord.Adopted, GIVEN_BACK)
  addon.letRingGo(ring.words)
  return text
}

describe('what is in a ring when no thread has it any more', () => {
  test('is for the next writer of its key, and for no other, once', async () => {
    const keeper = await startKeeper()
    const ring = ringWith(['one\n', 'two\n'])
    await keeper.tell('keepRing', ring.words, 'left', keptLayoutOf(ring))
    expect(inherited('left')).toBeUndefined()
    await keeper.terminate()
    expect(inherited('other')).toBeUndefined()
    expect(inherited('left')).toBe('one\ntwo\n')
    expect(inherited('left')).toBeUndefined()
    // Who comes upon the ring itself sees that there is nothing to be had from it.
    expect([ring.words[RingWord.Adopted], ring.words[RingWord.Tallied]]).toEqual([GIVEN_BACK, 1])
  })

  test('stays where it is while another thread has it too', async () => {
    const [first, second] = [await startKeeper(), await startKeeper()]
    const ring = ringWith(['one\n'])
    await first.tell('keepRing', ring.words, 'both', keptLayoutOf(ring))
    await second.tell('keepRingToo', ring.words)
    await second.tell('keepRingToo', ring.words)
    await first.terminate()
    expect(inherited('both')).toBeUndefined()
    expect(ring.words[RingWord.Adopted]).toBe(0)
    await second.tell('letRingGo', ring.words)
    expect(inherited('both')).toBe('one\n')
    await second.terminate()
  })

  test('is nobody\'s if the ring was given back, or closed, or nobody said that it is to be kept', async () => {
    const [givenBack, closed, unknown] = [ringWith(['one\n']), ringWith(['one\n']), ringWith(['one\n'])]
    for (const ring of [givenBack, closed]) addon.keepRing(ring.words, 'nobody', keptLayoutOf(ring))
    addon.keepRingToo(unknown.words)
    givenBack.words[RingWord.Adopted] = GIVEN_BACK
    closed.words[RingWord.Closed] = 1
    for (const ring of [givenBack, closed, unknown]) addon.letRingGo(ring.words)
    expect(inherited('nobody')).toBeUndefined()
    expect(unknown.words[RingWord.Adopted]).toBe(0)
  })

  test('is another\'s again if the thread that makes a ring of it is terminated before it has', async () => {
    const ring = ringWith(['one\n'])
    addon.keepRing(ring.words, 'twice', keptLayoutOf(ring))
    addon.letRingGo(ring.words)
    const heir = await startKeeper()
    expect(await heir.tell('inherit', 'twice')).toBeInstanceOf(ArrayBuffer)
    expect(addon.inherit('twice')).toBeUndefined()
    await heir.terminate()
    expect(inherited('twice')).toBe('one\n')
  })

  test('is no more than 1024 rings, nor anything on top of 64 MiB', () => {
    const count = (key: string): number => {
      let rings = 0
      while (inherited(key) !== undefined) rings++
      return rings
    }
    const leave = (key: string, ring: Ring): void => {
      addon.keepRing(ring.words, key, keptLayoutOf(ring))
      addon.letRingGo(ring.words)
    }
    for (let n = 0; n < 1030; n++) leave('many', ringWith([]))
    expect(count('many')).toBe(1024)
    const big = createRing(32 << 20)
    const producer = new Producer(big)
    while (producer.tryPublishWithin('x'.repeat(60_000), big.capacity));
    for (let n = 0; n < 4; n++) {
      big.words[RingWord.Adopted] = 0
      leave('big', big)
    }
    expect(count('big')).toBe(3) // the third came when there was not quite as much
    leave('many', ringWith([]))
    expect(count('many')).toBe(1)
  })
})

describe('a ring made of what was left', () => {
  const long = Array.from({ length: 40 }, (_, i) => `${i} ${'é'.repeat(400 + i)}\n`)

  test.each([0, LEAST_CAPACITY_BYTES - 16, 0x7FFFFFF8, -16])('goes on at the same positions and counts, with room for what there is: from %i', (start) => {
    const ring = createRing(1 << 20, start)
    const producer = new Producer(ring)
    for (const line of long) expect(producer.tryPublish(line)).toBe(true)
    const consumer = new Consumer(ring, () => null)
    consumer.gather(3)
    takeBatch(consumer)
    // Of the batch under way the sink has a part.
    consumer.gather(Infinity, Infinity, 2000)
    takeBytes(consumer, 11)
    ring.words[RingWord.FlushWanted] = 5
    addon.keepRing(ring.words, 'positions', keptLayoutOf(ring))
    addon.letRingGo(ring.words)
    const restored = restoreRing(addon.inherit('positions')!, 7)
    addon.keepRing(restored.words, 'positions', keptLayoutOf(restored))
    expect(restored.capacity).toBe(LEAST_CAPACITY_BYTES)
    for (const word of [RingWord.Published, RingWord.Released, RingWord.BatchBase, RingWord.BatchTaken, RingWord.FlushWanted]) expect([word, restored.words[word]]).toEqual([word, ring.words[word]])
    const said = [RingWord.Id, RingWord.ProducerDone, RingWord.Adopted, RingWord.Tallied].map((word) => restored.words[word])
    expect(said).toEqual([7, 1, 0, 0])
    expect(restored.counts[RingCount.LinesAccepted]).toBe(long.length)
    const successor = new Consumer(restored, () => null)
    expect(successor.gatherUnderWay()).toBe(true)
    const rest = Buffer.concat([takeBatch(successor), drain(successor)])
    expect(rest.equals(Buffer.from(long.slice(3).join('')).subarray(11))).toBe(true)
    expect([restored.counts[RingCount.LinesWritten], restored.counts[RingCount.BytesWritten]]).toEqual([long.length, Buffer.byteLength(long.join(''))])
    Atomics.store(restored.words, RingWord.Adopted, GIVEN_BACK)
    addon.letRingGo(restored.words)
  })

  test('ends where its records do: a length that cannot be is not followed', () => {
    const ring = ringWith(['one\n', 'two\n', 'three\n'])
    const second = openRing(ring.shared).words.subarray(256 + 4)
    second[0] = 0x7FFFFFFF
    addon.keepRing(ring.words, 'torn', keptLayoutOf(ring))
    addon.letRingGo(ring.words)
    expect(inherited('torn')).toBe('one\n')
  })

  test('closes a line of which its producer had published a part', () => {
    const ring = ringWith(['one\n'])
    new Producer(ring).tryPublishPart('half', Flag.First)
    addon.keepRing(ring.words, 'half', keptLayoutOf(ring))
    addon.letRingGo(ring.words)
    expect(inherited('half')).toBe('one\nhalf\n')
  })
})

const onPosix = process.platform === 'win32' ? describe.skip : describe

onPosix('what nobody is left to inherit, as the last thread that had a ring of its key ends', () => {
  const path = (): string => join(temporaryDirectory(), 'app.log')
  /** Whole lines, sorted: which ring comes first is not said. */
  const linesOf = (file: string): string[] => {
    const lines = readFileSync(file, 'utf8').split('\n')
    expect(lines.pop()).toBe('')
    return lines.sort()
  }

  /** Rings that a thread keeps until it ends, for a file. */
  async function leave (key: string, rings: readonly Ring[], destination: string | number | undefined, mode?: number, mkdir?: boolean): Promise<void> {
    const keeper = await startKeeper()
    for (const ring of rings) await keeper.tell('keepRing', ring.words, key, keptLayoutOf(ring), destination, mode, mkdir)
    await keeper.terminate()
  }

  test('is added to the file, which is made if need be', async () => {
    const file = path()
    await leave('made', [ringWith(['one\n', 'two\n'])], file, 0o600)
    expect([readFileSync(file, 'utf8'), statSync(file).mode & 0o777]).toEqual(['one\ntwo\n', 0o600])
    await leave('made', [ringWith(['three\n']), ringWith(['four\n'])], file)
    expect(linesOf(file)).toEqual(['four', 'one', 'three', 'two'])
    expect(inherited('made')).toBeUndefined()
  })

  test('lies in directories that are made with the file, if they are to be', async () => {
    const file = join(temporaryDirectory(), 'a', 'b', 'app.log')
    await leave('directories', [ringWith(['one\n'])], file, 0o666, false)
    expect([inherited('directories'), existsSync(file)]).toEqual(['one\n', false])
    await leave('directories', [ringWith(['two\n'])], file, 0o666, true)
    expect(readFileSync(file, 'utf8')).toBe('two\n')
  })

  test('is nobody\'s, and written or gone, where the key says that no writer is to have it', async () => {
    const file = path()
    const held = ringWith(['held\n'])
    addon.keepRing(held.words, '', keptLayoutOf(held), file)
    await leave('', [ringWith(['one\n']), ringWith(['two\n'])], file)
    expect(linesOf(file)).toEqual(['one', 'two'])
    await leave('', [ringWith(['three\n'])], temporaryDirectory())
    addon.letRingGo(held.words)
    expect([inherited(''), linesOf(file)]).toEqual([undefined, ['one', 'two']])
  })

  test('does not wait for a ring that is closed, whose thread has not let go of it', async () => {
    const file = path()
    const closed = ringWith([])
    addon.keepRing(closed.words, 'closed', keptLayoutOf(closed), file)
    closed.words[RingWord.Closed] = 1
    await leave('closed', [ringWith(['one\n'])], file)
    addon.letRingGo(closed.words)
    expect(readFileSync(file, 'utf8')).toBe('one\n')
  })

  test('is kept for nobody if it is nothing: there is room for the next 1024 rings', async () => {
    const file = path()
    const keeper = await startKeeper()
    for (let n = 0; n < 1100; n++) {
      const ring = ringWith([])
      await keeper.tell('keepRing', ring.words, `empty ${n}`, keptLayoutOf(ring), file)
    }
    await keeper.terminate()
    await leave('behind', [ringWith(['one\n'])], file)
    expect(readFileSync(file, 'utf8')).toBe('one\n')
  })

  test('goes to a descriptor too, if that is a file\'s', async () => {
    const file = path()
    await leave('descriptor', [ringWith(['one\n'])], openSync(file, 'a'))
    expect(readFileSync(file, 'utf8')).toBe('one\n')
  })

  test('waits while another thread has a ring of that key, and then goes with it', async () => {
    const file = path()
    const other = await startKeeper()
    const ring = ringWith(['two\n'])
    await other.tell('keepRing', ring.words, 'other', keptLayoutOf(ring), file)
    await leave('other', [ringWith(['one\n'])], file)
    expect(existsSync(file)).toBe(false)
    await other.terminate()
    expect(linesOf(file)).toEqual(['one', 'two'])
  })

  test('begins behind what the file has of a batch that was under way, whichever ring comes first', async () => {
    const file = path()
    const ring = ringWith(['first\n', 'second\n', 'third\n'])
    const consumer = new Consumer(ring, () => null)
    consumer.gather(1)
    takeBatch(consumer)
    consumer.gather()
    takeBytes(consumer, 3)
    writeFileSync(file, 'first\nsec')
    await leave('under way', [ringWith(['other\n']), ring], file)
    expect(readFileSync(file, 'utf8')).toBe('first\nsecond\nthird\nother\n')
  })

  test('is there for a next writer, all of it, if the file may end inside a line that is not to be had here', async () => {
    const file = path()
    const ring = ringWith(['first\n'])
    new Producer(ring).tryPublishPart('half', Flag.First)
    const consumer = new Consumer(ring, () => null)
    consumer.gather()
    takeBytes(consumer, 3)
    writeFileSync(file, 'fir')
    await leave('begun', [ringWith(['other\n']), ring], file)
    expect(readFileSync(file, 'utf8')).toBe('fir')
    expect([inherited('begun'), inherited('begun')].sort()).toEqual(['other\n', 'st\nhalf\n'])
  })

  test('has lines that came in parts', async () => {
    const file = path()
    const ring = ringWith(['one\n'])
    const producer = new Producer(ring)
    for (const [text, flag] of [['par', Flag.First], ['ti', 0], ['ng\n', Flag.Last]] as const) producer.tryPublishPart(text, flag)
    producer.tryPublish('two\n')
    await leave('parts', [ring], file)
    expect(readFileSync(file, 'utf8')).toBe('one\nparting\ntwo\n')
  })

  test.each([
    ['', 'one\ntwo\n', undefined],
    ['notice', undefined, 'one\n<0,0,0,1,0,0,0,0:100>\ntwo\n']
  ])('is its lines, where dropped ones are told of between them and nobody is to have it; else it waits for who can tell: key %j', async (key, there, left) => {
    const file = path()
    const ring = ringWith(['one\n'])
    const producer = new Producer(ring)
    producer.drop(3, 100)
    producer.tryPublishNotice()
    producer.tryPublish('two\n')
    await leave(key, [ring], file)
    expect([existsSync(file) ? readFileSync(file, 'utf8') : undefined, inherited(key)]).toEqual([there, left])
  })

  test('is nothing where a notice may be among what the file has of the batch', async () => {
    const file = path()
    const ring = createRing(LEAST_CAPACITY_BYTES)
    const producer = new Producer(ring)
    producer.drop(3, 100)
    producer.tryPublishNotice()
    producer.tryPublish('one\n')
    const consumer = new Consumer(ring, () => 'dropped\n')
    consumer.gather()
    takeBytes(consumer, 3)
    writeFileSync(file, 'dro')
    await leave('', [ring], file)
    expect(readFileSync(file, 'utf8')).toBe('dro')
  })

  test('is there for a next writer still if it is more than lines, or the file is none or not to be had', async () => {
    const fifo = path()
    execFileSync('mkfifo', [fifo])
    const half = ringWith(['one\n'])
    new Producer(half).tryPublishPart('half', Flag.First)
    for (const [at, destination] of [fifo, join(temporaryDirectory(), 'no', 'such', 'directory'), 987_654, undefined].entries()) {
      await leave(`left ${at}`, [ringWith(['one\n'])], destination)
      expect(inherited(`left ${at}`)).toBe('one\n')
    }
    const file = path()
    await leave('half', [half, ringWith(['two\n'])], file)
    // What can be written is, all the same.
    expect([inherited('half'), linesOf(file)]).toEqual(['one\nhalf\n', ['two']])
  })
})

const onLinux = process.platform === 'linux' ? describe : describe.skip

onLinux('on a disk that has no room for all that nobody is left to inherit', () => {
  /** Numbered lines, some KiB of them, and those of them that a file has. */
  const text = (count: number): string[] => Array.from({ length: count }, (_, i) => `${i} ${'x'.repeat(i % 90)}\n`)
  const onePage = 4096

  /** Lines that a worker leaves in a ring of a key, in a program of its own. */
  async function leave (key: string, disk: string, count: number): Promise<{ left: string, stderr: string }> {
    const { stdout, stderr, code } = await runScript(`
      const { Worker } = require('node:worker_threads')
      const { requireSource } = require(${JSON.stringify(join(ROOT, 'test', 'support', 'source.js'))})
      const { createRing } = requireSource('ring/layout')
      const { keptLayoutOf, restoreRing } = requireSource('ring/estate')
      const { Producer } = requireSource('ring/producer')
      const ring = createRing(1 << 20)
      const producer = new Producer(ring)
      for (let i = 0; i < ${count}; i++) producer.tryPublish(i + ' ' + 'x'.repeat(i % 90) + '\\n')
      const addonPath = ${JSON.stringify(join(ROOT, 'build', 'Release', 'pino_pinned.node'))}
      const args = [ring.words, ${JSON.stringify(key)}, keptLayoutOf(ring), ${JSON.stringify(join(disk, 'app.log'))}]
      new Worker("const { addonPath, args } = require('node:worker_threads').workerData; require(addonPath).keepRing(...args)", { eval: true, workerData: { addonPath, args } })
        .once('exit', () => {
          const estate = require(addonPath).inherit(${JSON.stringify(key)})
          if (estate === undefined) return
          const { words } = restoreRing(estate, 1)
          process.stdout.write(String(words[32] - words[96]))
        })`)
    expect(code).toBe(0)
    return { left: stdout, stderr }
  }

  test.each([['', 3], ['', 40], ['inherited', 3], ['inherited', 40]])('key %j: there are whole lines alone, or it waits, all of it, for who may inherit it; %i pages are free', async (key, pages) => {
    const disk = smallDisk('512k')
    const file = join(disk, 'app.log')
    writeFileSync(file, '')
    writeFileSync(join(disk, 'ballast'), Buffer.alloc(512 * 1024 - pages * onePage))
    const all = text(6000)
    const { left, stderr } = await leave(key, disk, all.length)
    const there = readFileSync(file, 'utf8')
    if (key === '') {
      const lines = there.split('\n').length - 1
      expect(there).toBe(all.slice(0, lines).join(''))
      expect(there.length + all[lines]!.length).toBeGreaterThan(pages * onePage)
      expect(stderr).toBe(`pino-pinned: ${all.length - lines} lines were left as a thread ended: the sink failed, ENOSPC (${file})\n`)
    } else {
      expect({ there, stderr }).toEqual({ there: '', stderr: '' })
      expect(Number(left)).toBeGreaterThan(all.join('').length)
    }
  })
})
