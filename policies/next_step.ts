import { effectiveProtection, type Policy, type Protection } from './policy.ts'
import { ACR_LEVELS, holds, LEVELS, type Level, type Proofs, strongestLevel } from './proofs.ts'

/** `generated`: made by the school, to be replaced by its owner once typed. */
export type PinState = 'none' | 'in_use' | 'generated' | 'blocked'
/** `none`: the account has no local password; the last three must be changed. */
export type PasswordState = 'none' | 'personal' | 'temporary' | 'expired' | 'must_change'
/** Of all keys of the account, the most useful: `unusable` ones are blocked, closed, lost. */
export type OtpKeyUse = 'none' | 'first_use' | 'in_service' | 'unusable'

export interface AccountState {
  readonly protection: Protection | null
  readonly pin: PinState
  /** Ever had a PIN, whatever became of it. */
  readonly hadPin: boolean
  readonly password: PasswordState
  /** When the password in force was set, ms; 0 without one. */
  readonly passwordSetAt: number
  /** ms; 0 when never. */
  readonly passwordResetByMailAt: number
  readonly otpKey: OtpKeyUse
  /** Proofs older than this (ms) are void. */
  readonly validAfter: number
}

export interface DeviceState {
  /** Added by this person on this browser, still valid, here. */
  readonly recognised: boolean
  /** This network lets a device be added. */
  readonly mayAdd: boolean
}

/** The application is not the establishment's own, and the person has not allowed all of this yet. */
export interface ConsentDue {
  readonly reason: 'first_time' | 'learns_more' | 'asked_again'
  /** Names of claims, and `offline_access`. */
  readonly learns: readonly string[]
}

/** What the application asked for. */
export interface Wanted {
  /** `acr` values in order of preference; empty when it asked for none. */
  readonly acr: readonly string[]
  /** One of `acr` must come back (essential claim), or the request fails. */
  readonly essential: boolean
  /** The application's own minimum, always essential. */
  readonly leastAcr?: string | undefined
  /** Factors proved earlier (ms) do not count: `prompt=login`, `max_age`. 0: any time. */
  readonly notBefore: number
  /** The application is for this person's user type. */
  readonly forThisUserType: boolean
  /** What the person has to allow first; nothing for the establishment's own applications. */
  readonly consentDue?: ConsentDue | null | undefined
}

export interface Situation {
  readonly policy: Policy
  /** Null: nobody, or an account that is gone or disabled. */
  readonly account: AccountState | null
  readonly proofs: Proofs
  /** A sign-in was brought to its end in this session, and its absolute end is still to come. */
  readonly open: boolean
  readonly device: DeviceState
  readonly wanted: Wanted
  readonly nowMs: number
}

export type NextStep =
  | { step: 'login'; reason: 'no_session' | 'account_gone' | 'not_recent' | 'session_over' }
  | { step: 'unmet'; reason: 'unsupported' | 'no_pin' | 'pin_blocked' | 'no_otp_key' }
  | { step: 'otp'; reason: 'policy' | 'application'; firstUse: boolean }
  | { step: 'pin'; reason: 'new_device' | 'application'; blocked: boolean }
  | { step: 'change_password'; reason: 'temporary' | 'expired' | 'must_change' }
  /** `first_connection`: the person has a choice to make; the other reasons leave none. */
  | { step: 'define_pin'; reason: 'first_connection' | 'imposed' | 'application' | 'generated' }
  | { step: 'device'; reason: 'pin_defined' | 'notification' | 'vague_name' }
  | { step: 'consent'; reason: ConsentDue['reason']; learns: readonly string[] }
  | { step: 'refused'; reason: 'not_for_user_type' }
  | { step: 'done'; reason: 'nothing_due' }

/** Steps a person may meet, in the order in which they come. */
export const STEPS = [
  'login',
  'unmet',
  'otp',
  'pin',
  'change_password',
  'define_pin',
  'device',
  'consent',
  'refused',
  'done',
] as const satisfies readonly NextStep['step'][]

/** After a password was reset by mail, one mailbox must not open the PIN's door too. */
const MAILED_RESET_MS = 24 * 3_600_000

/** The situation with what every rule needs, worked out once. */
interface Facts extends Situation {
  readonly account: AccountState
  readonly protection: Protection | null
  /** The earliest time (ms) a proof may have to count: request, session's end and `validAfter`. */
  readonly notBefore: number
  /** What the application's request still lacks: the weakest level that would do, or null. */
  readonly missing: Level | null
}

type Rule = (facts: Facts) => NextStep | null

const recent = (time: number | undefined, { notBefore }: { notBefore: number }): boolean =>
  time !== undefined && time >= notBefore

const earliest = ({ policy, account, wanted, nowMs }: Situation): number =>
  Math.max(
    wanted.notBefore,
    account?.validAfter ?? 0,
    nowMs - policy.sessions.absolute_hours * 3_600_000,
  )

/**
 * The earliest time (ms) at which a proof counts in this situation. What the ID token says of
 * `acr` and `amr` is measured with it, as the steps are.
 */
