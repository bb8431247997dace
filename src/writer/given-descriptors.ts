/**
 * What a target opened is closed when its thread dies: Node keeps account of that, and warns when something is closed that was
 * not opened in this thread. A target closes what the application gave it.
 */
export function closeGivenQuietly (): void {
  const { emitWarning } = process
  process.emitWarning = function (this: unknown, warning: string | Error, ...more: unknown[]): void {
    if (typeof warning === 'string' && /^File descriptor \d+ closed but not opened in unmanaged mode$/.test(warning)) return
    Reflect.apply(emitWarning as (...args: unknown[]) => void, this, [warning, ...more])
  }
}
