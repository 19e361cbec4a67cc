import { type Account, isProtectedAlike, type Locale, mailAddress } from './account.ts'
import { type AuditAct, auditEntry } from './audit.ts'
import { doubtedSince, undoubtedAddress } from './doubted.ts'
import { checkCode, sendCode } from './mailed_code.ts'
import { tell, whence } from './notices.ts'
import { maskAddress } from './pin_reset.ts'
import type { Deps, Origin, Tables } from './ports.ts'

/** As RFC 5321 §4.5.3.1 leaves room for: 256 with its brackets. */
export const ADDRESS_LENGTH_MAX = 254

/** An address that a code was mailed to. */
export interface PendingAddress {
  readonly email: string
  readonly codeId: string
}

/**
 * Mails a code to an address that somebody wants their mail to go to. Whether it is anybody
 * else's is neither asked nor told. Null: too many codes were mailed for this account.
 */
export const requestAddress = (
  deps: Deps,
  account: Account,
  email: string,
  { boundTo, locale }: { readonly boundTo: string; readonly locale: Locale },
): Promise<PendingAddress | null> =>
  deps.store.transact(async (tables) => {
    const sent = await sendCode(deps, tables, account, {
      purpose: 'address',
      boundTo,
      to: email,
      template: 'address_code',
      locale,
    })
    return sent.ok ? { email, codeId: sent.id } : null
  })

/** Tells the address that mail goes to from now on, and the one that it went to. */
const setAddress = async (
  deps: Deps,
  tables: Tables,
  before: Account,
  { act, email }: { readonly act: AuditAct; readonly email: string | null },
  origin: Origin,
): Promise<boolean> => {
  const { sub } = before
  const now = await tables.accounts.bySub(sub)
  if (now === null || !isProtectedAlike(before, now)) {
    return false
  }
  const [from, to] = [mailAddress(now), mailAddress({ ...now, verifiedEmail: email })]
  const atMs = deps.clock()
  // Changed twice within what may be doubted: what to go back to is the one from before all that.
  const previous = undoubtedAddress(now, await doubtedSince(tables, sub, atMs))
  await tables.accounts.setVerifiedEmail(sub, email, { atMs, previous })
  const address = to === null ? {} : { address: maskAddress(to) }
  const alsoTo = from === null || from === to ? [] : [from]
  await tell(deps, tables, sub, 'address_changed', {
    params: { ...whence(origin), ...address },
    alsoTo,
  })
  await tables.audit.append(auditEntry(deps, { act, sub, origin }))
  return true
}

/** The code came back: mail goes to that address now. False: the code was refused, whatever for. */
export const confirmAddress = async (
  deps: Deps,
  account: Account,
  { email, codeId }: PendingAddress,
  { typed, boundTo }: { readonly typed: string; readonly boundTo: string },
  origin: Origin,
): Promise<boolean> => {
  if (!(await checkCode(deps, { id: codeId, boundTo, typed }))) {
    const { sub } = account
    await deps.store.audit.append(
      auditEntry(deps, { act: 'address_code_wrong', outcome: 'refused', sub, origin }),
    )
    return false
  }
  return deps.store.transact((tables) =>
    setAddress(deps, tables, account, { act: 'address_changed', email }, origin),
  )
}

/** Mail goes to the address that the school gave again. False: there was nothing to remove. */
export const removeAddress = (deps: Deps, account: Account, origin: Origin): Promise<boolean> =>
  account.verifiedEmail === null
    ? Promise.resolve(false)
    : deps.store.transact((tables) =>
        setAddress(deps, tables, account, { act: 'address_removed', email: null }, origin),
      )
