import type { Plant } from './load'

/** Bugs that the explorer must find; each is a slip that a change of the code could make. */
export const plants = {
  publishBeforePayload: [{
    file: 'ring/producer.ts',
    replace: 'const size = this.#bytes.utf8Write(text, place + HEADER_BYTES, most)',
    by: `const size = Buffer.byteLength(text)
      this.#publish(position + recordBytes(size))
      this.#bytes.utf8Write(text, place + HEADER_BYTES, most)`
  }],
  publishBeforeHeader: [{
    file: 'ring/producer.ts',
    replace: 'this.#seal(place, size, LINE_META) this.#counts',
    by: `this.#publish(position + recordBytes(size))
      this.#seal(place, size, LINE_META)
      this.#counts`
  }],
  plainPublish: [{
    file: 'ring/producer.ts',
    replace: 'Atomics.store(this.#words, RingWord.Published, this.#position)',
    by: 'this.#words[RingWord.Published] = this.#position'
  }],
  staleOwnPosition: [{
    file: 'ring/producer.ts',
    replace: 'return (this.#position - this.#released) | 0',
    by: `
      if (this.seen !== this.#released) this.then = (this.#position - this.#released) | 0
      this.seen = this.#released
      return this.then`
  }],
  releaseUpToPublished: [{
    file: 'ring/consumer.ts',
    replace: 'writeTotals(this.#counts, slot, mark)',
    by: 'mark = { ...mark, position: this.#position = Atomics.load(this.#words, RingWord.Published) }; writeTotals(this.#counts, slot, mark)'
  }],
  toldBeforeItHolds: [{
    file: 'ring/consumer.ts',
    replace: 'Atomics.store(this.#words, RingWord.TotalsSlot, slot)',
    by: 'this.#tell(mark); Atomics.store(this.#words, RingWord.TotalsSlot, slot)'
  }],
  releaseBeforeCopy: [{
    file: 'ring/consumer.ts',
    replace: 'if (this.available === 0) {',
    by: `const seen = this.available
    Atomics.store(this.#words, RingWord.Released, this.#published)
    if (seen === 0) {`
  }],
  takenAfterBase: [{
    file: 'ring/consumer.ts',
    replace: 'Atomics.store(words, RingWord.BatchTaken, 0) Atomics.store(words, RingWord.BatchBase, base)',
    by: 'Atomics.store(words, RingWord.BatchBase, base); Atomics.store(words, RingWord.BatchTaken, 0)'
  }],
  takenForgotten: [{
    file: 'ring/consumer.ts',
    replace: 'if (base === this.#baseOf(this.#position)) this.#batchTaken =',
    by: 'if (this.#position < 0) this.#batchTaken ='
  }],
  sleepsBeforeSayingSo: [{
    file: 'writer/waiter.ts',
    replace: 'Atomics.add(block, WriterWord.Sleeping, 1) if (isIdle()) Atomics.wait(',
    by: 'const idle = isIdle(); Atomics.add(block, WriterWord.Sleeping, 1); if (idle) Atomics.wait('
  }],
  readsWakeTooLate: [{
    file: 'writer/waiter.ts',
    replace: 'if (isIdle()) Atomics.wait(block, WriterWord.Wake, this.#wake,',
    by: 'if (isIdle()) Atomics.wait(block, WriterWord.Wake, Atomics.load(block, WriterWord.Wake),'
  }],
  looksBeforePublishing: [{
    file: 'ring/producer.ts',
    replace: 'Atomics.store(this.#words, RingWord.Published, this.#position) if (this.#wake !== null) this.#wakeWriter(this.#wake)',
    by: 'if (this.#wake !== null) this.#wakeWriter(this.#wake); Atomics.store(this.#words, RingWord.Published, this.#position)'
  }],
  wakesOnce: [{
    file: 'ring/producer.ts',
    replace: '(sleeping & 1) === 0 || sleeping === this.#woken',
    by: '(sleeping & 1) === 0 || this.#woken !== 0'
  }],
  successorTakesSleepForWaking: [{
    file: 'writer/waiter.ts',
    replace: 'if ((Atomics.load(this.#block, WriterWord.Sleeping) & 1) === 1) Atomics.add(this.#block, WriterWord.Sleeping, 1)',
    by: ''
  }]
} satisfies Record<string, Plant[]>
