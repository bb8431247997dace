'use strict'

/**
 * Random numbers that a seed repeats (mulberry32).
 *
 * @returns a function that draws a whole number below another
 */
function generator (state) {
  return (below) => {
    state = (state + 0x6D2B79F5) | 0
    let t = Math.imul(state ^ (state >>> 15), 1 | state)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return Math.floor((((t ^ (t >>> 14)) >>> 0) / 4294967296) * below)
  }
}

module.exports = { generator }
