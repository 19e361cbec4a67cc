import { finishBatches } from '../accounts/temporary_passwords.ts'
import type { Context, Core } from './command.ts'

/**
 * The gateway's parts for a command about passwords. What somebody's broken-off command has left
 * half done is completed first: its files are there, and people wait for it.
 */
export const passwordsCore = async (context: Context): Promise<Core> => {
  const core = await context.core()
  await finishBatches(core.deps, core.endEverythingOf)
  return core
}
