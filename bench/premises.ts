import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as after } from 'node:timers/promises'
import { stringify } from 'yaml'
import { type Child, ROOT, startChild } from '../demo/child.ts'
import { freePort } from '../demo/free_port.ts'

const READY_MS = 30_000
const ASK_AGAIN_MS = 20

export const CLIENT_ID = 'ent'
export const CLIENT_SECRET = 'a-secret-of-the-application-for-measures'
/** Nobody listens there: a browser that is sent to it has arrived. */
export const CALLBACK = 'http://127.0.0.1:9/callback'

export interface ProcessOf {
  readonly child: Child
  /** All that it has written so far. */
  output(): string
}

/** A folder with settings, where real gateways and command lines are started. */
export interface Premises {
  readonly issuer: string
  readonly folder: string
  readonly dataFolder: string
  readonly config: string
  /** Writes a file into the folder; returns its path. */
  file(name: string, content: string): string
  /** Starts `provider/main.ts` and waits until it serves. Rejects with its last words. */
  gateway(env?: Readonly<Record<string, string>>): Promise<ProcessOf>
  /** Starts a script of the project with these settings. */
  run(command: readonly string[], env?: Readonly<Record<string, string>>): ProcessOf
  /** `vestibule …`, to its end. */
  vestibule(...args: string[]): Promise<{ code: number | null; output: string }>
  /** Ends what still runs, and removes the folder. */
  close(): Promise<void>
}

const answers = async (url: string): Promise<boolean> => {
  try {
    const response = await fetch(url)
    await response.body?.cancel()
    return response.ok
  } catch {
    return false // Nobody listens yet: the caller asks again, and knows when to give up.
  }
}

const untilReady = async (started: ProcessOf, url: string): Promise<void> => {
  const giveUp = performance.now() + READY_MS
  let ended = ''
  void started.child.ended.then(({ how }) => {
    ended = how
  })
  while (!(await answers(url))) {
    if (ended !== '' || performance.now() > giveUp) {
      throw new Error(`the gateway does not serve (${ended || 'too slow'}):\n${started.output()}`)
    }
    await after(ASK_AGAIN_MS)
  }
}

/** Settings on a free port of this machine; `more` adds to them or replaces them. */
export const openPremises = async (more: Record<string, unknown> = {}): Promise<Premises> => {
  const folder = mkdtempSync(join(tmpdir(), 'vestibule-premises-'))
  const port = await freePort(0)
  const issuer = `http://127.0.0.1:${port}`
  const config = join(folder, 'vestibule.yaml')
  const running = new Set<Child>()
  let started = 0

  const file: Premises['file'] = (name, content) => {
    const path = join(folder, name)
    writeFileSync(path, content)
    return path
  }
  file(
    'vestibule.yaml',
    stringify({
      issuer,
      listen: `127.0.0.1:${port}`,
      data: join(folder, 'data'),
      school: { name: 'Collège des Tilleuls' },
      trusted_proxies: ['127.0.0.0/8'],
      applications: [
        {
          client_id: CLIENT_ID,
          client_name: 'ENT',
          client_secret: CLIENT_SECRET,
          redirect_uris: [CALLBACK],
          grant_types: ['authorization_code', 'refresh_token'],
          scope: 'openid profile email school',
        },
      ],
      ...more,
    }),
  )

  const run: Premises['run'] = (command, env = {}) => {
    started += 1
    const logFile = join(folder, `process_${started}.log`)
    const child = startChild({
      name: command.join(' '),
      command,
      env: {
        NODE_COMPILE_CACHE: join(ROOT, 'node_modules/.cache/node'),
        VESTIBULE_CONFIG: config,
        ...env,
      },
      logFile,
    })
    running.add(child)
    void child.ended.then(() => running.delete(child))
    return { child, output: () => readFileSync(logFile, 'utf8') }
  }

  return {
    issuer,
    folder,
    dataFolder: join(folder, 'data'),
    config,
    file,
    run,
    gateway: async (env) => {
      const gateway = run(['provider/main.ts'], env)
      await untilReady(gateway, `${issuer}/readyz`)
      return gateway
    },
    vestibule: async (...args) => {
      const { child, output } = run(['cli/main.ts', ...args])
      const { code } = await child.ended
      return { code, output: output() }
    },
    close: async () => {
      await Promise.all([...running].map((child) => child.stop()))
      rmSync(folder, { recursive: true, force: true })
    },
  }
}
