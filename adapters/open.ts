import { join } from 'node:path'
import type { Clock, Store, Tables } from '../accounts/ports.ts'
import { createAccountStore } from './account_store.ts'
import { createAuditLog } from './audit_log.ts'
import { createDeviceStore } from './device_store.ts'
import { createKeyChecks, type KeyChecks } from './key_checks.ts'
import { migrate } from './migrate.ts'
import { createNoticeStore } from './notice_store.ts'
import { createOpStore, type OpStore, type OpStoreOptions } from './oidc_sqlite.ts'
import { createPasswordTries, purgePasswordTries } from './password_tries.ts'
import { createPinTries, purgePinTries } from './pin_tries.ts'
import { createPolicyStore, type PolicyCache } from './policy_store.ts'
import type { Sql } from './sql.ts'
import { openSqlite, type Sqlite } from './sqlite.ts'

export const DATABASE_FILE = 'vestibule.sqlite'

export interface OpenStore {
  readonly store: Store
  readonly keyChecks: KeyChecks
  /** What the OP keeps: sessions, interactions, codes, tokens, grants. */
  op(options: OpStoreOptions): OpStore
  /** Throws when the database does not answer. */
  ping(): Promise<void>
  /** Forgets tries that no rule counts any more. */
  purgeTries(): Promise<void>
  /** Waits for the running transaction. Nothing may be asked afterwards. */
  close(): Promise<void>
}

const createTables = (sql: Sql, clock: Clock, cache: PolicyCache): Tables => ({
  accounts: createAccountStore(sql),
  passwordTries: createPasswordTries(sql),
  pinTries: createPinTries(sql),
  devices: createDeviceStore(sql, clock),
  notices: createNoticeStore(sql),
  audit: createAuditLog(sql),
  policies: createPolicyStore(sql, cache),
})

const createStore = ({ db, transaction }: Sqlite, clock: Clock): Store => {
  const cache: PolicyCache = { newest: null }
  return {
    ...createTables({ db, atomically: transaction }, clock, cache),
    transact: (act) =>
      transaction((tx) =>
        act(createTables({ db: tx, atomically: (work) => work(tx) }, clock, cache)),
      ),
  }
}

/**
 * Opens the embedded database in the data folder, brought to this version; makes it if need be.
 * Throws `AppError('unavailable')` with what is wrong.
 */
export const openStore = async (options: {
  readonly dataFolder: string
  readonly clock: Clock
}): Promise<OpenStore> => {
  const { dataFolder, clock } = options
  const sqlite = await openSqlite(join(dataFolder, DATABASE_FILE))
  const sql: Sql = { db: sqlite.db, atomically: sqlite.transaction }
  try {
    await migrate(sql, clock)
  } catch (error) {
    await sqlite.close()
    throw error
  }
  return {
    store: createStore(sqlite, clock),
    keyChecks: createKeyChecks(sql),
    op: (opOptions) => createOpStore(sqlite, clock, opOptions),
    async ping() {
      await sqlite.db.selectFrom('schema_migrations').select('number').limit(1).execute()
    },
    async purgeTries() {
      await purgePasswordTries(sqlite.db, clock())
      await purgePinTries(sqlite.db, clock())
    },
    close: sqlite.close,
  }
}
