import type { Person } from '../../accounts/account.ts'
import type { OtpKey } from '../../accounts/otp_key.ts'
import type { CodeClaim, Store } from '../../accounts/ports.ts'

/** A Tuesday in November. */
export const NOW = Date.UTC(2026, 10, 24, 8, 0, 0)

export const person = (identifier: string, more: Partial<Person> = {}): Person => ({
  externalId: null,
  identifier,
  userType: 'student',
  givenName: 'Léa',
  familyName: 'Martin',
  email: null,
  birthDate: null,
  establishments: [],
  classes: [],
  children: [],
  locale: null,
  ...more,
})

/** One act in three tables: all of it is kept, or nothing. */
export const record = (store: Store, id: string): Promise<void> =>
  store.transact(async (tables) => {
    await tables.accounts.insert(id, person(id, { establishments: ['0752345X'] }), NOW)
    await tables.notices.add({ id, sub: id, code: 'pin_defined', atMs: NOW, params: {} })
    await tables.audit.append({
      id,
      atMs: NOW,
      act: 'person_added',
      outcome: 'done',
      actor: null,
      sub: id,
      clientId: null,
      network: null,
      browserId: null,
      detail: {},
    })
  })

/** A key that `lea` has in service; every field has a value of its own. */
export const otpKey = (more: Partial<OtpKey> = {}): OtpKey => ({
  serial: 'KEY-1',
  source: 'hardware',
  kind: 'totp',
  algorithm: 'SHA256',
  digits: 8,
  periodSeconds: 60,
  sealedSeed: 'v1.k1.seed',
  state: 'in_service',
  sub: 'lea',
  pin: { sealed: 'v1.k1.pin', length: 4, setAt: NOW - 5 },
  next: 100,
  firstOfTwo: { step: 90, atMs: NOW - 6 },
  clock: { aheadMinMs: -30_000, aheadMaxMs: 30_001, atMs: NOW - 7 },
  wrongPins: 2,
  firstUseTries: 3,
  firstUseTriesProved: 2,
  assignedAt: NOW - 10,
  firstUseBy: NOW + 11,
  loanUntil: NOW + 12,
  inServiceAt: NOW - 4,
  lastUsedAt: NOW - 3,
  addedAt: NOW - 20,
  ...more,
})

/** Of a code of the key that `lea` has in service. */
export const claimOf = (more: Partial<CodeClaim> = {}): CodeClaim => ({
  serial: 'KEY-1',
  sub: 'lea',
  state: 'in_service',
  step: 100,
  as: 'good',
  clock: { aheadMinMs: -1500, aheadMaxMs: 2500, atMs: NOW },
  countsPin: false,
  ...more,
})
