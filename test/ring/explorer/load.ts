import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { compileFunction } from 'node:vm'
import ts from 'typescript'
import type * as ConsumerModule from '../../../src/ring/consumer'
import * as layout from '../../../src/ring/layout'
import type * as ProducerModule from '../../../src/ring/producer'
import type * as WaiterModule from '../../../src/writer/waiter'
import type { Thread } from './thread'

/** A bug to plant: a piece of a source file (it must be there, once) and what stands there instead. */
export interface Plant {
  file: string
  replace: string
  by: string
}

/** The code under exploration: the real classes, on simulated memory. */
export interface Code {
  Producer: typeof ProducerModule.Producer
  Consumer: typeof ConsumerModule.Consumer
  Waiter: typeof WaiterModule.Waiter
}

/** A parked writer looks a few times before it sleeps; one look shows as much and keeps the number of orders small. */
export const FEWER_LOOKS: Plant = { file: 'writer/waiter.ts', replace: 'LOOKS_BEFORE_SLEEP = 3', by: 'LOOKS_BEFORE_SLEEP = 0' }

/**
 * Loads the real source files so that every access to shared memory becomes a step of `thread`.
 *
 * @param plants bugs to plant
 * @throws if a place where a bug is to be planted is not in the source any more
 */
export function load (thread: Thread, plants: Plant[] = []): Code {
  return {
    ...run('ring/producer.ts', thread, plants) as typeof ProducerModule,
    ...run('ring/consumer.ts', thread, plants) as typeof ConsumerModule,
    ...run('writer/waiter.ts', thread, [FEWER_LOOKS, ...plants]) as typeof WaiterModule
  }
}

function run (file: string, thread: Thread, plants: Plant[]): unknown {
  const globals = {
    Atomics: thread.atomics,
    Buffer,
    Date: { now: () => 0 },
    Float64Array: thread.Float64Array,
    Int32Array: thread.Int32Array,
    performance: { now: () => 0 },
    require: (name: string) => name.endsWith('/layout') ? layout : name.endsWith('/output') ? run('ring/output.ts', thread, plants) : { threadCpuMs: () => 0 },
    exports: {}
  }
  compileFunction(compiled(file, plants), Object.keys(globals), { filename: file })(...Object.values(globals))
  return globals.exports
}

const cache = new Map<string, string>()

/** A source file as JavaScript, with bugs planted. */
export function compiled (file: string, plants: Plant[]): string {
  const own = plants.filter((plant) => plant.file === file)
  const key = JSON.stringify([file, own])
  let code = cache.get(key)
  if (code === undefined) {
    const source = own.reduce(planted, readFileSync(join(__dirname, '../../../src', file), 'utf8'))
    const options = { target: ts.ScriptTarget.ES2022, module: ts.ModuleKind.CommonJS }
    code = ts.transpileModule(source, { compilerOptions: options }).outputText
    cache.set(key, code)
  }
  return code
}

function planted (source: string, { file, replace, by }: Plant): string {
  // Told apart by words, not by how they are laid out.
  const pattern = new RegExp(replace.trim().split(/\s+/).map((word) => word.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')).join('\\s+'), 'g')
  const found = source.match(pattern)?.length ?? 0
  if (found !== 1) throw new Error(`${file} has ${found} places that read "${replace}": a planted bug must be fitted to the code again`)
  return source.replace(pattern, () => by)
}
