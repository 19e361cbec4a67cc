import type { Policy } from '../policies/policy.ts'
import type { Account } from './account.ts'
import {
  judgeNewPassword,
  type NewPassword,
  type NewPasswordRefusal,
  refused,
  sealNewPassword,
  storeNewPassword,
} from './new_password.ts'
import type { Deps, Origin } from './ports.ts'

export type ChangePasswordResult =
  | { readonly ok: true }
  | { readonly ok: false; readonly refusals: readonly NewPasswordRefusal[] }

/**
 * Replaces a password that must be changed, by its owner who has just proved it. Recognised
 * devices stay: a routine change says nothing against them.
 */
export const changePassword = async (
  deps: Deps,
  account: Account,
  policy: Policy,
  typed: NewPassword,
  origin: Origin,
): Promise<ChangePasswordResult> => {
  const { password: current } = account
  if (current === null) {
    return refused('changed_meanwhile')
  }
  const judged = await judgeNewPassword(deps, account, policy, typed)
  if (!judged.ok) {
    return judged
  }
  const sealed = await sealNewPassword(deps, account, current, judged.password, origin)
  if (!sealed.ok) {
    return sealed
  }
  const replaced = { current, sealed: sealed.sealed }
  // Two sign-ins may reach the change; one saves, the other starts again.
  const stored = await deps.store.transact((tables) =>
    storeNewPassword(deps, tables, account, policy, replaced, origin),
  )
  return stored ? { ok: true } : refused('changed_meanwhile')
}
