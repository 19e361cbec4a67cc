import type { Policy } from '../policies/policy.ts'
import type { Account } from './account.ts'
import {
  makeNewPassword,
  type NewPassword,
  type NewPasswordRefusal,
  refused,
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
  const made = await makeNewPassword(deps, account, policy, typed, origin)
  if (!made.ok) {
    return made
  }
  // Two sign-ins may reach the change; one saves, the other starts again.
  const stored = await deps.store.transact((tables) =>
    storeNewPassword(deps, tables, account, policy, made, origin),
  )
  return stored ? { ok: true } : refused('changed_meanwhile')
}
