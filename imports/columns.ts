import type { ColumnPlan } from '../accounts/import_ports.ts'
import { PEOPLE_COLUMNS, type PeopleColumn, REQUIRED_COLUMNS } from '../accounts/person_row.ts'

/** A header as it is known again: whatever its accents, capitals, signs between words. */
export const headerKey = (header: string): string =>
  header
    .normalize('NFD')
    .replaceAll(/\p{M}/gu, '')
    .toLowerCase()
    .replaceAll('œ', 'oe')
    .replaceAll(/[^\p{L}\p{N}]+/gu, ' ')
    .trim()
    .slice(0, HEADER_LENGTH_MAX)

const HEADER_LENGTH_MAX = 100

/** What directories and spreadsheets of schools call our columns, as `headerKey` gives it. */
const KNOWN_NAMES: Readonly<Record<PeopleColumn, readonly string[]>> = {
  external_id: [
    'id externe',
    'identifiant externe',
    'identifiant unique',
    'numero interne',
    'numero eleve',
    'id ent',
    'id',
    'ine',
    'uid',
    'employee number',
    'student number',
    'student id',
  ],
  identifier: [
    'identifiant',
    'identifiant ent',
    'identifiant de connexion',
    'login',
    'login ent',
    'nom d utilisateur',
    'utilisateur',
    'compte',
    'username',
    'user name',
    'user',
    'account',
  ],
  user_type: [
    'profil',
    'type',
    'type d utilisateur',
    'categorie',
    'role',
    'user profile',
    'profile',
  ],
  given_name: ['prenom', 'prenoms', 'prenom usuel', 'prenom de l eleve', 'first name', 'firstname'],
  family_name: [
    'nom',
    'nom de famille',
    'nom usuel',
    'nom d usage',
    'nom de l eleve',
    'last name',
    'lastname',
    'surname',
  ],
  email: [
    'mail',
    'e mail',
    'courriel',
    'adresse mail',
    'adresse e mail',
    'adresse electronique',
    'email address',
  ],
  birth_date: [
    'date de naissance',
    'date naissance',
    'naissance',
    'ne le',
    'nee le',
    'ne e le',
    'date of birth',
    'birthdate',
    'birthday',
    'dob',
  ],
  establishments: [
    'etablissement',
    'etablissements',
    'code etablissement',
    'uai',
    'code uai',
    'rne',
    'code rne',
    'establishment',
    'school',
    'school code',
  ],
  classes: ['classe', 'division', 'divisions', 'code classe', 'libelle classe', 'class', 'form'],
  children: ['enfant', 'enfants', 'eleve', 'eleves', 'eleves rattaches', 'child', 'pupils'],
  locale: ['langue', 'language'],
  password: [
    'mot de passe',
    'mot de passe initial',
    'mot de passe provisoire',
    'mdp',
    'initial password',
  ],
  personal_password: ['mot de passe personnel'],
  password_hash: ['hash', 'empreinte', 'empreinte du mot de passe'],
}

const BY_NAME: ReadonlyMap<string, PeopleColumn> = new Map(
  PEOPLE_COLUMNS.flatMap((column) =>
    [headerKey(column), ...KNOWN_NAMES[column]].map((name): [string, PeopleColumn] => [
      name,
      column,
    ]),
  ),
)

export const isColumn = (name: string): name is PeopleColumn =>
  (PEOPLE_COLUMNS as readonly string[]).includes(name)

/** The column that a header is likely to be. */
export const likelyColumn = (header: string): PeopleColumn | null =>
  BY_NAME.get(headerKey(header)) ?? null

export type Remembered = ReadonlyMap<string, PeopleColumn | null>

/**
 * What each column of a file is likely to be: what it was said to be before, else what its name
 * means; of two for one, the first. Null: not used.
 */
export const proposeColumns = (
  header: readonly string[],
  remembered: Remembered,
): (PeopleColumn | null)[] => {
  const taken = new Set<PeopleColumn>()
  return header.map((name) => {
    const known = remembered.get(headerKey(name))
    const column = known === undefined ? likelyColumn(name) : known
    if (column === null || taken.has(column)) {
      return null
    }
    taken.add(column)
    return column
  })
}

/** What keeps a plan from being used. */
export type PlanFault =
  | { readonly code: 'missing'; readonly columns: readonly PeopleColumn[] }
  | { readonly code: 'twice'; readonly columns: readonly PeopleColumn[] }
  | { readonly code: 'fixed_and_column'; readonly columns: readonly PeopleColumn[] }

/** Columns that may hold for every line: the others say who somebody is. */
export const FIXED_COLUMNS = [
  'user_type',
  'establishments',
  'classes',
  'locale',
] as const satisfies readonly PeopleColumn[]

/** What is wrong with a plan; nothing: it can be used. */
export const faultsOfPlan = ({ columns, fixed }: ColumnPlan): PlanFault[] => {
  const used = columns.filter((column) => column !== null)
  const fixedColumns = Object.keys(fixed) as PeopleColumn[]
  const missing = REQUIRED_COLUMNS.filter(
    (column) => !used.includes(column) && !fixedColumns.includes(column),
  )
  const twice = used.filter((column, index) => used.indexOf(column) !== index)
  const both = fixedColumns.filter((column) => used.includes(column))
  const faults: PlanFault[] = [
    { code: 'missing', columns: missing },
    { code: 'twice', columns: twice },
    { code: 'fixed_and_column', columns: both },
  ]
  return faults.filter((fault) => fault.columns.length > 0)
}

/** Values of it are shown to nobody. */
export const isSecretColumn = (header: string, column: PeopleColumn | null): boolean =>
  (column !== null && SECRET_COLUMNS.has(column)) || SECRET_NAME.test(headerKey(header))

const SECRET_COLUMNS: ReadonlySet<PeopleColumn> = new Set([
  'password',
  'personal_password',
  'password_hash',
])
const SECRET_NAME = /pass|mdp|pwd|secret|hash|empreinte|\bpin\b/
