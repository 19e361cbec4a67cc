import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  type AccountState,
  HALF_OPEN_MS,
  type NextStep,
  newKeyCounts,
  newPinCounts,
  nextStep,
  proofsNotBefore,
  type Situation,
} from '../../policies/next_step.ts'
import { DEFAULT_POLICY, effectiveProtection, PROTECTIONS } from '../../policies/policy.ts'
import { ACR_LEVELS, acrOf, holds, type Proofs } from '../../policies/proofs.ts'

const NOW = Date.UTC(2026, 8, 14, 7)
const HOUR = 3_600_000

const ACCOUNT: AccountState = {
  protection: 'pin',
  pin: 'in_use',
  hadPin: true,
  password: 'personal',
  passwordSetAt: NOW - 100 * HOUR,
  passwordResetByMailAt: 0,
  otpKey: 'none',
  validAfter: 0,
}

/** A teacher with a PIN, password just proved, on an unknown laptop, into an application that asks nothing. */
const SITUATION: Situation & { account: AccountState } = {
  policy: DEFAULT_POLICY,
  account: ACCOUNT,
  proofs: { began: NOW, password: NOW },
  open: false,
  device: { recognised: false, mayAdd: true },
  wanted: { acr: [], essential: false, notBefore: 0, forThisUserType: true },
  nowMs: NOW,
}

type Change = (from: typeof SITUATION) => Situation

const PIN_ACR = 'urn:vestibule:acr:pin'
const OTP_ACR = 'urn:vestibule:acr:otp'
const recognised: Change = (from) => ({ ...from, device: { recognised: true, mayAdd: true } })
const open: Change = (from) => ({ ...from, open: true })
const account =
  (state: Partial<AccountState>): Change =>
  (from) => ({ ...from, account: { ...from.account, ...state } })
const wanted =
  (wish: Partial<Situation['wanted']>): Change =>
  (from) => ({ ...from, wanted: { ...from.wanted, ...wish } })
/** Unless it is said, the sign-in began with the password, or else with the passcode. */
const proofs =
  (proved: Proofs): Change =>
  (from) => ({ ...from, proofs: { began: proved.password ?? proved.passcode, ...proved } })
const policy =
  (rules: Partial<Situation['policy']>): Change =>
  (from) => ({ ...from, policy: { ...from.policy, ...rules } })
const both =
  (...changes: Change[]): Change =>
  (from) =>
    changes.reduce((situation, change) => change(situation as typeof SITUATION), from as Situation)

const CONSENT = { reason: 'first_time', learns: ['name'] } as const

type Case = readonly [string, Change, Partial<NextStep>]

const required = policy({ otp: 'required' })
const keyIs = (otpKey: AccountState['otpKey']): Change => account({ otpKey })
/** Comes by a key alone, as the accounts do that were handed a key and never a password. */
const keyAlone = both(
  account({ password: 'none', passwordSetAt: 0, otpKey: 'in_service' }),
  proofs({ passcode: NOW }),
)
/** Put a key in service in this sign-in, too soon after a mailed reset for it to count. */
const activated = both(
  keyIs('in_service'),
  proofs({ password: NOW, pin: NOW, keyActivated: NOW, deviceOffered: NOW }),
)
const OTP_UNMET = { step: 'unmet', reason: 'no_otp_key' } as const

