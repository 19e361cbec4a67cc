import { AsyncLocalStorage } from 'node:async_hooks'
import { chmodSync, closeSync, mkdirSync, openSync } from 'node:fs'
import { dirname } from 'node:path'
import { performance } from 'node:perf_hooks'
import { DatabaseSync } from 'node:sqlite'
import { setTimeout as wait } from 'node:timers/promises'
import { Kysely } from 'kysely'
import { AppError } from '../accounts/errors.ts'
import { createFlush } from './flush.ts'
import { createLock } from './lock.ts'
import type { Schema } from './schema.ts'
import { createCheckpoints } from './sqlite_checkpoint.ts'
import { createDialect, createStatements, type Prepared, runQuery } from './sqlite_dialect.ts'

/** How long another process may keep us from writing, such as the command line beside us. */
const BUSY_MS_MAX = 5_000
const BUSY_WAIT_MS_MAX = 25
/** Nothing in a transaction waits for anything but statements, so this long means a mistake. */
const TRANSACTION_MS_MAX = 10_000
const RETRY_AFTER_SECONDS = 5
const FILE_MODE = 0o600
const FOLDER_MODE = 0o700
/** Primary result code of "database is locked" (https://sqlite.org/rescode.html#busy). */
const SQLITE_BUSY = 5

/** Synchronous work on the one connection. */
export interface Direct {
  prepare(sql: string): Prepared['statement']
}

export interface Sqlite {
  /** One statement at a time, each by itself. */
  readonly db: Kysely<Schema>
  /** Everything `act` does, or nothing. Runs again after a conflict with another process. */
  transaction<T>(act: (db: Kysely<Schema>) => Promise<T>): Promise<T>
  /** Reads, in one go. */
  read<T>(work: (direct: Direct) => T): Promise<T>
  /**
   * Writes in one transaction and in one go, without waiting for the disk: a crash of the process
   * loses nothing, a power cut may lose the last moments. For what a new sign-in makes good.
   */
  write<T>(work: (direct: Direct) => T): Promise<T>
  close(): Promise<void>
}

/**
 * In WAL mode a commit under NORMAL survives `kill -9`, but a power cut may take it back
 * (https://sqlite.org/pragma.html#pragma_synchronous). A wrong PIN, a new password or an audit entry
 * must not be taken back: all but `write` waits for the disk. FULL would wait in the event loop, with
 * everybody else; `flushed` waits beside it, for all who committed meanwhile at once.
 */
const PRAGMAS = [
  'PRAGMA journal_mode = WAL',
  'PRAGMA synchronous = NORMAL',
  'PRAGMA foreign_keys = ON',
  'PRAGMA trusted_schema = OFF',
  'PRAGMA temp_store = MEMORY',
  'PRAGMA journal_size_limit = 67108864',
  // Only where the checkpoints beside do not keep up: a commit that copies the log takes long.
  'PRAGMA wal_autocheckpoint = 8000',
  // Acts on many people touch rows all over the tables; a page that is cached is not read again.
  'PRAGMA cache_size = -32768',
]

const isBusy = (error: unknown): boolean =>
  error instanceof Error &&
  'errcode' in error &&
  typeof error.errcode === 'number' &&
  (error.errcode & 0xff) === SQLITE_BUSY

const locked = (cause: unknown): AppError =>
  new AppError('busy', 'another process keeps the database locked', {
    cause,
    retryAfterSeconds: RETRY_AFTER_SECONDS,
  })

const unopened = (file: string, cause: unknown): AppError =>
  new AppError('unavailable', `the database ${file} cannot be opened`, { cause })

/** Repeats `attempt` while another process is writing, without blocking the event loop. */
const retrying = async <T>(attempt: () => Promise<T>): Promise<T> => {
  const end = performance.now() + BUSY_MS_MAX
  for (let waitMs = 1; ; waitMs = Math.min(waitMs * 2, BUSY_WAIT_MS_MAX)) {
    try {
      return await attempt()
    } catch (cause) {
      if (!isBusy(cause)) {
        throw cause
      }
      if (performance.now() > end) {
        throw locked(cause)
      }
    }
    await wait(waitMs)
  }
}

