import { join } from 'node:path'
import { setTimeout as after } from 'node:timers/promises'
import { type Child, startChild } from './child.ts'
import { type DemoSettings, prepareDemo } from './demo_settings.ts'
import { KEYS_PATH } from './key_pages.ts'
import { MAILBOX_PATH } from './mail_pages.ts'
import { ADMINISTRATOR } from './sample_administrator.ts'
import { credentialsTable, type SamplePerson, samplePeople } from './sample_people.ts'
import { type Ending, setUpSchool } from './set_up_school.ts'

const READY_MS = 30_000
const ASK_AGAIN_MS = 50

/** What is running, and whether it is meant to end. */
interface Running {
  readonly children: Child[]
  stopping: boolean
}

await demonstrate({ children: [], stopping: false })

async function demonstrate(running: Running): Promise<void> {
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.on(signal, () => void interrupted(running))
  }
  try {
    await run(running)
  } catch (error) {
    // What fails because we are ending is no news.
    if (running.stopping) return
    say(process.stderr, `\n${error instanceof Error ? error.message : error}`)
    await stop(running, 1)
  }
}

/** Gateway, people, applications; then until somebody ends it or one of them dies. */
async function run(running: Running): Promise<void> {
  const settings = await prepareDemo(process.env)
  const gateway = start(running, settings, 'gateway', ['provider/main.ts'])
  await untilReady(gateway, `${settings.issuer}/readyz`)
  await setUpSchool(settings.data, (name, command) => runToEnd(running, settings, name, command))
  const workspaces = start(running, settings, 'workspace', ['demo/workspace.ts'], {
    VESTIBULE_DEMO_WORKSPACES: JSON.stringify(settings.workspaces),
  })
  for (const { publicUrl } of settings.workspaces) {
    await untilReady(workspaces, `${publicUrl}/healthz`)
  }
  announce(settings, samplePeople())
  const died = await Promise.race([gateway, workspaces].map(outlived))
  throw died
}

function start(
  running: Running,
  settings: DemoSettings,
  name: string,
  command: readonly string[],
  more: Readonly<Record<string, string>> = {},
): Child {
  const env = {
    ...process.env,
    ...settings.secrets,
    VESTIBULE_CONFIG: settings.config,
    VESTIBULE_ISSUER: settings.issuer,
    VESTIBULE_LISTEN: settings.listen,
    VESTIBULE_DATA: settings.data,
    ...more,
  }
  const logFile = join(settings.data, `${name}.log`)
  const child = startChild({ name, command, env, logFile })
  running.children.push(child)
  return child
}

/** Waits for a 2xx; rejects when the child ends first or 30 s have passed. */
async function untilReady(child: Child, url: string): Promise<void> {
  const end = AbortSignal.timeout(READY_MS)
  const ready = async () => {
    while (!(await answers(url))) {
      if (end.aborted)
        throw new Error(`The ${child.name} is not ready after 30 s.\n${child.tail()}`)
      await after(ASK_AGAIN_MS)
    }
    return undefined
  }
  const died = await Promise.race([ready(), outlived(child)])
  if (died) throw died
}

async function answers(url: string): Promise<boolean> {
  try {
    const response = await fetch(url, { signal: AbortSignal.timeout(2000) })
    await response.body?.cancel()
    return response.ok
  } catch {
    // Nobody listens yet: the caller asks again, and knows when to give up.
    return false
  }
}

async function outlived(child: Child): Promise<Error> {
  const { how } = await child.ended
  return new Error(
    `The ${child.name} ended unexpectedly (${how}). Its last words:\n${child.tail()}`,
  )
}

/** Runs a script of the project to its end. */
async function runToEnd(
  running: Running,
  settings: DemoSettings,
  name: string,
  command: readonly string[],
): Promise<Ending> {
  const child = start(running, settings, name, command)
  const { code } = await child.ended
  running.children.splice(running.children.indexOf(child), 1)
  return { code, tail: child.tail() }
}

function announce(settings: DemoSettings, people: readonly SamplePerson[]): void {
  const [workspace, ...others] = settings.workspaces
  const applications = others.map(({ name, publicUrl }) => `${publicUrl} (${name})`).join(', ')
  say(
    process.stdout,
    `
Vestibule is running with sample people. Start at the workspace and press “Sign in”.

  Workspace  ${workspace?.publicUrl}
  OTP keys   ${workspace?.publicUrl}${KEYS_PATH} (plays the keys, with their codes and gauges)
  Mailbox    ${workspace?.publicUrl}${MAILBOX_PATH} (every mail that is sent lands there)
  Gateway    ${settings.issuer} (its portal shows everybody's applications)
  Console    ${settings.issuer}/admin (sign in as ${ADMINISTRATOR.identifier}; the PIN is ${ADMINISTRATOR.pin})
  Others     ${applications}
  Data       ${settings.data} (kept for the next start; delete it to begin afresh)
  Commands   VESTIBULE_CONFIG=${settings.config} npm run --silent vestibule -- keys list

${credentialsTable(people)}

Passwords are those of the first start. A private window is a second browser. Ctrl+C ends it all.
`,
  )
  const keys = `${workspace?.publicUrl}${KEYS_PATH}`
  const summary = { issuer: settings.issuer, workspace: workspace?.publicUrl, keys, people }
  say(process.stdout, JSON.stringify(summary))
}

async function interrupted(running: Running): Promise<void> {
  if (running.stopping) {
    // Asked twice: no more waiting.
    for (const child of running.children) child.kill()
    return
  }
  await stop(running, 0)
}

async function stop(running: Running, code: number): Promise<void> {
  running.stopping = true
  await Promise.all(running.children.map((child) => child.stop()))
  process.exit(code)
}

function say(to: NodeJS.WriteStream, text: string): void {
  to.write(`${text}\n`)
}
