import { finishBatches } from '../accounts/temporary_passwords.ts'
import type { Context, Core } from './command.ts'
import type { Selected } from './selection.ts'

/**
 * The gateway's parts for a command that changes passwords. What somebody's broken-off command has
 * left half done is completed first: its files are there, and people wait for it. Not in a dry run;
 * nor do commands that only read take it: they write nothing.
 */
export const changingCore = async (context: Context): Promise<Core> => {
  const core = await context.core()
  if (context.values['dry-run'] !== true) {
    await finishBatches(core.deps, core.endEverythingOf)
  }
  return core
}

/** What a dry run ends with; the real run goes on past identifiers that nobody has. */
export const sayDryRun = ({ out }: Context, { isWhole }: Pick<Selected, 'isWhole'>): void => {
  out.line('Dry run: nothing was written')
  if (!isWhole) {
    out.line('Without --dry-run, the unknown identifiers are passed over and the others served')
  }
}