export const proofsNotBefore = earliest

/** A PIN defined now proves the person only the very first time. */
export const newPinCounts = (
  account: Pick<AccountState, 'hadPin' | 'passwordResetByMailAt'>,
  nowMs: number,
): boolean => !account.hadPin && nowMs - account.passwordResetByMailAt >= MAILED_RESET_MS

/** A key put in service now proves the person, but for a mailbox that has just opened one door. */
export const newKeyCounts = (
  { passwordResetByMailAt }: Pick<AccountState, 'passwordResetByMailAt'>,
  nowMs: number,
): boolean => nowMs - passwordResetByMailAt >= MAILED_RESET_MS

type Unmet = Extract<NextStep, { step: 'unmet' }>['reason']

/** Why a level cannot be reached in this sign-in, or null when it can. */
const OBSTACLE: Record<Level, (facts: Omit<Facts, 'missing'>) => Unmet | null> = {
  password: () => null,
  pin: ({ policy, account, proofs, notBefore, nowMs }) => {
    if (account.pin === 'blocked') {
      return 'pin_blocked'
    }
    const usable = account.pin !== 'none' || newPinCounts(account, nowMs)
    // One that was defined in this sign-in without counting is not asked again before the next.
    const spent = recent(proofs.pinDefined, { notBefore }) && !recent(proofs.pin, { notBefore })
    return policy.protections.includes('pin') && usable && !spent ? null : 'no_pin'
  },
  otp: ({ policy, account, proofs, notBefore }) => {
    const usable = account.otpKey === 'in_service' || account.otpKey === 'first_use'
    // As with a PIN: put in service without counting, it is asked for again in the next sign-in.
    const spent = recent(proofs.keyActivated, { notBefore })
    return policy.otp !== 'off' && usable && !spent ? null : 'no_otp_key'
  },
}

type Lack = { missing: Level | null; unmet: Unmet | null }
const NOTHING: Lack = { missing: null, unmet: null }

/** What a list of acceptable `acr` values still lacks: the weakest level within reach, else why none is. */
const lackOf = (acrs: readonly string[], facts: Omit<Facts, 'missing'>): Lack => {
  const levels = LEVELS.filter((level) => acrs.some((acr) => ACR_LEVELS.get(acr) === level))
  if (levels.some((level) => holds(level, facts.proofs, facts.notBefore))) {
    return NOTHING
  }
  const [weakest] = levels
  if (weakest === undefined) {
    return { missing: null, unmet: 'unsupported' }
  }
  // Stronger satisfies weaker: where the PIN is out of reach, a key may do.
  const enough = LEVELS.slice(LEVELS.indexOf(weakest))
  const reachable = enough.find((level) => OBSTACLE[level](facts) === null)
  return reachable === undefined
    ? { missing: null, unmet: OBSTACLE[weakest](facts) }
    : { missing: reachable, unmet: null }
}

const strongest = (...levels: (Level | null)[]): Level | null =>
  LEVELS.findLast((level) => levels.includes(level)) ?? null

const otpDue: Rule = ({ policy, account, proofs, notBefore, missing }) => {
  const reason = missing === 'otp' ? 'application' : 'policy'
  const proved =
    recent(proofs.passcode, { notBefore }) || recent(proofs.keyActivated, { notBefore })
  if ((missing !== 'otp' && policy.otp !== 'required') || proved) {
    return null
  }
  return account.otpKey === 'in_service' || account.otpKey === 'first_use'
    ? { step: 'otp', reason, firstUse: account.otpKey === 'first_use' }
    : { step: 'unmet', reason: 'no_otp_key' } // The PIN never stands in.
}

const pinDue: Rule = ({ account, proofs, protection, device, missing, notBefore }) => {
  const answered = recent(proofs.pin, { notBefore }) || recent(proofs.pinDefined, { notBefore })
  if (account.pin === 'none' || answered || recent(proofs.passcode, { notBefore })) {
    return null
  }
  const blocked = account.pin === 'blocked'
  if (protection === 'pin' && !device.recognised) {
    return { step: 'pin', reason: 'new_device', blocked }
  }
  return missing === 'pin' ? { step: 'pin', reason: 'application', blocked } : null
}

const changeDue = ({ password }: Pick<AccountState, 'password'>): NextStep | null =>
  password === 'none' || password === 'personal'
    ? null
    : { step: 'change_password', reason: password }

const definitionDue: Rule = ({ policy, account, proofs, protection, missing, notBefore }) => {
  const offered = policy.protections.includes('pin')
  if (offered && account.pin === 'generated' && recent(proofs.pin, { notBefore })) {
    return { step: 'define_pin', reason: 'generated' }
  }
  if (account.pin === 'none' && missing === 'pin') {
    return { step: 'define_pin', reason: 'application' } // No choice: the application has made it.
  }
  if (account.password === 'none') {
    return null // Whoever signs in by a key alone has nothing that a PIN would protect.
  }
  if (protection === null) {
    return { step: 'define_pin', reason: 'first_connection' }
  }
  return account.pin === 'none' && protection === 'pin'
    ? { step: 'define_pin', reason: 'imposed' }
    : null
}

