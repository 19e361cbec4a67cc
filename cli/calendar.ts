import { basename, resolve } from 'node:path'
import { removeCalendar, saveCalendar } from '../accounts/calendars.ts'
import type { HolidayProblem, NamedHoliday } from '../accounts/holiday.ts'
import { holidayDoubts } from '../accounts/holiday_doubts.ts'
import type { SchoolCalendar } from '../accounts/ports.ts'
import { decodedText, NOT_TEXT, readBounded } from './bounded_file.ts'
import { type Command, type Context, EXIT, type Exit, UsageError } from './command.ts'
import { fileProblem, many, table, time } from './output.ts'
import { readEstablishment } from './selection.ts'

const FILE_BYTES_MAX = 1_000_000

/** More of them say nothing new: the file is another one, or written in another way. */
const PROBLEMS_SAID_MAX = 10

const requiredEstablishment = (context: Context): string => {
  const code = readEstablishment(context.values)
  if (code === undefined) {
    throw new UsageError('Say whose calendar it is: --establishment UAI')
  }
  return code
}

/** Days as people check them. */
const rows = (holidays: readonly Pick<NamedHoliday, 'first' | 'last'>[]) =>
  holidays.map(({ first, last }) => [`  ${first}`, first === last ? '' : last])

const sayHolidays = (context: Context, holidays: readonly NamedHoliday[]): void => {
  table(rows(holidays).map((cells, index) => [...cells, holidays[index]?.name ?? ''])).forEach(
    context.out.line,
  )
}

interface Read {
  readonly holidays: readonly NamedHoliday[]
  readonly skipped: number
}

const sayProblems = ({ out }: Context, path: string, problems: readonly HolidayProblem[]): void => {
  for (const problem of problems.slice(0, PROBLEMS_SAID_MAX)) {
    out.problem(fileProblem(path, problem))
  }
  const more = problems.length - PROBLEMS_SAID_MAX
  if (more > 0) {
    out.problem({ where: path, message: `and ${more} more` })
  }
}

/** Null when the file cannot be taken, which was said. */
const read = async (context: Context, path: string): Promise<Read | null> => {
  const { cwd, out } = context
  const file = await readBounded(resolve(cwd, path), FILE_BYTES_MAX)
  const content = file.ok ? decodedText(file.bytes) : null
  if (content === null) {
    out.problem({ where: path, message: file.ok ? NOT_TEXT : file.message })
    return null
  }
  const { deps } = await context.core()
  // Loaded here only: no other command reads calendars.
  const { readHolidayFile } = await import('../accounts/holiday_file.ts')
  const result = readHolidayFile(content, {
    timeZone: deps.timeZone,
    nowMs: deps.clock(),
  })
  if (!result.ok) {
    sayProblems(context, path, result.problems)
    return null
  }
  return result
}

/** Nobody may be there yet, or the code was mistyped: it is kept all the same. */
const warnOfNobody = async (context: Context, establishment: string): Promise<void> => {
  const { deps } = await context.core()
  const people = await deps.store.people.count({ establishment })
  if (Object.values(people).every((count) => count === 0)) {
    const message = `nobody is in the establishment ${establishment}: is the code right?`
    context.out.problem({ where: 'WARNING', message })
  }
}

const importFile = async (context: Context): Promise<Exit> => {
  const { values, positionals, out, by } = context
  const [path = ''] = positionals
  const establishment = requiredEstablishment(context)
  const dryRun = values['dry-run'] === true
  const found = await read(context, path)
  if (found === null) {
    return EXIT.refused
  }
  const { holidays, skipped } = found
  sayHolidays(context, holidays)
  if (skipped > 0) {
    out.line(`${skipped} left out: called off, or over before a day of school`)
  }
  for (const message of holidayDoubts(holidays)) {
    out.problem({ where: 'WARNING', message })
  }
  await warnOfNobody(context, establishment)
  if (!dryRun) {
    const { deps } = await context.core()
    const days = holidays.map(({ first, last }) => [first, last] as const)
    await saveCalendar(deps, establishment, days, by)
  }
  out.line(
    dryRun
      ? 'Dry run: nothing was written'
      : `${many(holidays.length, 'holiday is', 'holidays are')} the calendar of ${establishment} now`,
  )
  out.data({ dry_run: dryRun, establishment, file: basename(path), skipped, holidays })
  return EXIT.ok
}

const sayCalendar = (context: Context, { establishment, atMs, by, days }: SchoolCalendar): void => {
  context.out.line(`${establishment}, of ${time(atMs)} by ${by}`)
  table(rows(days.map(([first, last]) => ({ first, last })))).forEach(context.out.line)
}

const show = async (context: Context): Promise<Exit> => {
  const { out } = context
  const establishment = readEstablishment(context.values)
  const { deps } = await context.core()
  const calendars =
    establishment === undefined
      ? await deps.store.calendars.list()
      : await deps.store.calendars.find([establishment])
  if (calendars.length === 0 && establishment !== undefined) {
    out.problem({ where: establishment, message: 'has no calendar' })
    return EXIT.refused
  }
  if (calendars.length === 0) {
    out.line('No calendars')
  }
  for (const calendar of calendars) {
    sayCalendar(context, calendar)
  }
  out.data(
    calendars.map(({ establishment: code, atMs, by, days }) => ({
      establishment: code,
      saved: time(atMs),
      by,
      holidays: days.map(([first, last]) => ({ first, last })),
    })),
  )
  return EXIT.ok
}

const remove = async (context: Context): Promise<Exit> => {
  const { out, by } = context
  const establishment = requiredEstablishment(context)
  const { deps } = await context.core()
  if (!(await removeCalendar(deps, establishment, by))) {
    out.problem({ where: establishment, message: 'has no calendar' })
    return EXIT.refused
  }
  out.line(`${establishment} has no calendar any more`)
  out.data({ establishment, removed: true })
  return EXIT.ok
}

const ESTABLISHMENT = { establishment: { type: 'string' } } as const

export const calendarImport: Command = {
  name: 'calendar import',
  usage: 'FILE --establishment UAI [--dry-run]',
  summary: 'sets the holidays of an establishment, from an ICS file or a list of dates',
  options: { ...ESTABLISHMENT, 'dry-run': { type: 'boolean' } },
  positionals: [1, 1],
  run: importFile,
}

export const calendarShow: Command = {
  name: 'calendar show',
  usage: '[--establishment UAI]',
  summary: 'lists holidays',
  options: ESTABLISHMENT,
  positionals: [0, 0],
  run: show,
}

export const calendarRemove: Command = {
  name: 'calendar remove',
  usage: '--establishment UAI',
  summary: 'forgets the holidays of an establishment',
  options: ESTABLISHMENT,
  positionals: [0, 0],
  run: remove,
}
