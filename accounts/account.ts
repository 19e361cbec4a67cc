import type { Role } from '../policies/admin_rights.ts'
import type { AccountState, OtpKeyUse, PasswordState, PinState } from '../policies/next_step.ts'
import type { Protection } from '../policies/policy.ts'
import type { UserType } from '../policies/user_type.ts'

export type Locale = 'fr' | 'en'

/** What a person can choose: a language, or on each page the one that their browser asks for. */
export type ChosenLocale = Locale | 'browser'

/** One person, as the directory knows them. */
export interface Person {
  /** Key in the directory that the person came from; never changes. */
  readonly externalId: string | null
  /** What is typed at sign-in, as written. */
  readonly identifier: string
  readonly userType: UserType
  readonly givenName: string
  readonly familyName: string
  /** Imported address; proves nothing, but will do for notices. */
  readonly email: string | null
  /** ISO date; used only to refuse a PIN or password that can be guessed from it. */
  readonly birthDate: string | null
  /** UAI codes. */
  readonly establishments: readonly string[]
  readonly classes: readonly string[]
  /** `externalId` of the pupils that a guardian answers for. */
  readonly children: readonly string[]
  readonly locale: Locale | null
}

/** `initial`: made by the source directory; `temporary`: by us. Both are changed at first use. */
export type PasswordOrigin = 'personal' | 'initial' | 'temporary'

export interface PasswordRecord {
  /** argon2id, or a keyed hash of a temporary one, sealed under the pepper. */
  readonly sealed: string
  readonly origin: PasswordOrigin
  readonly setAt: number
  readonly rulesVersion: number
  /** An administrator asked for a change at the next connection. */
  readonly mustChange: boolean
  /** Serves no more since: theft was suspected. Whoever gets in otherwise sets a new one. */
  readonly voidedAt: number | null
  /** The generation that a temporary one is of. */
  readonly batchId: string | null
}

export interface PinRecord {
  readonly sealed: string
  readonly origin: 'chosen' | 'generated'
  readonly setAt: number
  readonly length: number
  readonly blockedAt: number | null
}

export interface Account extends Person {
  /** Opaque, never reused. */
  readonly sub: string
  readonly protection: Protection | null
  readonly password: PasswordRecord | null
  /** The hash of one that was made void: until another of their own, they may not have it again. */
  readonly voidPassword: string | null
  readonly pin: PinRecord | null
  readonly hadPin: boolean
  readonly passwordResetByMailAt: number
  /** Address that its owner has proved to read; comes before the imported one. */
  readonly verifiedEmail: string | null
  /** When that last changed (ms); null: never, or as far back as nobody doubts. */
  readonly verifiedAt: number | null
  /** What to go back to, should that change have been a stranger's. */
  readonly previousVerifiedEmail: string | null
  /** The language that its owner has chosen, whatever the directory says; null: not yet. */
  readonly chosenLocale: ChosenLocale | null
  /** Whatever was proved or issued before (ms) is void. */
  readonly validAfter: number
  readonly disabledAt: number | null
  /** There are OTP keys of this person to look at. */
  readonly hasOtpKeys: boolean
  /** What they may do in the console; null: nothing. */
  readonly role: Role | null
  readonly createdAt: number
}

/** Two spellings of one identifier: case, width and composition do not tell people apart. */
export const identifierKey = (typed: string): string =>
  typed.normalize('NFKC').trim().toLowerCase().normalize('NFC')

export const fullName = (person: Pick<Person, 'givenName' | 'familyName'>): string =>
  `${person.givenName} ${person.familyName}`.trim()

/**
 * The language to write to somebody in; null: nobody has said, or it is left to the browser. Pages
 * then follow the browser, and mails, which no browser asks for, are in the school's language.
 */
export const localeOfAccount = ({
  chosenLocale,
  locale,
}: Pick<Account, 'chosenLocale' | 'locale'>): Locale | null => {
  const asked = chosenLocale ?? locale
  return asked === 'browser' ? null : asked
}

/** Where mail about the account goes; null: nowhere. */
export const mailAddress = ({
  verifiedEmail,
  email,
}: Pick<Account, 'verifiedEmail' | 'email'>): string | null => verifiedEmail ?? email

export const isBlockedPin = (pin: PinRecord): boolean => pin.blockedAt !== null

export const pinState = (pin: PinRecord | null): PinState => {
  if (pin === null) {
    return 'none'
  }
  if (isBlockedPin(pin)) {
    return 'blocked'
  }
  return pin.origin === 'generated' ? 'generated' : 'in_use'
}

/**
 * Whether an account is protected as it was when a step was found due. An act that rests on that
 * step asks again inside its own transaction: somebody who knows the password alone may race the
 * owner who defines a PIN. A hash made anew is no change.
 */
export const isProtectedAlike = (before: Account, now: Account | null): boolean =>
  now !== null &&
  now.disabledAt === before.disabledAt &&
  now.validAfter === before.validAfter &&
  now.protection === before.protection &&
  now.password?.setAt === before.password?.setAt &&
  now.password?.voidedAt === before.password?.voidedAt &&
  now.pin?.setAt === before.pin?.setAt &&
  now.pin?.origin === before.pin?.origin &&
  now.pin?.blockedAt === before.pin?.blockedAt

/**
 * What the deciding function needs to know of an account; `otpKey` is worked out from its keys by
 * `keyUse`, by whoever has read them.
 */
export const accountState = (
  account: Account,
  password: PasswordState,
  otpKey: OtpKeyUse,
): AccountState => ({
  protection: account.protection,
  pin: pinState(account.pin),
  hadPin: account.hadPin,
  password,
  // One that was voided since it was proved is as good as replaced.
  passwordSetAt: Math.max(account.password?.setAt ?? 0, account.password?.voidedAt ?? 0),
  passwordResetByMailAt: account.passwordResetByMailAt,
  otpKey,
  validAfter: account.validAfter,
})
