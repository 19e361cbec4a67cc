import type { Account } from './account.ts'
import { auditEntry } from './audit.ts'
import { MAILED_AT, tell, whence } from './notices.ts'
import type { OtpKey } from './otp_key.ts'
import type { AuditEntry, Deps, Device, Notice, Origin } from './ports.ts'

/**
 * Far more than a person's year leaves behind; whatever somebody else's tries add, a copy is made
 * without keeping everybody else waiting.
 */
const RECORDS_COPIED_MAX = 5_000

/** A session as its owner is told of it. */
interface CopiedSession {
  readonly signedInAt: number
  readonly from: {
    readonly browser: string
    readonly system: string
    readonly network: string
  } | null
  readonly applications: readonly string[]
}

/** Writes a time (ms) as people read it; null: never. */
type Instant = (timeMs: number | null) => string | null

/** Without the hashes, and without the PIN's length, which would help to guess it. */
const accountOf = (instant: Instant, { password, pin, ...account }: Account) => ({
  sub: account.sub,
  external_id: account.externalId,
  identifier: account.identifier,
  user_type: account.userType,
  given_name: account.givenName,
  family_name: account.familyName,
  birth_date: account.birthDate,
  email: account.email,
  verified_email: account.verifiedEmail,
  previous_verified_email: account.previousVerifiedEmail,
  establishments: account.establishments,
  classes: account.classes,
  children: account.children,
  locale: account.locale,
  chosen_locale: account.chosenLocale,
  protection: account.protection,
  had_pin: account.hadPin,
  pin:
    pin === null
      ? null
      : { origin: pin.origin, set_at: instant(pin.setAt), blocked_at: instant(pin.blockedAt) },
  password:
    password === null
      ? null
      : {
          origin: password.origin,
          set_at: instant(password.setAt),
          rules_version: password.rulesVersion,
          must_change: password.mustChange,
          voided_at: instant(password.voidedAt),
        },
  password_reset_by_mail_at: instant(account.passwordResetByMailAt || null),
  proofs_count_from: instant(account.validAfter || null),
  created_at: instant(account.createdAt),
})

const deviceOf = (instant: Instant, device: Device) => ({
  name: device.name,
  browser: device.browserName,
  system: device.systemName,
  network: device.network,
  added_at: instant(device.addedAt),
  added_under: device.addedUnder,
  last_seen_at: instant(device.lastSeenAt),
})

const sessionOf = (instant: Instant, { signedInAt, from, applications }: CopiedSession) => ({
  signed_in_at: instant(signedInAt),
  from,
  applications,
})

const keyOf = (instant: Instant, key: OtpKey) => ({
  serial: key.serial,
  source: key.source,
  kind: key.kind,
  digits: key.digits,
  state: key.state,
  assigned_at: instant(key.assignedAt),
  first_use_by: instant(key.firstUseBy),
  loan_until: instant(key.loanUntil),
  in_service_at: instant(key.inServiceAt),
  last_used_at: instant(key.lastUsedAt),
})

const noticeOf = (
  instant: Instant,
  { code, atMs, params: { [MAILED_AT]: _mailedAt, ...params }, answeredAt }: Notice,
) => ({
  code,
  at: instant(atMs),
  params,
  answered_at: instant(answeredAt),
})

/** Names of members of staff are theirs; a keyed hash of the identifier says nothing. */
const entryOf = (instant: Instant, sub: string, { actor, detail, ...entry }: AuditEntry) => {
  const { subject: _subject, ...facts } = detail
  const by = actor === sub ? 'self' : 'school'
  return {
    act: entry.act,
    at: instant(entry.atMs),
    outcome: entry.outcome,
    by: actor === null ? null : by,
    application: entry.clientId,
    network: entry.network,
    detail: facts,
  }
}

/**
 * Everything that is kept about a person, for themselves (GDPR article 15). No hash, no seed, no
 * code, and none of the ids by which our own records find one another.
 */
export const copyOfData = async (
  deps: Deps,
  account: Account,
  sessions: readonly CopiedSession[],
  origin: Origin,
  write: (timeMs: number) => string,
) => {
  const instant: Instant = (timeMs) => (timeMs === null ? null : write(timeMs))
  const { sub } = account
  const { store } = deps
  // Told before anything leaves: it may be somebody else at an open browser.
  await store.transact(async (tables) => {
    await tell(deps, tables, sub, 'data_copied', { params: whence(origin) })
    await tables.audit.append(auditEntry(deps, { act: 'data_copied', sub, origin }))
  })
  const [devices, keys, consents, notices, entries] = await Promise.all([
    store.devices.list(sub),
    store.otpKeys.ofPerson(sub),
    store.consents.list(sub),
    store.notices.list(sub, RECORDS_COPIED_MAX),
    store.audit.list({ sub }, RECORDS_COPIED_MAX),
  ])
  return {
    copied_at: instant(deps.clock()),
    school: deps.schoolName,
    account: accountOf(instant, account),
    recognised_devices: devices.map((device) => deviceOf(instant, device)),
    sessions: sessions.map((session) => sessionOf(instant, session)),
    otp_keys: keys.map((key) => keyOf(instant, key)),
    allowed_applications: consents.map(({ clientId, learns, atMs }) => ({
      application: clientId,
      learns,
      allowed_at: instant(atMs),
    })),
    notices: notices.map((notice) => noticeOf(instant, notice)),
    records: entries.map((entry) => entryOf(instant, sub, entry)),
  }
}
