'use strict'

// Calls every function of the addon (argv[2]) with arguments of every kind, from a seed (argv[3]). A process of its own,
// because right calls do what they say (pin, rename, lower), and a wrong one might end it. Prints what came of them.

const fs = require('node:fs')
const os = require('node:os')
const { isInt32Array } = require('node:util/types')
const fc = require('fast-check')

const addon = require(process.argv[2])
const seed = Number(process.argv[3])
const RUNS = 400
/** Bytes around the memory handed over, in the same buffer: nobody may touch them. */
const MARGIN = 4096
const CANARY = 0x5A

const planted = new Error('thrown by an argument')
const fail = () => { throw planted }
const sink = fs.openSync(os.devNull, 'w')

/** An Int32Array in the middle of shared memory. */
function words (length, offset = 0) {
  const buffer = new SharedArrayBuffer(2 * MARGIN + 4 * length)
  new Uint8Array(buffer).fill(CANARY)
  return new Int32Array(buffer, MARGIN + offset, length - offset / 4).fill(0)
}

function isMarginWhole (view) {
  const bytes = new Uint8Array(view.buffer)
  return bytes.subarray(0, view.byteOffset).every((byte) => byte === CANARY) &&
    bytes.subarray(view.byteOffset + view.byteLength).every((byte) => byte === CANARY)
}

function detached () {
  const bytes = new Uint8Array(64)
  structuredClone(bytes.buffer, { transfer: [bytes.buffer] })
  return bytes
}

function outOfBounds () {
  const buffer = new ArrayBuffer(64, { maxByteLength: 128 })
  const view = new Uint8Array(buffer, 32, 32)
  buffer.resize(8)
  return view
}

function revoked (target) {
  const { proxy, revoke } = Proxy.revocable(target, {})
  revoke()
  return proxy
}

/** fast-check looks into what it handles, which not everything here bears: so that is made for each call. */
class Made {
  constructor (make) { this.make = make }
  static in (value) { return value instanceof Made ? value.make() : value }
}

const VIEWS = ['Int8Array', 'Uint8Array', 'Uint8ClampedArray', 'Int16Array', 'Uint16Array', 'Int32Array', 'Uint32Array', 'Float16Array',
  'Float32Array', 'Float64Array', 'BigInt64Array', 'BigUint64Array', 'DataView'].map((name) => globalThis[name]).filter(Boolean)

const number = fc.oneof(
  fc.integer({ min: -25, max: 100 }), fc.integer(), fc.double(),
  fc.constantFrom(-0, 0.5, NaN, Infinity, -Infinity, 2 ** 31 - 1, 2 ** 31, 2 ** 32 - 1, 2 ** 32, 2 ** 53, -(2 ** 31), -(2 ** 31) - 1, 1e308, 5e-324))

const text = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 200 }),
  fc.array(fc.integer({ min: 0, max: 0xFFFF }), { maxLength: 40 }).map((units) => String.fromCharCode(...units)),
  fc.constantFrom('', '\0', 'a\0b', '\uD800', 'x'.repeat(14) + '😀', 'x'.repeat(1e6), '世'.repeat(1e5)))

const anything = fc.oneof(
  number,
  text,
  fc.constantFrom(undefined, null, true, false, 1n, 2n ** 70n, Symbol('s'), Symbol.iterator),
  fc.constantFrom({}, Object.create(null), new Date(NaN), /x/, new Map(), fail, class {}, Promise.resolve(), new WeakRef({})),
  fc.array(number, { maxLength: 5 }),
  fc.constantFrom(
    () => new Array(2 ** 32 - 1), () => [,], () => Object.defineProperty([1], 0, { get: fail }), () => new Proxy([], {}), // eslint-disable-line no-sparse-arrays
    () => new Proxy({}, { get: fail }), () => revoked([]), () => revoked({}), () => revoked(fail), () => ({ valueOf: fail, toString: fail }),
    () => new Proxy(new Int32Array(4), {}), () => Object.create(Int32Array.prototype), () => Object.create(Uint8Array.prototype),
    detached, outOfBounds, () => new ArrayBuffer(64), () => new SharedArrayBuffer(64), () => words(0), () => words(1),
    () => new Int32Array(new SharedArrayBuffer(64, { maxByteLength: 128 })), () => Object.setPrototypeOf(new Int32Array(new SharedArrayBuffer(64)), null)
  ).map((make) => new Made(make)),
  fc.tuple(fc.constantFrom(...VIEWS), fc.boolean()).map(([View, isShared]) => new View(isShared ? new SharedArrayBuffer(64) : new ArrayBuffer(64))))

