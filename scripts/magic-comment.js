'use strict'

// Comments are taken out of the code, because what a thread loads it keeps. This one says something to webpack: that it must not
// look for a target that only the running process knows.

const { readFileSync, writeFileSync } = require('node:fs')
const { join } = require('node:path')

const file = join(__dirname, '..', 'dist', 'writer', 'load-target.js')
const code = readFileSync(file, 'utf8')
const told = code.replace(/import\((?=\w+\))/, 'import(/* webpackIgnore: true */ ')
if (told === code) throw new Error(`${file} has no import() that the comment could stand in`)
writeFileSync(file, told)
