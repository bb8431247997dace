import { createWriterBlock, RingWord, type Ring } from '../../ring/layout'
import { noTotals, type Totals } from '../counts'
import type { ProducerStats, WriterAccess, WriterStateName } from '../writer-access'
import { WriterBlock } from '../writer-block'

/** In a writer's place while none is found: lines wait in the ring. */
export class Homeless extends WriterBlock implements WriterAccess {
  readonly #ring: Ring
  readonly #look: () => void
  #isDone = false
  #isGivenUp = false
  /** To the target, when there is one. */
  readonly messages: unknown[] = []

  /** @param look looks for a writer; what it finds takes this one's place */
  constructor (ring: Ring, look: () => void) {
    super(createWriterBlock())
    this.#ring = ring
    this.#look = look
  }

  override get isUp (): boolean { return false }
  override get isReady (): boolean { return false }
  override get saysIfWaiting (): boolean { return true }
  get isOver (): boolean { return this.#isGivenUp }
  /** Every line goes the careful way, which looks for a writer. */
  get isTakenIn (): boolean { return false }
  get othersProgress (): number { return 0 }
  get othersLinesLeft (): number { return 0 }

  /** A ring without lines needs no writer to be given back to. */
  get hasEnded (): boolean {
    const { words } = this.#ring
    return this.#isDone && Atomics.load(words, RingWord.Published) === Atomics.load(words, RingWord.Released)
  }

  get isClosed (): boolean { return this.hasEnded || this.#isGivenUp }
  get hasFailed (): boolean { return this.#isGivenUp }
  override get state (): WriterStateName { return this.isClosed ? 'ended' : 'starting' }
  get restarts (): number { return 0 }
  get worker (): undefined { return undefined }

  keepAlive (): void { if (!this.#isGivenUp) this.#look() }

  end (): void {
    this.#isDone = true
    Atomics.store(this.#ring.words, RingWord.ProducerDone, 1)
  }

  abandon (): void { this.#isGivenUp = true }
  restart (): boolean { return false }
  post (message: unknown): void { this.messages.push(message) }
  others (): { totals: Totals, producers: ProducerStats[] } { return { totals: noTotals(), producers: [] } }
  ref (): void {}
  unref (): void {}
}
