import type { Administrator, Forbidden, Right } from '../policies/admin_rights.ts'
import { claimIssue } from './issued_secrets.ts'
import type { Deps, Tables } from './ports.ts'
import { administratorWith, whyForbidden } from './target.ts'

export type DeskForbidden = Forbidden | 'no_right' | 'other_secret_issued'

/**
 * Why somebody may not do this to a key, as they and whoever has it are in this transaction; null:
 * they may. `holder` before and `to` after: a `sub`, or null.
 */
export type DeskLimits = (
  tables: Tables,
  holder: string | null,
  to: string | null,
) => Promise<DeskForbidden | null>

/** Of whoever is on the machine's own command line. */
export const noLimits: DeskLimits = async () => null

/** Why they may not act on any of these; null: they may. */
const whyNotOn = async (
  tables: Tables,
  who: Administrator,
  subs: ReadonlySet<string | null>,
): Promise<Forbidden | null> => {
  for (const sub of subs) {
    const account = sub === null ? null : await tables.accounts.bySub(sub)
    const why = account === null ? null : await whyForbidden(tables, who, account)
    if (why !== null) {
      return why
    }
  }
  return null
}

/** Of an administrator. Who is given a key is noted, as it is of other secrets. */
export const limitsOf =
  ({ clock }: Pick<Deps, 'clock'>, by: string, right: Right): DeskLimits =>
  async (tables, holder, to) => {
    const who = await administratorWith(tables, by, right)
    if (who === null) {
      return 'no_right'
    }
    const why = await whyNotOn(tables, who, new Set([holder, to]))
    if (why !== null || to === null || to === holder) {
      return why
    }
    const mayGive = await claimIssue(tables, who, to, 'key', clock())
    return mayGive ? null : 'other_secret_issued'
  }
