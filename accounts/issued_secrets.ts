import { mayIssue, type Role } from '../policies/admin_rights.ts'
import type { IssuedKind } from './job_ports.ts'
import type { Tables } from './ports.ts'

/** What opens an account together with it: at its first use a key asks for the password alone. */
const OTHERS: Readonly<Record<IssuedKind, readonly IssuedKind[]>> = {
  password: ['pin', 'key'],
  pin: ['password'],
  key: ['password'],
}

/**
 * Notes that somebody issues a password, a PIN or a key, in the transaction that does so. False, and
 * nothing is noted: this very administrator issued another one a short time ago, and both together
 * would open the account to them alone. Everybody's is noted, so that a change of role forgets none.
 */
export const claimIssue = async (
  { issuedSecrets }: Pick<Tables, 'issuedSecrets'>,
  who: { readonly sub: string; readonly role: Role },
  sub: string,
  kind: IssuedKind,
  nowMs: number,
): Promise<boolean> => {
  for (const other of OTHERS[kind]) {
    if (!mayIssue(who.role, await issuedSecrets.lastBy(sub, other, who.sub), nowMs)) {
      return false
    }
  }
  await issuedSecrets.note(sub, kind, who.sub, nowMs)
  return true
}
