import fc from 'fast-check'
import { levelOfText } from '../../src/levels'
import { theAddon } from './support'

const { measureLine } = theAddon()

/** What a dropped line counts as; levels that are written otherwise are left to JavaScript. */
function measured (line: string): number {
  const level = /^\{"level":[1-6]0,/.test(line) ? levelOfText(line)! : 0
  return Buffer.byteLength(line) * 128 + level
}

const level = fc.oneof(fc.constantFrom('10', '20', '30', '40', '50', '60', '00', '70', '35', '5', '300', '3x', '"info"', '"', ''), fc.integer().map(String))
const line = fc.oneof(
  fc.tuple(fc.constantFrom('{"level":', '{"levels":', '{"Level":', ' {"level":', '{"level": '), level, fc.constantFrom(',', '}', '', ',"msg":"é"}\n'), fc.string({ unit: 'binary' })).map((parts) => parts.join('')),
  fc.tuple(fc.constant('{"level":30,"msg":"'), fc.array(fc.integer({ min: 0, max: 0xFFFF }), { maxLength: 60 }).map((units) => String.fromCharCode(...units))).map((parts) => parts.join('')),
  fc.string({ unit: 'binary' }))

test('the addon measures a line as JavaScript does: UTF-8 bytes, lone surrogates too, and the level where pino puts it', () => {
  fc.assert(fc.property(line, (text) => { expect([text, measureLine(text)]).toEqual([text, measured(text)]) }), { numRuns: 2000 })
})

test.each(['x', 'é', '€', '😀', '\uD800', '\uD800x', '😀\uDE00'])('lines of less than 8192 bytes of %j are measured, longer ones left to JavaScript', (unit) => {
  const lines = Array.from({ length: 12 }, (_, more) => unit.repeat(Math.floor(8180 / Buffer.byteLength(unit))) + 'x'.repeat(more) + unit)
  for (const text of [...lines, unit.repeat(100_000)]) expect(measureLine(text)).toBe(Buffer.byteLength(text) < 8192 ? measured(text) : 0)
})
