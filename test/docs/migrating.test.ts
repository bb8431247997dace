import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { ModuleKind, ScriptTarget, transpileModule } from 'typescript'
import { runApplication } from '../support/application'
import { ROOT } from '../support/process'

const PAGE = readFileSync(join(ROOT, 'docs', 'migrating.md'), 'utf8')

interface Pair { title: string, before: string, after: string }

/** The code under each heading, as JavaScript. */
function pairsOf (page: string): Pair[] {
  return page.split(/^## /m).slice(1).flatMap((section) => {
    const title = section.slice(0, section.indexOf('\n'))
    const code = (when: string): string | undefined => {
      const [, language, text] = new RegExp(`^\`\`\`(js|ts) ${when}\\n(.*?)^\`\`\`$`, 'ms').exec(section) ?? []
      return language === 'ts' ? javaScript(text!) : text
    }
    const before = code('before')
    const after = code('after')
    return before === undefined || after === undefined ? [] : [{ title, before, after }]
  })
}

function javaScript (text: string): string {
  const compilerOptions = { module: ModuleKind.CommonJS, target: ScriptTarget.ES2022, experimentalDecorators: true, esModuleInterop: true }
  return transpileModule(text, { compilerOptions }).outputText
}

/** What an application then does with what the snippet has made. */
const USE = `
  if (typeof logger !== 'undefined') {
    logger.info({ user: 7 }, 'hello')
    logger.child({ module: 'child' }).error('grün')
    logger.debug('only where debug is on')
  }
  const visit = async (server) => { await (await fetch('http://127.0.0.1:' + server.address().port + '/')).text() }
  ;(async () => {
    if (typeof server !== 'undefined') {
      await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve))
      await visit(server)
      server.close()
      server.closeAllConnections()
    } else if (typeof app !== 'undefined') {
      await app.listen({ port: 0, host: '127.0.0.1' })
      await visit(app.server)
      await app.close()
    } else if (typeof bootstrap !== 'undefined') {
      const app = await bootstrap()
      await app.listen(0, '127.0.0.1')
      await visit(app.getHttpServer())
      await app.close()
    }
  })()`

/** Without what differs from run to run: nestjs-pino makes two loggers, so two transports that write to one file. */
function comparable (text: string): string {
  return text
    .replace(/"(pid|time|responseTime|remotePort)":[\d.]+/g, '"$1":0')
    .replace(/127\.0\.0\.1:\d+/g, '127.0.0.1:0')
    .split('\n').sort().join('\n')
}

async function logsOf (snippet: string, execArgv: string[] = []): Promise<Record<string, string>> {
  const { code, stdout, stderr, directory } = await runApplication(snippet + USE, { execArgv })
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
  const logs: Record<string, string> = { stdout: comparable(stdout) }
  for (const folder of [directory, join(directory, 'logs')].filter((each) => existsSync(each))) {
    for (const name of readdirSync(folder).filter((each) => each.endsWith('.log'))) {
      logs[name] = comparable(readFileSync(join(folder, name), 'utf8'))
    }
  }
  return logs
}

const pairs = pairsOf(PAGE)

test('every snippet of the page belongs to a pair', () => {
  const fences = PAGE.split('\n').filter((line) => /^```\w/.test(line))
  expect(fences).toHaveLength(pairs.length * 2)
  expect(pairs.map(({ title }) => title)).toEqual([
    'A config object, to a file', 'A config object, with a transport', '`pino.transport`', '`pino.destination`', '`pino.multistream`',
    'fastify', 'NestJS', 'pino-http'
  ])
})

describe.each(pairs)('$title', ({ before, after }) => {
  let expected: Record<string, string>
  beforeAll(async () => {
    expected = await logsOf(before)
    expect(Object.values(expected).join('').split('\n').length).toBeGreaterThan(2)
  })

  test('before and after write the same log', async () => {
    expect(await logsOf(after)).toEqual(expected)
  })

  test('so does the one before, unchanged, with pino-pinned/register', async () => {
    expect(await logsOf(before, ['--import', 'pino-pinned/register'])).toEqual(expected)
  })
})