const PASSCODES: readonly Case[] = [
  [
    'asks for the passcode where the policy requires it',
    both(recognised, required, keyIs('in_service')),
    { step: 'otp', reason: 'policy', firstUse: false },
  ],
  [
    'asks for the passcode before the PIN of an unknown laptop',
    both(required, keyIs('in_service')),
    { step: 'otp', reason: 'policy' },
  ],
  [
    'leads to the first use of a key where a passcode is required and the key was never used',
    both(recognised, required, keyIs('first_use')),
    { step: 'otp', reason: 'policy', firstUse: true },
  ],
  [
    'leads to the first use of a key for an application that wants a passcode',
    both(recognised, wanted({ acr: [OTP_ACR] }), keyIs('first_use')),
    { step: 'otp', reason: 'application', firstUse: true },
  ],
  [
    'says whom to ask where a passcode is required and the key is of no use',
    both(recognised, required, keyIs('unusable')),
    OTP_UNMET,
  ],
  [
    'never lets a PIN stand in for a required passcode',
    both(recognised, required, proofs({ password: NOW, pin: NOW })),
    OTP_UNMET,
  ],
  [
    'never lets a PIN stand in for a required passcode when the key is of no use',
    both(recognised, required, keyIs('unusable'), proofs({ password: NOW, pin: NOW })),
    OTP_UNMET,
  ],
  [
    'asks for no passcode where the policy turned it off, whatever the application wants',
    both(
      recognised,
      policy({ otp: 'off' }),
      keyIs('in_service'),
      wanted({ acr: [OTP_ACR], essential: true }),
    ),
    OTP_UNMET,
  ],
  [
    'leaves a key alone where nobody asks for it',
    both(recognised, keyIs('in_service')),
    { step: 'done' },
  ],
  [
    'asks for the passcode again under prompt=login',
    both(
      proofs({ password: NOW, passcode: NOW - 60_000 }),
      keyIs('in_service'),
      wanted({ acr: [OTP_ACR], notBefore: NOW }),
    ),
    { step: 'otp', reason: 'application' },
  ],
  [
    'takes a key from who should show a PIN that is blocked: stronger satisfies weaker',
    both(
      recognised,
      account({ pin: 'blocked', otpKey: 'in_service' }),
      wanted({ acr: [PIN_ACR], essential: true }),
    ),
    { step: 'otp', reason: 'application', firstUse: false },
  ],
  [
    'takes a key from who has no PIN that would count',
    both(
      account({ protection: 'none', pin: 'none', otpKey: 'in_service' }),
      wanted({ leastAcr: PIN_ACR }),
    ),
    { step: 'otp', reason: 'application' },
  ],
  [
    'asks for the PIN, not for the key, where the PIN is enough',
    both(recognised, keyIs('in_service'), wanted({ acr: [PIN_ACR] })),
    { step: 'pin', reason: 'application' },
  ],
  [
    'says that the PIN is blocked where no key could replace it',
    both(
      recognised,
      account({ pin: 'blocked', otpKey: 'unusable' }),
      wanted({ acr: [PIN_ACR], essential: true }),
    ),
    { step: 'unmet', reason: 'pin_blocked' },
  ],
  [
    'lets a key that was put in service complete a required passcode without counting',
    both(activated, required),
    { step: 'done' },
  ],
  [
    'does not take a key put in service without counting for what the application wants',
    both(activated, wanted({ acr: [OTP_ACR], essential: true })),
    OTP_UNMET,
  ],
  [
    'goes on with what holds when the wish for a passcode meets a key that does not count yet',
    both(activated, wanted({ acr: [OTP_ACR] })),
    { step: 'done' },
  ],
  [
    'asks for the passcode of that key in the next sign-in',
    both(
      keyIs('in_service'),
      proofs({ password: NOW, keyActivated: NOW - HOUR }),
      wanted({ acr: [OTP_ACR], essential: true, notBefore: NOW }),
    ),
    { step: 'otp', reason: 'application', firstUse: false },
  ],
  [
    'asks for the PIN on an unknown laptop although a key was put in service without counting',
    both(keyIs('in_service'), proofs({ password: NOW, keyActivated: NOW })),
    { step: 'pin', reason: 'new_device' },
  ],
  [
    'offers no PIN to who has no password for it to protect',
    both(keyAlone, account({ protection: null, pin: 'none', hadPin: false })),
    { step: 'done' },
  ],
  [
    'imposes no PIN on who has no password for it to protect',
    both(
      keyAlone,
      policy({ protections: ['pin'] }),
      account({ protection: null, pin: 'none', hadPin: false }),
    ),
    { step: 'done' },
  ],
  [
    'offers the choice of a protection to who has a password and came by a passcode',
    both(proofs({ passcode: NOW }), account({ protection: null, pin: 'none', hadPin: false })),
    { step: 'define_pin', reason: 'first_connection' },
  ],
  [
    'lets who came by a passcode into an application that wants a PIN',
    both(keyAlone, wanted({ acr: [PIN_ACR], essential: true })),
    { step: 'done' },
  ],
  [
    'ends a session by passcode that an administrator voided',
    both(open, keyAlone, account({ validAfter: NOW + 1 })),
    { step: 'login', reason: 'session_over' },
  ],
]

