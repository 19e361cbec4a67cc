import { type Account, fullName, identifierKey } from '../accounts/account.ts'
import { AUDIT_ACTS, isAuditAct } from '../accounts/audit.ts'
import {
  ACT_GROUPS,
  type ActGroup,
  type AuditFilter,
  type AuditListed,
  actsOf,
} from '../accounts/audit_search.ts'
import { dayStart, isoDate } from '../policies/days.ts'
import type { ConsoleError, ConsolePages } from '../views/console/pages.ts'
import { CONSOLE_PATH } from './access.ts'
import { sendConsolePage, type Visit } from './visit.ts'
import { personPath } from './whom.ts'

const AUDIT_PATH = `${CONSOLE_PATH}/audit`
const ENTRIES_A_PAGE = 50
const TEXT_LENGTH_MAX = 256

/** Fields of the search, as they stand in the address. */
const FIELDS = ['person', 'actor', 'act', 'outcome', 'application', 'from', 'to'] as const
type Field = (typeof FIELDS)[number]
export type AuditQuery = Readonly<Partial<Record<Field, string>>>

type Model = ConsolePages['console/audit']

export const auditQuery = (get: (name: string) => string | undefined): AuditQuery =>
  Object.fromEntries(
    FIELDS.flatMap((name) => {
      const text = (get(name) ?? '').trim().slice(0, TEXT_LENGTH_MAX)
      return text === '' ? [] : [[name, text]]
    }),
  )

/** Whom somebody means: their `sub`, an identifier that they have or had, or a system user. */
const subOf = async ({ console }: Visit, typed: string): Promise<string | null> => {
  const { accounts } = console.site.deps.store
  if (typed.startsWith('cli:')) {
    return typed
  }
  const holder = await accounts.identifierHolder(identifierKey(typed))
  return holder ?? (await accounts.bySub(typed))?.sub ?? null
}

const GROUP = 'group:'
const isGroup = (name: string): name is ActGroup => (ACT_GROUPS as readonly string[]).includes(name)

const actsIn = (typed: string): readonly string[] | undefined => {
  const group = typed.startsWith(GROUP) ? typed.slice(GROUP.length) : ''
  if (isGroup(group)) {
    return actsOf(group)
  }
  return isAuditAct(typed) ? [typed] : undefined
}

const DAY = /^(\d{4})-(\d{2})-(\d{2})$/

/** Where a day of the school's begins, `days` later; null: no day. */
const dayOf = (typed: string, days: number, timeZone: string): number | null => {
  const [, year, month, day] = DAY.exec(typed) ?? []
  const date = isoDate(Number(year), Number(month), Number(day))
  return date === null ? null : dayStart(date, days, timeZone)
}

interface Asked {
  readonly filter: AuditFilter
  readonly errors: readonly ConsoleError[]
}

const error = (field: string, which = field): ConsoleError => ({
  field,
  key: `console.audit.errors.${which}`,
})

interface Found {
  readonly field: Field
  /** Null: it means nothing; undefined: not asked for. */
  readonly value: string | number | null | undefined
}

const errorsOf = (found: readonly Found[]): ConsoleError[] => {
  const wrong = found.filter(({ value }) => value === null).map(({ field }) => error(field))
  const [from, to] = ['from', 'to'].map((name) => found.find(({ field }) => field === name)?.value)
  const isTurned = typeof from === 'number' && typeof to === 'number' && to <= from
  return isTurned ? [...wrong, error('to', 'order')] : wrong
}

/** What a search asks for; what it says that means nothing is an error of its field. */
export const askedOf = async (visit: Visit, query: AuditQuery): Promise<Asked> => {
  const { timeZone } = visit.console.site.deps
  const { person, actor, act, outcome, application, from, to } = query
  const sub = person === undefined ? undefined : await subOf(visit, person)
  const by = actor === undefined ? undefined : await subOf(visit, actor)
  const fromMs = from === undefined ? undefined : dayOf(from, 0, timeZone)
  const toMs = to === undefined ? undefined : dayOf(to, 1, timeZone)
  const errors = errorsOf([
    { field: 'person', value: sub },
    { field: 'actor', value: by },
    { field: 'from', value: fromMs },
    { field: 'to', value: toMs },
  ])
  const acts = act === undefined ? undefined : actsIn(act)
  const fields = {
    sub: sub ?? undefined,
    actor: by ?? undefined,
    acts,
    outcome: outcome === 'done' || outcome === 'refused' ? outcome : undefined,
    clientId: application,
    fromMs: fromMs ?? undefined,
    toMs: toMs ?? undefined,
  }
  const given = Object.entries(fields).filter(([, value]) => value !== undefined)
  return { filter: Object.fromEntries(given) as AuditFilter, errors }
}

