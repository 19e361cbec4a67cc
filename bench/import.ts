/**
 * `npm run bench -- --import`: what it takes to import 100,000 people, by the command line and as the
 * console does it, each as a dry run and in earnest; a tenth of them with initial passwords; and how
 * long the sign-in page of a gateway beside it takes meanwhile.
 */
import { setTimeout as after } from 'node:timers/promises'
import { visitUntil } from './beside.ts'
import { openPremises, type Premises } from './premises.ts'
import { markdownTable, quantile } from './report.ts'

const PEOPLE = 100_000
const WITH_PASSWORDS = PEOPLE / 10
const QUIET_MS = 5000
const ESTABLISHMENTS = 20
const CLASSES = 25

const HEADER =
  'external_id,identifier,user_type,given_name,family_name,email,establishments,classes,children'

const line = (nth: number): string => {
  const type = nth % 2 === 0 ? 'student' : 'guardian'
  const uai = `075${String(nth % ESTABLISHMENTS).padStart(4, '0')}A`
  return [
    `X${nth}`,
    `prenom.nom-de-famille${nth}`,
    type,
    `Prénom${(nth * 7919) % 997}`,
    `Nom-De-Famille${(nth * 104_729) % 9973}`,
    `p${nth}@familles.example`,
    uai,
    type === 'student' ? `${3 + (nth % 4)}e ${nth % CLASSES}` : '',
    type === 'guardian' ? `X${nth - 1}` : '',
  ].join(',')
}

const fileOf = (count: number, password: boolean): string =>
  [
    `${HEADER}${password ? ',password' : ''}`,
    ...Array.from({ length: count }, (_, nth) =>
      password ? `${line(nth)},Secret-${nth}` : line(nth),
    ),
    '',
  ].join('\n')

interface Row {
  readonly name: string
  readonly people: number
  readonly seconds: number
  readonly peakMib: number | null
}

const byCommand = async (
  premises: Premises,
  name: string,
  people: number,
  ...args: string[]
): Promise<Row> => {
  const startedAt = performance.now()
  const { code, output } = await premises.vestibule('people', 'import', ...args)
  if (code !== 0) throw new Error(output)
  return { name, people, seconds: (performance.now() - startedAt) / 1000, peakMib: null }
}

interface Took {
  readonly checkSeconds: number
  readonly importSeconds: number
  readonly peakMib: number
}

const asTheConsole = async (premises: Premises, file: string): Promise<Row[]> => {
  const { child, output } = premises.run(['bench/import_school.ts', premises.folder, file])
  const { code } = await child.ended
  if (code !== 0) throw new Error(output())
  const took = JSON.parse(output().trim().split('\n').at(-1) ?? '') as Took
  const more = { people: PEOPLE, peakMib: took.peakMib }
  return [
    { ...more, name: 'console, dry run', seconds: took.checkSeconds },
    { ...more, name: 'console, import', seconds: took.importSeconds },
  ]
}

/** Runs it on premises of its own. */
const onPremises = async <T>(act: (premises: Premises) => Promise<T>): Promise<T> => {
  const premises = await openPremises({ log_level: 'fatal' })
  try {
    return await act(premises)
  } finally {
    await premises.close()
  }
}

const commandLine = (): Promise<Row[]> =>
  onPremises(async (premises) => {
    const file = premises.file('people.csv', fileOf(PEOPLE, false))
    const initial = premises.file('initial.csv', fileOf(WITH_PASSWORDS, true))
    return [
      await byCommand(premises, 'command line, dry run', PEOPLE, file, '--dry-run'),
      await byCommand(premises, 'command line, import', PEOPLE, file),
      await byCommand(premises, 'command line, import again', PEOPLE, file),
      await byCommand(premises, 'command line, initial passwords', WITH_PASSWORDS, initial),
    ]
  })

const beside = (): Promise<{ rows: Row[]; quiet: number[]; waited: number[] }> =>
  onPremises(async (premises) => {
    const file = premises.file('people.csv', fileOf(PEOPLE, false))
    await premises.gateway()
    const quiet = await visitUntil(premises, after(QUIET_MS))
    const importing = asTheConsole(premises, file)
    const waited = await visitUntil(premises, importing)
    return { rows: await importing, quiet, waited }
  })

const console = (): Promise<Row[]> =>
  onPremises((premises) =>
    asTheConsole(premises, premises.file('people.csv', fileOf(PEOPLE, false))),
  )

/** The report, as Markdown or as JSON. */
export const measureImport = async (json: boolean): Promise<string> => {
  const alone = [...(await commandLine()), ...(await console())]
  const { rows, quiet, waited } = await beside()
  const all = [...alone, ...rows.map((row) => ({ ...row, name: `${row.name}, gateway beside` }))]
  const ms = (values: readonly number[], q: number) => String(quantile(values, q, 1))
  return json
    ? JSON.stringify({ rows: all, quiet, waited })
    : [
        '# Import of people\n',
        markdownTable(
          ['', 'people', 'seconds', 'peak of memory (RSS), MiB'],
          all.map((row) => [
            row.name,
            String(row.people),
            row.seconds.toFixed(1),
            String(row.peakMib ?? ''),
          ]),
        ),
        '\nThe sign-in page of a gateway beside it (ms):\n',
        markdownTable(
          ['', 'pages', 'p50', 'p99', 'longest'],
          [
            ['before', String(quiet.length), ms(quiet, 0.5), ms(quiet, 0.99), ms(quiet, 1)],
            ['meanwhile', String(waited.length), ms(waited, 0.5), ms(waited, 0.99), ms(waited, 1)],
          ],
        ),
      ].join('\n')
}
