import {
  judgePassword,
  normalizePassword,
  type PasswordRefusal,
} from '../policies/password_rules.ts'
import type { Policy } from '../policies/policy.ts'
import { type Account, isProtectedAlike, type PasswordRecord } from './account.ts'
import { auditEntry } from './audit.ts'
import { laneOfPerson } from './lane.ts'
import { tell } from './notices.ts'
import type { Deps, Origin } from './ports.ts'
import { passwordOwner } from './sign_in.ts'

export type ChangePasswordResult =
  | { readonly ok: true }
  | {
      readonly ok: false
      readonly refusals: readonly (
        | PasswordRefusal
        | { reason: 'mismatch' | 'same' | 'changed_meanwhile' }
      )[]
    }

/**
 * Replaces a password that must be changed, by its owner who has just proved it. Recognised
 * devices stay: a routine change says nothing against them.
 */
export const changePassword = async (
  deps: Deps,
  account: Account,
  policy: Policy,
  typed: { password: string; confirmation: string },
  origin: Origin,
): Promise<ChangePasswordResult> => {
  const { sub, password: current } = account
  if (current === null) {
    return { ok: false, refusals: [{ reason: 'changed_meanwhile' }] }
  }
  const password = normalizePassword(typed.password)
  if (password !== normalizePassword(typed.confirmation)) {
    return { ok: false, refusals: [{ reason: 'mismatch' }] }
  }
  const verdict = judgePassword(
    password,
    { minLength: policy.passwords.min_length, minEntropyBits: policy.passwords.min_entropy_bits },
    {
      identifier: account.identifier,
      givenName: account.givenName,
      familyName: account.familyName,
      ...(account.birthDate === null ? {} : { birthDate: account.birthDate }),
      schoolName: deps.schoolName,
    },
  )
  if (!verdict.ok) {
    return verdict
  }
  const lane = await laneOfPerson(deps, account, origin)
  const owner = passwordOwner(sub)
  if ((await deps.hasher.verify(password, current.sealed, owner, lane)).right) {
    return { ok: false, refusals: [{ reason: 'same' }] }
  }
  const sealed = await deps.hasher.hash(password, owner, lane)
  return deps.store.transact(async (tables): Promise<ChangePasswordResult> => {
    // Dated when it is stored: what was proved before, however shortly, is outdated by it.
    const record: PasswordRecord = {
      sealed,
      origin: 'personal',
      setAt: deps.clock(),
      rulesVersion: policy.passwords.rules_version,
      mustChange: false,
      voidedAt: null,
    }
    // Two sign-ins may reach the change; one saves, the other starts again.
    const alike = isProtectedAlike(account, await tables.accounts.bySub(sub))
    if (!alike || !(await tables.accounts.replacePassword(sub, current.sealed, record))) {
      return { ok: false, refusals: [{ reason: 'changed_meanwhile' }] }
    }
    await tell(deps, tables, sub, 'password_changed')
    await tables.audit.append(
      auditEntry(deps, {
        act: 'password_changed',
        sub,
        origin,
        detail: { was: current.origin },
      }),
    )
    return { ok: true }
  })
}
