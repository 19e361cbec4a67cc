import type { Store } from '../../accounts/ports.ts'
import { NOW, person } from './temporary.ts'

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
