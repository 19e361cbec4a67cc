import type { Person } from '../accounts/account.ts'
import type { AccountRow } from './schema.ts'

/** A column that holds a list of texts. */
export const list = (json: string): string[] => JSON.parse(json) as string[]

/** What the directory says of somebody, as it is read. */
export const personOf = (row: AccountRow): Person => ({
  externalId: row.external_id,
  identifier: row.identifier,
  userType: row.user_type,
  givenName: row.given_name,
  familyName: row.family_name,
  email: row.email,
  birthDate: row.birth_date,
  establishments: list(row.establishments),
  classes: list(row.classes),
  children: list(row.children),
  locale: row.locale,
})
