import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readFileSync, watch, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { temporaryDirectory } from '../support/process'

const RSYSLOGD = '/usr/sbin/rsyslogd'

/** Installs Debian's package if it is not there. */
function install (): void {
  if (existsSync(RSYSLOGD)) return
  if (process.getuid?.() !== 0) throw new Error(`this test needs ${RSYSLOGD} and only root can install it: apt-get install rsyslog`)
  const options = { stdio: 'pipe', env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' } } as const
  execFileSync('apt-get', ['update'], options)
  execFileSync('apt-get', ['install', '-y', '--no-install-recommends', 'rsyslog'], options)
}

/** A rsyslogd of the test's own: a port on loopback, and a file into which it writes what comes, as it comes. */
export async function startRsyslog () {
  install()
  const directory = temporaryDirectory()
  const output = join(directory, 'output.log')
  const portFile = join(directory, 'port')
  writeFileSync(output, '')
  writeFileSync(join(directory, 'rsyslog.conf'), `
    global(workDirectory="${directory}")
    module(load="imtcp")
    input(type="imtcp" address="127.0.0.1" port="0" listenPortFileName="${portFile}" ruleset="all")
    template(name="raw" type="string" string="%rawmsg%\\n")
    ruleset(name="all") { action(type="omfile" file="${output}" template="raw") }`)
  const daemon = spawn(RSYSLOGD, ['-n', '-f', join(directory, 'rsyslog.conf'), '-i', join(directory, 'pid')], { stdio: ['ignore', 'pipe', 'pipe'] })
  let said = ''
  for (const stream of [daemon.stdout, daemon.stderr]) stream.setEncoding('utf8').on('data', (chunk: string) => { said += chunk })
  const hasFailed = once(daemon, 'exit').then(([code]) => { throw new Error(`rsyslogd ended with ${code}: ${said}`) })
  hasFailed.catch(() => {}) // it is to end when the test does
  const watcher = watch(directory)
  /** Resolves at the next write of something in the directory, from now on. */
  const written = async (): Promise<void> => { await Promise.race([once(watcher, 'change'), hasFailed]) }
  const port = (): number => existsSync(portFile) ? Number(readFileSync(portFile, 'utf8')) : 0
  while (port() === 0) await written()
  return {
    port: port(),
    lines: () => readFileSync(output, 'utf8').split('\n').slice(0, -1),
    written,
    async stop (): Promise<void> {
      watcher.close()
      if (daemon.exitCode !== null) return
      daemon.kill()
      await once(daemon, 'exit')
    }
  }
}
