import {
  type AccountState,
  type NextStep,
  newKeyCounts,
  newPinCounts,
  nextStep,
  type Situation,
} from './next_step.ts'
import { PROTECTIONS, type Protection } from './policy.ts'
import { proofsAfter, type StepResults } from './step_results.ts'

/** Pages as they are named in front of the person; one step may take several. */
export type Screen =
  | 'login'
  | 'otp'
  | 'first_use_code'
  | 'first_use_password'
  | 'first_use_pin'
  | 'first_use_passcode'
  | 'first_use_done'
  | 'pin'
  | 'pin_blocked'
  | 'change_password'
  | 'define_pin'
  | 'device'
  | 'consent'
  | 'unmet'
  | 'refused'

/** What a step changes, or proves, for what comes after it. */
export const STEP_CHANGES = [
  'password_proved',
  'passcode_proved',
  'key_in_service',
  'key_counts_later',
  'pin_proved',
  'password_changed',
  'pin_defined',
  'pin_counts_later',
  'chose_notification',
  'chose_none',
  'device_answered',
  'allowed',
] as const
export type StepChange = (typeof STEP_CHANGES)[number]

export interface SimulatedStep {
  readonly due: NextStep
  readonly screens: readonly Screen[]
  readonly changes: readonly StepChange[]
}

/**
 * How it ends: in the application, or at a page that leads no further. `endless` would be a mistake
 * of ours.
 */
export type Outcome = 'done' | 'refused' | 'unmet' | 'pin_blocked' | 'cannot_sign_in' | 'endless'

export interface Simulation {
  readonly steps: readonly SimulatedStep[]
  readonly outcome: Outcome
  /** As it is at the end. */
  readonly situation: Situation
}

export interface Assumed {
  /** False: none of their own, void, or a temporary one past its end. */
  readonly passwordServes: boolean
  /** What they choose where they may; default: what the page proposes, the PIN where it is offered. */
  readonly choice?: Protection | undefined
}

/** More steps than there are kinds of them: nobody is ever asked so much. */
export const SIMULATED_STEPS_MAX = 20

/** From one page to the next. Steps have times, and none of ours comes at the same. */
const STEP_MS = 1_000
/** The one whom the simulation is about; the pages bind their results to a `sub`. */
const SOMEBODY = 'somebody'

interface Taken {
  readonly screens: readonly Screen[]
  readonly changes: readonly StepChange[]
  readonly results: StepResults
  readonly account?: Partial<AccountState>
  readonly wanted?: Partial<Situation['wanted']>
}

type Stop = { readonly screens: readonly Screen[]; readonly outcome: Outcome }
type Facts = Situation & { readonly account: AccountState }

const FIRST_USE: readonly Screen[] = ['first_use_pin', 'first_use_passcode', 'first_use_done']
const IN_SERVICE = { otpKey: 'in_service' } as const

const loginBy = (by: 'password' | 'passcode', atMs: number): Pick<StepResults, 'login'> => ({
  login: { accountId: SOMEBODY, ts: Math.floor(atMs / 1000), atMs, remember: false, by },
})

/** A request for a recent sign-in is met by this one. */
const metBy = (atMs: number, { wanted }: Situation) => ({
  notBefore: Math.min(wanted.notBefore, atMs),
})

/** A password of their own that is void is asked for with the first code, and does not serve. */
const byCodeAlone = ({ account, policy, nowMs }: Facts): boolean =>
  account.password === 'none' ||
  account.password === 'temporary' ||
  (policy.otp_keys.first_use === 'code' && newKeyCounts(account, nowMs))

/** Who has no password that serves may come by a key; who has neither, not at all. */
const takeLogin = (facts: Facts, { passwordServes }: Assumed): Taken | Stop => {
  const { account, policy, nowMs } = facts
  const wanted = metBy(nowMs, facts)
  if (passwordServes) {
    const results = loginBy('password', nowMs)
    return { screens: ['login'], changes: ['password_proved'], results, wanted }
  }
  if (policy.otp !== 'off' && account.otpKey === 'in_service') {
    const results = loginBy('passcode', nowMs)
    return { screens: ['login'], changes: ['passcode_proved'], results, wanted }
  }
  if (policy.otp !== 'off' && account.otpKey === 'first_use' && byCodeAlone(facts)) {
    const counts = newKeyCounts(account, nowMs)
    return {
      screens: ['login', ...FIRST_USE],
      changes: counts ? ['key_in_service', 'passcode_proved'] : ['key_in_service'],
      results: counts ? loginBy('passcode', nowMs) : {},
      account: IN_SERVICE,
      ...(counts ? { wanted } : {}),
    }
  }
  return { screens: ['login'], outcome: 'cannot_sign_in' }
}

