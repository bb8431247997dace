import { chooseCores } from '../../src/affinity/choose'
import { runScript } from '../support/process'

const machine = (rank: number, allowed: number[], isolated: number[] = []): Parameters<typeof chooseCores>[1] =>
  ({ allowed, isolated, permitted: () => allowed, rank: () => rank })

describe("with core 'auto' in several processes", () => {
  test('each takes the core below that of the one before it, and the last again after the first', () => {
    expect([0, 1, 2, 3, 4].map((rank) => chooseCores('auto', machine(rank, [0, 1, 2, 5])).cores)).toEqual([[5], [2], [1], [0], [5]])
  })

  test('they take turns on the isolated cores, where there are any', () => {
    expect([0, 1, 2].map((rank) => chooseCores('auto', machine(rank, [0, 1, 2, 3], [1, 3])).cores)).toEqual([[3], [1], [3]])
  })

  const start = (how: string): string => `
    const { allowedCores } = require('pino-pinned/affinity')
    const { transport } = require('pino-pinned')
    const cluster = require('node:cluster')
    const { fork } = require('node:child_process')
    const pinned = (use) => {
      const stream = transport({ destination: 1, core: 'auto' })
      stream.once('ready', () => { use(stream.stats().pinned); stream.end() })
    }
    if (process.send !== undefined) {
      pinned((cores) => process.send(cores))
      process.once('message', () => process.exit(0))
    } else {
      const children = [1, 2, 3].map(() => ${how})
      Promise.all(children.map((child) => new Promise((resolve) => child.once('message', resolve)))).then((cores) => {
        pinned((own) => {
          console.log(JSON.stringify({ allowed: allowedCores(), cores: [own, ...cores] }))
          for (const child of children) child.send('done')
        })
      })
    }`

  test.each([
    ['child_process.fork', 'fork(__filename)'],
    ['cluster', 'cluster.fork()']
  ])('the writers of %s and of its parent are pinned in turn', async (_, how) => {
    const { stdout, stderr, code } = await runScript(start(how), { timeout: 110_000 })
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
    const { allowed, cores } = JSON.parse(stdout)
    const expected = [0, 1, 2, 3].map((rank) => allowed.length < 2 ? null : [allowed.at(-1 - rank % allowed.length)])
    expect(cores).toEqual(expected)
  })
})
