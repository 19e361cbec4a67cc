import type { Account } from './account.ts'
import { auditEntry } from './audit.ts'
import { tell } from './notices.ts'
import { type OtpKey, reportLost } from './otp_key.ts'
import type { Deps, Origin, Tables } from './ports.ts'

/*
 * What *This wasn't me* takes from an account: whatever came to it while a notice could have been
 * answered. Not since the notice that is answered: a thief who has dug in warns of nothing more.
 */

const DAY_MS = 24 * 3_600_000
/** How long a notice can be answered. */
export const NOT_ME_MS = 7 * DAY_MS
/** What a notice tells of may be dated somewhat before it. */
const BEFORE_ITS_NOTICE_MS = 60_000

/** From when on (ms) what came to an account is doubted: never what was looked at before. */
export const doubtedSince = async (
  { audit }: Pick<Tables, 'audit'>,
  sub: string,
  nowMs: number,
): Promise<number> => {
  const [last] = await audit.list({ sub, act: 'not_me' }, 1)
  return Math.max(nowMs - NOT_ME_MS - BEFORE_ITS_NOTICE_MS, last?.atMs ?? 0)
}

/** Whoever enrolled an app keeps its seed, whatever became of the key since. */
const isDoubted = ({ source, addedAt, inServiceAt }: OtpKey, sinceMs: number): boolean =>
  (source === 'app' && addedAt >= sinceMs) || (inServiceAt !== null && inServiceAt >= sinceMs)

/** Such a key is in unknown hands: its passcode would open the account. */
export const loseDoubtedKeys = async (
  deps: Deps,
  tables: Tables,
  sub: string,
  sinceMs: number,
  origin: Origin,
): Promise<void> => {
  const keys = await tables.otpKeys.ofPerson(sub)
  for (const key of keys.filter((each) => isDoubted(each, sinceMs))) {
    const lost = reportLost(key, deps.clock())
    if (lost.ok) {
      const { serial } = key
      await tables.otpKeys.save(lost.key)
      await tell(deps, tables, sub, 'key_lost', { params: { key: serial } })
      await tables.audit.append(
        auditEntry(deps, { act: 'key_lost', sub, origin, detail: { key: serial, why: 'not_me' } }),
      )
    }
  }
}

/** The address that its owner had proved before; null: none. */
export const undoubtedAddress = (
  { verifiedEmail, verifiedAt, previousVerifiedEmail }: Account,
  sinceMs: number,
): string | null =>
  verifiedAt !== null && verifiedAt >= sinceMs ? previousVerifiedEmail : verifiedEmail

/**
 * The mailbox by which the password was reset since, if it was: whoever reads it would come back by
 * another code.
 */
const mailboxOfReset = (
  { passwordResetByMailAt: resetAt, verifiedEmail, verifiedAt, previousVerifiedEmail }: Account,
  sinceMs: number,
): string | null => {
  if (resetAt < sinceMs) {
    return null
  }
  return verifiedAt !== null && verifiedAt > resetAt ? previousVerifiedEmail : verifiedEmail
}

/** Who shuts the account, and by which request. */
interface Shut {
  readonly by: string
  readonly origin?: Origin
}

/**
 * An address that was proved since may be a stranger's: a code mailed there would let them in. The
 * one before it comes back, unless the password was reset by it since: mail still goes there where
 * the school gave the same address, but no code for a password.
 */
export const dropDoubtedAddresses = async (
  deps: Deps,
  { accounts, audit }: Tables,
  account: Account,
  sinceMs: number,
  { by, origin }: Shut,
): Promise<void> => {
  const { sub, verifiedEmail } = account
  const mailbox = mailboxOfReset(account, sinceMs)
  const before = undoubtedAddress(account, sinceMs)
  const kept = before === mailbox ? null : before
  if (verifiedEmail === null || verifiedEmail === kept) {
    return // One that its owner has removed may be in other hands: it does not come back.
  }
  await accounts.setVerifiedEmail(sub, kept)
  const why = verifiedEmail === before ? 'password_reset_by_mail' : 'not_me'
  const detail = { why, restored: kept !== null }
  await audit.append(
    auditEntry(deps, {
      act: 'address_removed',
      actor: by,
      sub,
      ...(origin === undefined ? {} : { origin }),
      detail,
    }),
  )
}
