import { addon } from '../../affinity/addon'

/** A stream of this thread that has a key. */
export interface Holder {
  /** Its writer has closed the sink: another may be made. */
  readonly isDone: boolean
}

/**
 * Who makes the writer that several threads share: whoever claims its key. The addon knows the threads of the process; here
 * are the streams of this one.
 */
const holders = new Map<string, Holder | null>()

/**
 * @returns undefined if another stream has it, or there is no addon to ask; else whether the sink was open under a holder
 *   before: then this one is its heir. Whoever gets the key is to `hold` or to `release` it
 */
export function claim (key: string): { isHeir: boolean } | undefined {
  const before = holders.get(key)
  if (before === null || before?.isDone === false) return undefined
  const claimed = addon?.claim(key) ?? 0
  if (claimed === 0) return undefined
  holders.set(key, null)
  return { isHeir: claimed === 2 }
}

/** Says when the key can be had again; without that, after `release`. */
export function hold (key: string, holder: Holder): void { holders.set(key, holder) }

/**
 * For whoever has the key.
 *
 * @param isForgotten its next holder is no heir
 */
export function release (key: string, holder: Holder | null, isForgotten: boolean): void {
  if (holders.get(key) !== holder) return // another stream of this thread has it by now
  holders.delete(key)
  addon?.release(key, isForgotten)
}
