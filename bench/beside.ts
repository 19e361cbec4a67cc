import { Agent } from 'node:http'
import { setTimeout as after } from 'node:timers/promises'
import type { Premises } from './premises.ts'
import { createVisitor } from './visitor.ts'

const ASK_EVERY_MS = 50

/** Runs a script of the bench on these premises; its last line is what it has to say, as JSON. */
export const runChild = async (premises: Premises, ...args: string[]): Promise<unknown> => {
  const { child, output } = premises.run(args)
  const { code } = await child.ended
  if (code !== 0) throw new Error(output())
  return JSON.parse(output().trim().split('\n').at(-1) ?? '')
}

/** Opens the sign-in page, which writes, again and again: how long each took, ms. */
export const visitUntil = async (
  premises: Premises,
  ended: Promise<unknown>,
): Promise<number[]> => {
  const agent = new Agent({ keepAlive: true })
  const waited: number[] = []
  let isOver = false
  const over = (): void => {
    isOver = true
  }
  ended.then(over, over)
  while (!isOver) {
    const startedAt = performance.now()
    await createVisitor(premises.issuer, '192.0.2.1', agent).start()
    waited.push(performance.now() - startedAt)
    await after(ASK_EVERY_MS)
  }
  agent.destroy()
  return waited
}
