import { Secret, TOTP } from 'otpauth'
import { strongestUsable } from '../policies/fresh_proof.ts'
import { truncateNetwork } from '../policies/network.ts'
import { newKeyCounts } from '../policies/next_step.ts'
import {
  type CodeReading,
  FIRST_NEAR_STEPS,
  type KeyFace,
  newClock,
  readCode,
} from '../policies/otp_window.ts'
import { passwordState } from '../policies/password_age.ts'
import type { PinRefusal } from '../policies/pin_rules.ts'
import type { Policy } from '../policies/policy.ts'
import { type Account, accountState, isProtectedAlike } from './account.ts'
import { auditEntry } from './audit.ts'
import { chooseKeyPin, judgeKeyPin } from './first_use.ts'
import { keyUse } from './key_use.ts'
import { passcodeSubjectOf, presentedBrowser } from './lane.ts'
import { tell, whence } from './notices.ts'
import { enrolledApp, type OtpKey, stateNow } from './otp_key.ts'
import { openSeed, sealSeed } from './otp_seed.ts'
import type { Deps, Origin, Presented, Tables } from './ports.ts'

/** An app that is being enrolled. The session keeps it; it is no key until its code was right. */
export interface Enrolment {
  readonly serial: string
  /** Bound to the serial, as in the key that it becomes. */
  readonly sealedSeed: string
  readonly beganAt: number
  readonly wrongCodes: number
}

/** How long the secret stays on its page. */
export const ENROLMENT_MS = 15 * 60_000
/** The person has the seed before them: whoever types so many wrong codes has another one. */
export const ENROLMENT_TRIES = 10
const APPS_OF_ONE_PERSON_MAX = 5

/** What every authenticator app can do; many ignore anything else in a key URI. */
export const APP_FACE = { algorithm: 'SHA1', digits: 6, periodSeconds: 30 } as const

/** RFC 4226 §4, R6: 160 bits are recommended. */
const SEED_BYTES = 20
/** Without 0 O 1 I L, which people take for one another. */
const SERIAL_ALPHABET = '23456789ABCDEFGHJKMNPQRSTUVWXYZ'
const SERIAL_LENGTH = 8

const newSerial = (random: Deps['random']): string => {
  const draw = () => SERIAL_ALPHABET[random.below(SERIAL_ALPHABET.length)]
  return `APP-${Array.from({ length: SERIAL_LENGTH }, draw).join('')}`
}

/** A fresh secret under a serial of its own. */
export const beginEnrolment = (deps: Pick<Deps, 'random' | 'seeds' | 'clock'>): Enrolment => {
  const serial = newSerial(deps.random)
  const sealedSeed = sealSeed(deps, serial, deps.random.bytes(SEED_BYTES))
  return { serial, sealedSeed, beganAt: deps.clock(), wrongCodes: 0 }
}

export const isEnrolmentOver = ({ beganAt, wrongCodes }: Enrolment, nowMs: number): boolean =>
  wrongCodes >= ENROLMENT_TRIES || nowMs - beganAt >= ENROLMENT_MS

/**
 * Whether a person with these keys may have another app. Where the password is all they have to
 * prove, not within a day of its reset by mail: one mailbox must not open both doors.
 */
export const mayEnrolApp = (
  account: Account,
  policy: Policy,
  keys: readonly OtpKey[],
  nowMs: number,
): boolean => {
  const apps = keys.filter(
    (key) => key.source === 'app' && ['in_service', 'blocked'].includes(stateNow(key, nowMs)),
  )
  const state = accountState(
    account,
    passwordState(account.password, policy, [], nowMs),
    keyUse(keys, nowMs, undefined),
  )
  const safe = newKeyCounts(account, nowMs) || strongestUsable(policy, state) !== 'password'
  const offered = policy.otp !== 'off' && policy.otp_keys.apps
  return offered && safe && apps.length < APPS_OF_ONE_PERSON_MAX
}

/** The secret of an enrolment as apps take it: in a QR code (`uri`), or typed (`base32`). */
export interface AppSecret {
  readonly uri: string
  readonly base32: string
}

export const secretOf = (
  deps: Pick<Deps, 'seeds' | 'schoolName'>,
  enrolment: Enrolment,
  { identifier: label }: Account,
): AppSecret => {
  const { algorithm, digits, periodSeconds: period } = APP_FACE
  const secret = new Secret({ buffer: new Uint8Array(openSeed(deps, enrolment)).buffer })
  const issuer = deps.schoolName
  const key = new TOTP({ issuer, label, secret, algorithm, digits, period })
  return { uri: key.toString(), base32: secret.base32 }
}

export interface TypedEnrolment {
  readonly pin: string
  readonly confirmation: string
  /** What the app shows. */
  readonly code: string
}

