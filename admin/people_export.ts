import { Readable } from 'node:stream'
import { stringify } from 'csv-stringify/sync'
import { auditEntry } from '../accounts/audit.ts'
import type { PeopleFilter, PersonListed } from '../accounts/people_search.ts'
import { csvCell } from '../cards/csv_cell.ts'
import { scopeOf } from '../policies/admin_rights.ts'
import { filterQuery, filterText, readPeopleFilter } from './people_filter.ts'
import type { Visit } from './visit.ts'

/** Memory holds as many. */
const PEOPLE_AT_ONCE = 500
const LAYOUT = { delimiter: ';', record_delimiter: 'windows' } as const

/** The columns of the file, and what stands in them; lists with a space between. */
const COLUMNS: Readonly<Record<string, (person: PersonListed) => string>> = {
  identifier: ({ identifier }) => identifier,
  family_name: ({ familyName }) => familyName,
  given_name: ({ givenName }) => givenName,
  user_type: ({ userType }) => userType,
  establishments: ({ establishments }) => establishments.join('|'),
  classes: ({ classes }) => classes.join('|'),
  protection: ({ protection }) => protection ?? '',
  password: ({ password }) => password,
  pin: ({ pin }) => pin,
  otp_key: ({ hasOtpKeys }) => (hasOtpKeys ? 'yes' : ''),
  disabled_at: ({ disabledAt }) => (disabledAt === null ? '' : new Date(disabledAt).toISOString()),
  role: ({ role }) => role ?? '',
}

/** Somebody as a row; what a spreadsheet would work out is text. */
const rowOf = (person: PersonListed): string[] =>
  Object.values(COLUMNS).map((cell) => csvCell(cell(person)))

async function* rowsOf({ console }: Visit, filter: PeopleFilter): AsyncGenerator<string> {
  yield `\ufeff${stringify([Object.keys(COLUMNS)], LAYOUT)}`
  let after: string | null = null
  do {
    const page = await console.lists.people.page(filter, after, PEOPLE_AT_ONCE)
    if (page.people.length > 0) {
      yield stringify(page.people.map(rowOf), LAYOUT)
    }
    after = page.next
  } while (after !== null)
}

/** `GET /admin/people/export`: whoever matches, as a file for a spreadsheet. */
export const exportPeople = async (visit: Visit): Promise<void> => {
  const { ctx, query, who, by, console, origin } = visit
  const { deps } = console.site
  const { q, ...rest } = filterQuery(query)
  // What was searched may be a name, and names are no facts for the audit.
  const detail = { filter: filterText(rest), searched: q !== undefined }
  await deps.store.audit.append(
    auditEntry(deps, { act: 'people_exported', actor: by, sub: null, origin, detail }),
  )
  ctx.type = 'text/csv; charset=utf-8'
  ctx.attachment('people.csv')
  ctx.body = Readable.from(rowsOf(visit, readPeopleFilter(query, scopeOf(who))))
}