const CASES: readonly Case[] = [
  ['asks for the password first', proofs({}), { step: 'login', reason: 'no_session' }],
  [
    'asks a teacher on an unknown laptop for the PIN',
    (s) => s,
    { step: 'pin', reason: 'new_device' },
  ],
  ['asks nothing more on a recognised device', recognised, { step: 'done' }],
  [
    'shows who has a blocked PIN that it is blocked',
    account({ pin: 'blocked' }),
    { step: 'pin', blocked: true },
  ],
  [
    'asks for the PIN on a recognised device when the application wants it',
    both(recognised, wanted({ acr: [PIN_ACR] })),
    { step: 'pin', reason: 'application' },
  ],
  ['does not ask twice in one session', proofs({ password: NOW, pin: NOW }), { step: 'done' }],
  ['does not ask for the PIN after a passcode', proofs({ passcode: NOW }), { step: 'done' }],
  [
    'asks for the PIN in the sign-in after the one with the passcode, where only that one is recent',
    both(proofs({ password: NOW, passcode: NOW - HOUR }), wanted({ notBefore: NOW })),
    { step: 'pin', reason: 'new_device' },
  ],
  [
    'asks for the password again when the application wants a recent one',
    both(recognised, wanted({ notBefore: NOW + 1 })),
    { step: 'login', reason: 'not_recent' },
  ],
  [
    'asks for the PIN again under prompt=login: every factor must be that recent',
    both(proofs({ password: NOW, pin: NOW - HOUR }), wanted({ acr: [PIN_ACR], notBefore: NOW })),
    { step: 'pin' },
  ],
  [
    'ends a session at its absolute end',
    both(open, recognised, proofs({ password: NOW - 12 * HOUR - 1 })),
    { step: 'login', reason: 'session_over' },
  ],
  [
    'ends a session that an administrator voided',
    both(recognised, account({ validAfter: NOW + 1 })),
    { step: 'login', reason: 'session_over' },
  ],
  [
    'takes back to the login who left a sign-in half done for a quarter of an hour',
    proofs({ password: NOW - HALF_OPEN_MS }),
    { step: 'login', reason: 'session_over' },
  ],
  [
    'takes back to the login who proved a password that its owner has replaced since',
    both(recognised, account({ passwordSetAt: NOW + 1 })),
    { step: 'login', reason: 'session_over' },
  ],
  [
    'takes back to the login whose own change was followed by another elsewhere',
    both(
      recognised,
      account({ passwordSetAt: NOW }),
      proofs({ password: NOW - 60_000, passwordChanged: NOW - 1 }),
    ),
    { step: 'login', reason: 'session_over' },
  ],
  [
    'goes on with who replaced the password in this very sign-in',
    both(
      recognised,
      account({ passwordSetAt: NOW }),
      proofs({ password: NOW - 60_000, passwordChanged: NOW }),
    ),
    { step: 'done' },
  ],
  [
    'leaves a session open when its owner replaces the password elsewhere',
    both(open, recognised, account({ passwordSetAt: NOW + 1 })),
    { step: 'done' },
  ],
  [
    'goes on with who came by a passcode when the password is replaced meanwhile',
    both(proofs({ passcode: NOW }), account({ passwordSetAt: NOW + 1 })),
    { step: 'done' },
  ],
  [
    'goes on with who came by a passcode although an earlier password of the session is no more',
    both(
      proofs({ began: NOW, password: NOW - HOUR, passcode: NOW }),
      account({ passwordSetAt: NOW - 60_000 }),
    ),
    { step: 'done' },
  ],
  [
    'takes back to the login who came by a replaced password, passcode or not',
    both(proofs({ password: NOW - 60_000, passcode: NOW }), account({ passwordSetAt: NOW })),
    { step: 'login', reason: 'session_over' },
  ],
  [
    'takes back to the login who left a sign-in by passcode half done for a quarter of an hour',
    both(
      proofs({ passcode: NOW - HALF_OPEN_MS }),
      account({ password: 'must_change', passwordSetAt: 0 }),
    ),
    { step: 'login', reason: 'session_over' },
  ],
  [
    'counts the quarter of an hour from where the sign-in began, whatever was proved since',
    proofs({ began: NOW - HALF_OPEN_MS, password: NOW - HALF_OPEN_MS, passcode: NOW }),
    { step: 'login', reason: 'session_over' },
  ],
  [
    'has a temporary password replaced after a passcode too',
    both(proofs({ passcode: NOW }), account({ password: 'temporary' })),
    { step: 'change_password', reason: 'temporary' },
  ],
  [
    'asks in a session that was just opened for the change alone',
    both(
      open,
      proofs({ password: NOW - HALF_OPEN_MS + 1 }),
      account({ password: 'must_change' }),
      recognised,
    ),
    { step: 'change_password', reason: 'must_change' },
  ],
  [
    'asks in a session that is open longer who it is, before the change',
    both(
      open,
      proofs({ password: NOW - HALF_OPEN_MS }),
      account({ password: 'must_change' }),
      recognised,
    ),
    { step: 'login', reason: 'not_recent' },
  ],
  [
    'asks for a due PIN before a due password change',
    account({ password: 'expired' }),
    { step: 'pin' },
  ],
  [
    'asks for the change once the PIN is proved',
    both(account({ password: 'must_change' }), proofs({ password: NOW, pin: NOW })),
    { step: 'change_password', reason: 'must_change' },
  ],
  [
    'offers the choice of a protection at the first connection',
    account({ protection: null, pin: 'none', hadPin: false }),
    { step: 'define_pin', reason: 'first_connection' },
  ],
  [
    'imposes a PIN where the policy offers nothing else',
    both(policy({ protections: ['pin'] }), account({ protection: 'none', pin: 'none' })),
    { step: 'define_pin', reason: 'imposed' },
  ],
  [
    'has a generated PIN replaced once it was typed',
    both(account({ pin: 'generated' }), proofs({ password: NOW, pin: NOW })),
    { step: 'define_pin', reason: 'generated' },
  ],
  [
    'keeps a PIN but does not ask for it where the policy abolished it',
    both(policy({ protections: ['notification', 'none'] }), account({ protection: 'none' })),
    { step: 'done' },
  ],
  [
    'proves a PIN that exists rather than letting a password define another',
    both(policy({ protections: ['pin', 'none'] }), account({ protection: 'notification' })),
    { step: 'pin' },
  ],
  [
    'offers to add the device after a PIN was defined',
    proofs({ password: NOW, pin: NOW, pinDefined: NOW }),
    { step: 'device', reason: 'pin_defined' },
  ],
  [
    'offers to add the device with notification only',
    account({ protection: 'notification', pin: 'none' }),
    { step: 'device', reason: 'notification' },
  ],
  [
    'asks once more for a vague device name',
    proofs({ password: NOW, pin: NOW, deviceNameVague: 'School' }),
    { step: 'device', reason: 'vague_name' },
  ],
  [
    'offers no device on a network that is not trusted',
    both(account({ protection: 'notification', pin: 'none' }), (s) => ({
      ...s,
      device: { recognised: false, mayAdd: false },
    })),
    { step: 'done' },
  ],
  [
    'tells who is not of the right type after the sign-in, not before',
    both(recognised, wanted({ forThisUserType: false })),
    { step: 'refused' },
  ],
  [
    'asks last whether an application that is not the school’s may learn who somebody is',
    both(recognised, wanted({ consentDue: CONSENT })),
    { step: 'consent', reason: 'first_time', learns: ['name'] },
  ],
  [
    'asks for the PIN of an unknown laptop before that',
    wanted({ consentDue: CONSENT }),
    { step: 'pin' },
  ],
  [
    'opens an application once everything was allowed',
    both(recognised, wanted({ consentDue: null })),
    { step: 'done' },
  ],
  [
    'asks nobody to allow an application that is not for them',
    both(recognised, wanted({ consentDue: CONSENT, forThisUserType: false })),
    { step: 'refused' },
  ],
  [
    'asks nobody for a PIN on behalf of an application that is not for them',
    both(
      recognised,
      account({ protection: 'none', pin: 'none', hadPin: false }),
      wanted({ acr: [PIN_ACR], essential: true, leastAcr: OTP_ACR, forThisUserType: false }),
    ),
    { step: 'refused' },
  ],
  [
    'goes on with what holds when a wished acr is out of reach',
    both(recognised, wanted({ acr: [OTP_ACR] })),
    { step: 'done' },
  ],
  [
    'says that an essential acr is out of reach',
    both(recognised, wanted({ acr: [OTP_ACR], essential: true })),
    { step: 'unmet', reason: 'no_otp_key' },
  ],
  [
    'says that an essential acr is unknown',
    both(recognised, wanted({ acr: ['urn:example:gold'], essential: true })),
    { step: 'unmet', reason: 'unsupported' },
  ],
  [
    'holds an application to its own minimum',
    both(recognised, wanted({ leastAcr: PIN_ACR }), account({ pin: 'blocked' })),
    { step: 'unmet', reason: 'pin_blocked' },
  ],
  [
    'lets a first PIN be defined for an application that wants one',
    both(
      account({ protection: 'none', pin: 'none', hadPin: false }),
      wanted({ acr: [PIN_ACR], essential: true }),
    ),
    { step: 'define_pin', reason: 'application' },
  ],
  [
    'does not let a second PIN be defined for an application: it would prove nothing',
    both(
      account({ protection: 'none', pin: 'none', hadPin: true }),
      wanted({ acr: [PIN_ACR], essential: true }),
    ),
    { step: 'unmet', reason: 'no_pin' },
  ],
  [
    'does not count a first PIN within a day of a mailed password reset',
    both(
      account({
        protection: 'none',
        pin: 'none',
        hadPin: false,
        passwordResetByMailAt: NOW - HOUR,
      }),
      wanted({ acr: [PIN_ACR], essential: true }),
    ),
    { step: 'unmet', reason: 'no_pin' },
  ],
  ...PASSCODES,
  [
    'takes a disabled account back to the login',
    (s) => ({ ...s, account: null }),
    { step: 'login', reason: 'account_gone' },
  ],
]

