import { Patience } from '../patience'
import { monotonicMs } from '../ring/timed-producer'
import { LINE_PATIENCE_MS, type RingOutlet } from './rings'

/** With `order: 'time'` a line is held back so long: another thread may be about to publish an earlier one. */
const GRACE_MS = 1

type Take = (outlet: RingOutlet, until: number, mostLines: number) => number

interface Rings {
  readonly outlets: readonly RingOutlet[]
  readonly data: { order: string }
  readonly missesRings: boolean
}

/**
 * Whose turn it is. Each ring has one batch a round; and nothing of another ring comes between the parts of a line, nor
 * behind text without a newline.
 */
export class Turns {
  /** The ring whose output came last. */
  #last: RingOutlet | undefined
  /** How long another ring has waited for a line of the last one's. */
  #wait: Patience | undefined
  readonly #close: (outlet: RingOutlet) => void

  readonly #thread: Rings
  readonly #byTime: boolean
  #isHolding = false

  /**
   * @param thread with rings of which at most one was left inside a line by the writer before this one
   * @param close takes a gathered newline to the sink
   */
  constructor (thread: Rings, close: (outlet: RingOutlet) => void) {
    this.#thread = thread
    this.#byTime = thread.data.order === 'time'
    this.#last = thread.outlets.find(({ consumer }) => consumer.isInsideText || consumer.isInsideLine)
    this.#close = close
  }

  /** Whether there was output, or what comes first is known: the rest of what another writer left unfinished. */
  get hasBegun (): boolean { return this.#last !== undefined }

  /** Rings were taken in. Under another owner's writer one of them may have been left inside a line. */
  tookIn (outlets: readonly RingOutlet[]): void {
    for (const outlet of outlets) {
      const { consumer } = outlet
      const isUnfinished = consumer.isInsideText || consumer.isInsideLine || consumer.isUnderWay
      if (this.#last === undefined) this.#last = isUnfinished ? outlet : undefined
      else if (!consumer.isUnderWay) consumer.cutOff()
    }
  }

  /** Whether the ring's output came last, or will be the first. */
  isLast (outlet: RingOutlet): boolean { return this.#last === outlet }

  /**
   * One turn for each ring that has something, the one whose turn was last being last again: a sink that has enough after one
   * batch must not get all of them from the first ring. With `order: 'time'` as many turns as the rings' lines change places.
   *
   * @param take takes a batch of the ring, with nothing later than a time and so many lines at most; returns its bytes, 0 if
   *   there was none
   * @returns the bytes of the largest
   */
  round (take: Take): number {
    if (this.#byTime) return this.#roundByTime(take)
    const { outlets } = this.#thread
    const first = this.#last === undefined ? 0 : outlets.indexOf(this.#last) + 1
    let most = 0
    for (let turn = 0; turn < outlets.length; turn++) {
      const outlet = outlets[(first + turn) % outlets.length]!
      if (this.mayFollow(outlet)) most = Math.max(most, take(outlet, Infinity, Infinity))
    }
    return most
  }

  /** Whether lines were left that are to wait a little: with `order: 'time'`. */
  get isHolding (): boolean { return this.#isHolding }

  #roundByTime (take: Take): number {
    const { outlets, missesRings } = this.#thread
    this.#isHolding = missesRings
    if (missesRings) return 0
    const horizon = monotonicMs() - GRACE_MS
    for (let most = 0; ;) {
      const last = this.#last
      // The rest of a line comes first, whatever its time; not what is behind it.
      let taken = last?.consumer.isInsideLine === true ? take(last, Infinity, 1) : 0
      if (taken === 0) {
        const { first, until, isLater } = earliest(outlets, horizon)
        this.#isHolding = isLater
        if (first !== undefined && this.mayFollow(first)) taken = take(first, until, Infinity)
      }
      if (taken === 0) return most
      most = Math.max(most, taken)
    }
  }

  /** Whether the ring may have its turn. Ends the text of another one's if need be, with a newline. */
  mayFollow (outlet: RingOutlet): boolean {
    const last = this.#last
    if (last === outlet) return true
    // Asked once: what is published after this look has its turn in the next round.
    if (outlet.consumer.available === 0 && !outlet.consumer.mustClose) return false
    if (last !== undefined && last.consumer.isInsideLine && this.#isWorthWaiting()) return false
    if (last?.consumer.gatherNewline() === true) this.#close(last)
    return true
  }

  /** The ring has had its turn. */
  had (outlet: RingOutlet): void {
    this.#last = outlet
    this.#wait = undefined
  }

  /** Ends the text of a ring that is about to be given back: the next writer would not know of it. */
  endGone (): void {
    const last = this.#last
    if (last?.consumer.isInsideText === true && last.isDone && last.consumer.gatherNewline()) this.#close(last)
  }

  /** Ends a line that will not be finished any more. */
  end (): void {
    if (this.#last?.consumer.isInsideLine === true && this.#last.consumer.gatherNewline()) this.#close(this.#last)
  }

  #isWorthWaiting (): boolean {
    this.#wait ??= new Patience()
    const { held, available } = this.#last!.consumer
    // The sink has not let go of what its producer may wait for, or does not take the part that is there.
    if (held > 0 || available > 0) this.#wait.renew()
    return this.#wait.look() < LINE_PATIENCE_MS
  }
}

/** The ring whose next line is the earliest, up to which time its lines come before all others', and whether some are to wait. */
function earliest (outlets: readonly RingOutlet[], horizon: number): { first: RingOutlet | undefined, until: number, isLater: boolean } {
  let first: RingOutlet | undefined
  let time = Infinity
  let until = horizon
  let isLater = false
  for (const outlet of outlets) {
    // A line that was closed early has no time, and waits for nothing.
    const head = outlet.consumer.headTime ?? (outlet.consumer.mustClose ? 0 : Infinity)
    if (head > horizon) {
      isLater ||= head !== Infinity
      continue
    }
    if (head < time) {
      until = Math.min(until, time)
      time = head
      first = outlet
    } else {
      until = Math.min(until, head)
    }
  }
  return { first, until, isLater }
}
