import { join } from 'node:path'
import type { Clock, Store, Tables } from '../accounts/ports.ts'
import { createAccountStore } from './account_store.ts'
import { createAuditLog } from './audit_log.ts'
import { createCalendarStore } from './calendar_store.ts'
import { createDeviceStore } from './device_store.ts'
import { createKeyChecks, type KeyChecks } from './key_checks.ts'
import { createMailedCodes } from './mailed_codes.ts'
import { migrate } from './migrate.ts'
import { createNoticeStore } from './notice_store.ts'
import { createOpStore, type OpStore } from './oidc_sqlite.ts'
import { createOtpKeyStore } from './otp_key_store.ts'
import { createOutbox } from './outbox_store.ts'
import { createPasswordBatches } from './password_batches.ts'
import { createPasswordLists } from './password_lists.ts'
import { createPasswordTries } from './password_tries.ts'
import { createPeopleLists } from './people_lists.ts'
import { createPinTries } from './pin_tries.ts'
import { createPolicyStore, type PolicyCache } from './policy_store.ts'
import { purgeExpired } from './purge.ts'
import type { MergeSession } from './session_merge.ts'
import type { Sql } from './sql.ts'
import { openSqlite, type Sqlite } from './sqlite.ts'

export const DATABASE_FILE = 'vestibule.sqlite'

export interface OpenedStore {
  readonly store: Store
  readonly keyChecks: KeyChecks
  /** What the OP keeps: sessions, interactions, codes, tokens, grants. */
  readonly op: OpStore
  /** Throws when the database does not answer. */
  ping(): Promise<void>
  /**
   * Forgets what is past its end: records of the OP, sessions, tries that no rule counts any more.
   * Returns how many rows.
   */
  purge(nowMs: number): Promise<number>
  /** Waits for the running transaction. Nothing may be asked afterwards. */
  close(): Promise<void>
}

const createTables = (sql: Sql, cache: PolicyCache): Tables => ({
  accounts: createAccountStore(sql),
  passwordTries: createPasswordTries(sql),
  pinTries: createPinTries(sql),
  otpKeys: createOtpKeyStore(sql),
  outbox: createOutbox(sql),
  mailedCodes: createMailedCodes(sql),
  devices: createDeviceStore(sql),
  people: createPeopleLists(sql),
  passwordBatches: createPasswordBatches(sql),
  passwordLists: createPasswordLists(sql),
  calendars: createCalendarStore(sql),
  notices: createNoticeStore(sql),
  audit: createAuditLog(sql),
  policies: createPolicyStore(sql, cache),
})

const createStore = ({ db, transaction }: Sqlite): Store => {
  const cache: PolicyCache = { newest: null }
  return {
    ...createTables({ db, atomically: transaction }, cache),
    transact: (act) =>
      transaction((tx) => act(createTables({ db: tx, atomically: (work) => work(tx) }, cache))),
  }
}

/**
 * Opens the embedded database in the data folder, brought to this version; makes it if need be.
 * Throws `AppError('unavailable')` with what is wrong.
 */
export const openStore = async (options: {
  readonly dataFolder: string
  readonly clock: Clock
  /** Which of two writers' facts of one session are kept; default: the later one's. */
  readonly mergeSession?: MergeSession
}): Promise<OpenedStore> => {
  const { dataFolder, clock } = options
  const sqlite = await openSqlite(join(dataFolder, DATABASE_FILE))
  const sql: Sql = { db: sqlite.db, atomically: sqlite.transaction }
  try {
    await migrate(sql, clock)
  } catch (error) {
    await sqlite.close()
    throw error
  }
  const op = createOpStore(sqlite, clock, options.mergeSession)
  return {
    store: createStore(sqlite),
    keyChecks: createKeyChecks(sql),
    op,
    async ping() {
      await sqlite.db.selectFrom('schema_migrations').select('number').limit(1).execute()
    },
    purge: (nowMs) => purgeExpired(sqlite, nowMs),
    close: sqlite.close,
  }
}
