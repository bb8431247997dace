'use strict'

/** Worker code under test is the built code, so `npm test` builds first; `pino-pinned` in a test is that build. */
module.exports = {
  testEnvironment: 'node',
  roots: ['<rootDir>/test'],
  testMatch: ['**/*.test.ts'],
  transform: { '^.+\\.ts$': ['ts-jest', { tsconfig: '<rootDir>/test/tsconfig.json', diagnostics: false }] },
  moduleNameMapper: {
    '^pino-pinned$': '<rootDir>/dist/index.js',
    '^pino-pinned/affinity$': '<rootDir>/dist/affinity/index.js'
  },
  testTimeout: 120000,
  maxWorkers: 2
}