describe('the next step', () => {
  it.each(CASES)('%s', (_, change, expected) => {
    expect(nextStep(change(SITUATION))).toMatchObject(expected)
  })
})

const time = fc.oneof(
  fc.constant(undefined),
  fc.integer({ min: NOW - 20 * HOUR, max: NOW }),
  fc.integer({ min: NOW - HALF_OPEN_MS, max: NOW }),
)
const situations: fc.Arbitrary<Situation & { account: AccountState }> = fc.record({
  policy: fc
    .record({
      protections: fc.shuffledSubarray([...PROTECTIONS], { minLength: 1 }),
      otp: fc.constantFrom('off' as const, 'allowed' as const, 'required' as const),
      trust: fc.boolean(),
    })
    .map(({ protections, otp, trust }) => ({
      ...DEFAULT_POLICY,
      protections,
      otp,
      devices: { ...DEFAULT_POLICY.devices, trust },
    })),
  account: fc.record({
    protection: fc.constantFrom(...PROTECTIONS, null),
    pin: fc.constantFrom('none', 'in_use', 'generated', 'blocked'),
    hadPin: fc.boolean(),
    password: fc.constantFrom('none', 'personal', 'temporary', 'expired', 'must_change'),
    passwordSetAt: fc.constantFrom(0, NOW - HOUR, NOW),
    passwordResetByMailAt: fc.constantFrom(0, NOW - HOUR),
    otpKey: fc.constantFrom('none', 'first_use', 'in_service', 'unusable'),
    validAfter: fc.constantFrom(0, NOW - HOUR),
  }),
  proofs: fc
    .record({
      password: time,
      passcode: time,
      pin: time,
      passwordChanged: time,
      pinDefined: time,
      keyActivated: time,
      deviceOffered: time,
      deviceNameVague: fc.constantFrom(undefined, 'School'),
      by: fc.constantFrom('password', 'passcode'),
    })
    // A login begins anew: what is proved after it in the same sign-in is never a password.
    .map(({ by, ...proved }) => {
      const { password, passcode } = proved
      const byPasscode = by === 'passcode' && (passcode ?? 0) > (password ?? 0)
      return { ...proved, began: byPasscode ? passcode : (password ?? passcode) }
    }),
  open: fc.boolean(),
  device: fc.record({ recognised: fc.boolean(), mayAdd: fc.boolean() }),
  wanted: fc.record({
    acr: fc.uniqueArray(fc.constantFrom(...ACR_LEVELS.keys(), 'urn:example:gold'), {
      maxLength: 3,
    }),
    essential: fc.boolean(),
    leastAcr: fc.constantFrom(undefined, ...ACR_LEVELS.keys()),
    notBefore: fc.constantFrom(0, NOW - HOUR, NOW),
    forThisUserType: fc.boolean(),
    consentDue: fc.constantFrom(null, CONSENT),
  }),
  nowMs: fc.constant(NOW),
})

