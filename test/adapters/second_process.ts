import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { onTestFinished } from 'vitest'

/** A second process on the same file, which waits for `go`. */
export const startChild = async (folder: string, act: string, count: number) => {
  const child = spawn(
    process.execPath,
    [join(import.meta.dirname, 'child.ts'), folder, act, String(count)],
    { stdio: ['pipe', 'pipe', 'inherit'] },
  )
  onTestFinished(() => {
    child.kill('SIGKILL')
  })
  const lines = createInterface({ input: child.stdout })
  const said: string[] = []
  lines.on('line', (line) => said.push(line))
  await once(lines, 'line')
  said.length = 0
  const closed = once(lines, 'close')
  return {
    said,
    go: () => child.stdin.write('go\n'),
    kill: () => child.kill('SIGKILL'),
    said_more: (): Promise<unknown> => once(lines, 'line'),
    ended: closed,
  }
}
