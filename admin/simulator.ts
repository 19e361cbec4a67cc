import { type Account, accountState, fullName, identifierKey } from '../accounts/account.ts'
import { AppError } from '../accounts/errors.ts'
import { keyUseOf } from '../accounts/key_use.ts'
import { passwordDue } from '../accounts/password_due.ts'
import { type Registration, registeredClaims } from '../accounts/registration.ts'
import { type Fields, keptFields } from '../interactions/form.ts'
import { hasRight } from '../policies/admin_rights.ts'
import {
  type AccountState,
  type OtpKeyUse,
  type PasswordState,
  type PinState,
  proofsNotBefore,
  type Situation,
  type Wanted,
} from '../policies/next_step.ts'
import { isLapsed } from '../policies/password_age.ts'
import {
  DEFAULT_POLICIES,
  type Policy,
  type PolicySet,
  PROTECTIONS,
  type Protection,
  policyFor,
  policySchema,
} from '../policies/policy.ts'
import { ACR_LEVELS, acrOf } from '../policies/proofs.ts'
import { type Assumed, type Simulation, simulate } from '../policies/simulate.ts'
import { isUserType, USER_TYPES, type UserType } from '../policies/user_type.ts'
import type { ConsoleError, ConsolePages } from '../views/console/pages.ts'
import { draftOf, editRefused } from './policies.ts'
import { sendConsolePage, type Visit } from './visit.ts'
import { isWithinReach, personPath } from './whom.ts'

const SIMULATOR_PATH = '/admin/simulator'
const VERSIONS_SHOWN = 20

type Model = ConsolePages['console/simulator']
type Result = NonNullable<Model['result']>

const oneOf = <T extends string>(values: readonly T[], text: string): T | undefined =>
  values.find((value) => value === text)

const PINS: readonly PinState[] = ['none', 'in_use', 'generated', 'blocked']
const PASSWORDS: readonly PasswordState[] = [
  'none',
  'personal',
  'temporary',
  'expired',
  'must_change',
]
const KEYS: readonly OtpKeyUse[] = ['none', 'first_use', 'in_service', 'unusable']
const LEVELS_ASKED = ['pin', 'otp'] as const
const DAY_MS = 24 * 3_600_000

/** Somebody to look at, and the rules that are tried on them. */
interface Subject {
  readonly account: Account | null
  readonly userType: UserType
  readonly policy: Policy
}

interface Rules {
  readonly which: Result['rules']
  readonly policies: PolicySet
  /** To be sent along with the next try; empty: none. */
  readonly draft: string
}

const acrFor = (level: (typeof LEVELS_ASKED)[number]): string =>
  [...ACR_LEVELS].find(([, each]) => each === level)?.[0] ?? ''

const noDraft = (cause: unknown): AppError =>
  new AppError('bad_form', 'no draft of policies', { cause })

const readDraft = (text: string): PolicySet => {
  try {
    const given = JSON.parse(text) as Record<string, unknown>
    const entries = USER_TYPES.map((type) => [type, policySchema.parse(given[type] ?? {})])
    return Object.fromEntries(entries) as PolicySet
  } catch (cause) {
    throw noDraft(cause)
  }
}

const seesPolicies = ({ who }: Visit): boolean => hasRight(who.role, 'see_policies')

/** The policies to try: those in force, of a version, or a draft that nobody has saved. */
const rulesOf = async (visit: Visit): Promise<Rules> => {
  const { form, console } = visit
  const { policies } = console.site.deps.store
  const chosen = form.text('rules')
  const draft = form.text('draft')
  if (seesPolicies(visit) && draft !== '' && chosen === 'draft') {
    return { which: 'draft', policies: readDraft(draft), draft }
  }
  const version = seesPolicies(visit) && chosen !== '' ? await policies.find(chosen) : null
  return version === null
    ? { which: 'in_force', policies: await policies.current(), draft }
    : { which: 'version', policies: version.policies, draft }
}

/** Somebody made up, as most of a type are: with a password, and what the policy has them choose. */
const madeUp = ({ protections }: Policy, nowMs: number): AccountState => {
  const protection = PROTECTIONS.find((each) => protections.includes(each)) ?? 'none'
  return {
    protection,
    pin: protection === 'pin' ? 'in_use' : 'none',
    hadPin: protection === 'pin',
    password: 'personal',
    passwordSetAt: nowMs - DAY_MS,
    passwordResetByMailAt: 0,
    otpKey: 'none',
    validAfter: 0,
  }
}

