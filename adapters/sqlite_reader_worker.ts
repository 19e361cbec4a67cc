/** In a thread of its own: answers the queries of `sqlite_reader.ts`, one after the other. */
import { DatabaseSync } from 'node:sqlite'
import { parentPort, workerData } from 'node:worker_threads'
import type { CompiledQuery } from 'kysely'
import { createStatements, runQuery } from './sqlite_dialect.ts'

/** What the parts of the database that lists are read from again and again may occupy, KiB. */
const CACHE_KIB = 64 * 1024
/** Readers wait for nobody in WAL mode, but for a moment when the log is begun anew. */
const BUSY_MS = 1_000

const { file } = workerData as { file: string }
const raw = new DatabaseSync(file, { readOnly: true, timeout: BUSY_MS })
raw.exec('PRAGMA query_only = ON')
raw.exec('PRAGMA trusted_schema = OFF')
raw.exec('PRAGMA temp_store = MEMORY')
raw.exec(`PRAGMA cache_size = -${CACHE_KIB}`)
const prepare = createStatements(raw)

parentPort?.on('message', ({ id, query }: { id: number; query: CompiledQuery }) => {
  try {
    parentPort?.postMessage({ id, rows: runQuery(prepare, query).rows })
  } catch (error) {
    parentPort?.postMessage({ id, error })
  }
})
