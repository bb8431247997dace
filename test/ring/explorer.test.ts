import { explore, type Report } from './explorer/explore'
import type { Plant } from './explorer/load'
import { plants } from './explorer/plants'
import { scenario, type Plan } from './explorer/scenarios'

/**
 * Every order of steps of the real Producer, Consumer and Waiter on a small simulated memory: see explorer/. A report of
 * a violation lists the steps that lead to it.
 */

/** `count` lines of `size` bytes that can be told apart. */
function lines (count: number, size: number): string[] {
  return Array.from({ length: count }, (_, i) => String.fromCharCode(97 + i).repeat(size - 1) + '\n')
}

/** More parts than fit in the ring at once. */
const LONG_LINE = '>' + ['first', 'a', 'b', 'c', 'd', 'last\n'].map((part) => part.padStart(20, '.')).join('|')

// Every order of steps takes as long as it takes; on a busy machine that is a while.
jest.setTimeout(600_000)

const quick: Plan = { lines: lines(5, 7) }
const full: Plan = { lines: lines(6, 23) }
const parts: Plan = { lines: ['ab\n', LONG_LINE] }
const takeover: Plan = { lines: lines(3, 7), kills: 2, bites: true }
const takeoverWhenFull: Plan = { lines: lines(5, 23), kills: 1 }
const park: Plan = { lines: lines(3, 7), park: true }
const parkAndTakeover: Plan = { lines: lines(2, 7), park: true, kills: 1 }

function isSound (plan: Plan): Report {
  const report = explore(scenario(plan))
  expect(report.violation).toBeNull()
  return report
}

function isFound (planted: Plant[], plan: Plan): string {
  const { violation } = explore(scenario(plan, planted))
  if (violation === null) throw new Error('the planted bug was not found')
  return violation
}

describe.each([['in JavaScript', false], ['with its native half', true]])('in every order of their steps, a producer %s and a consumer', (_, native) => {
  const isSoundSo = (plan: Plan): Report => isSound({ ...plan, native })

  test.each([['0', 0], ['2^31', 0x7FFFFFE0 | 0], ['2^32', -32]])('pass every line on whole, once and in order, near position %s', (_, start) => {
    expect(isSoundSo({ ...quick, start }).ends).toBeGreaterThan(1)
  })

  test.each([['0', 0], ['2^31', 0x7FFFFFC0 | 0], ['2^32', -64]])('drop and count exactly when the ring is full, near position %s', (_, start) => {
    expect(isSoundSo({ ...full, start }).ends).toBeGreaterThan(1)
  })

  test('stream a line through a ring that is smaller', () => { isSoundSo(parts) })

  test('lose and repeat no byte when a successor takes over at any step, twice', () => { isSoundSo(takeover) })

  test('lose and repeat no byte when a successor takes over while lines are dropped', () => { isSoundSo(takeoverWhenFull) })

  test('miss no wake when the consumer parks', () => { isSoundSo(park) })

  test('miss no wake when a successor takes over from a parked consumer', () => { isSoundSo(parkAndTakeover) })
})

describe('the explorer finds', () => {
  test.each<[string, Plant[], Plan]>([
    ['a record published before its payload is written', plants.publishBeforePayload, quick],
    ['a record published before its header is written', plants.publishBeforeHeader, quick],
    ['a position published by a plain store', plants.plainPublish, quick],
    ['a producer that trusts the room it saw once', plants.staleOwnPosition, full],
    ['a consumer that releases what it has not gathered', plants.releaseUpToPublished, quick],
    ['a consumer that releases before it has copied', plants.releaseBeforeCopy, full],
    ['BatchTaken stored after BatchBase', plants.takenAfterBase, takeover],
    ['a successor that forgets what was taken', plants.takenForgotten, takeover],
    ['space given back before the successor would know', plants.toldBeforeItHolds, takeoverWhenFull]
  ])('%s', (_, planted, plan) => {
    expect(isFound(planted, plan)).toMatch(/, after\n/)
  })

  test.each<[string, Plant[], Plan]>([
    ['a consumer that looks before it says that it sleeps', plants.sleepsBeforeSayingSo, park],
    ['a consumer that reads Wake after its last look', plants.readsWakeTooLate, park],
    ['a producer that looks for sleepers before it publishes', plants.looksBeforePublishing, park],
    ['a producer that wakes only once', plants.wakesOnce, park],
    ['a successor that goes on with the sleep of a dead one', plants.successorTakesSleepForWaking, parkAndTakeover]
  ])('%s', (_, planted, plan) => {
    expect(isFound(planted, plan)).toMatch(/^the consumer sleeps for ever/)
  })

  test('a place where a bug can no longer be planted', () => {
    const gone: Plant[] = [{ file: 'ring/producer.ts', replace: 'no such code', by: '' }]
    expect(() => scenario(quick, gone)).toThrow('0 places that read "no such code"')
  })
})
