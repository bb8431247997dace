import { theAddon } from '../affinity/support'

/** Whatever the ring's tests ask of a producer, they ask here of one that has its native half. */
jest.mock('../../src/ring/producer', () => {
  const original = jest.requireActual<typeof import('../../src/ring/producer')>('../../src/ring/producer')
  const { addon } = jest.requireActual<typeof import('../../src/affinity/addon')>('../../src/affinity/addon')
  class NativeProducer extends original.Producer {
    constructor (...[ring, wake = null]: ConstructorParameters<typeof original.Producer>) {
      super(ring, wake, addon!.createPublisher)
    }
  }
  return { ...original, Producer: NativeProducer }
})

theAddon()

describe('with its native half', () => {
  require('./producer.test')
  require('./model.test')
  require('./wrap.test')
  require('./long-lines.test')
  require('./consumer.test')
  require('./threads.test')
})
