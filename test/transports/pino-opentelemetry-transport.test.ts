import { runApplication } from '../support/application'
import { HttpSink } from './http-sink'
import { WAYS } from './ways'

const LINES = 1000

let collector: HttpSink
let url: string
beforeEach(async () => {
  collector = new HttpSink()
  url = await collector.listen()
})
afterEach(() => collector.close())

test.each(WAYS)('pino-opentelemetry-transport exports through %s what was logged, with the levels and keys of the logger', async (_, makeLogger) => {
  const options = {
    resourceAttributes: { 'service.name': 'test' },
    logRecordProcessorOptions: {
      recordProcessorType: 'batch',
      exporterOptions: { protocol: 'http', httpExporterOptions: { url: `${url}/v1/logs` } },
      processorConfig: { maxQueueSize: 10_000 }
    },
    severityNumberMap: { 35: 10 }
  }
  const { code, stderr } = await runApplication(`
    ${makeLogger}
    const settings = { messageKey: 'text', customLevels: { notice: 35 } }
    const logger = makeLogger({ target: 'pino-opentelemetry-transport', options: ${JSON.stringify(options)} }, settings)
    for (let line = 0; line < ${LINES}; line++) logger[line % 2 ? 'notice' : 'error']({ line }, 'grün')`)
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
  const resources = collector.received.flatMap(({ body }) => body.resourceLogs)
  for (const { resource } of resources) {
    expect(resource.attributes).toContainEqual({ key: 'service.name', value: { stringValue: 'test' } })
  }
  const records = resources.flatMap(({ scopeLogs }) => scopeLogs).flatMap(({ logRecords }) => logRecords)
  expect(records).toHaveLength(LINES)
  for (const [line, record] of records.entries()) {
    const [severityNumber, severityText] = line % 2 === 1 ? [10, 'notice'] : [17, 'error']
    expect(record).toMatchObject({ body: { stringValue: 'grün' }, severityNumber, severityText })
    expect(record.attributes).toContainEqual({ key: 'line', value: { intValue: line } })
  }
})
