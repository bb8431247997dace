'use strict'

/** What stands in a chaos run's log, as JSON: `node chaos-check.js FILE`. In a process of its own, with which its garbage goes. */

const { existsSync, readFileSync } = require('node:fs')
const { check, LONG_BYTES } = require('./lines')

const [,, path] = process.argv
const text = existsSync(path) ? readFileSync(path, 'utf8') : '' // no line in a target's whole life
const { numbers, ...found } = check(text, LONG_BYTES)
/** As often as it came, a notice tells of the same drops. */
const notices = new Set(text.split('\n').filter((line) => line.startsWith('{"level":40')))
const toldOnce = [...notices].reduce((sum, notice) => sum + JSON.parse(notice).dropped, 0)
console.log(JSON.stringify({ ...found, delivered: numbers.length, toldOnce }))