const stateOf = async (
  { console }: Visit,
  { account, policy }: Subject,
  nowMs: number,
): Promise<AccountState> => {
  const { deps } = console.site
  return account === null
    ? madeUp(policy, nowMs)
    : accountState(
        account,
        await passwordDue(deps, account, policy, nowMs),
        await keyUseOf(deps.store, account, nowMs, undefined),
      )
}

const withPin = (state: AccountState, pin: PinState): AccountState =>
  pin === 'none'
    ? { ...state, pin }
    : { ...state, pin, hadPin: true, protection: state.protection ?? 'pin' }

/** What the form supposes in the place of what is so. */
export const supposed = (form: Fields, state: AccountState): AccountState => {
  const pin = oneOf(PINS, form.text('pin'))
  const password = oneOf(PASSWORDS, form.text('password'))
  const otpKey = oneOf(KEYS, form.text('key'))
  const first = form.ticked('first')
    ? { ...state, protection: null, pin: 'none' as const, hadPin: false }
    : state
  const given = pin === undefined ? first : withPin(first, pin)
  return {
    ...given,
    ...(password === undefined ? {} : { password }),
    ...(otpKey === undefined ? {} : { otpKey }),
  }
}

const servesNow = (form: Fields, { account, policy }: Subject, nowMs: number): boolean => {
  const password = oneOf(PASSWORDS, form.text('password'))
  if (password !== undefined) {
    return password !== 'none'
  }
  if (account === null) {
    return true
  }
  const record = account.password
  return record !== null && record.voidedAt === null && !isLapsed(record, policy, nowMs)
}

const applicationsOf = async ({ console }: Visit): Promise<readonly Registration[]> => {
  const registered = await console.site.deps.store.applications.list()
  const all = [...console.applications.declared, ...registered.map((one) => one.registration)]
  return all.sort((a, b) => a.client_name.localeCompare(b.client_name))
}

/** What the application asks for: as it is registered, and as its request says besides. */
const wantedOf = (
  form: Fields,
  applications: readonly Registration[],
  userType: UserType,
): Wanted => {
  const application = applications.find(({ client_id }) => client_id === form.text('application'))
  const asked = oneOf(LEVELS_ASKED, form.text('acr'))
  const least = oneOf(LEVELS_ASKED, form.text('least'))
  return {
    acr: asked === undefined ? [] : [acrFor(asked)],
    essential: form.ticked('essential'),
    leastAcr: least === undefined ? application?.least_acr : acrFor(least),
    notBefore: 0,
    forThisUserType:
      application === undefined || (application.user_types as readonly string[]).includes(userType),
    consentDue:
      application?.consent === true
        ? { reason: 'first_time', learns: registeredClaims(application) }
        : null,
  }
}

/** The screens that somebody would see, and what they would be asked for besides. */
export const situationOf = (
  form: Fields,
  policy: Policy,
  account: AccountState,
  wanted: Wanted,
  nowMs: number,
): Situation & { account: AccountState } => {
  const mayAdd = policy.devices.trust && form.text('network') !== 'untrusted'
  return {
    policy,
    account,
    proofs: {},
    open: false,
    device: { mayAdd, recognised: mayAdd && form.text('device') === 'recognised' },
    wanted,
    nowMs,
  }
}

const reasonOf = ({ due }: Simulation['steps'][number]): string => {
  const firstUse = due.step === 'otp' && due.firstUse ? '_first_use' : ''
  const blocked = due.step === 'pin' && due.blocked ? '_blocked' : ''
  return `${due.step}_${due.reason}${firstUse}${blocked}`
}

const resultOf = (
  { steps, outcome, situation }: Simulation,
  { userType, policy }: Subject,
  rules: Rules,
  network: string,
): Result => {
  const { acr, leastAcr } = situation.wanted
  const asked = [...acr, ...(leastAcr === undefined ? [] : [leastAcr])]
  const { sessions } = policy
  return {
    userType,
    rules: rules.which,
    steps: steps
      .filter(({ screens }) => screens.length > 0)
      .map((step) => ({
        screens: step.screens,
        reason: reasonOf(step),
        changes: step.changes,
      })),
    outcome,
    acr:
      outcome === 'done' ? (acrOf(asked, situation.proofs, proofsNotBefore(situation)) ?? '') : '',
    absoluteHours: sessions.absolute_hours,
    idleMinutes: network === 'shared' ? sessions.idle_minutes_shared : sessions.idle_minutes,
  }
}

