'use strict'

const neostandard = require('neostandard')

module.exports = [
  { ignores: ['dist/', 'build/', 'coverage/', 'node_modules/', 'bench/results/'] },
  ...neostandard({ ts: true, env: ['jest'] })
]
