import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { runApplication } from '../support/application'

const REQUESTS = 300

/** Sends the requests, ten at a time, each with its number in the path. */
const VISIT = `
  const visit = async (port) => {
    for (let from = 0; from < ${REQUESTS}; from += 10) {
      await Promise.all(Array.from({ length: 10 }, async (_, n) => (await fetch(\`http://127.0.0.1:\${port}/\${from + n}\`)).text()))
    }
  }`

const FASTIFY = (logger: string): string => `
  const { transport } = require('pino-pinned')
  ${VISIT}
  const app = require('fastify')({ ${logger} })
  app.get('/:number', async (request) => {
    request.log.info('handled')
    return 'hello'
  })
  app.addHook('onClose', async (instance) => { instance.log.info('closed') })
  app.listen({ port: 0, host: '127.0.0.1' }).then(async () => {
    await visit(app.server.address().port)
    await app.close()
  })`

const PINO_HTTP = `
  const { transport } = require('pino-pinned')
  ${VISIT}
  const log = require('pino-http')({ stream: transport({ destination: 'app.log' }) })
  const server = require('node:http').createServer((request, response) => {
    log(request, response)
    request.log.info('handled')
    response.end('hello')
  }).listen(0, '127.0.0.1', async () => {
    await visit(server.address().port)
    server.closeAllConnections()
    server.close(() => log.logger.info('closed'))
  })`

test.each([
  ['fastify, by logger.stream,', FASTIFY("logger: { stream: transport({ destination: 'app.log' }) }")],
  ['fastify, by loggerInstance,', FASTIFY("loggerInstance: require('pino')(transport({ destination: 'app.log' }))")],
  ['fastify, by a pino config,', FASTIFY("logger: { transport: { target: 'pino-pinned', options: { destination: 'app.log' } } }")],
  ['pino-http', PINO_HTTP]
])('%s logs each request to its end, in order, and the last line of all when it closes', async (_, source) => {
  const { code, stderr, directory } = await runApplication(source)
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
  const lines = readFileSync(join(directory, 'app.log'), 'utf8').trimEnd().split('\n').map((line) => JSON.parse(line))
  expect(lines.at(-1).msg).toBe('closed')
  const ofRequest = new Map<unknown, string[]>()
  for (const { reqId, req, msg } of lines) {
    const id = reqId ?? req?.id
    if (id !== undefined) ofRequest.set(id, [...ofRequest.get(id) ?? [], msg])
  }
  expect(ofRequest.size).toBe(REQUESTS)
  for (const messages of ofRequest.values()) {
    expect(messages.filter((msg) => msg !== 'incoming request')).toEqual(['handled', 'request completed'])
  }
})
