/** What the supervisor tells. In the end it holds its host weakly: a stream that the application forgot must be collectable. */
export interface SupervisorHost {
  onReady (): void
  /** A message of the target's own, to be emitted by the stream. */
  onEvent (name: string, args: unknown[]): void
  /** @param isTargets whether the target sent it, as a message of its own */
  onWarning (error: Error, isTargets?: boolean): void
  /** @param sink where the writer's lines go, in the user's words */
  onRestart (restarts: number, reason: Error, sink: string): void
  /** The event loop has nothing left to do: holds it if somebody waits for something, and says whether. */
  holdIdle (): boolean
  /** Nobody will take another line: the sink failed for good, or writers died too often. */
  onFailed (error: Error): void
  /** The writer's thread has ended as it was told to. */
  onEnded (): void
}

/** Whether this is what pino tells a target of itself: the levels and keys of the logger. */
export function isConfig (message: unknown): boolean { return (message as { code?: unknown } | null)?.code === 'PINO_CONFIG' }

/** Apart: a closure made in the supervisor's constructor would share its scope with the others there, and these live on. */
export function strongReference<T extends object> (object: T): Pick<WeakRef<T>, 'deref'> {
  return { deref: () => object }
}
