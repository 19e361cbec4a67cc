import { type Administrator, type Right, scopeOf } from '../policies/admin_rights.ts'
import type { Account } from './account.ts'
import type { Job } from './job_ports.ts'
import type { Acted, ActOptions, PeopleActName } from './people_act.ts'
import type { PeopleFilter, PeopleSearch, Stretch } from './people_search.ts'
import type { Tables } from './ports.ts'
import { administratorWith, whyForbidden } from './target.ts'

/** Whom a job is for. */
export type JobPeople =
  /** Everybody of a filter; whom the administrator reaches is looked up when it runs. */
  | { readonly all: true; readonly filter: Omit<PeopleFilter, 'scope'> }
  | { readonly all: false; readonly subs: readonly string[] }

/** What a job on people is asked to do. JSON. */
export interface PeopleJobParams {
  readonly people: JobPeople
  /** How many there were on the page that asked. */
  readonly confirmed: number
  readonly options: ActOptions
}

/** How far it is. JSON. */
export interface PeopleCursor {
  /** Where the next people begin; null: at the beginning. */
  readonly after: string | null
  /** All are done. */
  readonly over?: true
}

export const paramsOf = ({ params }: Pick<Job, 'params'>): PeopleJobParams =>
  params as unknown as PeopleJobParams

export const cursorOf = ({ cursor }: Pick<Job, 'cursor'>): PeopleCursor =>
  (cursor as unknown as PeopleCursor | null) ?? { after: null }

/** More people than were confirmed: not many may have come in between. */
const MORE_PART = 0.01

export const isTooMany = (people: number, confirmed: number): boolean =>
  people > confirmed + Math.ceil(confirmed * MORE_PART)

/** Reads beside the writers. */
export type JobReads = Pick<PeopleSearch, 'walk' | 'count'>

const filterOf = (people: Extract<JobPeople, { all: true }>, who: Administrator): PeopleFilter => ({
  ...people.filter,
  scope: scopeOf(who),
})

/** Some people of a job, and where the next ones begin; null: these were the last. */
export interface JobStretch {
  readonly subs: readonly string[]
  readonly next: string | null
}

export type NextPeople = (
  people: JobPeople,
  who: Administrator,
  after: string | null,
  limit: number,
) => Promise<JobStretch>

/** Read together: what it takes to find out how they are best read is worth it. */
const AHEAD = 2_000

/** The first ones of a stretch, and the rest of it. */
const split = ({ subs, ats, next }: Stretch, limit: number): [JobStretch, Stretch] => {
  const first = subs.slice(0, limit)
  const rest = { subs: subs.slice(limit), ats: ats.slice(limit), next }
  const goesOnAt = rest.subs.length === 0 ? next : (ats[first.length - 1] ?? null)
  return [{ subs: first, next: goesOnAt }, rest]
}

const named = (subs: readonly string[], after: string | null, limit: number): JobStretch => {
  const rest = subs.filter((sub) => after === null || sub > after).sort()
  return split({ subs: rest, ats: rest, next: null }, limit)[0]
}

/**
 * Reads the people of a job, some of them ahead. Each of them is looked at again when it is their
 * turn; only what else a filter asks for may have changed in that moment.
 */
export const createNextPeople = (reads: JobReads): NextPeople => {
  let ahead: { readonly at: string; readonly rest: Stretch } | null = null
  return async (people, who, after, limit) => {
    if (!people.all) {
      return named(people.subs, after, limit)
    }
    const filter = filterOf(people, who)
    const keyAt = (at: string | null): string => JSON.stringify([filter, at])
    const isRead = ahead !== null && ahead.at === keyAt(after) && ahead.rest.subs.length > 0
    const read = isRead && ahead !== null ? ahead.rest : await reads.walk(filter, after, AHEAD)
    const [stretch, rest] = split(read, limit)
    ahead = { at: keyAt(stretch.next), rest }
    return stretch
  }
}

export const countPeople = async (
  reads: JobReads,
  people: JobPeople,
  who: Administrator,
): Promise<number> => (people.all ? reads.count(filterOf(people, who)) : people.subs.length)

export const rightFor = (act: PeopleActName): Right =>
  act === 'erase' ? 'erase_people' : 'act_on_people'

/** Who asked for a job, as they are now; null: they may no more. */
export const askerOf = (
  tables: Pick<Tables, 'roles' | 'accounts'>,
  by: string,
  act: PeopleActName,
): Promise<Administrator | null> => administratorWith(tables, by, rightFor(act))

/** People of a chunk as they are in its transaction: those to act on, and why not the others. */
export const sortOut = async (
  tables: Tables,
  who: Administrator,
  subs: readonly string[],
  { onDisabled }: { readonly onDisabled: boolean },
): Promise<{ readonly accounts: readonly Account[]; readonly refused: readonly Acted[] }> => {
  const found = new Map((await tables.accounts.bySubs(subs)).map((one) => [one.sub, one]))
  const accounts: Account[] = []
  const refused: Acted[] = []
  for (const sub of subs) {
    const account = found.get(sub)
    if (account === undefined) {
      refused.push({ sub, outcome: 'gone' })
      continue
    }
    const why = await whyForbidden(tables, who, account)
    if (why !== null) {
      refused.push({ sub, outcome: why })
    } else if (account.disabledAt !== null && !onDisabled) {
      refused.push({ sub, outcome: 'disabled' })
    } else {
      accounts.push(account)
    }
  }
  return { accounts, refused }
}
