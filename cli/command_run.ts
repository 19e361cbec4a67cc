import { auditEntry } from '../accounts/audit.ts'
import { AppError } from '../accounts/errors.ts'
import type { Deps } from '../accounts/ports.ts'
import { EXIT, type Exit } from './command.ts'

export interface CommandRun {
  /** `people show`; none of what was given to it. */
  readonly command: string
  readonly by: string
  /** Whom it was about, where that became known. */
  readonly sub: string | null
  readonly exit: Exit
}

/**
 * Writes to the audit that a command worked on the data, also one that only reads, tries or is
 * refused. A database kept busy by another process fails nobody's reading: null, else what the
 * caller should say.
 */
export const recordRun = async (
  deps: Deps,
  { command, by, sub, exit }: CommandRun,
): Promise<string | null> => {
  const outcome = exit === EXIT.ok ? 'done' : 'refused'
  const detail = { command, exit }
  try {
    await deps.store.audit.append(
      auditEntry(deps, { act: 'command_run', outcome, actor: by, sub, detail }),
    )
    return null
  } catch (error) {
    if (error instanceof AppError && error.code === 'busy') {
      return `this run is not in the audit: ${error.message}`
    }
    throw error
  }
}
