import { randomBytes } from 'node:crypto'
import { lookup } from 'node:dns/promises'
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { parse, parseDocument } from 'yaml'
import { ROOT } from './child.ts'
import { freePort } from './free_port.ts'
import type { PlayedKey } from './key_pages.ts'
import { sampleKeys } from './sample_keys.ts'
import { samplePeople } from './sample_people.ts'
import type { WorkspaceOptions } from './workspace.ts'

const TEMPLATE = new URL('vestibule.yaml', import.meta.url)
const LISTEN_HOST = '127.0.0.1'
/** The first that is tried for the mail server of the demonstration. */
const MAIL_PORT = 2525
const GATEWAY_PORT = 3000
const WORKSPACE_PORT = 3001

/** What we need to know of the applications in `vestibule.yaml`; their order is that of the ports. */
interface Application {
  readonly client_id: string
  readonly client_name: string
  readonly client_secret_env: string
  readonly scope: string
}

type Environment = Readonly<Record<string, string | undefined>>

export interface DemoSettings {
  readonly issuer: string
  /** What the gateway listens on: host:port. */
  readonly listen: string
  /** Absolute path of the data folder. */
  readonly data: string
  /** Path of the settings file that was written for the gateway. */
  readonly config: string
  /** The variables that hold the applications' secrets. */
  readonly secrets: Readonly<Record<string, string>>
  /** The first one is the workspace. */
  readonly workspaces: readonly WorkspaceOptions[]
}

/**
 * Chooses free ports, makes the data folder with the applications' secrets, and writes the
 * gateway's settings into it. Throws on a `VESTIBULE_LISTEN` beyond this machine: the sample
 * passwords are public.
 */
export async function prepareDemo(env: Environment): Promise<DemoSettings> {
  const data = resolve(ROOT, env['VESTIBULE_DATA'] || 'data/demo')
  mkdirSync(data, { recursive: true, mode: 0o700 })
  const host = await browserHost()
  const port = await freePort(listenPort(env['VESTIBULE_LISTEN']))
  const issuer = `http://${host}:${port}`
  const listen = `${LISTEN_HOST}:${port}`
  const template = readFileSync(TEMPLATE, 'utf8')
  const applications: Application[] = parse(template).applications
  const secrets = applicationSecrets(data, applications)
  const ports = await freePorts(applications.length, workspacePort(env), port)
  const mailPort = await freePort(MAIL_PORT, [port, ...ports])
  const workspaces = applications.map(
    (application, index): WorkspaceOptions => ({
      issuer,
      clientId: application.client_id,
      clientSecret: secrets[application.client_secret_env] ?? '',
      port: ports[index] ?? 0,
      host: LISTEN_HOST,
      publicUrl: `http://${host}:${ports[index]}`,
      name: application.client_name,
      scope: application.scope,
      // Cookies know no ports, and all of them are on one host.
      sessionCookie: index === 0 ? 'workspace_session' : `${application.client_id}_session`,
      ...(index === 0 ? { keys: playedKeys(), mailPort } : {}),
    }),
  )
  const config = join(data, 'vestibule.yaml')
  writePrivately(config, gatewaySettings(template, { issuer, listen, data, workspaces, mailPort }))
  return { issuer, listen, data, config, secrets, workspaces }
}

function playedKeys(): PlayedKey[] {
  const names = new Map(samplePeople().map(({ identifier, name }) => [identifier, name]))
  return sampleKeys().map((key) => ({ ...key, holder: names.get(key.identifier) ?? '' }))
}

async function freePorts(count: number, first: number, gatewayPort: number): Promise<number[]> {
  const ports: number[] = []
  while (ports.length < count) {
    const next = ports.length === 0 ? first : (ports.at(-1) ?? 0) + 1
    ports.push(await freePort(next, [gatewayPort, ...ports]))
  }
  return ports
}

/** `localhost` reads better, but only where it certainly means this machine. */
async function browserHost(): Promise<string> {
  const addresses = await lookup('localhost', { all: true }).catch(() => [])
  const loopback = addresses.every(({ address }) => /^(127\.|::1$)/.test(address))
  return addresses.length > 0 && loopback ? 'localhost' : LISTEN_HOST
}

function listenPort(listen: string | undefined): number {
  if (!listen) return GATEWAY_PORT
  const match = /^(?:127\.0\.0\.1|localhost):(\d{1,5})$/.exec(listen)
  if (!match) {
    throw new Error(
      `VESTIBULE_LISTEN is ${listen}: the demonstration has public passwords and listens on ` +
        'this machine only, as 127.0.0.1:PORT',
    )
  }
  return Number(match[1])
}

function workspacePort(env: Environment): number {
  const given = env['VESTIBULE_DEMO_WORKSPACE_PORT']
  if (!given) return WORKSPACE_PORT
  if (/^\d{1,5}$/.test(given)) return Number(given)
  throw new Error(`VESTIBULE_DEMO_WORKSPACE_PORT is ${given}: it must be a port number`)
}

/** By variable. Made at the first start, the same afterwards; new applications get theirs. */
function applicationSecrets(
  data: string,
  applications: readonly Application[],
): Record<string, string> {
  const file = join(data, 'demo_secrets.json')
  const secrets: Record<string, string> = existsSync(file)
    ? JSON.parse(readFileSync(file, 'utf8'))
    : {}
  for (const { client_secret_env: variable } of applications) {
    secrets[variable] ??= randomBytes(32).toString('base64url')
  }
  writePrivately(file, JSON.stringify(secrets))
  return secrets
}

function writePrivately(file: string, content: string): void {
  writeFileSync(file, content, { mode: 0o600 })
}

type Addresses = Pick<DemoSettings, 'issuer' | 'listen' | 'data' | 'workspaces'> & {
  /** Where the workspace receives mails. */
  readonly mailPort: number
}

/** The settings file of the repository with today's addresses; its comments stay. */
function gatewaySettings(template: string, addresses: Addresses): string {
  const document = parseDocument(withPorts(template, addresses.workspaces))
  document.set('issuer', addresses.issuer)
  document.set('listen', addresses.listen)
  document.set('data', addresses.data)
  document.set('smtp_url', `smtp://${LISTEN_HOST}:${addresses.mailPort}`)
  document.set('mail_from', 'ne-pas-repondre@val-ambre.example')
  return document.toString()
}

// In one pass: with ports that moved up by one, a second pass would change what the first wrote.
function withPorts(template: string, workspaces: readonly WorkspaceOptions[]): string {
  return template.replace(/http:\/\/localhost:(\d+)/g, (written, port: string) => {
    return workspaces[Number(port) - WORKSPACE_PORT]?.publicUrl ?? written
  })
}
