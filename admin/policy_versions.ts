import { policiesBefore, undoPolicies } from '../accounts/apply_policies.ts'
import { AppError } from '../accounts/errors.ts'
import { effectsOf } from '../accounts/policy_effects.ts'
import type { PolicyVersion } from '../accounts/ports.ts'
import { DEFAULT_POLICIES, type PolicySet } from '../policies/policy.ts'
import { policyChanges } from '../policies/policy_changes.ts'
import { USER_TYPES } from '../policies/user_type.ts'
import type { ConsoleError, ConsoleMessage } from '../views/console/pages.ts'
import type { VersionRow } from '../views/console/policies.ts'
import {
  assertChangeable,
  mayChange,
  missingToSave,
  POLICIES_PATH,
  VERSIONS_PATH,
} from './policies.ts'
import { authorsOf, changeWords, countShutOut, touchedWords } from './policy_words.ts'
import { goTo, sendConsolePage, type Visit } from './visit.ts'

const VERSIONS_SHOWN = 25
/** Versions after one that are counted. */
const LATER_MAX = 500
const ID_SHOWN = 8

const iso = (atMs: number): string => new Date(atMs).toISOString()
const versionPath = (id: string): string => `${VERSIONS_PATH}/${encodeURIComponent(id)}`

const rowOf = (
  version: PolicyVersion,
  before: PolicySet,
  authorOf: (by: string) => ConsoleMessage,
): VersionRow => {
  const changes = policyChanges(before, version.policies)
  return {
    id: version.id,
    shortId: version.id.slice(0, ID_SHOWN),
    at: iso(version.atMs),
    by: authorOf(version.by),
    why: version.why,
    userTypes: USER_TYPES.filter((type) => changes.some(({ userType }) => userType === type)),
    rules: changes.length,
    href: versionPath(version.id),
  }
}

/** `GET /admin/policies/versions` */
export const showVersions = async (visit: Visit): Promise<void> => {
  const { policies } = visit.console.site.deps.store
  const before = visit.query['before'] ?? null
  const [found, newest] = await Promise.all([
    policies.list(before, VERSIONS_SHOWN + 1),
    policies.newest(),
  ])
  const shown = found.slice(0, VERSIONS_SHOWN)
  const authorOf = await authorsOf(visit, shown)
  const last = shown.at(-1)
  await sendConsolePage(visit, 'console/policies_versions', {
    versions: shown.map((version, nth) =>
      rowOf(version, found[nth + 1]?.policies ?? DEFAULT_POLICIES, authorOf),
    ),
    older:
      found.length > VERSIONS_SHOWN && last !== undefined
        ? `${VERSIONS_PATH}?before=${encodeURIComponent(last.id)}`
        : null,
    first: before === null ? null : VERSIONS_PATH,
    compareAction: `${VERSIONS_PATH}/compare`,
    policiesHref: POLICIES_PATH,
    newest: newest?.id ?? null,
  })
}

const versionNamed = async ({ console }: Visit, id: string): Promise<PolicyVersion> => {
  const version = await console.site.deps.store.policies.find(id)
  if (version === null) {
    throw new AppError('not_found', 'no version of the policies has this id')
  }
  return version
}

const versionHere = (visit: Visit): Promise<PolicyVersion> =>
  versionNamed(visit, visit.params['id'] ?? '')

const rowHere = async (visit: Visit, version: PolicyVersion, before: PolicySet) =>
  rowOf(version, before, await authorsOf(visit, [version]))

/** `GET /admin/policies/versions/:id` */
export const showVersion = async (visit: Visit): Promise<void> => {
  const { store } = visit.console.site.deps
  const version = await versionHere(visit)
  const before = await policiesBefore(store, version.id)
  const wouldChange = policyChanges(await store.policies.current(), before).length > 0
  await sendConsolePage(visit, 'console/policies_version', {
    version: await rowHere(visit, version, before),
    changes: policyChanges(before, version.policies).map(changeWords),
    undoHref: mayChange(visit) && wouldChange ? `${versionPath(version.id)}/undo` : null,
    versionsHref: VERSIONS_PATH,
  })
}

