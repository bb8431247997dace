// A web service that logs each request, under load.
import autocannon from 'autocannon'
import fastify from 'fastify'
import { endAll, interleave, muster, roundsOf, stepsOf } from '../fleet.mjs'
import { ratio, summary } from '../statistics.mjs'
import { available, EVERYONE } from '../subjects.mjs'

export const subjects = EVERYONE
const CONNECTIONS = 20
/** How often autocannon looks whether its time is up. */
const LOOK_MS = 20

export const title = 'Web service'

export const actions = {
  async listen (subject) {
    const app = fastify({ loggerInstance: subject.logger ?? new RequestLogger(subject.info) })
    app.get('/', () => ({ hello: 'world' }))
    return app.listen({ port: 0, host: '127.0.0.1' })
  },
  async losses (subject) { return subject.stats?.()?.linesDropped ?? 0 }
}

/** What fastify wants of a logger, for those that are not pino; the request and the answer as its own serializers show them. */
class RequestLogger {
  #info
  #bindings

  constructor (info, bindings = {}) {
    this.#info = info
    this.#bindings = bindings
  }

  child (bindings) { return new RequestLogger(this.#info, { ...this.#bindings, ...bindings }) }

  info (fields, message) {
    if (typeof fields === 'string') return this.#info(this.#bindings, fields)
    const { req, res, ...rest } = fields
    const shown = { ...this.#bindings, ...rest }
    if (req !== undefined) {
      const { method, url, host, ip, socket } = req
      shown.req = { method, url, host, remoteAddress: ip, remotePort: socket.remotePort }
    }
    if (res !== undefined) shown.res = { statusCode: res.statusCode }
    this.#info(shown, message)
  }

  error (...args) { this.info(...args) }
  debug () {}
  fatal () {}
  warn () {}
  trace () {}
}

export async function run (context) {
  const rounds = context.isQuick ? roundsOf(3, 1, 1) : roundsOf(6, 3, 2)
  const members = await muster(available(subjects), 'service', context)
  context.expect(stepsOf(members, rounds) + members.length)
  await Promise.all(members.map(async (member) => {
    member.url = await member.ask('listen')
    member.stop()
  }))
  const load = async (member, duration) => {
    const { '2xx': answered, start, finish, latency } = await autocannon({ url: member.url, connections: CONNECTIONS, duration, sampleInt: LOOK_MS })
    return { perSecond: 1000 * answered / (finish - start), p99: latency.p99, dropped: await member.ask('losses') }
  }
  const seconds = context.isQuick ? 0.1 : 0.3
  await interleave(members, () => 1, context, (member) => load(member, seconds))
  const kept = await interleave(members, rounds, context, (member) => load(member, seconds))
  await endAll(members)
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
