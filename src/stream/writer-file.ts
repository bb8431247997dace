import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { codedError } from '../errors'
import { bundlerOverride } from '../resolve-target'

const WRITER_FILE = join(__dirname, 'writer', 'main.js')
/** Its key in `__bundlerPathsOverrides`, and its name where a bundler has put it beside this file. */
const BUNDLED = 'pino-pinned-writer'
const BUNDLED_FILES = [join(__dirname, `${BUNDLED}.mjs`), join(__dirname, `${BUNDLED}.js`)]

/**
 * The file that the writer's thread runs: where the application says that its bundler has put it, where it is in this
 * package, or beside the bundle that this file has become part of.
 *
 * @throws {Error} `ERR_PINO_PINNED_WRITER_FILE`: there is none
 */
export function writerFile (): string {
  const told = bundlerOverride(BUNDLED)
  const places = told === undefined ? [WRITER_FILE, ...BUNDLED_FILES] : [told]
  const found = places.find((place) => existsSync(place))
  if (found === undefined) throw missing(places.at(-1)!)
  return found
}

function missing (place: string): Error {
  return codedError('ERR_PINO_PINNED_WRITER_FILE', `the writer's file is missing: ${place}. A bundle needs 'pino-pinned/writer' as an entry of its own, ` +
    `as ${BUNDLED}.js beside the bundle or where globalThis.__bundlerPathsOverrides['${BUNDLED}'] says (docs/bundlers.md)`)
}