const peopleIn = async (
  { console }: Visit,
  entries: readonly AuditListed[],
): Promise<ReadonlyMap<string, Account>> => {
  const named = entries.flatMap(({ sub, actor }) => [sub, actor])
  const subs = [...new Set(named)].filter((one): one is string => one !== null)
  const found = subs.length === 0 ? [] : await console.site.deps.store.accounts.bySubs(subs)
  return new Map(found.map((account) => [account.sub, account]))
}

const whomOf = (sub: string, people: ReadonlyMap<string, Account>) => {
  const account = people.get(sub)
  return account === undefined
    ? { name: sub, identifier: null, href: null }
    : { name: fullName(account), identifier: account.identifier, href: personPath(sub) }
}

const whoOf = (
  { actor, sub }: AuditListed,
  people: ReadonlyMap<string, Account>,
): Model['entries'][number]['who'] => {
  if (actor === null) {
    return null
  }
  return actor === sub ? 'self' : whomOf(actor, people)
}

const shown = (
  visit: Visit,
  entry: AuditListed,
  people: ReadonlyMap<string, Account>,
): Model['entries'][number] => ({
  seq: entry.seq,
  at: new Date(entry.atMs).toISOString(),
  // Written by a newer version that ran here before.
  act: isAuditAct(entry.act) ? entry.act : 'unknown',
  refused: entry.outcome === 'refused',
  sealed: entry.sealed,
  whom: entry.sub === null ? null : whomOf(entry.sub, people),
  who: whoOf(entry, people),
  application:
    entry.clientId === null
      ? null
      : (visit.console.site.applications.get(entry.clientId)?.name ?? entry.clientId),
  network: entry.network,
  browser: entry.browserId,
  detail: Object.entries(entry.detail).map(([name, value]) => ({ name, value: String(value) })),
})

const iso = (ms: number | null): string | null => (ms === null ? null : new Date(ms).toISOString())

const chainOf = async ({ console }: Visit): Promise<Model['chain']> => {
  const { sealedSeq, sealedToMs, total, unsealed, unsealedSinceMs, checkpoint } =
    await console.lists.audit.chain()
  return {
    sealed: sealedSeq === 0 ? null : { total, upTo: iso(sealedToMs) },
    unsealed: unsealed === 0 ? null : { count: unsealed, since: iso(unsealedSinceMs ?? 0) ?? '' },
    checkpoint: iso(checkpoint?.atMs ?? null),
  }
}

const hrefOf = (query: AuditQuery, before: number | null): string => {
  const params = new URLSearchParams(query)
  if (before !== null) {
    params.set('before', String(before))
  }
  const text = params.toString()
  return text === '' ? AUDIT_PATH : `${AUDIT_PATH}?${text}`
}

const beforeIn = (text: string | undefined): number | null =>
  text !== undefined && /^\d{1,15}$/.test(text) ? Number(text) : null

/** An address may name what the menu does not know: an application that was removed. */
const applicationsOf = ({ console }: Visit): Model['applications'] =>
  [...console.site.applications]
    .map(([id, { name }]) => ({ id, name }))
    .sort((a, b) => a.name.localeCompare(b.name))

const NOTHING_FOUND = { entries: [], next: null, lookedBackToMs: null }

const sendAudit = async (visit: Visit, query: AuditQuery): Promise<void> => {
  const { filter, errors } = await askedOf(visit, query)
  const before = beforeIn(visit.query['before'])
  const page =
    errors.length > 0
      ? NOTHING_FOUND
      : await visit.console.lists.audit.page(filter, before, ENTRIES_A_PAGE)
  const people = await peopleIn(visit, page.entries)
  const model: Model = {
    chain: await chainOf(visit),
    typed: query,
    isSearch: Object.keys(query).length > 0,
    groups: ACT_GROUPS,
    acts: AUDIT_ACTS,
    applications: applicationsOf(visit),
    entries: page.entries.map((entry) => shown(visit, entry, people)),
    lookedBackTo: iso(page.lookedBackToMs),
    firstHref: before === null ? null : hrefOf(query, null),
    nextHref: page.next === null ? null : hrefOf(query, page.next),
    exportAction: `${AUDIT_PATH}/export`,
    errors,
  }
  await sendConsolePage(visit, 'console/audit', model, { status: errors.length > 0 ? 422 : 200 })
}

/** `GET /admin/audit` */
export const showAudit = (visit: Visit): Promise<void> =>
  sendAudit(
    visit,
    auditQuery((name) => visit.query[name]),
  )

/** A search that cannot be exported is shown with what is wrong. */
export const showAuditAgain = sendAudit
