import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { accountState } from '../../accounts/account.ts'
import { keyUseOf } from '../../accounts/key_use.ts'
import { passwordDue } from '../../accounts/password_due.ts'
import type { AccountState, OtpKeyUse, PinState, Situation } from '../../policies/next_step.ts'
import { DEFAULT_POLICY, type Policy, PROTECTIONS, type Protection } from '../../policies/policy.ts'
import { type Screen, SIMULATED_STEPS_MAX, simulate } from '../../policies/simulate.ts'
import type { Browser } from '../support/browser.ts'
import { giveKey, type HeldKey, KEY_PIN } from '../support/otp_key.ts'
import {
  CALLBACK,
  PASSWORD,
  type PersonWishes,
  PIN,
  type School,
  SECRET,
  startSchool,
} from '../support/school.ts'

const NOW = Date.UTC(2026, 8, 14, 7)
const PIN_ACR = 'urn:vestibule:acr:pin'
const OTP_ACR = 'urn:vestibule:acr:otp'

const TEACHER: Situation & { account: AccountState } = {
  policy: DEFAULT_POLICY,
  account: {
    protection: 'pin',
    pin: 'in_use',
    hadPin: true,
    password: 'personal',
    passwordSetAt: NOW - 1,
    passwordResetByMailAt: 0,
    otpKey: 'none',
    validAfter: 0,
  },
  proofs: {},
  open: false,
  device: { recognised: false, mayAdd: true },
  wanted: { acr: [], essential: false, notBefore: 0, forThisUserType: true },
  nowMs: NOW,
}

const SERVES = { passwordServes: true }
const account = (state: Partial<AccountState>) => ({
  ...TEACHER,
  account: { ...TEACHER.account, ...state },
})

const CASES: readonly [string, Parameters<typeof simulate>, Screen[], string][] = [
  ['asks a teacher on a new laptop for the PIN', [TEACHER, SERVES], ['login', 'pin'], 'done'],
  [
    'asks nothing but the password on a recognised device',
    [{ ...TEACHER, device: { recognised: true, mayAdd: true } }, SERVES],
    ['login'],
    'done',
  ],
  [
    'has somebody define a PIN at the first connection, then offers to add the device',
    [account({ protection: null, pin: 'none', hadPin: false }), SERVES],
    ['login', 'define_pin', 'device'],
    'done',
  ],
  [
    'lets them choose otherwise',
    [account({ protection: null, pin: 'none', hadPin: false }), { ...SERVES, choice: 'none' }],
    ['login', 'define_pin'],
    'done',
  ],
  [
    'has a temporary password changed after the PIN',
    [account({ password: 'temporary' }), SERVES],
    ['login', 'pin', 'change_password'],
    'done',
  ],
  [
    'stops at a blocked PIN',
    [account({ pin: 'blocked' }), SERVES],
    ['login', 'pin_blocked'],
    'pin_blocked',
  ],
  [
    'says whom to ask where a passcode is required and there is no key',
    [{ ...TEACHER, policy: { ...DEFAULT_POLICY, otp: 'required' } }, SERVES],
    ['login', 'unmet'],
    'unmet',
  ],
  [
    'takes a key into use at the login of somebody who has no password',
    [account({ password: 'none', otpKey: 'first_use' }), { passwordServes: false }],
    ['login', 'first_use_pin', 'first_use_passcode', 'first_use_done'],
    'done',
  ],
  [
    'knows who cannot sign in at all',
    [account({ password: 'none' }), { passwordServes: false }],
    ['login'],
    'cannot_sign_in',
  ],
  [
    'asks for what an application learns',
    [
      {
        ...TEACHER,
        wanted: { ...TEACHER.wanted, consentDue: { reason: 'first_time', learns: ['name'] } },
      },
      SERVES,
    ],
    ['login', 'pin', 'consent'],
    'done',
  ],
  [
    'meets a request for a recent sign-in by signing in',
    [{ ...TEACHER, wanted: { ...TEACHER.wanted, notBefore: NOW + 1 } }, SERVES],
    ['login', 'pin'],
    'done',
  ],
]

