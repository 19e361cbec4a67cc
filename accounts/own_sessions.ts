import { auditEntry } from './audit.ts'
import { tell, whence } from './notices.ts'
import type { Deps, Origin } from './ports.ts'

/**
 * Somebody has ended `ended` sessions of their own account from another one. Told, as it may have
 * been a stranger who shuts the owner out; where there was none to end, only written down. The
 * applications opened in them are told by whoever ends them.
 */
export const noteSessionsEnded = (
  deps: Deps,
  sub: string,
  ended: number,
  origin: Origin,
): Promise<void> =>
  deps.store.transact(async (tables) => {
    if (ended > 0) {
      await tell(deps, tables, sub, 'sessions_ended_by_owner', { params: whence(origin) })
    }
    const detail = { why: 'by_owner', ended }
    await tables.audit.append(auditEntry(deps, { act: 'sessions_ended', sub, origin, detail }))
  })
