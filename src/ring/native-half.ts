import { DATA_START, LINE_META, type Ring, TIME_META } from './layout'

/** The native half of a consumer (the addon's `gatherLines`): gathers whole lines from `position` on. */
export type GatherLines = (words: Int32Array, gathering: Int32Array, position: number, published: number, to: number) => void

/**
 * Words of `gathering`, between a consumer and its native half: where the next record stands, and the next byte in the gather
 * space; lines; the byte from which on it is enough; two times. Behind them where things stand in the ring.
 */
export const enum GatheringWord { Position = 0, To = 1, Lines = 2, Enough = 3, Layout = 8 }
/** Its times, as f64: of what was gathered last, and that which nothing may be later than. */
export const enum GatheringTime { Last = 2, Until = 3 }
const GATHERING_BYTES = 64

export interface NativeHalf { readonly gatherLines: GatherLines, readonly gathering: Int32Array, readonly times: Float64Array }

/** @param gatherLines as the addon has it */
export function nativeHalf ({ capacity, mostPayload, gatherStart, gatherEnd }: Ring, gatherLines: GatherLines): NativeHalf {
  const gathering = new Int32Array(new SharedArrayBuffer(GATHERING_BYTES))
  gathering.set([DATA_START, capacity, mostPayload, gatherStart, gatherEnd, LINE_META, TIME_META], GatheringWord.Layout)
  return { gatherLines, gathering, times: new Float64Array(gathering.buffer) }
}
