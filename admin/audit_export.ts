import { Readable } from 'node:stream'
import { stringify } from 'csv-stringify/sync'
import { auditEntry } from '../accounts/audit.ts'
import type { AuditFilter, AuditListed } from '../accounts/audit_search.ts'
import { csvCell } from '../cards/csv_cell.ts'
import { type AuditQuery, askedOf, auditQuery, showAuditAgain } from './audit.ts'
import type { Visit } from './visit.ts'

/** Read and written together: what an export needs does not grow with it. */
const ENTRIES_AT_ONCE = 500
/** As cards are written: what a French spreadsheet expects. */
const LAYOUT = { delimiter: ';', record_delimiter: 'windows' } as const
const BOM = '\ufeff'

const COLUMNS = [
  'seq',
  'time',
  'act',
  'outcome',
  'sub',
  'identifier',
  'actor',
  'application',
  'network',
  'browser',
  'detail',
] as const

interface Exported {
  readonly entry: AuditListed
  readonly identifier: string | null
}

const timeOf = (ms: number): string => new Date(ms).toISOString()

const csvRow = ({ entry, identifier }: Exported): string[] => [
  String(entry.seq),
  timeOf(entry.atMs),
  ...[
    entry.act,
    entry.outcome,
    entry.sub ?? '',
    identifier ?? '',
    entry.actor ?? '',
    entry.clientId ?? '',
    entry.network ?? '',
    entry.browserId ?? '',
    JSON.stringify(entry.detail),
  ].map(csvCell),
]

const jsonLine = ({ entry, identifier }: Exported): string => {
  const { atMs, clientId, browserId, ...rest } = entry
  const line = {
    ...rest,
    time: timeOf(atMs),
    identifier,
    client_id: clientId,
    browser_id: browserId,
  }
  return `${JSON.stringify(line)}\n`
}

interface Format {
  readonly type: string
  readonly ending: string
  readonly head: string
  readonly write: (entries: readonly Exported[]) => string
}

const FORMATS: Readonly<Record<'csv' | 'jsonl', Format>> = {
  csv: {
    type: 'text/csv; charset=utf-8',
    ending: 'csv',
    head: `${BOM}${stringify([[...COLUMNS]], LAYOUT)}`,
    write: (entries) => stringify(entries.map(csvRow), LAYOUT),
  },
  jsonl: {
    type: 'application/jsonl; charset=utf-8',
    ending: 'jsonl',
    head: '',
    write: (entries) => entries.map(jsonLine).join(''),
  },
}

const withIdentifiers = async (
  { console }: Visit,
  entries: readonly AuditListed[],
): Promise<Exported[]> => {
  const subs = [...new Set(entries.map(({ sub }) => sub))].filter((one) => one !== null)
  const found = subs.length === 0 ? [] : await console.site.deps.store.accounts.bySubs(subs)
  const identifiers = new Map(found.map(({ sub, identifier }) => [sub, identifier]))
  return entries.map((entry) => ({ entry, identifier: identifiers.get(entry.sub ?? '') ?? null }))
}

/** Page by page, at the pace of whoever takes it. */
async function* written(visit: Visit, filter: AuditFilter, format: Format): AsyncGenerator<string> {
  if (format.head !== '') {
    yield format.head
  }
  let before: number | null = null
  do {
    const page = await visit.console.lists.audit.page(filter, before, ENTRIES_AT_ONCE)
    const text = format.write(await withIdentifiers(visit, page.entries))
    if (text !== '') {
      yield text
    }
    before = page.next
  } while (before !== null)
}

/** What was asked for, for the audit: days, acts and outcome as typed, people by their `sub`. */
const factsOf = (query: AuditQuery, filter: AuditFilter): Record<string, string> => {
  const { person: _, actor: __, ...typed } = query
  return {
    ...typed,
    ...(filter.sub === undefined ? {} : { person: filter.sub }),
    ...(filter.actor === undefined ? {} : { by: filter.actor }),
  }
}

/** `POST /admin/audit/export`: all that a search finds, as a file. */
export const exportAudit = async (visit: Visit): Promise<void> => {
  const { ctx, console, form, by, origin } = visit
  const { deps } = console.site
  const query = auditQuery((name) => form.text(name))
  const { filter, errors } = await askedOf(visit, query)
  if (errors.length > 0) {
    await showAuditAgain(visit, query)
    return
  }
  const format = FORMATS[form.text('format') === 'jsonl' ? 'jsonl' : 'csv']
  const detail = { format: format.ending, ...factsOf(query, filter) }
  await deps.store.audit.append(
    auditEntry(deps, { act: 'audit_exported', actor: by, origin, detail }),
  )
  ctx.type = format.type
  ctx.attachment(`audit-${timeOf(deps.clock()).slice(0, 10)}.${format.ending}`)
  ctx.body = Readable.from(written(visit, filter, format))
}
