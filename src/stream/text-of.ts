/** pino writes strings. Whatever else somebody writes becomes text as far as it can; `write` does not throw. */
export function textOf (line: unknown): string | Uint8Array {
  if (typeof line === 'string' || line instanceof Uint8Array) return line
  try {
    return String(line)
  } catch {
    return '[unprintable]'
  }
}
