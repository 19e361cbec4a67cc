import { type Account, identifierKey } from './account.ts'
import type { EndEverything } from './administer.ts'
import { administratorsLeft } from './administrators.ts'
import { auditEntry } from './audit.ts'
import { firstUseSubjectOf, passcodeSubjectOf, subjectOf } from './lane.ts'
import { withoutHolder } from './otp_key.ts'
import type { Deps, Tables } from './ports.ts'

export type Erased =
  | { readonly ok: true }
  | {
      readonly ok: false
      readonly reason: 'unknown_account' | 'oneself' | 'last_administrator'
    }

/** Under what their tries were counted, whatever they were called at the time. */
const triesOf = (deps: Deps, sub: string, identifiers: readonly string[]): string[] => [
  ...identifiers.flatMap((one) => [subjectOf(deps, one), passcodeSubjectOf(deps, one)]),
  firstUseSubjectOf(deps, sub),
]

/** A school's key is in stock again, without its PIN; an app's seed goes. */
const releaseKeys = async ({ otpKeys }: Tables, sub: string): Promise<void> => {
  for (const key of await otpKeys.ofPerson(sub)) {
    const released = withoutHolder(key)
    await (released === null ? otpKeys.remove(key.serial) : otpKeys.save(released))
  }
}

/**
 * As `erasePerson`, in the caller's transaction; the caller then ends everything, which tells the
 * applications and removes what the OP holds.
 */
export const eraseIn = async (
  deps: Deps,
  tables: Tables,
  { sub, role, identifier }: Pick<Account, 'sub' | 'role' | 'identifier'>,
  by: string,
): Promise<Erased> => {
  if (sub === by) {
    return { ok: false, reason: 'oneself' }
  }
  if (role === 'identity_admin' && (await administratorsLeft(tables, sub)) === 0) {
    return { ok: false, reason: 'last_administrator' }
  }
  const identifiers = await tables.accounts.identifiersOf(sub)
  const names = new Set([...identifiers, identifierKey(identifier)])
  await releaseKeys(tables, sub)
  await tables.outbox.forget(sub)
  await tables.accounts.erase(sub, triesOf(deps, sub, [...names]), deps.clock())
  await tables.audit.forgetPerson(sub)
  // After what is forgotten: that, by whom and when somebody was erased is the proof of it.
  await tables.audit.append(auditEntry(deps, { act: 'person_erased', actor: by, sub }))
  return { ok: true }
}

/**
 * Removes a person, on their request or long after they left (GDPR article 17). What stays is the
 * opaque `sub`, keyed hashes of their identifiers, so that neither is ever given to anybody again,
 * and the audit's proof. Never oneself, nor the last identity administrator.
 */
export const erasePerson = async (
  deps: Deps,
  endEverything: EndEverything,
  sub: string,
  by: string,
): Promise<Erased> => {
  const result = await deps.store.transact(async (tables): Promise<Erased> => {
    const account = await tables.accounts.bySub(sub)
    return account === null
      ? { ok: false, reason: 'unknown_account' }
      : eraseIn(deps, tables, account, by)
  })
  if (result.ok || result.reason === 'unknown_account') {
    // Also where they are gone already: an earlier try may have stopped half way.
    await endEverything(sub)
  }
  return result
}
