import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import pino from 'pino'
import { transport, type TransportOptions } from 'pino-pinned'
import { temporaryDirectory } from '../support/process'

const MIB = 1024 * 1024

const TEXTS: Record<string, string[]> = {
  'one byte': ['x', '\n'],
  'ASCII lines': ['{"level":30}\n', `${'a'.repeat(1000)}\n`],
  'UTF-8 of two, three and four bytes': ['é\n', '世界\n', '🌍\n', 'a€🌍é'.repeat(1000) + '\n'],
  'lone surrogates': ['\ud800\n', '\udc00x\n', `${'\ud83d'.repeat(100)}\n`, 'a\udfff\ud800b\n'],
  'text without a newline': ['a', 'b', 'c\nd', 'e\n'],
  'lines of every length around a record': [65525, 65526, 65528, 65529, 65536, 65537, 131072].map((length) => 'r'.repeat(length - 1) + '\n'),
  'a line of 1 MiB in characters of three bytes': ['界'.repeat(MIB / 3) + '\n'],
  'a line of 10 MB': ['x'.repeat(10_000_000) + '\n', 'and one behind it\n']
}

/** What pino's own destination writes. */
function writtenByPino (texts: string[]): Buffer {
  const path = join(temporaryDirectory(), 'pino.log')
  const destination = pino.destination({ dest: path, sync: true })
  for (const text of texts) destination.write(text)
  destination.flushSync()
  destination.end()
  return readFileSync(path)
}

async function writtenByUs (texts: string[], options: TransportOptions): Promise<Buffer> {
  const path = join(temporaryDirectory(), 'ours.log')
  const stream = transport({ destination: path, exitTimeout: 20_000, ...options })
  for (const text of texts) stream.write(text)
  stream.end()
  await once(stream, 'close')
  expect(stream.stats()).toMatchObject({ linesDropped: 0, linesAccepted: texts.length, linesWritten: texts.length, linesSkipped: 0 })
  return readFileSync(path)
}

/** Buffers of megabytes: an assertion that prints both is no help. */
function expectSame (actual: Buffer, expected: Buffer): void {
  expect(actual.length).toBe(expected.length)
  expect(actual.equals(expected)).toBe(true)
}

const WAYS: Array<[string, TransportOptions]> = [
  ['by default', { capacity: '32mb' }],
  ["with onFull: 'block' through a ring of 64 KiB", { capacity: '64kb', onFull: 'block' }],
  ["with wait: 'park'", { capacity: '32mb', wait: 'park' }],
  ["with wait: 'spin'", { capacity: '32mb', wait: 'spin' }]
]

describe.each(WAYS)('%s', (_, options) => {
  test.each(Object.entries(TEXTS))('%s: byte for byte what pino writes', async (_, texts) => {
    expectSame(await writtenByUs(texts, options), writtenByPino(texts))
  })
})

test('objects that pino logs come out byte for byte as its own destination writes them', async () => {
  const error = new Error('with a stack')
  const log = (stream: pino.DestinationStream): void => {
    const logger = pino({ timestamp: false, base: null }, stream)
    logger.info({})
    logger.error(error)
    logger.child({ request: 'ü'.repeat(40) }).warn({ nested: { list: [1, '\u2028', null] } }, 'world 🌍')
    logger.fatal('')
  }
  const [path, pinoPath] = [join(temporaryDirectory(), 'ours.log'), join(temporaryDirectory(), 'pino.log')]
  const stream = transport({ destination: path, exitTimeout: 20_000 })
  log(stream)
  stream.end()
  await once(stream, 'close')
  log(pino.destination({ dest: pinoPath, sync: true }))
  expect(readFileSync(path, 'utf8')).toBe(readFileSync(pinoPath, 'utf8'))
})

test('bytes are written as they are, characters cut between two writes too', async () => {
  const bytes = Buffer.from('世界🌍\n'.repeat(50))
  const path = join(temporaryDirectory(), 'ours.log')
  const stream = transport({ destination: path, exitTimeout: 20_000 })
  for (let at = 0; at < bytes.length; at += 7) stream.write(bytes.subarray(at, at + 7))
  stream.end()
  await once(stream, 'close')
  expectSame(readFileSync(path), bytes)
})
