import { basename, resolve } from 'node:path'
import { type ImportEvent, type ImportReport, importPeople } from '../accounts/import_people.ts'
import type { LeaversScope } from '../accounts/leavers.ts'
import { headerKey } from '../imports/columns.ts'
import { fileProblemOf } from '../imports/file_problem.ts'
import { rowsOf } from '../imports/people_file.ts'
import { openTable, type TableFile } from '../imports/table_file.ts'
import { type Command, type Context, EXIT, texts, UsageError, type Values } from './command.ts'
import { fileProblem, type Output } from './output.ts'
import {
  type ChosenColumns,
  chooseColumns,
  type GivenColumns,
  readGivenColumns,
} from './people_columns.ts'
import { readEstablishment, readUserType } from './selection.ts'

const leaversScope = (values: Values): LeaversScope | null => {
  const establishment = readEstablishment(values)
  const userType = readUserType(values)
  if (values['leavers'] !== true) {
    if (establishment !== undefined || userType !== undefined) {
      throw new UsageError('--establishment and --user-type go with --leavers')
    }
    return null
  }
  if (establishment === undefined || userType === undefined) {
    throw new UsageError('--leavers needs --establishment and --user-type')
  }
  return { establishment, userType }
}

const DETAILS = {
  added: 'added',
  changed: 'changed',
  left: 'left, disabled',
  moved: 'left, not disabled, still in',
} as const

const eventLine = (event: ImportEvent): string | null => {
  if (event.outcome === 'rejected') {
    const who = event.identifier === null ? '' : `, "${event.identifier}"`
    return `line ${event.line}${who}: rejected: ${event.reason}`
  }
  if (event.outcome === 'unchanged') {
    return null
  }
  const where = event.line === null ? '' : `line ${event.line}, `
  return `${where}"${event.identifier}": ${DETAILS[event.outcome]}${facts(event)}`
}

const facts = (event: ImportEvent): string => {
  if (event.outcome === 'moved') {
    return ` ${event.establishments.join(', ')}`
  }
  return event.outcome === 'changed' ? `: ${event.columns.join(', ')}` : ''
}

const ALWAYS_LISTED: ReadonlySet<ImportEvent['outcome']> = new Set(['rejected', 'left', 'moved'])

/** Lists what matters as it comes; machines get all of it with the report. */
const listener = (out: Output, file: TableFile, details: boolean) => {
  const events: ImportEvent[] = []
  let done = 0
  return {
    events,
    on: (event: ImportEvent): void => {
      done += event.line === null ? 0 : 1
      const line = details || ALWAYS_LISTED.has(event.outcome) ? eventLine(event) : null
      if (line !== null && out.json) {
        events.push(event)
      } else if (line !== null) {
        out.line(line)
      }
      out.progress(done, file.count)
    },
  }
}

const summarise = (out: Output, report: ImportReport, dryRun: boolean): void => {
  const { added, changed, unchanged, rejected, left, moved, disabled } = report
  out.line(
    `${added} added, ${changed} changed, ${unchanged} unchanged, ${rejected} rejected, ${left} left`,
  )
  if (moved > 0) {
    out.line(`${moved} left this establishment and stay in others`)
  }
  if (disabled > 0) {
    out.line(`${disabled} of them disabled, and stay so (see people enable)`)
  }
  if (dryRun) {
    out.line('Dry run: nothing was written')
  }
}

/** What the console decided is said, so that nobody is surprised by it. */
const sayRemembered = (out: Output, names: readonly string[]): void => {
  if (names.length > 0) {
    out.line(`Columns read as last chosen in the console: ${names.join(', ')}`)
  }
}

/** What was chosen in the console is asked for where the file does not tell by itself. */
const columnsOf = async (
  context: Context,
  { header }: TableFile,
  given: GivenColumns,
): Promise<ChosenColumns> => {
  const bare = chooseColumns(header, given, new Map())
  if (bare.ok || !bare.unknown) {
    return bare
  }
  const { store } = (await context.core()).deps
  return chooseColumns(header, given, await store.importMappings.of(header.map(headerKey)))
}

const run = async (context: Context): Promise<0 | 1> => {
  const { values, positionals, out, by, cwd } = context
  const [path = ''] = positionals
  const leavers = leaversScope(values)
  const given = readGivenColumns(texts(values, 'map'), texts(values, 'set'))
  const opened = await openTable(resolve(cwd, path))
  if (!opened.ok) {
    out.problem(fileProblem(path, opened.problem))
    return EXIT.refused
  }
  const { table: file } = opened
  const chosen = await columnsOf(context, file, given)
  if (!chosen.ok) {
    out.problem(fileProblem(path, { line: file.headerLine, message: chosen.message }))
    return EXIT.refused
  }
  if (file.count === 0) {
    out.problem(fileProblem(path, fileProblemOf('nobody')))
    return EXIT.refused
  }
  sayRemembered(out, chosen.remembered)
  const { deps, endEverything } = await context.core()
  const dryRun = values['dry-run'] === true
  const { on, events } = listener(out, file, values['details'] === true)
  const report = await importPeople(deps, rowsOf(resolve(cwd, path), file, chosen.plan), {
    dryRun,
    leavers,
    by,
    source: basename(path),
    on,
    endEverything,
  })
  if (report.leaversRefused !== null) {
    out.problem({ where: path, message: `nobody was disabled: ${report.leaversRefused}` })
  }
  summarise(out, report, dryRun)
  const { encoding, delimiter } = file
  const { leaversRefused, ...counts } = report
  out.data({
    file: path,
    encoding,
    delimiter,
    dry_run: dryRun,
    ...counts,
    leavers_refused: leaversRefused,
    lines: events,
  })
  return report.rejected > 0 || report.leaversRefused !== null ? EXIT.refused : EXIT.ok
}

export const peopleImport: Command = {
  name: 'people import',
  usage:
    'FILE.csv [--dry-run] [--details] [--map "NAME=column"]... [--set column=VALUE]... ' +
    '[--leavers --establishment UAI --user-type TYPE]',
  summary: 'adds and changes people from a CSV file',
  options: {
    'dry-run': { type: 'boolean' },
    details: { type: 'boolean' },
    map: { type: 'string', multiple: true },
    set: { type: 'string', multiple: true },
    leavers: { type: 'boolean' },
    establishment: { type: 'string' },
    'user-type': { type: 'string' },
  },
  positionals: [1, 1],
  run,
}