type Live = Situation & { account: AccountState }

const hasPassword = ({ account: { password } }: Live): boolean => password !== 'none'
const canUseKey = ({ account: { otpKey }, policy: { otp } }: Live): boolean =>
  otp !== 'off' && (otpKey === 'in_service' || otpKey === 'first_use')

const withPasscode = (from: Live): Live => ({
  ...from,
  account: { ...from.account, otpKey: 'in_service' },
  proofs: { ...from.proofs, passcode: from.nowMs },
})

/** What a person who does what is asked changes. */
const EFFECT: Record<string, (from: Live, step: NextStep, answer: number) => Live> = {
  login: (from, _step, answer) => {
    const { password, passcode, pin } = from.proofs
    const { nowMs } = from
    const factor = canUseKey(from) && (answer % 2 === 1 || !hasPassword(from)) ? 'key' : 'password'
    const begun = { ...from, open: false, proofs: { password, passcode, pin, began: nowMs } }
    return factor === 'key'
      ? withPasscode(begun)
      : { ...begun, proofs: { ...begun.proofs, password: nowMs } }
  },
  consent: (from) => ({ ...from, wanted: { ...from.wanted, consentDue: null } }),
  otp: (from, step) => {
    const firstUse = step.step === 'otp' && step.firstUse
    return !firstUse || newKeyCounts(from.account, from.nowMs)
      ? withPasscode(from)
      : {
          ...from,
          account: { ...from.account, otpKey: 'in_service' },
          proofs: { ...from.proofs, keyActivated: from.nowMs },
        }
  },
  pin: (from, _step, answer) => ({
    ...from,
    proofs: {
      ...from.proofs,
      pin: from.nowMs,
      ...(answer % 2 === 0 ? { deviceOffered: from.nowMs } : {}),
    },
  }),
  change_password: (from) => ({
    ...from,
    account: { ...from.account, password: 'personal', passwordSetAt: from.nowMs },
    proofs: { ...from.proofs, passwordChanged: from.nowMs },
  }),
  define_pin: (from, step, answer) => {
    const offered = from.policy.protections
    const choice = offered[answer % offered.length] ?? 'none'
    const free = step.step === 'define_pin' && step.reason === 'first_connection'
    if (free && choice !== 'pin') {
      return { ...from, account: { ...from.account, protection: choice } }
    }
    const counts = newPinCounts(from.account, from.nowMs)
    return {
      ...from,
      account: { ...from.account, protection: 'pin', pin: 'in_use', hadPin: true },
      proofs: {
        ...from.proofs,
        pinDefined: from.nowMs,
        ...(counts ? { pin: from.nowMs } : {}),
      },
    }
  },
  device: (from, _step, answer) => ({
    ...from,
    device: { ...from.device, recognised: answer % 2 === 0 },
    proofs: { ...from.proofs, deviceOffered: from.nowMs, deviceNameVague: undefined },
  }),
}