const takeOtp = ({ account, nowMs }: Facts, firstUse: boolean): Taken => {
  const counts = !firstUse || newKeyCounts(account, nowMs)
  const proved: StepChange = counts ? 'passcode_proved' : 'key_counts_later'
  return {
    screens: firstUse ? ['first_use_code', ...FIRST_USE] : ['otp'],
    changes: firstUse ? ['key_in_service', proved] : [proved],
    results: { otp: { sub: SOMEBODY, atMs: nowMs, counts } },
    account: firstUse ? IN_SERVICE : {},
  }
}

const PIN_STATE = { pin: 'in_use', hadPin: true, protection: 'pin' } as const

const takeDefinition = (
  { account, policy, nowMs }: Facts,
  mayChoose: boolean,
  { choice }: Assumed,
): Taken => {
  const offered = PROTECTIONS.filter((each) => policy.protections.includes(each))
  const [proposed = 'pin'] = offered
  const chosen = choice !== undefined && offered.includes(choice) ? choice : proposed
  const define = { sub: SOMEBODY, atMs: nowMs }
  if (mayChoose && chosen !== 'pin') {
    return {
      screens: ['define_pin'],
      changes: [`chose_${chosen}`],
      results: { define_pin: { ...define, counts: false, chosen: 'other' } },
      account: { protection: chosen },
    }
  }
  const counts = newPinCounts(account, nowMs)
  return {
    screens: ['define_pin'],
    changes: counts ? ['pin_defined', 'pin_proved'] : ['pin_defined', 'pin_counts_later'],
    results: { define_pin: { ...define, counts, chosen: 'pin' } },
    account: PIN_STATE,
  }
}

/** What the person does at a step, as the pages would take it; or that nothing comes after it. */
const take = (facts: Facts, due: NextStep, assumed: Assumed): Taken | Stop => {
  const at = { sub: SOMEBODY, atMs: facts.nowMs }
  switch (due.step) {
    case 'login':
      return takeLogin(facts, assumed)
    case 'otp':
      return takeOtp(facts, due.firstUse)
    case 'pin':
      return due.blocked
        ? { screens: ['pin_blocked'], outcome: 'pin_blocked' }
        : {
            screens: ['pin'],
            changes: ['pin_proved'],
            results: { pin: { ...at, deviceAnswered: true } },
          }
    case 'change_password':
      return {
        screens: ['change_password'],
        changes: ['password_changed'],
        results: { change_password: at },
        account: { password: 'personal', passwordSetAt: facts.nowMs },
      }
    case 'define_pin':
      return takeDefinition(facts, due.reason === 'first_connection', assumed)
    case 'device':
      return { screens: ['device'], changes: ['device_answered'], results: { device: at } }
    case 'consent':
      return {
        screens: ['consent'],
        changes: ['allowed'],
        results: {},
        wanted: { consentDue: null },
      }
    case 'unmet':
      return { screens: ['unmet'], outcome: 'unmet' }
    case 'refused':
      return { screens: ['refused'], outcome: 'refused' }
    case 'done':
      return { screens: [], outcome: 'done' }
  }
}

/**
 * The steps that somebody would see, from a situation to the end of it, if they did each as its
 * page proposes: by the rule that decides for real, and with what the pages really add to a
 * session. Nothing is written anywhere.
 */
export const simulate = (
  begin: Situation & { account: AccountState },
  assumed: Assumed,
): Simulation => {
  const steps: SimulatedStep[] = []
  let facts: Facts = begin
  let proves = assumed
  while (steps.length < SIMULATED_STEPS_MAX) {
    const due = nextStep(facts)
    const taken = take(facts, due, proves)
    if ('outcome' in taken) {
      const end = { due, screens: taken.screens, changes: [] }
      return { steps: [...steps, end], outcome: taken.outcome, situation: facts }
    }
    steps.push({ due, screens: taken.screens, changes: taken.changes })
    proves = { ...proves, passwordServes: proves.passwordServes || due.step === 'change_password' }
    facts = {
      ...facts,
      account: { ...facts.account, ...taken.account },
      proofs: proofsAfter(facts.proofs, SOMEBODY, taken.results),
      wanted: { ...facts.wanted, ...taken.wanted },
      nowMs: facts.nowMs + STEP_MS,
    }
  }
  return { steps, outcome: 'endless', situation: facts }
}
