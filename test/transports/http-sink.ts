import { once } from 'node:events'
import { createServer, type IncomingHttpHeaders, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'

/** A request as it came. */
export interface Received { url: string | undefined, headers: IncomingHttpHeaders, body: any }

/** A local HTTP server that takes JSON and keeps what came. */
export class HttpSink {
  readonly received: Received[] = []
  readonly #server: Server

  constructor () {
    this.#server = createServer((request, response) => {
      let text = ''
      request.setEncoding('utf8').on('data', (chunk: string) => { text += chunk })
      request.on('end', () => {
        this.received.push({ url: request.url, headers: request.headers, body: JSON.parse(text) })
        response.setHeader('content-type', 'application/json')
        response.end('{}')
      })
    })
  }

  async listen (): Promise<string> {
    await once(this.#server.listen(0, '127.0.0.1'), 'listening')
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`
  }

  close (): void {
    this.#server.close()
    this.#server.closeAllConnections()
  }
}
