import type { DatabaseSync, SQLInputValue, StatementSync } from 'node:sqlite'
import {
  type CompiledQuery,
  type DatabaseConnection,
  type DatabaseIntrospector,
  type Dialect,
  type Driver,
  type Kysely,
  type QueryCompiler,
  type QueryResult,
  SqliteAdapter,
  SqliteIntrospector,
  SqliteQueryCompiler,
} from 'kysely'

/** Statements kept compiled. Ours are few; lists of values of different lengths make the rest. */
const STATEMENTS_MAX = 500

export interface Prepared {
  readonly statement: StatementSync
  /** It answers with rows, whatever its first word is: `select 1`, `insert … returning`. */
  readonly reader: boolean
}

/** Compiles each statement once. */
export const createStatements = (raw: DatabaseSync): ((sql: string) => Prepared) => {
  const cache = new Map<string, Prepared>()
  return (sql) => {
    const known = cache.get(sql)
    if (known !== undefined) {
      return known
    }
    const statement = raw.prepare(sql)
    const prepared = { statement, reader: statement.columns().length > 0 }
    if (cache.size >= STATEMENTS_MAX) {
      cache.clear()
    }
    cache.set(sql, prepared)
    return prepared
  }
}

const bindable = (value: unknown): SQLInputValue =>
  typeof value === 'boolean' ? Number(value) : (value as SQLInputValue)

/** Runs one query of Kysely's on `node:sqlite`, which wants its parameters one by one. */
export const runQuery = <R>(
  prepare: (sql: string) => Prepared,
  { sql, parameters }: CompiledQuery,
): QueryResult<R> => {
  const { statement, reader } = prepare(sql)
  const values = parameters.map(bindable)
  if (reader) {
    return { rows: statement.all(...values) as R[] }
  }
  const { changes, lastInsertRowid } = statement.run(...values)
  return {
    rows: [],
    numAffectedRows: BigInt(changes),
    insertId: BigInt(lastInsertRowid),
  }
}

type Run = <R>(query: CompiledQuery) => Promise<QueryResult<R>>

const refuse = (): Promise<never> =>
  Promise.reject(new Error('transactions of this database begin with `transaction`'))

const createDriver = (run: Run): Driver => {
  const connection: DatabaseConnection = {
    executeQuery: run,
    // biome-ignore lint/correctness/useYield: the interface asks for a generator; none is served.
    streamQuery: async function* () {
      throw new Error('SQLite queries are not streamed')
    },
  }
  return {
    init: async () => {},
    acquireConnection: async () => connection,
    releaseConnection: async () => {},
    beginTransaction: refuse,
    commitTransaction: refuse,
    rollbackTransaction: refuse,
    destroy: async () => {},
  }
}

/** `run` takes turns by itself, so that Kysely need not hold the connection for its queries. */
class TakingTurnsAdapter extends SqliteAdapter {
  override get supportsMultipleConnections(): boolean {
    return true
  }
}

/** Kysely's SQLite dialect over any way to run a query. */
export const createDialect = (run: Run): Dialect => ({
  createDriver: () => createDriver(run),
  createQueryCompiler: (): QueryCompiler => new SqliteQueryCompiler(),
  createAdapter: () => new TakingTurnsAdapter(),
  createIntrospector: (db: Kysely<unknown>): DatabaseIntrospector => new SqliteIntrospector(db),
})
