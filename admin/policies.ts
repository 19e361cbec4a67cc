import { applyPolicies, WHY_LENGTH_MAX } from '../accounts/apply_policies.ts'
import { AppError } from '../accounts/errors.ts'
import { effectsOf, type TypeEffects, unversioned } from '../accounts/policy_effects.ts'
import type { PolicyVersion } from '../accounts/ports.ts'
import type { Fields } from '../interactions/form.ts'
import { hasRight } from '../policies/admin_rights.ts'
import { DEFAULT_POLICIES, type PolicySet, policySchema } from '../policies/policy.ts'
import { type Surroundings, warningsFor } from '../policies/policy_advice.ts'
import {
  changesOfType,
  type PolicyChange,
  policyChanges,
  withChanges,
  withRule,
} from '../policies/policy_changes.ts'
import { isUserType, USER_TYPES, type UserType } from '../policies/user_type.ts'
import type { ConsoleError, ConsolePages } from '../views/console/pages.ts'
import { fieldsOfPolicy, RULES_VERSION } from './policy_fields.ts'
import { type ReadPolicy, readPolicyForm, ruleFields } from './policy_form.ts'
import { authorsOf, changeWords, countShutOut, framesOf, touchedWords } from './policy_words.ts'
import { goTo, sendConsolePage, type Visit } from './visit.ts'

export const POLICIES_PATH = '/admin/policies'
export const VERSIONS_PATH = `${POLICIES_PATH}/versions`

/** Types that one form may serve together. */
const PARTNERS: Partial<Record<UserType, UserType>> = { teacher: 'staff', staff: 'teacher' }

const pathOf = (type: UserType): string => `${POLICIES_PATH}/${type}`

const typeOf = ({ params }: Visit): UserType => {
  const type = params['type']
  if (!isUserType(type)) {
    throw new AppError('not_found', 'no user type of this name')
  }
  return type
}

/** Of the console's own: the one who looks may change policies, and no file is their master. */
export const mayChange = ({ who, console }: Visit): boolean =>
  hasRight(who.role, 'change_policies') && console.policyFile === null

/** Throws where a file is the master: its page offers nothing to send. */
export const assertChangeable = ({ console }: Visit): void => {
  if (console.policyFile !== null) {
    throw new AppError('access_denied', 'a file is the master of the policies')
  }
}

/** Whether anybody of a type has a key that lets them in. */
const surroundingsOf = async ({ console }: Visit, type: UserType): Promise<Surroundings> => {
  const nowMs = console.site.deps.clock()
  return { hasKeys: (await console.lists.policyReach.keyHolders(type, nowMs)).all > 0 }
}

/** A set of policies, and the version that it is; id empty: the defaults. */
interface Base {
  readonly id: string
  readonly policies: PolicySet
}

const baseOf = (version: PolicyVersion | null): Base => ({
  id: version?.id ?? '',
  policies: version?.policies ?? DEFAULT_POLICIES,
})

const newestBase = async ({ console }: Visit): Promise<Base> =>
  baseOf(await console.site.deps.store.policies.newest())

/** What the form was filled from; an id that we never gave comes from no form of ours. */
const madeFrom = async ({ console, form }: Visit): Promise<Base> => {
  const id = form.text('made_from')
  if (id === '') {
    return baseOf(null)
  }
  const version = await console.site.deps.store.policies.find(id)
  if (version === null) {
    throw new AppError('bad_form', 'made from a version that there is not')
  }
  return baseOf(version)
}

const partnerModel = (
  type: UserType,
  { policies }: Base,
  ticked: boolean,
): ConsolePages['console/policies_type']['partner'] => {
  const partner = PARTNERS[type]
  if (partner === undefined) {
    return null
  }
  const differences = changesOfType(partner, policies[type], policies[partner])
  return {
    type: partner,
    ticked,
    differences: differences.filter(({ path }) => path !== RULES_VERSION).map(changeWords),
  }
}

/** Ticked: what the form says holds for the type beside it too. */
const ALSO = 'also'

/** The form of one type, filled from a policy or with what was typed. */
const sendForm = async (
  visit: Visit,
  type: UserType,
  base: Base,
  typed: Readonly<Record<string, string>>,
  errors: readonly ConsoleError[] = [],
): Promise<void> => {
  const policy = base.policies[type]
  await sendConsolePage(
    visit,
    'console/policies_type',
    {
      types: USER_TYPES.map((each) => ({ type: each, href: pathOf(each) })),
      type,
      action: pathOf(type),
      tryAction: '/admin/simulator',
      versionsHref: VERSIONS_PATH,
      madeFrom: base.id,
      file: visit.console.policyFile,
      editable: mayChange(visit),
      frames: framesOf(typed, policy, await surroundingsOf(visit, type)),
      partner: partnerModel(type, base, visit.form.ticked(ALSO)),
      rulesVersion: policy.passwords.rules_version,
      errors,
    },
    { status: errors.length > 0 ? 422 : 200 },
  )
}

