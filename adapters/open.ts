import { join } from 'node:path'
import type { AuditSeals } from '../accounts/audit_chain.ts'
import type { Lists } from '../accounts/lists.ts'
import type { Clock, Store, Tables } from '../accounts/ports.ts'
import { createAccountStore } from './account_store.ts'
import { createApplicationStore } from './application_store.ts'
import { createAuditLog, type MarkErased } from './audit_log.ts'
import { createAuditSeals } from './audit_seals.ts'
import { createCalendarStore } from './calendar_store.ts'
import { createConsentStore } from './consent_store.ts'
import { createConsoleSessions } from './console_sessions.ts'
import { createDeviceStore } from './device_store.ts'
import type { IdentifierHash } from './erase_account.ts'
import { createImportFiles, createImportMappings } from './import_store.ts'
import { createInviteStore } from './invite_store.ts'
import { createIssuedSecrets } from './issued_secrets.ts'
import { createJobStore } from './job_store.ts'
import { createKeyChecks, type KeyChecks } from './key_checks.ts'
import { createLaunchStore } from './launch_store.ts'
import { createLeases } from './leases.ts'
import { createLists } from './lists.ts'
import { createMailedCodes } from './mailed_codes.ts'
import { migrate } from './migrate.ts'
import { createNoticeStore } from './notice_store.ts'
import { createOpStore, type OpStore } from './oidc_sqlite.ts'
import { createOtpKeyStore } from './otp_key_store.ts'
import { createOutbox } from './outbox_store.ts'
import { createPasswordBatches } from './password_batches.ts'
import { createPasswordLists } from './password_lists.ts'
import { createPasswordTries } from './password_tries.ts'
import { fillIndex } from './people_index.ts'
import { createPeopleLists } from './people_lists.ts'
import { createPinTries } from './pin_tries.ts'
import { createPolicyStore, type PolicyCache } from './policy_store.ts'
import { purgeExpired } from './purge.ts'
import { createRoleStore } from './role_store.ts'
import type { MergeSession } from './session_merge.ts'
import type { Sql } from './sql.ts'
import { openSqlite, type Sqlite } from './sqlite.ts'
import { createSqliteReader } from './sqlite_reader.ts'

export const DATABASE_FILE = 'vestibule.sqlite'

export interface OpenedStore {
  readonly store: Store
  readonly keyChecks: KeyChecks
  /** The chain that proves the audit. */
  readonly auditSeals: AuditSeals
  /** Reads over everybody, beside the writers. */
  readonly lists: Lists
  /**
   * Brings those into the search who were there before there was one, some at a time; to be asked
   * again after a restart. They are not found until then.
   */
  fillSearch(): Promise<void>
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

/** What is kept of people who were erased, made with keys that stand outside the database. */
interface Erasing {
  readonly identifierHash?: IdentifierHash | undefined
  readonly markErased?: MarkErased | undefined
}

const createTables = (
  sql: Sql,
  cache: PolicyCache,
  { identifierHash, markErased }: Erasing,
): Tables => ({
  accounts: createAccountStore(sql, identifierHash),
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
  audit: createAuditLog(sql, markErased),
  policies: createPolicyStore(sql, cache),
  roles: createRoleStore(sql),
  applications: createApplicationStore(sql),
  launches: createLaunchStore(sql),
  consents: createConsentStore(sql),
  invites: createInviteStore(sql),
  consoleSessions: createConsoleSessions(sql),
  importFiles: createImportFiles(sql),
  importMappings: createImportMappings(sql),
  leases: createLeases(sql),
  jobs: createJobStore(sql),
  issuedSecrets: createIssuedSecrets(sql),
})

const createStore = ({ db, transaction }: Sqlite, erasing: Erasing): Store => {
  const cache: PolicyCache = { newest: null }
  return {
    ...createTables({ db, atomically: transaction }, cache, erasing),
    transact: (act) =>
      transaction((tx) =>
        act(createTables({ db: tx, atomically: (work) => work(tx) }, cache, erasing)),
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
  /** Which of two writers' facts of one session are kept; default: the later one's. */
  readonly mergeSession?: MergeSession
  /** Keyed hash of an identifier, for those of people who were erased. */
  readonly identifierHash?: IdentifierHash
  /** Shows that the gateway erased what an entry of the audit said of somebody. */
  readonly markErased?: MarkErased
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
  const reader = createSqliteReader(join(dataFolder, DATABASE_FILE))
  let isClosing = false
  return {
    store: createStore(sqlite, options),
    keyChecks: createKeyChecks(sql),
    auditSeals: createAuditSeals(sqlite),
    lists: createLists(reader.db),
    fillSearch: () => fillIndex(sql, () => isClosing),
    op,
    async ping() {
      await sqlite.db.selectFrom('schema_migrations').select('number').limit(1).execute()
    },
    purge: (nowMs) => purgeExpired(sqlite, nowMs),
    async close() {
      isClosing = true
      await reader.close()
      await sqlite.close()
    },
  }
}