describe('a simulation', () => {
  it.each(CASES)('%s', (_, given, screens, outcome) => {
    const simulated = simulate(...given)
    expect(simulated.steps.flatMap((step) => step.screens)).toEqual(screens)
    expect(simulated.outcome).toBe(outcome)
  })

  it('knows that one mailbox must not open both doors: what it let in counts from the next sign-in', () => {
    const reset = { passwordResetByMailAt: NOW - 3_600_000 }
    const first = account({ ...reset, protection: null, pin: 'none', hadPin: false })
    expect(simulate(first, SERVES).steps[1]?.changes).toEqual(['pin_defined', 'pin_counts_later'])
    const key = account({ ...reset, otpKey: 'first_use' })
    const vault = { ...key, wanted: { ...key.wanted, leastAcr: OTP_ACR } }
    const { steps, outcome, situation } = simulate(vault, SERVES)
    expect(steps[1]?.changes).toEqual(['key_in_service', 'key_counts_later'])
    expect([outcome, situation.account?.otpKey]).toEqual(['unmet', 'in_service'])
  })

  it('always ends', () => {
    fc.assert(
      fc.property(
        fc.record({
          protections: fc.shuffledSubarray([...PROTECTIONS], { minLength: 1 }),
          otp: fc.constantFrom('off' as const, 'allowed' as const, 'required' as const),
          first_use: fc.constantFrom('code' as const, 'code_and_password' as const),
          trust: fc.boolean(),
        }),
        fc.record({
          protection: fc.constantFrom(...PROTECTIONS, null),
          pin: fc.constantFrom<PinState>('none', 'in_use', 'generated', 'blocked'),
          hadPin: fc.boolean(),
          password: fc.constantFrom('none', 'personal', 'temporary', 'expired', 'must_change'),
          passwordSetAt: fc.constantFrom(0, NOW - 3_600_000, NOW),
          passwordResetByMailAt: fc.constantFrom(0, NOW - 3_600_000),
          otpKey: fc.constantFrom<OtpKeyUse>('none', 'first_use', 'in_service', 'unusable'),
          validAfter: fc.constantFrom(0, NOW - 3_600_000),
        }) as fc.Arbitrary<AccountState>,
        fc.record({
          acr: fc.subarray([PIN_ACR, OTP_ACR, 'urn:example:gold']),
          essential: fc.boolean(),
          leastAcr: fc.constantFrom(undefined, PIN_ACR, OTP_ACR),
          notBefore: fc.constantFrom(0, NOW, NOW + 1),
          forThisUserType: fc.boolean(),
        }),
        fc.boolean(),
        fc.boolean(),
        fc.constantFrom<Protection | undefined>(...PROTECTIONS, undefined),
        ({ protections, otp, first_use, trust }, state, wanted, recognised, serves, choice) => {
          const policy: Policy = {
            ...DEFAULT_POLICY,
            protections,
            otp,
            otp_keys: { ...DEFAULT_POLICY.otp_keys, first_use },
            devices: { ...DEFAULT_POLICY.devices, trust },
          }
          const begin = {
            ...TEACHER,
            policy,
            account: state,
            wanted,
            device: { recognised, mayAdd: trust },
          }
          const passwordServes = serves && state.password !== 'none'
          const { steps, outcome } = simulate(begin, { passwordServes, choice })
          expect(outcome).not.toBe('endless')
          expect(steps.length).toBeLessThan(SIMULATED_STEPS_MAX)
        },
      ),
      { numRuns: 3000 },
    )
  })
})