/** `GET /admin/policies` */
export const showPolicies = (visit: Visit): Promise<void> => goTo(visit, pathOf('teacher'))

/** `GET /admin/policies/:type` */
export const showPolicy = async (visit: Visit): Promise<void> => {
  const type = typeOf(visit)
  const base = await newestBase(visit)
  await sendForm(visit, type, base, fieldsOfPolicy(base.policies[type]))
}

/** `POST /admin/policies/:type/edit`: the form again, as it was left. */
export const editAgain = async (visit: Visit): Promise<void> => {
  await sendForm(visit, typeOf(visit), await madeFrom(visit), ruleFields(visit.form))
}

/** The form again, for what is wrong in it; for who sent it elsewhere. */
export const editRefused = async (
  visit: Visit,
  type: UserType,
  errors: readonly ConsoleError[],
): Promise<void> => sendForm(visit, type, await madeFrom(visit), ruleFields(visit.form), errors)

/** The policies that a form asks for: of its type, and of the one beside it where that is ticked. */
export const draftOf = (
  form: Fields,
  type: UserType,
  { policies }: Pick<Base, 'policies'>,
): { readonly ok: true; readonly policies: PolicySet } | Extract<ReadPolicy, { ok: false }> => {
  const read = readPolicyForm(form, policies[type])
  if (!read.ok) {
    return read
  }
  const partner = PARTNERS[type]
  if (partner === undefined || !form.ticked(ALSO)) {
    return { ok: true, policies: { ...policies, [type]: read.policy } }
  }
  // What somebody's password was judged by is theirs alone.
  const kept = policies[partner].passwords.rules_version
  const alike = { ...read.policy, passwords: { ...read.policy.passwords, rules_version: kept } }
  return { ok: true, policies: { ...policies, [type]: read.policy, [partner]: alike } }
}

/** What is advised against after a change, and was not before. */
const newWarnings = async (
  visit: Visit,
  before: PolicySet,
  after: PolicySet,
  changes: readonly PolicyChange[],
): Promise<ConsolePages['console/policies_preview']['warnings'][number][]> => {
  const found = []
  for (const userType of USER_TYPES.filter((type) =>
    changes.some((one) => one.userType === type),
  )) {
    const surroundings = await surroundingsOf(visit, userType)
    const known = new Set(warningsFor(before[userType], surroundings).map(({ key }) => key))
    const now = warningsFor(after[userType], surroundings)
    found.push(...now.filter(({ key }) => !known.has(key)).map(({ key }) => ({ userType, key })))
  }
  return found
}

interface Asked {
  readonly type: UserType
  readonly base: Base
  readonly policies: PolicySet
}

const hiddenOf = ({ form }: Visit, madeFromId: string): Readonly<Record<string, string>> => ({
  ...ruleFields(form),
  ...(form.ticked(ALSO) ? { [ALSO]: 'yes' } : {}),
  made_from: madeFromId,
})

const typedIn = ({ form }: Visit, isSent: boolean) => ({
  why: form.text('why').slice(0, WHY_LENGTH_MAX),
  raise: isSent ? form.ticked('raise_rules') : true,
  accept: form.ticked('accept_lockout'),
})

const sendPreview = async (
  visit: Visit,
  { type, base, policies }: Asked,
  touched: readonly TypeEffects[],
  errors: readonly ConsoleError[] | null = null,
): Promise<void> => {
  const changes = policyChanges(base.policies, policies)
  const stale = new Set(unversioned(changes))
  await sendConsolePage(
    visit,
    'console/policies_preview',
    {
      type,
      saveAction: `${pathOf(type)}/save`,
      backAction: `${pathOf(type)}/edit`,
      backHref: pathOf(type),
      hidden: hiddenOf(visit, base.id),
      changes: changes.map(changeWords),
      touched: touched.map(touchedWords),
      warnings: await newWarnings(visit, base.policies, policies, changes),
      unversioned: touched
        .filter(({ userType }) => stale.has(userType))
        .map(({ userType, personalPasswords: people }) => ({ userType, people })),
      shutsOut: countShutOut(touched),
      typed: typedIn(visit, errors !== null),
      errors: errors ?? [],
    },
    { status: errors === null ? 200 : 422 },
  )
}