const deviceDue: Rule = ({ policy, proofs, protection, device, notBefore }) => {
  const answered = recent(proofs.deviceOffered, { notBefore })
  if (!policy.devices.trust || !device.mayAdd || device.recognised || answered) {
    return null
  }
  if (proofs.deviceNameVague !== undefined) {
    return { step: 'device', reason: 'vague_name' }
  }
  if (protection === 'pin' && recent(proofs.pinDefined, { notBefore })) {
    return { step: 'device', reason: 'pin_defined' }
  }
  return protection === 'notification' ? { step: 'device', reason: 'notification' } : null
}

/** After the first proof: the first rule that finds something due decides. */
const RULES: readonly Rule[] = [
  otpDue,
  pinDue,
  ({ account }) => changeDue(account),
  definitionDue,
  deviceDue,
]

/** A half-open session ends so long after the first proof, whatever is done in it. */
export const HALF_OPEN_MS = 15 * 60_000

/**
 * Why a sign-in that is still under way leads nowhere any more. It took too long; or the password
 * that was proved has been replaced since: whoever knew one that was handed out, and waits at its
 * change, must not come in by the owner's. An open session outlives a routine change.
 */
const isStale = ({ proofs, nowMs }: Situation, { passwordSetAt }: AccountState): boolean => {
  const { began = 0, password = 0, passwordChanged = 0 } = proofs
  const byPassword = password >= began
  const replaced = Math.max(password, passwordChanged) < passwordSetAt
  return nowMs - began >= HALF_OPEN_MS || (byPassword && replaced)
}

/**
 * In a session that has been open for longer than a sign-in takes, a change that is due begins with
 * a fresh proof: whoever finds a computer unlocked must not choose its owner's password (ASVS
 * 6.2.3).
 */
const isLateForChange = ({ open, nowMs }: Situation, account: AccountState, latest: number) =>
  open && changeDue(account) !== null && nowMs - latest >= HALF_OPEN_MS

/** An application that is not for somebody asks nothing of them: no proof, and no PIN to define. */
const NOT_FOR_THEM: Pick<Wanted, 'acr' | 'leastAcr' | 'essential'> = { acr: [], essential: false }

const firstProof = (situation: Situation): NextStep | null => {
  const { account, proofs, wanted } = situation
  const times = [proofs.password, proofs.passcode].filter((time) => time !== undefined)
  if (times.length === 0) {
    return { step: 'login', reason: 'no_session' }
  }
  if (account === null) {
    return { step: 'login', reason: 'account_gone' }
  }
  const latest = Math.max(...times)
  if (latest < wanted.notBefore || isLateForChange(situation, account, latest)) {
    return { step: 'login', reason: 'not_recent' }
  }
  const over =
    (!situation.open && isStale(situation, account)) ||
    strongestLevel(proofs, earliest(situation)) === null
  return over ? { step: 'login', reason: 'session_over' } : null
}

/** What the application's request and its own minimum lack together. */
const lackOfRequest = (facts: Omit<Facts, 'missing'>): Lack => {
  const { wanted } = facts
  const { acr, leastAcr, essential } = wanted.forThisUserType ? wanted : NOT_FOR_THEM
  const asked = lackOf(acr, facts)
  const least = leastAcr === undefined ? NOTHING : lackOf([leastAcr], facts)
  // A wish that is out of reach is passed over; a minimum and an essential claim are not.
  const unmet = least.unmet ?? (essential && acr.length > 0 ? asked.unmet : null)
  return { missing: strongest(asked.missing, least.missing), unmet }
}

/** When everything is proved: may the application be opened? */
const atTheEnd = ({ forThisUserType, consentDue }: Wanted): NextStep => {
  if (!forThisUserType) {
    return { step: 'refused', reason: 'not_for_user_type' }
  }
  return consentDue ? { step: 'consent', ...consentDue } : { step: 'done', reason: 'nothing_due' }
}

/**
 * The one rule that decides: what a person has to do next, and why. Pure and total: every prompt,
 * page and simulation asks it, nothing else decides.
 */
export const nextStep = (situation: Situation): NextStep => {
  const login = firstProof(situation)
  const { account, policy, wanted } = situation
  if (login !== null || account === null) {
    return login ?? { step: 'login', reason: 'account_gone' }
  }
  const facts = {
    ...situation,
    account,
    protection: effectiveProtection(policy, account.protection, account.pin !== 'none'),
    notBefore: earliest(situation),
  }
  const { missing, unmet } = lackOfRequest(facts)
  if (unmet !== null) {
    return { step: 'unmet', reason: unmet }
  }
  for (const rule of RULES) {
    const due = rule({ ...facts, missing })
    if (due !== null) {
      return due
    }
  }
  return atTheEnd(wanted)
}