interface Sampled {
  readonly policy: {
    readonly protections: Protection[]
    readonly otp: Policy['otp']
    readonly first_use: Policy['otp_keys']['first_use']
    readonly trust: boolean
  }
  readonly protection: Protection | null
  readonly pin: PinState
  readonly password: 'none' | 'personal' | 'temporary' | 'must_change'
  readonly key: 'none' | 'first_use' | 'in_service'
  readonly application: 'ent' | 'grades' | 'vault' | 'parents'
}

const APPLICATIONS = { ent: undefined, grades: PIN_ACR, vault: OTP_ACR, parents: undefined }

const sampled: fc.Arbitrary<Sampled> = fc.record({
  policy: fc.record({
    protections: fc.shuffledSubarray([...PROTECTIONS], { minLength: 1 }),
    otp: fc.constantFrom('off', 'allowed', 'required'),
    first_use: fc.constantFrom('code', 'code_and_password'),
    trust: fc.boolean(),
  }),
  protection: fc.constantFrom(...PROTECTIONS, null),
  pin: fc.constantFrom<PinState>('none', 'none', 'in_use', 'generated', 'blocked'),
  password: fc.constantFrom('personal', 'personal', 'temporary', 'must_change', 'none'),
  key: fc.constantFrom('none', 'first_use', 'in_service'),
  application: fc.constantFrom('ent', 'ent', 'grades', 'vault', 'parents'),
})

const SAMPLE = fc.sample(sampled, { seed: 20_260_914, numRuns: 48 })

/** As the pages name themselves. */
const stepsOf = (screens: readonly Screen[]): string[] =>
  screens.map((screen) => (screen === 'pin_blocked' ? 'pin' : screen))

const PIN_OF: Record<PinState, Partial<PersonWishes>> = {
  none: {},
  in_use: { pin: PIN },
  blocked: { pin: PIN },
  generated: { pin: PIN, pinOrigin: 'generated' },
}

const wishesOf = ({ pin, password, protection }: Sampled): Partial<PersonWishes> => ({
  password: password === 'none' ? null : PASSWORD,
  passwordOrigin: password === 'temporary' ? 'temporary' : 'personal',
  mustChange: password === 'must_change',
  ...PIN_OF[pin],
  ...(protection === null ? {} : { protection }),
})

/** Nothing serves whoever has neither; the field takes it all the same. */
const secretOf = (one: Sampled, key: HeldKey | null): string => {
  if (one.password !== 'none') return PASSWORD
  return (one.key === 'first_use' ? key?.code() : key?.passcode()) ?? 'nothing at all'
}

const CHANGED = 'Marmite-Fougere-41-Quai'

/** What somebody types at each page. */
const PAGES: Record<
  string,
  (one: Sampled, identifier: string, key: HeldKey | null) => Record<string, string>
> = {
  login: (one, identifier, key) => ({ identifier, password: secretOf(one, key) }),
  otp: (_, __, key) => ({ passcode: key?.passcode() ?? '' }),
  first_use_code: (_, __, key) => ({ code: key?.code() ?? '' }),
  first_use_pin: () => ({ new_pin: KEY_PIN, confirm_pin: KEY_PIN }),
  first_use_passcode: (_, __, key) => ({ passcode: key?.passcode() ?? '' }),
  first_use_done: () => ({}),
  change_password: () => ({ new_password: CHANGED, confirm_password: CHANGED }),
  define_pin: ({ policy: { protections } }) => ({
    new_pin: '7391',
    confirm_pin: '7391',
    ...(protections.includes('pin')
      ? { define_pin: 'yes' }
      : { protection: proposedBy(protections) }),
  }),
  device: () => ({}),
  pin: () => ({ pin: PIN }),
}

const proposedBy = (protections: readonly Protection[]): string =>
  PROTECTIONS.find((each) => protections.includes(each)) ?? ''

