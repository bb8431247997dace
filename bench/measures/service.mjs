// A web service that logs each request, under load.
import autocannon from 'autocannon'
import fastify from 'fastify'
import { interleave, muster } from '../fleet.mjs'
import { ratio, summary } from '../statistics.mjs'
import { available } from '../subjects.mjs'

const NAMES = ['noop', 'pinned', 'js', 'register', 'dropIn', 'transport', 'destinationSync', 'destinationAsync']
const CONNECTIONS = 20

export const title = 'Web service'

export const actions = {
  async listen (subject) {
    const app = fastify({ loggerInstance: subject.logger })
    app.get('/', () => ({ hello: 'world' }))
    return app.listen({ port: 0, host: '127.0.0.1' })
  },
  async losses (subject) { return subject.stats?.()?.linesDropped ?? 0 }
}

export async function run (context) {
  const rounds = context.isQuick ? 3 : 4
  const members = await muster(available(NAMES, context.isQuick), 'service', context)
  context.expect((rounds + 1) * members.length)
  for (const member of members) {
    member.url = await member.ask('listen')
    member.stop()
  }
  const load = async (member) => {
    const { requests, latency } = await autocannon({ url: member.url, connections: CONNECTIONS, duration: context.isQuick ? 1 : 2 })
    return { perSecond: requests.average, p99: latency.p99, dropped: await member.ask('losses') }
  }
  await interleave(members, 1, context, load)
  const kept = await interleave(members, rounds, context, load)
  for (const member of members) await member.end()
  const of = (name, what) => kept.get(name).map((each) => each[what])
  const rows = members.map(({ name }) => ({
    name,
    perSecond: summary(of(name, 'perSecond')),
    p99: summary(of(name, 'p99')),
    ratio: ratio(of(name, 'perSecond'), of('transport', 'perSecond')),
    dropped: of(name, 'dropped').at(-1)
  }))
  return {
    sections: [{ title: `fastify, request logging, ${CONNECTIONS} connections`, columns: { perSecond: 'requests/s', p99: 'p99, ms', ratio: 'requests/s ÷ pino.transport' }, rows }],
    bars: [{ title: 'Requests a second ÷ pino.transport', unit: 'ratio', rows: rows.map(({ name, ratio }) => ({ name, ...ratio })) }]
  }
}