const touchedBy = ({ console }: Visit, { base, policies }: Asked): Promise<TypeEffects[]> =>
  effectsOf(
    console.lists.policyReach,
    base.policies,
    policies,
    policyChanges(base.policies, policies),
    console.site.deps.clock(),
  )

/** What is sent, on what it was made from; null: answered with the form and what is wrong in it. */
const readAsked = async (visit: Visit): Promise<Asked | null> => {
  assertChangeable(visit)
  const type = typeOf(visit)
  const base = await madeFrom(visit)
  const draft = draftOf(visit.form, type, base)
  if (!draft.ok) {
    await sendForm(visit, type, base, ruleFields(visit.form), draft.errors)
    return null
  }
  return { type, base, policies: draft.policies }
}

/** `POST /admin/policies/:type`: what would change; nothing does yet. */
export const previewPolicy = async (visit: Visit): Promise<void> => {
  const asked = await readAsked(visit)
  if (asked === null) {
    return
  }
  const newest = await newestBase(visit)
  await (newest.id === asked.base.id
    ? sendPreview(visit, asked, await touchedBy(visit, asked))
    : sendConflict(visit, asked, newest))
}

/** What is missing before it may be saved. */
export const missingToSave = (
  form: Fields,
  touched: readonly TypeEffects[],
): readonly ConsoleError[] => [
  ...(form.text('why').trim() === ''
    ? [{ field: 'why', key: 'console.policies.errors.no_why' }]
    : []),
  ...(form.text('why').length > WHY_LENGTH_MAX
    ? [{ field: 'why', key: 'console.policies.errors.long_why', params: { max: WHY_LENGTH_MAX } }]
    : []),
  ...(countShutOut(touched) > 0 && !form.ticked('accept_lockout')
    ? [{ field: 'accept_lockout', key: 'console.policies.errors.shut_out' }]
    : []),
]

/** With the version of the rules of passwords raised where they change. */
const withRaised = ({ form }: Visit, { base, policies }: Asked): PolicySet => {
  if (!form.ticked('raise_rules')) {
    return policies
  }
  const raised = { ...policies }
  for (const type of unversioned(policyChanges(base.policies, policies))) {
    const version = policies[type].passwords.rules_version + 1
    raised[type] = policySchema.parse(withRule(policies[type], RULES_VERSION, version))
  }
  return raised
}

/** `POST /admin/policies/:type/save` */
export const savePolicy = async (visit: Visit): Promise<void> => {
  const asked = await readAsked(visit)
  if (asked === null) {
    return
  }
  const { form, by, console } = visit
  const touched = await touchedBy(visit, asked)
  const missing = missingToSave(form, touched)
  if (missing.length > 0) {
    await sendPreview(visit, asked, touched, missing)
    return
  }
  const policies = withRaised(visit, asked)
  const result = await applyPolicies(console.site.deps, policies, {
    by,
    why: form.text('why').trim(),
    dryRun: false,
    madeFrom: asked.base.id === '' ? null : asked.base.id,
  })
  if (!result.ok) {
    await sendConflict(visit, asked, await newestBase(visit))
    return
  }
  const key =
    result.version === null ? 'console.policies.done.nothing' : 'console.policies.done.saved'
  await goTo(visit, pathOf(asked.type), { key, params: { count: result.changes.length } })
}

const sameRule = (one: PolicyChange, other: PolicyChange): boolean =>
  one.userType === other.userType && one.path === other.path

/** Somebody saved meanwhile: what they changed, what was typed here, and a way to have both. */
const sendConflict = async (visit: Visit, asked: Asked, newest: Base): Promise<void> => {
  const { store } = visit.console.site.deps
  const version = await store.policies.newest()
  const theirs = policyChanges(asked.base.policies, newest.policies)
  const mine = policyChanges(asked.base.policies, asked.policies)
  const merged = withChanges(newest.policies, mine)[asked.type]
  const authorOf = await authorsOf(visit, version === null ? [] : [version])
  await sendConsolePage(
    visit,
    'console/policies_conflict',
    {
      type: asked.type,
      by: authorOf(version?.by ?? ''),
      at: new Date(version?.atMs ?? 0).toISOString(),
      why: version?.why ?? '',
      theirs: theirs.map(changeWords),
      mine: mine.map((one) => ({
        ...changeWords(one),
        both: theirs.some((other) => sameRule(one, other)),
      })),
      applyAction: pathOf(asked.type),
      hidden: {
        ...fieldsOfPolicy(merged as PolicySet[UserType]),
        ...(visit.form.ticked(ALSO) ? { [ALSO]: 'yes' } : {}),
        made_from: newest.id,
      },
      dropHref: pathOf(asked.type),
    },
    { status: 409 },
  )
}
