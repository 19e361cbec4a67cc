import { mayIssue, type Role } from '../policies/admin_rights.ts'
import type { IssuedKind } from './job_ports.ts'
import type { Tables } from './ports.ts'

const OTHER: Readonly<Record<IssuedKind, IssuedKind>> = { password: 'pin', pin: 'password' }

/**
 * Notes that somebody issues a password or a PIN, in the transaction that does so. False, and
 * nothing is noted: this very administrator issued the other one a short time ago, and both together
 * would open the account to them alone. Everybody's is noted, so that a change of role forgets none.
 */
export const claimIssue = async (
  { issuedSecrets }: Pick<Tables, 'issuedSecrets'>,
  who: { readonly sub: string; readonly role: Role },
  sub: string,
  kind: IssuedKind,
  nowMs: number,
): Promise<boolean> => {
  const other = await issuedSecrets.lastBy(sub, OTHER[kind], who.sub)
  if (!mayIssue(who.role, other, nowMs)) {
    return false
  }
  await issuedSecrets.note(sub, kind, who.sub, nowMs)
  return true
}
