import { type Account, isBlockedPin } from './account.ts'
import type { EndEverything } from './administer.ts'
import { type AuditAct, auditEntry } from './audit.ts'
import { doubtedSince, dropDoubtedAddresses, undoubtedAddress } from './doubted.ts'
import { tell } from './notices.ts'
import type { AuditEntry, Deps, NoticeCode, Origin, Tables } from './ports.ts'

/** Who shuts everybody out of an account: its owner (*This wasn't me*), or the school. */
type SecuredFor = 'not_me' | 'password_voided'

interface Secured {
  /** False: it was shut already, and nobody had come in by what was shut. */
  readonly changed: boolean
  /** There was a password, and it served until now. */
  readonly passwordVoided: boolean
  /** There was a PIN, and it could be tried until now. */
  readonly pinBlocked: boolean
  readonly devicesForgotten: number
}

type SecureResult =
  | ({ readonly ok: true } & Secured)
  | { readonly ok: false; readonly reason: 'unknown_account' }

const ACTS: Record<SecuredFor, { readonly act: AuditAct; readonly notice: NoticeCode }> = {
  not_me: { act: 'not_me', notice: 'account_secured' },
  password_voided: { act: 'password_voided', notice: 'password_voided' },
}

/** Facts for the audit beside those of the act itself. */
interface Asked {
  readonly why: SecuredFor
  readonly by: string
  readonly origin?: Origin
  readonly detail?: AuditEntry['detail']
  /** Further addresses to tell. */
  readonly alsoTo?: readonly string[]
}

/** The school's own address too: whoever got in may have proved another one since. */
const addressesBeside = ({ email, verifiedEmail }: Account): string[] =>
  email === null || verifiedEmail === null || email === verifiedEmail ? [] : [email]

/**
 * The durable part of `secureAccount`, in the caller's transaction; the caller then ends what the
 * expiring store still holds.
 */
export const secureDurably = async (
  deps: Deps,
  tables: Tables,
  account: Account,
  { why, by, origin, detail = {}, alsoTo = [] }: Asked,
): Promise<Secured> => {
  const { sub, password, pin } = account
  const { act, notice } = ACTS[why]
  const nowMs = deps.clock()
  const passwordVoided = await tables.accounts.voidPassword(sub, nowMs)
  // Blocked, never removed: with no PIN, a password alone would lead to a new one.
  const pinBlocked = pin !== null && !isBlockedPin(pin)
  if (pinBlocked) {
    await tables.accounts.setPinBlocked(sub, nowMs)
  }
  const devicesForgotten = await tables.devices.removeAll(sub)
  await tables.accounts.voidBefore(sub, nowMs)
  // Whoever signs in by a key alone has nothing here that shows whether it is shut.
  const nothingToShut = password === null && pin === null
  const changed = passwordVoided || pinBlocked || devicesForgotten > 0 || nothingToShut
  if (changed) {
    await tell(deps, tables, sub, notice, { alsoTo: [...addressesBeside(account), ...alsoTo] })
  }
  await tables.audit.append(
    auditEntry(deps, {
      act,
      actor: by,
      sub,
      ...(origin === undefined ? {} : { origin }),
      detail: {
        password_voided: passwordVoided,
        pin_blocked: pinBlocked,
        devices_forgotten: devicesForgotten,
        ...detail,
      },
    }),
  )
  return { changed, passwordVoided, pinBlocked, devicesForgotten }
}

/** As `secureAccount`, in the caller's transaction; the caller then ends the sessions. */
export const secureIn = async (
  deps: Deps,
  tables: Tables,
  account: Account,
  why: SecuredFor,
  by: string,
): Promise<Secured> => {
  const sinceMs = await doubtedSince(tables, account.sub, deps.clock())
  await dropDoubtedAddresses(deps, tables, account, sinceMs, { by })
  // Its owner, too, may be who reads there; and the one before is theirs.
  const undoubted = undoubtedAddress(account, sinceMs)
  const alsoTo = [account.verifiedEmail, undoubted].filter((each) => each !== null)
  const now = (await tables.accounts.bySub(account.sub)) ?? account
  return secureDurably(deps, tables, now, { why, by, alsoTo })
}

/**
 * Shuts everybody out of an account whose password may be in other hands: the password serves no
 * more, the PIN is blocked, no device is recognised, no code goes to an address that is in doubt, and
 * whatever was proved or issued before is void. Of an account without password or PIN: what there is. Done again, it shuts out again
 * whoever came in meanwhile; a password that its owner has set since is void too.
 */
export const secureAccount = async (
  deps: Deps,
  endEverything: EndEverything,
  sub: string,
  why: SecuredFor,
  by: string,
): Promise<SecureResult> => {
  const result = await deps.store.transact(async (tables): Promise<SecureResult> => {
    const account = await tables.accounts.bySub(sub)
    if (account === null) {
      return { ok: false, reason: 'unknown_account' }
    }
    return { ok: true, ...(await secureIn(deps, tables, account, why, by)) }
  })
  if (result.ok) {
    // Durable first (`valid_after`): sessions that outlive a crash here are void all the same.
    await endEverything(sub)
  }
  return result
}
