import type { ImportFile, ImportPlan } from '../accounts/import_ports.ts'
import type { LeaversScope } from '../accounts/leavers.ts'
import { PEOPLE_COLUMNS, type PeopleColumn, REQUIRED_COLUMNS } from '../accounts/person_row.ts'
import { startCheck } from '../imports/acts.ts'
import {
  faultsOfPlan,
  headerKey,
  isColumn,
  type PlanFault,
  proposeColumns,
} from '../imports/columns.ts'
import { samplesOf } from '../imports/people_file.ts'
import type { Fields } from '../interactions/form.ts'
import { isEstablishmentCode } from '../policies/establishment.ts'
import { USER_TYPES, type UserType } from '../policies/user_type.ts'
import type { ConsoleError } from '../views/console/pages.ts'
import { fileOfVisit, IMPORTS_PATH, importHref } from './imports.ts'
import { goTo, sendConsolePage, type Visit } from './visit.ts'

const fieldOf = (index: number): string => `column_${index}`

const DELIMITERS = { ',': 'comma', ';': 'semicolon', '\t': 'tab' } as const

const typedOf = (plan: ImportPlan): Record<string, string> => ({
  fixed_user_type: plan.fixed.user_type ?? '',
  fixed_establishments: plan.fixed.establishments ?? '',
  ...(plan.leavers !== null && {
    leavers: 'yes',
    leavers_establishment: plan.leavers.establishment,
    leavers_type: plan.leavers.userType,
  }),
})

const send = async (
  visit: Visit,
  file: ImportFile,
  columns: readonly (PeopleColumn | null)[],
  typed: Readonly<Record<string, string>>,
  errors: readonly ConsoleError[] = [],
): Promise<void> => {
  const { console } = visit
  const { layout } = file
  const remembered = await console.site.deps.store.importMappings.of(layout.header.map(headerKey))
  const samples = await samplesOf(console.imports.folder.pathOf(file.id), layout, columns)
  await sendConsolePage(
    visit,
    'console/imports_columns',
    {
      name: file.name,
      lines: layout.count,
      encoding: layout.encoding,
      delimiter: DELIMITERS[layout.delimiter],
      action: importHref(file, '/columns'),
      discardAction: importHref(file, '/discard'),
      backHref: IMPORTS_PATH,
      columns: layout.header.map((header, index) => ({
        field: fieldOf(index),
        header,
        samples: samples[index] ?? [],
        chosen: columns[index] ?? '',
        remembered: remembered.get(headerKey(header)) === columns[index],
      })),
      known: PEOPLE_COLUMNS,
      required: REQUIRED_COLUMNS,
      userTypes: USER_TYPES,
      typed,
      errors,
    },
    { status: errors.length > 0 ? 422 : 200 },
  )
}

/** `GET /admin/imports/:id/columns` */
export const showColumns = async (visit: Visit): Promise<void> => {
  const file = await fileOfVisit(visit)
  if (file.removedAt !== null || file.importJob !== null) {
    return goTo(visit, IMPORTS_PATH, { key: 'console.imports.errors.too_late' })
  }
  const { header } = file.layout
  const { store } = visit.console.site.deps
  const columns =
    file.plan?.columns ??
    proposeColumns(header, await store.importMappings.of(header.map(headerKey)))
  await send(visit, file, columns, file.plan === null ? {} : typedOf(file.plan))
}

interface Read {
  readonly plan: ImportPlan
  readonly errors: readonly ConsoleError[]
}

const code = (text: string): string => text.trim().toUpperCase()

const isUserType = (text: string): text is UserType =>
  (USER_TYPES as readonly string[]).includes(text)

const readLeavers = (form: Fields): { scope: LeaversScope | null; errors: ConsoleError[] } => {
  if (!form.ticked('leavers')) {
    return { scope: null, errors: [] }
  }
  const establishment = code(form.text('leavers_establishment'))
  const userType = form.text('leavers_type')
  const errors: ConsoleError[] = []
  if (!isEstablishmentCode(establishment)) {
    errors.push({ field: 'leavers_establishment', key: 'console.imports.errors.establishment' })
  }
  if (!isUserType(userType)) {
    errors.push({ field: 'leavers_type', key: 'console.imports.errors.leavers_type' })
  }
  const scope = isUserType(userType) && errors.length === 0 ? { establishment, userType } : null
  return { scope, errors }
}

/** The errors of a fault, each beside a field that can mend it. */
const errorsOf = (
  { code: fault, columns }: PlanFault,
  chosen: readonly (PeopleColumn | null)[],
): ConsoleError[] =>
  columns.map((column) => {
    const at = chosen.lastIndexOf(column)
    if (fault === 'missing') {
      const field = column === 'user_type' ? 'fixed_user_type' : fieldOf(0)
      return { field, key: `console.imports.errors.missing.${column}` }
    }
    return fault === 'twice'
      ? { field: fieldOf(at), key: 'console.imports.errors.twice' }
      : { field: `fixed_${column}`, key: 'console.imports.errors.fixed_and_column' }
  })

const readPlan = (form: Fields, { layout }: ImportFile): Read => {
  const columns = layout.header.map((_, index) => {
    const name = form.text(fieldOf(index))
    return isColumn(name) ? name : null
  })
  const userType = form.text('fixed_user_type')
  const establishment = code(form.text('fixed_establishments'))
  const fixed = {
    ...(isUserType(userType) && { user_type: userType }),
    ...(establishment !== '' && { establishments: establishment }),
  }
  const { scope, errors } = readLeavers(form)
  const plan: ImportPlan = { columns, fixed, leavers: scope }
  const odd = establishment !== '' && !isEstablishmentCode(establishment)
  return {
    plan,
    errors: [
      ...faultsOfPlan(plan).flatMap((fault) => errorsOf(fault, columns)),
      ...(odd
        ? [{ field: 'fixed_establishments', key: 'console.imports.errors.establishment' }]
        : []),
      ...errors,
    ],
  }
}

/** `POST /admin/imports/:id/columns` */
export const chooseColumns = async (visit: Visit): Promise<void> => {
  const file = await fileOfVisit(visit)
  if (file.removedAt !== null || file.importJob !== null) {
    return goTo(visit, IMPORTS_PATH, { key: 'console.imports.errors.too_late' })
  }
  const { plan, errors } = readPlan(visit.form, file)
  if (errors.length > 0) {
    return send(visit, file, plan.columns, visit.form.all(), errors)
  }
  const job = await startCheck(visit.console.site.deps, file, plan, visit.by)
  visit.console.jobs.wake()
  await (job === null
    ? goTo(visit, IMPORTS_PATH, { key: 'console.imports.errors.too_late' })
    : goTo(visit, importHref(file, '/check')))
}
