import {
  type Administrator,
  type Forbidden,
  hasRight,
  type Right,
} from '../policies/admin_rights.ts'
import { claimIssue } from './issued_secrets.ts'
import type { Deps, Tables } from './ports.ts'
import { whyForbidden } from './target.ts'

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

/** An administrator as they are now; null: they may no more. */
const standing = async (
  { roles, accounts }: Pick<Tables, 'roles' | 'accounts'>,
  by: string,
  right: Right,
): Promise<Administrator | null> => {
  const [who, account] = [await roles.find(by), await accounts.bySub(by)]
  return who !== null && account?.disabledAt === null && hasRight(who.role, right) ? who : null
}

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
    const who = await standing(tables, by, right)
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
