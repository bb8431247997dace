'use strict'

/** Numbered lines that a checker can hold against what arrived: in tests, in programs they start, and in the chaos run. */

/** How long the long ones among them are, where there are such. */
const LONG_BYTES = 20_000

/** A line that carries its number, with a length that follows from it: from 20 bytes to 200, now and then some kB. */
function numbered (n, longBytes = 0) {
  const padding = longBytes > 0 && n % 50 === 0 ? longBytes : (n * 37) % 180
  return `{"level":30,"n":${n},"pad":"${'é'.repeat(padding >> 1)}"}\n`
}

/**
 * What stands in a log of numbered lines and drop notices.
 *
 * @returns numbers in the order of their first arrival, how many lines arrived again, how many are no whole line of ours,
 *   how many lines the notices tell of, and whether the order was kept
 */
function check (text, longBytes = 0) {
  const found = { numbers: [], repeated: 0, torn: [], told: 0, inOrder: true }
  const seen = new Set()
  const lines = text.split('\n')
  const rest = lines.pop()
  if (rest !== '') found.torn.push(rest.slice(0, 100))
  let last
  for (const line of lines) {
    const isSameNotice = line === last && line.startsWith('{"level":40')
    last = line
    if (isSameNotice) {
      found.repeated++
      continue
    }
    const n = Number(/^\{"level":30,"n":(\d+),/.exec(line)?.[1])
    if (line + '\n' === numbered(n, longBytes)) {
      if (seen.has(n)) found.repeated++
      else {
        if (found.numbers.length > 0 && n < found.numbers[found.numbers.length - 1]) found.inOrder = false
        seen.add(n)
        found.numbers.push(n)
      }
    } else if (/^\{"level":40,.*"name":"pino-pinned","dropped":\d+,.*\}$/.test(line)) {
      found.told += JSON.parse(line).dropped
    } else {
      found.torn.push(line.slice(0, 100))
    }
  }
  return found
}

module.exports = { LONG_BYTES, numbered, check }
