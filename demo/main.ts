import { createHash } from 'node:crypto'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as after } from 'node:timers/promises'
import { type Child, startChild } from './child.ts'
import { type DemoSettings, prepareDemo } from './demo_settings.ts'
import { credentialsTable, PEOPLE_FILE, type SamplePerson, samplePeople } from './sample_people.ts'

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
  await importPeople(running, settings)
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

/**
 * Once for each state of the file. A repeat would change nothing, except that a password that
 * somebody changed while trying things out is theirs and stays so.
 */
async function importPeople(running: Running, settings: DemoSettings): Promise<void> {
  const marker = join(settings.data, 'people_imported')
  const version = createHash('sha256').update(readFileSync(PEOPLE_FILE)).digest('hex')
  if (readIfThere(marker) === version) return
  const command = ['cli/main.ts', 'people', 'import', PEOPLE_FILE]
  const cli = start(running, settings, 'people_import', command)
  const { code } = await cli.ended
  running.children.splice(running.children.indexOf(cli), 1)
  if (code !== 0) throw new Error(`The sample people could not be imported:\n${cli.tail()}`)
  writeFileSync(marker, version)
}

function readIfThere(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw error
  }
}

function announce(settings: DemoSettings, people: readonly SamplePerson[]): void {
  const [workspace, ...others] = settings.workspaces
  const applications = others.map(({ name, publicUrl }) => `${publicUrl} (${name})`).join(', ')
  say(
    process.stdout,
    `
Vestibule is running with sample people. Start at the workspace and press “Sign in”.

  Workspace  ${workspace?.publicUrl}
  Gateway    ${settings.issuer} (its portal shows everybody's applications)
  Others     ${applications}
  Data       ${settings.data} (kept for the next start; delete it to begin afresh)

${credentialsTable(people)}

Passwords are those of the first start. A private window is a second browser. Ctrl+C ends it all.
`,
  )
  const summary = { issuer: settings.issuer, workspace: workspace?.publicUrl, people }
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