const ENDS = new Set(['done', 'unmet', 'refused'])

/** Nothing can be answered: a PIN that is blocked, a login without password and key. */
const isStuck = (at: Live, step: NextStep | undefined): boolean =>
  (step?.step === 'pin' && step.blocked) ||
  (step?.step === 'login' && !hasPassword(at) && !canUseKey(at))

/** The steps that a person meets who answers everything there is an answer to. */
const walk = (from: Live, answers: readonly number[]): { steps: NextStep[]; at: Live } => {
  let at = from
  const steps: NextStep[] = []
  for (const answer of answers) {
    const step = nextStep(at)
    steps.push(step)
    const effect = EFFECT[step.step]
    if (ENDS.has(step.step) || effect === undefined || isStuck(at, step)) {
      break
    }
    at = effect(at, step, answer)
  }
  return { steps, at }
}

const answers = fc.array(fc.nat(5), { minLength: 12, maxLength: 12 })
const recent = (at: Live, proved: number | undefined): boolean =>
  proved !== undefined && proved >= proofsNotBefore(at)

/** The sign-in began a short while ago. */
const isFresh = ({ proofs: { began }, nowMs }: Live): boolean => nowMs - (began ?? 0) < HALF_OPEN_MS

/** Who came by a password came by the one in force, or has set it in this sign-in. */
const provedInForce = ({ proofs: proved, account: { passwordSetAt } }: Live): boolean => {
  const { began, password, passwordChanged = 0 } = proved
  return began !== password || Math.max(password ?? 0, passwordChanged) >= passwordSetAt
}