/** The defaults stand before the first version: they have no id. */
const DEFAULTS = 'defaults'

const sideOf = async (
  visit: Visit,
  id: string,
): Promise<{ readonly policies: PolicySet; readonly words: ConsoleMessage }> => {
  if (id === DEFAULTS) {
    return { policies: DEFAULT_POLICIES, words: { key: 'console.policies.compare.defaults' } }
  }
  const version = await versionNamed(visit, id)
  const params = { id: version.id.slice(0, ID_SHOWN), why: version.why }
  return { policies: version.policies, words: { key: 'console.policies.compare.version', params } }
}

/** `GET /admin/policies/versions/compare?from=&to=` */
export const compareVersions = async (visit: Visit): Promise<void> => {
  const from = await sideOf(visit, visit.query['from'] ?? DEFAULTS)
  const to = await sideOf(visit, visit.query['to'] ?? DEFAULTS)
  await sendConsolePage(visit, 'console/policies_compare', {
    from: from.words,
    to: to.words,
    changes: policyChanges(from.policies, to.policies).map(changeWords),
    versionsHref: VERSIONS_PATH,
  })
}

const readUndo = async (visit: Visit) => {
  assertChangeable(visit)
  const { console } = visit
  const { store, clock } = console.site.deps
  const version = await versionHere(visit)
  const [newest, before] = await Promise.all([
    store.policies.newest(),
    policiesBefore(store, version.id),
  ])
  const current = newest?.policies ?? DEFAULT_POLICIES
  const changes = policyChanges(current, before)
  const touched = await effectsOf(console.lists.policyReach, current, before, changes, clock())
  return { version, newest, before, changes, touched }
}

/** Versions saved after one, as far as they are counted. */
const laterThan = async ({ console }: Visit, id: string): Promise<number> => {
  const all = await console.site.deps.store.policies.list(null, LATER_MAX)
  return Math.max(
    0,
    all.findIndex((version) => version.id === id),
  )
}

const sendUndo = async (
  visit: Visit,
  { version, newest, changes, touched }: Awaited<ReturnType<typeof readUndo>>,
  errors: readonly ConsoleError[],
): Promise<void> => {
  const { store } = visit.console.site.deps
  await sendConsolePage(
    visit,
    'console/policies_undo',
    {
      version: await rowHere(visit, version, await policiesBefore(store, version.id)),
      later: await laterThan(visit, version.id),
      action: `${versionPath(version.id)}/undo`,
      madeFrom: newest?.id ?? '',
      changes: changes.map(changeWords),
      touched: touched.map(touchedWords),
      shutsOut: countShutOut(touched),
      typed: { why: visit.form.text('why'), accept: visit.form.ticked('accept_lockout') },
      versionsHref: VERSIONS_PATH,
      errors,
    },
    { status: errors.length > 0 ? 422 : 200 },
  )
}

/** `GET /admin/policies/versions/:id/undo`: what going back to before it would change. */
export const askUndo = async (visit: Visit): Promise<void> =>
  sendUndo(visit, await readUndo(visit), [])

/** `POST /admin/policies/versions/:id/undo` */
export const undoVersion = async (visit: Visit): Promise<void> => {
  const read = await readUndo(visit)
  const { form, by, console } = visit
  const missing = missingToSave(form, read.touched)
  if (missing.length > 0) {
    await sendUndo(visit, read, missing)
    return
  }
  const madeFrom = form.text('made_from')
  const result = await undoPolicies(console.site.deps, read.version.id, {
    by,
    why: form.text('why').trim(),
    dryRun: false,
    madeFrom: madeFrom === '' ? null : madeFrom,
  })
  if (!result.ok) {
    // Shown anew, with what is in force by now.
    await sendUndo(visit, await readUndo(visit), [{ key: 'console.policies.errors.meanwhile' }])
    return
  }
  await goTo(visit, VERSIONS_PATH, {
    key: result.version === null ? 'console.policies.done.nothing' : 'console.policies.done.undone',
    params: { count: result.changes.length },
  })
}
