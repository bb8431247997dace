import { createRequire } from 'node:module'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { inspect } from 'node:util'
import type { EventEmitter } from 'node:events'

/**
 * What a transport's function returns: a Writable, or something that looks enough like one (sonic-boom, thread-stream).
 */
export interface TargetStream extends EventEmitter {
  write (text: string): boolean | void
  end (): void
  flush?: (done?: (error?: Error | null) => void) => unknown
  flushSync?: () => void
  destroyed?: boolean
  errored?: Error | null
  writableNeedDrain?: boolean
  writableLength?: number
  readableLength?: number
}

export type Target = (options: unknown) => TargetStream | Promise<TargetStream>

/** `require` as seen from here; a bundler must leave it alone, since the path comes from the user. */
const requireFile = createRequire(__filename)

/**
 * Loads a target as pino does: an ES or CommonJS module, or TypeScript where Node or ts-node can, by path or file URL.
 *
 * @throws whatever loading throws, and a TypeError if the module does not export a function
 */
export async function loadTarget (filename: string): Promise<Target> {
  let loaded: unknown = await importFile(filename)
  // A transpiler may have wrapped the default export once more.
  for (let depth = 0; depth < 2 && typeof loaded === 'object' && loaded !== null; depth++) {
    loaded = (loaded as { default?: unknown }).default
  }
  if (typeof loaded !== 'function') throw new TypeError(`${filename} does not export a function, as a pino transport must`)
  return loaded as Target
}

async function importFile (filename: string): Promise<unknown> {
  const url = filename.startsWith('file:') ? filename : pathToFileURL(filename).href
  try {
    return await import(url) // a bundler can't know it; the build says so to webpack
  } catch (error) {
    if (typeof error !== 'object' || error === null) throw new Error(`${filename} threw ${inspect(error)} while it was loaded`)
    const requirePath = requirableAfter(error as NodeJS.ErrnoException, url)
    if (requirePath === undefined) throw error
    try {
      return requirePath()
    } catch (second) {
      // Yarn's zip paths fail to import and must be required: then the second error says what is wrong. Else the first.
      throw isPathError(error) ? second : error
    }
  }
}

/** Another way to load `url` after `import` failed with `error`, if there is one worth trying. */
function requirableAfter (error: NodeJS.ErrnoException, url: string): (() => unknown) | undefined {
  const path = fileURLToPath(url)
  // A module inside a zip (Yarn), a packed executable (pkg, Node 20 gives it a code of its own).
  if (isPathError(error) || error.code === undefined || error.code === 'ERR_VM_DYNAMIC_IMPORT_CALLBACK_MISSING') {
    return error instanceof SyntaxError ? undefined : () => requireFile(path)
  }
  if (/\.c?ts$/.test(path)) {
    return () => {
      try {
        registerTypeScript()
      } catch {} // another loader may take it: tsx does, with a TypeScript that ts-node does not know
      return requireFile(path)
    }
  }
  return undefined
}

function isPathError (error: unknown): boolean {
  const { code } = error as NodeJS.ErrnoException
  return code === 'ENOTDIR' || code === 'ERR_MODULE_NOT_FOUND'
}

function registerTypeScript (): void {
  const running = process as unknown as Record<symbol, unknown>
  if (running[Symbol.for('ts-node.register.instance')] === undefined) requireFile('ts-node/register')
}