/** The first proof has not lost its worth since. */
const holdsStill = (at: Live): boolean => at.open || (isFresh(at) && provedInForce(at))

/** Of the last first proof, for a change of the password: a fresh one is asked. */
const changeIsLate = ({
  account: { password },
  proofs: { password: by = 0, passcode = 0 },
}: Live) =>
  password !== 'none' && password !== 'personal' && NOW - Math.max(by, passcode) >= HALF_OPEN_MS

/** What must be true of everybody who is done; `from` is how the sign-in began. */
const REQUIRED: readonly (readonly [string, (at: Live, from: Live) => boolean])[] = [
  [
    'a first proof recent enough',
    (at) => recent(at, at.proofs.password) || recent(at, at.proofs.passcode),
  ],
  ['the password in force, or a session open before', (at) => at.open || provedInForce(at)],
  ['having begun a short while ago, or a session open before', (at) => at.open || isFresh(at)],
  [
    'a password of their own, where there is one',
    ({ account: { password } }) => password === 'none' || password === 'personal',
  ],
  ['having allowed what the application learns', (at) => at.wanted.consentDue === null],
  [
    'the passcode that policy requires, or a key put in service',
    (at) =>
      at.policy.otp !== 'required' ||
      recent(at, at.proofs.passcode) ||
      recent(at, at.proofs.keyActivated),
  ],
  [
    'an acr that the application insists on',
    (at) => {
      const { acr, essential } = at.wanted
      const told = acrOf(acr, at.proofs, proofsNotBefore(at)) ?? ''
      return !essential || acr.length === 0 || acr.includes(told)
    },
  ],
  [
    "the application's own minimum",
    (at) => {
      const level = ACR_LEVELS.get(at.wanted.leastAcr ?? '')
      return (
        at.wanted.leastAcr === undefined ||
        (level !== undefined && holds(level, at.proofs, proofsNotBefore(at)))
      )
    },
  ],
  [
    'a protection chosen or imposed, where there is a password to protect',
    ({ policy: rules, account: { protection, pin, password } }) =>
      password === 'none' || effectiveProtection(rules, protection, pin !== 'none') !== null,
  ],
  [
    'the PIN on a device that is not recognised',
    (at, from) => {
      const { protection, pin, password } = at.account
      const nothing = pin === 'none' && password === 'none'
      const due = effectiveProtection(at.policy, protection, pin !== 'none') === 'pin'
      const proved = [at.proofs.passcode, at.proofs.pin, at.proofs.pinDefined]
      return !due || nothing || from.device.recognised || proved.some((time) => recent(at, time))
    },
  ],
]