/** Right at least now and then: what wrong arguments are put into. */
const RIGHT = {
  pinThread: fc.tuple(fc.array(fc.integer({ min: 0, max: 3 }), { minLength: 1, maxLength: 4 })),
  moveThread: fc.tuple(fc.constant(process.pid), fc.array(fc.integer({ min: 0, max: 3 }), { minLength: 1, maxLength: 4 })),
  threadIds: fc.tuple(),
  unpinThread: fc.tuple(),
  threadAffinity: fc.tuple(),
  initialAffinity: fc.tuple(),
  permittedCores: fc.tuple(),
  currentCore: fc.tuple(),
  threadCpuMs: fc.tuple(),
  threadId: fc.tuple(),
  setThreadName: fc.tuple(text),
  setThreadPriority: fc.tuple(fc.integer({ min: 0, max: 19 })),
  storeAtThreadExit: fc.tuple(fc.integer({ min: 1, max: 64 }).map((length) => new Made(() => words(length))), fc.nat(8), fc.integer()),
  cancelStoreAtThreadExit: fc.tuple(fc.integer({ min: 1, max: 64 }).map((length) => new Made(() => words(length))), fc.nat(8)),
  claim: fc.tuple(text),
  sinkOpened: fc.tuple(text),
  release: fc.tuple(text, fc.boolean()),
  keepEnd: fc.tuple(text, fc.constantFrom(sink, -1)),
  keptEnd: fc.tuple(text),
  unreadBytes: fc.tuple(fc.integer()),
  measureLine: fc.tuple(fc.oneof(text, fc.string({ unit: 'binary', size: '+1' }), fc.nat(9000).map((length) => '\uD83D€'.repeat(length / 2)))),
  createPublisher: fc.tuple(
    fc.record({
      capacity: fc.constantFrom(8, 64, 1024, 4096, 8192),
      dataStart: fc.nat(32).map((n) => n * 8),
      headerBytes: fc.constant(8),
      mostPayload: fc.nat(4096),
      published: fc.nat(15).map((n) => 2 * n + 1),
      quickEnd: fc.nat(15).map((n) => 2 * n),
      linesAccepted: fc.nat(16),
      meta: fc.integer()
    }),
    fc.integer({ min: -100, max: 20 }), fc.constantFrom(0, 0, 0, 4)
  ).map(([layout, more, offset]) => {
    // About as much memory as the layout needs: a byte too few must be seen.
    const { dataStart, capacity, headerBytes, mostPayload } = layout
    const length = Math.max(2, Math.ceil((dataStart + capacity + headerBytes + mostPayload + 1) / 4) + more)
    return [new Made(() => words(length, offset)), layout]
  }),
  gatherLines: fc.tuple(
    fc.record({
      dataStart: fc.nat(32).map((n) => n * 8),
      capacity: fc.constantFrom(8, 64, 1024, 4096),
      mostPayload: fc.integer({ min: 8, max: 2048 }),
      behind: fc.nat(64),
      gather: fc.nat(4096),
      lineMeta: fc.integer({ min: -1, max: 7 }),
      timeMeta: fc.integer({ min: -1, max: 7 }),
      size: fc.constantFrom(0, 1, 8, 100, 2048, 2049, -1, 0x7FFFFFFF)
    }),
    fc.integer({ min: -100, max: 20 }), fc.constantFrom(16, 16, 16, 15), fc.constantFrom(0, 0, 0, 4), fc.constantFrom(0, 8, -8, 0x7FFFFFF8, -0x80000000), fc.nat(5000), fc.constantFrom(-1, 0, 12_000), fc.constantFrom(Infinity, 0, NaN)
  ).map(([{ dataStart, capacity, mostPayload, behind, gather, lineMeta, timeMeta, size }, more, length, offset, position, to, enough, until]) => {
    const start = dataStart + capacity + 8 + mostPayload + behind
    const gathering = new Made(() => {
      const made = words(length, offset)
      made[3] = enough
      made.set(new Int32Array(Float64Array.of(until).buffer), 6)
      made.set([dataStart, capacity, mostPayload, start, start + gather, lineMeta, timeMeta].slice(0, made.length - 8), 8)
      return made
    })
    // Records of one kind, then of the other.
    const ring = new Made(() => {
      const made = words(Math.max(2, Math.ceil((start + gather) / 4) + more))
      for (let at = 0; at < made.length; at++) made[at] = at % 2 === 0 ? size : at < dataStart / 4 + 64 ? lineMeta : timeMeta
      return made
    })
    return [ring, gathering, position, (position + capacity) | 0, start + to % (gather + 1)]
  }),
  keepRing: fc.tuple(
    text,
    fc.record({
      capacity: fc.constantFrom(8, 64, 1024, 4096, 8192),
      dataStart: fc.integer({ min: 4, max: 32 }).map((n) => n * 8),
      published: fc.nat(7),
      released: fc.nat(7),
      adopted: fc.nat(7),
      tallied: fc.nat(7),
      closed: fc.nat(7),
      givenBack: fc.integer(),
      totalsSlot: fc.nat(7),
      batchBase: fc.nat(7),
      batchTaken: fc.nat(7),
      position: fc.nat(1),
      outputEnds: fc.nat(1),
      totalsStride: fc.nat(2),
      line: fc.nat(255),
      time: fc.nat(255),
      first: fc.nat(65535),
      last: fc.nat(65535)
    }),
    fc.integer({ min: -100, max: 20 })
  ).map(([key, layout, more]) => [new Made(() => words(Math.max(2, (layout.dataStart + layout.capacity) / 4 + more))), key, layout]),
  keepRingToo: fc.tuple(fc.constant(new Made(() => words(8)))),
  letRingGo: fc.tuple(fc.constant(new Made(() => words(8)))),
  inherit: fc.tuple(text),
  writeFd: fc.tuple(
    fc.constant(sink), fc.uint8Array({ minLength: 100, maxLength: 9000 }), fc.nat(50), fc.integer({ min: 50, max: 100 }), fc.nat(3),
    fc.constant(new Made(() => words(8))), fc.nat(7))
}

