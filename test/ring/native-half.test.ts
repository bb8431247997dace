import { theAddon } from '../affinity/support'

/** Whatever the ring's tests ask of a producer and a consumer, they ask here of those that have their native halves. */
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

jest.mock('../../src/ring/consumer', () => {
  const original = jest.requireActual<typeof import('../../src/ring/consumer')>('../../src/ring/consumer')
  const { addon } = jest.requireActual<typeof import('../../src/affinity/addon')>('../../src/affinity/addon')
  class NativeConsumer extends original.Consumer {
    constructor (...[ring, formatNotice]: ConstructorParameters<typeof original.Consumer>) {
      super(ring, formatNotice, addon!.gatherLines)
    }
  }
  return { ...original, Consumer: NativeConsumer }
})

theAddon()

describe('with their native halves', () => {
  require('./producer.test')
  require('./model.test')
  require('./wrap.test')
  require('./long-lines.test')
  require('./consumer.test')
  require('./threads.test')
})
