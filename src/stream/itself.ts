import { moveMetadata } from './metadata'

/**
 * Applications wrap streams: instrumentation and test doubles in a Proxy, containers in an object that inherits from them.
 * Private fields are on the stream alone, so what is called on the wrapper looks for the stream behind it first.
 */

/** Found through a proxy's `get` and through a chain of prototypes. */
const ITSELF = Symbol('pino-pinned.itself')

type Wrapped<T> = T & { [ITSELF]?: { stream: T } }

/** Makes a stream one that can be found behind its wrappers; before anything else is called on it. */
export function beFound (stream: object): void {
  // Not the stream alone: a proxy may wrap each object that it hands out, as Vue's does, but none that can't be extended; a
  // function might be wrapped too. Configurable: a proxy has to hand out the very value of a property that is not.
  Object.defineProperty(stream, ITSELF, { value: Object.freeze({ stream }), configurable: true })
}

/**
 * @param wrapper a stream, or what stands in front of one
 * @throws {TypeError} there is none behind it
 */
export function itself<T extends object> (wrapper: T): T {
  const found = (wrapper as Wrapped<T>)[ITSELF]
  if (found === undefined) throw new TypeError('this is not a RingStream, nor does it stand for one')
  return found.stream
}

/** The stream that a line is written to through a wrapper: {@link itself}, with what pino left on the wrapper for that line. */
export function writtenThrough<T extends object> (wrapper: T): T {
  const stream = itself(wrapper)
  moveMetadata(wrapper, stream)
  return stream
}

/** Makes the methods and getters of a class run on the stream itself, whatever they are called on. */
export function runOnItself (prototype: object, { except }: { except: string[] }): void {
  for (const [name, member] of Object.entries(Object.getOwnPropertyDescriptors(prototype))) {
    if (name === 'constructor' || except.includes(name)) continue
    const kind = member.get === undefined ? 'value' : 'get'
    Object.defineProperty(prototype, name, { ...member, [kind]: onItself(member[kind]) })
  }
}

function onItself (member: Function): Function {
  const { name, length } = Object.getOwnPropertyDescriptors(member)
  const found = function (this: object, ...args: unknown[]): unknown { return Reflect.apply(member, itself(this), args) }
  return Object.defineProperties(found, { name, length })
}
