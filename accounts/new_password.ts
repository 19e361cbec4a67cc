import { normalizePassword, type PasswordRefusal } from '../policies/password_rules.ts'
import type { Policy } from '../policies/policy.ts'
import { type Account, isProtectedAlike, type PasswordRecord } from './account.ts'
import { auditEntry } from './audit.ts'
import { meantPassword } from './card_use.ts'
import { type JudgedFor, judgeFor } from './judge_for.ts'
import { laneOfPerson } from './lane.ts'
import { tell, whence } from './notices.ts'
import type { Deps, Origin, Tables } from './ports.ts'
import { passwordOwner } from './sign_in.ts'

/** A new password, typed twice. */
export interface NewPassword {
  readonly password: string
  readonly confirmation: string
}

export type NewPasswordRefusal =
  | PasswordRefusal
  | { readonly reason: 'mismatch' | 'same' | 'changed_meanwhile' }

interface Refused {
  readonly ok: false
  readonly refusals: readonly NewPasswordRefusal[]
}

export const refused = (reason: 'mismatch' | 'same' | 'changed_meanwhile'): Refused => ({
  ok: false,
  refusals: [{ reason }],
})

/** Whether somebody may have this password, but for the one that it replaces. Hashes nothing. */
export const judgeNewPassword = async (
  deps: Pick<Deps, 'schoolName'>,
  account: JudgedFor,
  policy: Policy,
  typed: NewPassword,
): Promise<{ readonly ok: true; readonly password: string } | Refused> => {
  const password = normalizePassword(typed.password)
  if (password !== normalizePassword(typed.confirmation)) {
    return refused('mismatch')
  }
  const verdict = await judgeFor(deps, account, policy, password)
  return verdict.ok ? { ok: true, password } : verdict
}

/**
 * Hashes a password that was judged; refused where it is the one that it replaces, or one of theirs
 * that was made void.
 */
export const sealNewPassword = async (
  deps: Deps,
  account: Account,
  current: PasswordRecord,
  password: string,
  origin: Origin,
): Promise<{ readonly ok: true; readonly sealed: string } | Refused> => {
  const lane = await laneOfPerson(deps, account, origin)
  const owner = passwordOwner(account.sub)
  // Of a card each way of typing it counts: it was handed out, and lies about.
  const meant = meantPassword(account, password)
  if ((await deps.hasher.verify(meant, current.sealed, owner, lane)).right) {
    return refused('same')
  }
  // Known to a thief, whatever was handed out since it was made void.
  const { voidPassword } = account
  const isVoid =
    voidPassword !== null &&
    voidPassword !== current.sealed &&
    (await deps.hasher.verify(password, voidPassword, owner, lane)).right
  if (isVoid) {
    return refused('same')
  }
  return { ok: true, sealed: await deps.hasher.hash(password, owner, lane) }
}

/** What is replaced, and by which hash. */
interface Replacing {
  readonly current: PasswordRecord
  readonly sealed: string
}

/** Judges and hashes, for somebody whose right to a new password is proved already. */
export const makeNewPassword = async (
  deps: Deps,
  account: Account,
  policy: Policy,
  typed: NewPassword,
  origin: Origin,
): Promise<({ readonly ok: true } & Replacing) | Refused> => {
  const { password: current } = account
  if (current === null) {
    return refused('changed_meanwhile')
  }
  const judged = await judgeNewPassword(deps, account, policy, typed)
  if (!judged.ok) {
    return judged
  }
  const sealed = await sealNewPassword(deps, account, current, judged.password, origin)
  return sealed.ok ? { ok: true, current, sealed: sealed.sealed } : sealed
}

/** A password of one's own, by today's rules. Dated (ms) when it is stored. */
export const ownPassword = (
  { passwords }: Policy,
  sealed: string,
  setAt: number,
): PasswordRecord => ({
  sealed,
  origin: 'personal',
  setAt,
  rulesVersion: passwords.rules_version,
  mustChange: false,
  voidedAt: null,
  batchId: null,
})

/**
 * Replaces `current`, in the caller's transaction, and tells its owner. False, and nothing is
 * stored: the account is protected otherwise by now, or another change came first.
 */
export const storeNewPassword = async (
  deps: Deps,
  tables: Tables,
  account: Account,
  policy: Policy,
  { current, sealed }: Replacing,
  origin: Origin,
): Promise<boolean> => {
  const { sub } = account
  // Dated when it is stored: what was proved before, however shortly, is outdated by it.
  const record = ownPassword(policy, sealed, deps.clock())
  const alike = isProtectedAlike(account, await tables.accounts.bySub(sub))
  if (!alike || !(await tables.accounts.replacePassword(sub, current.sealed, record))) {
    return false
  }
  await tell(deps, tables, sub, 'password_changed', { params: whence(origin) })
  const detail = { was: current.origin }
  await tables.audit.append(auditEntry(deps, { act: 'password_changed', sub, origin, detail }))
  return true
}