describe('whatever the policy, the account, the proofs and the request', () => {
  const RUNS = { numRuns: 3000 }

  it('a person who answers comes to an end, and meets no step twice', () => {
    fc.assert(
      fc.property(situations, answers, (from, given) => {
        const { steps, at } = walk(from, given)
        const last = steps.at(-1)
        expect(ENDS.has(last?.step ?? '') || isStuck(at, last)).toBe(true)
        const names = steps.map(({ step }) => step)
        expect(new Set(names).size).toBe(names.length)
      }),
      RUNS,
    )
  })

  it.each(REQUIRED)('nobody is done without %s', (_, holdsFor) => {
    fc.assert(
      fc.property(situations, answers, (from, given) => {
        const { steps, at } = walk(from, given)
        expect(steps.at(-1)?.step !== 'done' || holdsFor(at, from)).toBe(true)
      }),
      RUNS,
    )
  })

  it('nobody is asked for what is proved', () => {
    fc.assert(
      fc.property(situations, (from) => {
        const step = nextStep(from)
        if (step.step === 'pin') {
          expect(recent(from, from.proofs.pin)).toBe(false)
          expect(recent(from, from.proofs.passcode)).toBe(false)
        }
        if (step.step === 'otp') {
          expect(recent(from, from.proofs.passcode)).toBe(false)
          expect(recent(from, from.proofs.keyActivated)).toBe(false)
        }
        if (step.step === 'login') {
          const proved = recent(from, from.proofs.password) || recent(from, from.proofs.passcode)
          expect(proved && holdsStill(from) && !changeIsLate(from)).toBe(false)
        }
      }),
      RUNS,
    )
  })

  it('nothing is changed before every factor that is due is proved', () => {
    fc.assert(
      fc.property(situations, answers, (from, given) => {
        const names = walk(from, given).steps.map(({ step }) => step)
        const firstChange = names.findIndex(
          (name) => name === 'change_password' || name === 'define_pin',
        )
        const lastProof = names.findLastIndex((name) => ['login', 'otp', 'pin'].includes(name))
        expect(firstChange === -1 || lastProof < firstChange).toBe(true)
      }),
      RUNS,
    )
  })
})