/** The same layout with one thing in it that is not right. */
const wrongLayout = (name) => fc.tuple(RIGHT[name], fc.nat(17), anything).map(([right, at, wrong]) => {
  const layout = right.at(-1)
  const names = Object.keys(layout)
  return { ...layout, [names[at % names.length]]: wrong }
})

const HAVE_LAYOUT = ['createPublisher', 'keepRing']

function argumentsOf (name) {
  const changes = fc.array(fc.tuple(fc.nat(7), anything), { maxLength: 3 })
  return fc.tuple(RIGHT[name], changes, fc.integer({ min: 0, max: 9 }), HAVE_LAYOUT.includes(name) ? wrongLayout(name) : fc.constant(undefined)).map(([right, changes, count, layout]) => {
    const args = [...right]
    for (const [place, value] of changes) args[place] = value
    if (layout !== undefined && count > 6) args[right.length - 1] = layout
    // Mostly as many as there should be; else too few.
    if (count < 3) args.length = Math.min(args.length, count)
    // Node's own descriptors are none of ours to write to.
    if (name === 'writeFd' && Number.isInteger(args[0]) && args[0] >= 0 && args[0] < 1000) args[0] = sink
    // Nor are files of any name.
    if (name === 'keepRing' && typeof args[3] === 'string') args[3] = '/dev/null'
    if (name === 'keepRing' && Number.isInteger(args[3]) && args[3] >= 0) args[3] = sink
    return args
  })
}

/** What a publisher does with whatever stands in its ring, and whatever it is given. */
function publish (tryPublish, view) {
  for (const position of [0, 1, -1, 7, 0x7FFFFFFF, -0x80000000, 0x1234567]) {
    for (const room of [0, 100, 0x7FFFFFFF]) {
      for (const value of ['', 'a line\n', '€'.repeat(20), '€'.repeat(400), '\uD800', 'x'.repeat(1300), 'x'.repeat(5000), 5, null, Symbol('s')]) {
        view.fill(position)
        // Where quickEnd stands only the layout knows: every word says the same.
        for (let at = 0; at < view.length; at += 2) view[at] = position + room
        if (typeof tryPublish(value) !== 'boolean') throw new Error('expected a boolean')
      }
    }
  }
}

/** What becomes of a ring that nobody keeps any more, with whatever stands in it. */
function leave (view, key) {
  for (let at = 0; at < view.length; at++) view[at] = (at * 0x9E3779B1) >> (at % 32)
  addon.letRingGo(view)
  const estate = addon.inherit(key)
  if (estate !== undefined && !(estate instanceof ArrayBuffer)) throw new Error('expected an ArrayBuffer')
}

const came = {}

function check (name, made) {
  const args = made.map(Made.in)
  // A layout is the one argument with values in it that matter.
  const at = made.findIndex((arg) => arg?.dataStart !== undefined)
  if (at >= 0) args[at] = Object.fromEntries(Object.entries(made[at]).map(([key, value]) => [key, Made.in(value)]))
  const count = (kind) => { came[name][kind] = (came[name][kind] ?? 0) + 1 }
  try {
    const result = addon[name](...args)
    if (name === 'createPublisher') publish(result, args[0])
    if (name === 'keepRing') leave(args[0], args[1])
    count('done')
  } catch (error) {
    if (error === planted) return count('planted')
    const isOurs = ['TypeError', 'RangeError'].includes(error?.name) && /^ERR_PINO_PINNED_(INVALID_ARG_TYPE|OUT_OF_RANGE)$/.test(error.code)
    const isSystems = error?.name === 'Error' && /^E[A-Z]+$/.test(error.code) && typeof error.errno === 'number'
    const isProxys = error?.name === 'TypeError' && /proxy that has been revoked/.test(error.message)
    if (!isOurs && !isSystems && !isProxys) throw error
    count(isOurs ? error.name : isSystems ? error.code : 'proxy')
  }
  for (const arg of args) {
    if (isInt32Array(arg) && arg.byteOffset >= MARGIN && !isMarginWhole(arg)) throw new Error('memory around the words was touched')
  }
}

for (const name of Object.keys(addon).filter((name) => typeof addon[name] === 'function')) {
  came[name] = {}
  // A crash leaves no more than this.
  fs.writeSync(2, `${name} `)
  fc.assert(fc.property(argumentsOf(name), (args) => check(name, args)), { seed, numRuns: RUNS })
}
// A right call still is one.
addon.unpinThread()
fs.writeSync(1, JSON.stringify(came) + '\n')
