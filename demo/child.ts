import { spawn } from 'node:child_process'
import { closeSync, openSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

/** The project's folder. */
export const ROOT = fileURLToPath(new URL('..', import.meta.url))

const STOP_MS = 10_000
const TAIL_LINES = 15
const TETHER = new URL('tether.ts', import.meta.url).href

export interface ChildCommand {
  /** As it is called in messages. */
  readonly name: string
  /** A script of the project and its arguments. */
  readonly command: readonly string[]
  readonly env: Readonly<Record<string, string | undefined>>
  /** Where its output goes; begun anew at each start. */
  readonly logFile: string
}

export interface Child {
  readonly name: string
  /** 0 when it could not be started. */
  readonly pid: number
  /** How it ended, in words: "exit code 1", "signal SIGKILL". Never rejects. */
  readonly ended: Promise<{ code: number | null; how: string }>
  /** Asks it to end (SIGTERM), insists after 10 s, and waits until it has. */
  stop(): Promise<void>
  /** Ends it at once. */
  kill(): void
  /** The last lines it wrote. */
  tail(): string
}

/** Starts a Node script that ends when this process ends. */
export function startChild({ name, command, env, logFile }: ChildCommand): Child {
  const log = openSync(logFile, 'w', 0o600)
  const child = spawn(process.execPath, ['--import', TETHER, ...command], {
    cwd: ROOT,
    env,
    // A group of its own: Ctrl+C reaches us alone, and we end the children in good order.
    detached: true,
    stdio: ['ignore', log, log, 'ipc'],
  })
  closeSync(log)
  const ended = new Promise<{ code: number | null; how: string }>((resolve) => {
    child.once('error', (error) => resolve({ code: null, how: error.message }))
    child.once('exit', (code, signal) =>
      resolve({ code, how: signal ? `signal ${signal}` : `exit code ${code}` }),
    )
  })
  return {
    name,
    pid: child.pid ?? 0,
    ended,
    async stop() {
      child.kill('SIGTERM')
      const insist = setTimeout(() => child.kill('SIGKILL'), STOP_MS)
      await ended
      clearTimeout(insist)
    },
    kill: () => child.kill('SIGKILL'),
    tail: () => readFileSync(logFile, 'utf8').trimEnd().split('\n').slice(-TAIL_LINES).join('\n'),
  }
}
