import { isUint8Array } from 'node:util/types'

/**
 * pino writes strings. Whatever else somebody writes becomes text as far as it can; `write` does not throw. Nothing is
 * asked of the thing itself outside the `try`: a revoked proxy throws even at `instanceof`.
 */
export function textOf (line: unknown): string | Uint8Array {
  if (typeof line === 'string') return line
  try {
    return isUint8Array(line) ? plain(line) : String(line)
  } catch {
    return '[unprintable]'
  }
}

/** A class of its own may tell another length than it has, and the ring believes it. */
function plain (bytes: Uint8Array): Uint8Array {
  const prototype: unknown = Object.getPrototypeOf(bytes)
  return prototype === Buffer.prototype || prototype === Uint8Array.prototype ? bytes : new Uint8Array(bytes)
}
