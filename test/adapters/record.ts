import type { Person } from '../../accounts/account.ts'
import type { Store } from '../../accounts/ports.ts'

/** A Tuesday in November. */
export const NOW = Date.UTC(2026, 10, 24, 8, 0, 0)

export const person = (identifier: string, more: Partial<Person> = {}): Person => ({
  externalId: null,
  identifier,
  userType: 'student',
  givenName: 'Léa',
  familyName: 'Martin',
  email: null,
  birthDate: null,
  establishments: [],
  classes: [],
  children: [],
  locale: null,
  ...more,
})

/** One act in three tables: all of it is kept, or nothing. */
export const record = (store: Store, id: string): Promise<void> =>
  store.transact(async (tables) => {
    await tables.accounts.insert(id, person(id, { establishments: ['0752345X'] }), NOW)
    await tables.notices.add({ id, sub: id, code: 'pin_defined', atMs: NOW, params: {} })
    await tables.audit.append({
      id,
      atMs: NOW,
      act: 'person_added',
      outcome: 'done',
      actor: null,
      sub: id,
      clientId: null,
      network: null,
      browserId: null,
      detail: {},
    })
  })