/** The file of a new database is ours alone from its first byte, whatever the umask. */
const openFile = (file: string): DatabaseSync => {
  try {
    mkdirSync(dirname(file), { recursive: true, mode: FOLDER_MODE })
    closeSync(openSync(file, 'a', FILE_MODE))
    chmodSync(file, FILE_MODE)
    return new DatabaseSync(file, { timeout: 0 })
  } catch (cause) {
    throw unopened(file, cause)
  }
}

const limited = async <T>(act: Promise<T>): Promise<T> => {
  let timer: NodeJS.Timeout | undefined
  const limit = new Promise<never>((_, reject) => {
    const message = `a transaction took more than ${TRANSACTION_MS_MAX} ms and was rolled back`
    timer = setTimeout(() => reject(new Error(message)), TRANSACTION_MS_MAX)
  })
  try {
    return await Promise.race([act, limit])
  } finally {
    clearTimeout(timer)
  }
}

const rollback = (raw: DatabaseSync): void => {
  // SQLite ends some failed transactions by itself (https://sqlite.org/lang_transaction.html §3).
  if (raw.isTransaction) {
    raw.exec('ROLLBACK')
  }
}

/** BEGIN IMMEDIATE: one that reads, then writes, would fail at once where another wrote between. */
const inOneGo = <T>(raw: DatabaseSync, work: () => T): T => {
  raw.exec('BEGIN IMMEDIATE')
  try {
    const result = work()
    raw.exec('COMMIT')
    return result
  } catch (error) {
    rollback(raw)
    throw error
  }
}

/**
 * Opens the file with one connection, which everything shares by turns: a transaction keeps it
 * until its end, all else takes one turn of the event loop.
 */
export const openSqlite = async (file: string): Promise<Sqlite> => {
  const raw = openFile(file)
  const prepare = createStatements(raw)
  const direct: Direct = { prepare: (sql) => prepare(sql).statement }
  const lock = createLock()
  const flush = createFlush(`${file}-wal`)
  const checkpoints = createCheckpoints(file)
  const inside = new AsyncLocalStorage<{ open: boolean }>()

  const refuseInside = (): void => {
    if (inside.getStore()?.open === true) {
      throw new Error('inside a transaction only its own tables may be used')
    }
  }

  const turn = async <T>(work: () => T | Promise<T>): Promise<T> => {
    refuseInside()
    return retrying(async () => {
      await lock.acquire()
      try {
        return await work()
      } finally {
        lock.release()
      }
    })
  }

  const write = <T>(work: (direct: Direct) => T): T => inOneGo(raw, () => work(direct))

  const onDisk = async <T>(committed: Promise<T>): Promise<T> => {
    const result = await committed
    checkpoints.committed()
    await flush.flushed()
    return result
  }

  const transact = async <T>(act: (db: Kysely<Schema>) => Promise<T>): Promise<T> => {
    const scope = { open: true }
    const db = new Kysely<Schema>({
      dialect: createDialect(async (query) => {
        if (!scope.open) {
          throw new Error('this transaction is over')
        }
        return runQuery(prepare, query)
      }),
    })
    raw.exec('BEGIN IMMEDIATE')
    try {
      const result = await inside.run(scope, () => limited(act(db)))
      scope.open = false
      raw.exec('COMMIT')
      return result
    } catch (error) {
      scope.open = false
      rollback(raw)
      throw error
    }
  }

  try {
    for (const pragma of PRAGMAS) {
      await turn(() => raw.exec(pragma))
    }
  } catch (error) {
    raw.close()
    throw error
  }

  return {
    db: new Kysely<Schema>({
      dialect: createDialect((query) => {
        const answer = turn(() => runQuery<never>(prepare, query))
        return query.query.kind === 'SelectQueryNode' ? answer : onDisk(answer)
      }),
    }),
    transaction: (act) => onDisk(turn(() => transact(act))),
    read: (work) => turn(() => work(direct)),
    write: (work) => turn(() => write(work)),
    close: async () => {
      await checkpoints.close()
      await turn(() => {
        if (raw.isOpen) {
          raw.close()
        }
      })
      await flush.close()
    },
  }
}
