import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { DATABASE_FILE } from '../../adapters/open.ts'

/** Counts that are equal at any moment. */
export const CHANGED_PASSWORDS = [
  `SELECT count(*) FROM accounts WHERE password_origin = 'personal'`,
  `SELECT count(*) FROM notices WHERE code = 'password_changed'`,
  `SELECT count(*) FROM audit_log WHERE act = 'password_changed'`,
]
export const DEFINED_PINS = [
  'SELECT count(*) FROM accounts WHERE pin_sealed IS NOT NULL',
  `SELECT count(*) FROM accounts WHERE protection = 'pin'`,
  `SELECT count(*) FROM notices WHERE code = 'pin_defined'`,
  `SELECT count(*) FROM audit_log WHERE act = 'pin_defined'`,
]
export const ADDED_PEOPLE = [
  'SELECT count(*) FROM accounts',
  'SELECT count(*) FROM identifier_history',
  'SELECT count(*) FROM accounts WHERE password_sealed IS NOT NULL AND import_mark IS NOT NULL',
  `SELECT count(*) FROM audit_log WHERE act = 'person_added'`,
]

/** One statement sees one moment of the database. */
const momentOf = (counts: readonly string[]): string =>
  `SELECT ${counts.map((count, nth) => `(${count}) AS c${nth}`).join(', ')}`

const isWhole = (row: object | undefined): boolean => new Set(Object.values(row ?? {})).size === 1

export interface Onlooker {
  /** Looks a last time. `halves`: moments at which an act was half done. */
  leave(): Promise<{ looks: number; halves: unknown[] }>
}

/**
 * Looks at the database from another process, as often as it can. A process that is killed leaves
 * exactly what somebody who looks at that moment sees, so that each look stands for a kill.
 */
export const onlookerAt = (dataFolder: string, equal: readonly (readonly string[])[]): Onlooker => {
  const database = new DatabaseSync(join(dataFolder, DATABASE_FILE), { readOnly: true })
  const statements = equal.map((counts) => database.prepare(momentOf(counts)))
  const halves: unknown[] = []
  let looks = 0
  let leaving = false
  const look = (): void => {
    looks += 1
    halves.push(...statements.map((one) => one.get()).filter((row) => !isWhole(row)))
  }
  const looking = (async () => {
    while (!leaving) {
      look()
      await nextTurn()
    }
  })()
  return {
    async leave() {
      leaving = true
      await looking
      look()
      database.close()
      return { looks, halves }
    },
  }
}