describe('at the front door', () => {
  let school: School
  beforeAll(async () => {
    school = await startSchool({
      applications: Object.entries(APPLICATIONS).map(([client_id, least_acr]) => ({
        client_id,
        client_name: client_id,
        client_secret: SECRET,
        redirect_uris: [CALLBACK],
        grant_types: ['authorization_code', 'refresh_token'],
        scope: 'openid profile email school offline_access',
        ...(least_acr === undefined ? {} : { least_acr }),
        ...(client_id === 'parents' ? { user_types: ['guardian'] } : {}),
      })),
    })
  })
  afterAll(() => school.stop())

  const someone = async (one: Sampled, nth: number) => {
    const { protections, otp, first_use, trust } = one.policy
    await school.policies({
      teacher: { protections, otp, otp_keys: { first_use }, devices: { trust } },
    })
    const person = await school.person({ identifier: `sampled.${nth}`, ...wishesOf(one) })
    const { accounts } = school.gateway.core.deps.store
    if (one.pin === 'blocked') await accounts.setPinBlocked(person.sub, Date.now())
    const state = one.key === 'first_use' ? 'assigned' : 'in_service'
    const key = one.key === 'none' ? null : await giveKey(school, person.sub, { state })
    return { account: await school.account(person.identifier), key }
  }

  const predicted = async (one: Sampled, nth: number) => {
    const { account: found, key } = await someone(one, nth)
    const { deps } = school.gateway.core
    const policy = (await deps.store.policies.current()).teacher
    const nowMs = deps.clock()
    const situation = {
      ...TEACHER,
      policy,
      account: accountState(
        found,
        await passwordDue(deps, found, policy, nowMs),
        await keyUseOf(deps.store, found, nowMs, undefined),
      ),
      device: { recognised: false, mayAdd: policy.devices.trust },
      wanted: {
        acr: [],
        essential: false,
        leastAcr: APPLICATIONS[one.application],
        notBefore: 0,
        forThisUserType: one.application !== 'parents',
      },
      nowMs,
    }
    const simulated = simulate(situation, { passwordServes: one.password !== 'none' })
    return { simulated, found, key }
  }

  const ENDS = new Set(['callback', 'unmet', 'refused', 'error'])

  const walked = async (
    browser: Browser,
    one: Sampled,
    identifier: string,
    key: HeldKey | null,
  ): Promise<string[]> => {
    const seen: string[] = []
    let view = browser.view
    while (!ENDS.has(view.step) && seen.length < SIMULATED_STEPS_MAX) {
      seen.push(view.step)
      const typed = PAGES[view.step]?.(one, identifier, key)
      if (typed === undefined || view.html.querySelector('main form') === null) return seen
      view = await browser.submit(typed)
      if (view.step === 'login') return seen // Refused.
      key?.wait()
    }
    return view.step === 'callback' ? seen : [...seen, view.step]
  }

  it.each(SAMPLE.map((one, nth) => [JSON.stringify(one), one, nth] as const))(
    'shows what the simulator says: %s',
    async (_, one, nth) => {
      const { simulated, found, key } = await predicted(one, nth)
      const application = await school.application(one.application)
      const browser = school.browser()
      await application.start(browser, {})
      const seen = await walked(browser, one, found.identifier, key)
      expect(seen).toEqual(stepsOf(simulated.steps.flatMap(({ screens }) => screens)))
      expect(browser.view.step === 'callback').toBe(simulated.outcome === 'done')
    },
  )

  it('is sampled widely enough to meet every kind of page', async () => {
    const outcomes = new Set<string>()
    const screens = new Set<string>()
    for (const [nth, one] of SAMPLE.entries()) {
      const { simulated } = await predicted(one, 1000 + nth)
      outcomes.add(simulated.outcome)
      for (const screen of simulated.steps.flatMap((step) => step.screens)) screens.add(screen)
    }
    expect([...outcomes].sort()).toEqual([
      'cannot_sign_in',
      'done',
      'pin_blocked',
      'refused',
      'unmet',
    ])
    for (const screen of [
      'otp',
      'pin',
      'define_pin',
      'device',
      'change_password',
      'first_use_pin',
    ]) {
      expect(screens).toContain(screen)
    }
  })
})