const run = async (visit: Visit, subject: Subject, rules: Rules): Promise<Result> => {
  const { form, console } = visit
  const nowMs = console.site.deps.clock()
  const state = supposed(form, await stateOf(visit, subject, nowMs))
  const wanted = wantedOf(form, await applicationsOf(visit), subject.userType)
  const choice = oneOf<Protection>(PROTECTIONS, form.text('choice'))
  const assumed: Assumed = { passwordServes: servesNow(form, subject, nowMs), choice }
  const situation = situationOf(form, subject.policy, state, wanted, nowMs)
  return resultOf(simulate(situation, assumed), subject, rules, form.text('network'))
}

const send = async (
  visit: Visit,
  subject: Subject | null,
  rules: Rules,
  errors: readonly ConsoleError[] = [],
): Promise<void> => {
  const { policies } = visit.console.site.deps.store
  const versions = seesPolicies(visit) ? await policies.list(null, VERSIONS_SHOWN) : []
  const account = subject?.account ?? null
  await sendConsolePage(
    visit,
    'console/simulator',
    {
      action: SIMULATOR_PATH,
      person:
        account === null
          ? null
          : {
              name: fullName(account),
              identifier: account.identifier,
              href: personPath(account.sub),
            },
      types: USER_TYPES,
      typed: { ...visit.form.all(), draft: rules.draft },
      applications: (await applicationsOf(visit)).map(({ client_id: id, client_name: name }) => ({
        id,
        name,
      })),
      versions: versions.map(({ id, why }) => ({ id, shortId: id.slice(0, 8), why })),
      hasDraft: rules.draft !== '',
      errors,
      result: subject === null ? null : await run(visit, subject, rules),
    },
    { status: errors.length > 0 ? 422 : 200 },
  )
}

/** Somebody whom this administrator may know of; null: nobody such. */
const reached = async (visit: Visit, account: Account | null): Promise<Account | null> =>
  account !== null && (await isWithinReach(visit, account)) ? account : null

const subjectOf = (account: Account | null, userType: UserType, { policies }: Rules): Subject => ({
  account,
  userType: account?.userType ?? userType,
  policy: account === null ? policies[userType] : policyFor(policies, account),
})

const noForm = (fields: Readonly<Record<string, string>>, visit: Visit): Visit => ({
  ...visit,
  form: keptFields(fields),
})

/** `GET /admin/simulator?person=`: as they are now, on a new device. */
export const showSimulator = async (visit: Visit): Promise<void> => {
  const { accounts } = visit.console.site.deps.store
  const sub = visit.query['person']
  const account = sub === undefined ? null : await reached(visit, await accounts.bySub(sub))
  const typed: Record<string, string> = account === null ? {} : { person: account.identifier }
  const here = noForm(typed, visit)
  const rules = await rulesOf(here)
  await send(here, account === null ? null : subjectOf(account, account.userType, rules), rules)
}

/** The unsaved form of a policy, sent here to be tried: as a draft, of the type it is about. */
const withDraft = async (visit: Visit, type: UserType): Promise<Visit | null> => {
  const { form, console } = visit
  const { policies } = console.site.deps.store
  const id = form.text('made_from')
  const version = id === '' ? null : await policies.find(id)
  const base = version?.policies ?? DEFAULT_POLICIES
  const draft = draftOf(form, type, { policies: base })
  if (!draft.ok) {
    await editRefused(visit, type, draft.errors)
    return null
  }
  return noForm({ type, rules: 'draft', draft: JSON.stringify(draft.policies) }, visit)
}

/** `POST /admin/simulator` */
export const runSimulator = async (visit: Visit): Promise<void> => {
  const tried = visit.form.text('draft_type')
  if (isUserType(tried) && seesPolicies(visit)) {
    const drafted = await withDraft(visit, tried)
    return drafted === null ? undefined : runSimulator(drafted)
  }
  const { form, console } = visit
  const { accounts } = console.site.deps.store
  const rules = await rulesOf(visit)
  const identifier = form.text('person').trim()
  const type = form.text('type')
  if (identifier === '') {
    const subject = subjectOf(null, isUserType(type) ? type : 'teacher', rules)
    return send(visit, subject, rules)
  }
  const found = await accounts.byIdentifier(identifierKey(identifier))
  const account = await reached(visit, found)
  return account === null
    ? send(visit, null, rules, [{ field: 'person', key: 'console.simulator.errors.nobody' }])
    : send(visit, subjectOf(account, account.userType, rules), rules)
}