/** `not_allowed`: the policy has changed, or there are as many apps as one person may have. */
type Refusal = 'not_allowed' | 'changed_meanwhile'

export type EnrolAppResult =
  | { readonly ok: true }
  | { readonly ok: false; readonly reason: PinRefusal | 'mismatch' | 'wrong_code' | Refusal }

/** The app as far as its first code goes: nothing of its clock is known yet. */
const firstFace = (nowMs: number): KeyFace => ({
  ...APP_FACE,
  kind: 'totp',
  clock: newClock(APP_FACE.periodSeconds, nowMs),
  next: 0,
  firstOfTwo: null,
})

/** Whose passcodes come from here: failures elsewhere then do not stop the first of them. */
const rememberPlace = async (
  deps: Deps,
  tables: Tables,
  { identifier }: Account,
  origin: Origin,
  presented: Presented,
): Promise<void> => {
  if (presented.kind === 'known') {
    const subject = passcodeSubjectOf(deps, identifier)
    const network = truncateNetwork(origin.address)
    await tables.passwordTries.remember(subject, presented.browserId, network, deps.clock())
  }
}

/** Why the key may not be added, or null. */
const obstacle = async (
  deps: Deps,
  tables: Tables,
  account: Account,
  policy: Policy,
): Promise<Refusal | null> => {
  const { sub } = account
  if (!isProtectedAlike(account, await tables.accounts.bySub(sub))) {
    return 'changed_meanwhile'
  }
  const keys = await tables.otpKeys.ofPerson(sub)
  return mayEnrolApp(account, policy, keys, deps.clock()) ? null : 'not_allowed'
}

/** Adds the key. A form that was sent twice finds the key of the first time, and is content. */
const addApp = async (
  deps: Deps,
  tables: Tables,
  account: Account,
  policy: Policy,
  key: OtpKey,
): Promise<'added' | 'there' | Refusal> => {
  const existing = await tables.otpKeys.find(key.serial)
  if (existing !== null) {
    return existing.sub === account.sub ? 'there' : 'changed_meanwhile'
  }
  const why = await obstacle(deps, tables, account, policy)
  if (why === null) {
    await tables.otpKeys.add(key)
  }
  return why ?? 'added'
}

/** The step of the code that the app shows, and what it tells of its clock; null: a wrong one. */
const readFirstCode = async (
  deps: Deps,
  { sub }: Account,
  enrolment: Enrolment,
  code: string,
  origin: Origin,
): Promise<Extract<CodeReading, { kind: 'good' }> | null> => {
  const nowMs = deps.clock()
  const seed = openSeed(deps, enrolment)
  const reading = readCode(firstFace(nowMs), seed, code, nowMs, FIRST_NEAR_STEPS)
  if (reading.kind === 'good') {
    return reading
  }
  const detail = { key: enrolment.serial, why: 'wrong_code' }
  await deps.store.audit.append(
    auditEntry(deps, { act: 'key_app_enrolled', outcome: 'refused', sub, origin, detail }),
  )
  return null
}

/**
 * Puts an app in service: under a PIN of its own, once the code that it shows proves that it has
 * the secret. The caller has made sure of a fresh proof of the account's strongest factor. Where
 * one enrolment is confirmed twice, one key is added and both are `ok`.
 */
export const enrolApp = async (
  deps: Deps,
  account: Account,
  policy: Policy,
  enrolment: Enrolment,
  typed: TypedEnrolment,
  origin: Origin,
): Promise<EnrolAppResult> => {
  const { sub } = account
  const { serial, sealedSeed } = enrolment
  const verdict = judgeKeyPin(account, policy, typed)
  if (!verdict.ok) {
    return verdict
  }
  const reading = await readFirstCode(deps, account, enrolment, typed.code, origin)
  if (reading === null) {
    return { ok: false, reason: 'wrong_code' }
  }
  const chosen = await chooseKeyPin(deps, account, policy, serial, typed, origin)
  if (!chosen.ok) {
    return chosen
  }
  const { pin } = chosen
  // RFC 6238 §5.2: a step is accepted once.
  const seen = { clock: reading.clock, next: reading.step + 1 }
  const key = enrolledApp({ ...APP_FACE, serial, sealedSeed, sub, pin, ...seen }, deps.clock())
  const presented = await presentedBrowser(deps, origin)
  return deps.store.transact(async (tables): Promise<EnrolAppResult> => {
    const added = await addApp(deps, tables, account, policy, key)
    if (added === 'added') {
      await rememberPlace(deps, tables, account, origin, presented)
      const params = { key: serial, ...whence(origin) }
      await tell(deps, tables, sub, 'key_in_service', { params })
      await tables.audit.append(
        auditEntry(deps, { act: 'key_app_enrolled', sub, origin, detail: { key: serial } }),
      )
    }
    return added === 'added' || added === 'there' ? { ok: true } : { ok: false, reason: added }
  })
}
