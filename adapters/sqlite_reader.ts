import { Worker } from 'node:worker_threads'
import { type CompiledQuery, Kysely, type QueryResult } from 'kysely'
import { AppError } from '../accounts/errors.ts'
import type { Schema } from './schema.ts'
import { createDialect } from './sqlite_dialect.ts'

const WORKER = new URL('./sqlite_reader_worker.ts', import.meta.url)

/** A second connection, in a thread of its own, that only reads: it keeps nobody else waiting. */
export interface SqliteReader {
  readonly db: Kysely<Schema>
  /** Ends it; whoever still waits for an answer gets an error. */
  close(): Promise<void>
}

interface Waiting {
  resolve(rows: unknown[]): void
  reject(error: unknown): void
}

type Answer = { readonly id: number } & ({ readonly rows: unknown[] } | { readonly error: unknown })

/** One thread, from its start to its end. */
interface Thread {
  readonly worker: Worker
  readonly waiting: Map<number, Waiting>
}

const gone = (cause?: unknown): AppError =>
  new AppError('unavailable', 'the thread that reads the database has ended', { cause })

const startThread = (script: URL, file: string, onEnd: () => void): Thread => {
  // None of the flags of this process: they are for its own modules.
  const worker = new Worker(script, {
    workerData: { file },
    execArgv: [],
  })
  const waiting: Thread['waiting'] = new Map()
  const end = (cause?: unknown): void => {
    onEnd()
    for (const { reject } of waiting.values()) {
      reject(gone(cause))
    }
    waiting.clear()
  }
  worker.on('message', (answer: Answer) => {
    const one = waiting.get(answer.id)
    waiting.delete(answer.id)
    if (waiting.size === 0) {
      worker.unref()
    }
    if ('rows' in answer) {
      one?.resolve(answer.rows)
    } else {
      one?.reject(answer.error)
    }
  })
  worker.on('error', end)
  worker.on('exit', () => end())
  return { worker, waiting }
}

/**
 * Reads a database that is open already. The thread starts with the first query, and again with the
 * next one should it have ended; its end is an error of those queries that waited.
 */
export const createSqliteReader = (file: string, script: URL = WORKER): SqliteReader => {
  let thread: Thread | null = null
  let isClosed = false
  let last = 0

  const started = (): Thread => {
    const begun = startThread(script, file, () => {
      if (thread === begun) {
        thread = null
      }
    })
    thread = begun
    return begun
  }

  const ask = (query: CompiledQuery): Promise<unknown[]> => {
    if (isClosed) {
      return Promise.reject(gone())
    }
    const { worker, waiting } = thread ?? started()
    last += 1
    const id = last
    return new Promise((resolve, reject) => {
      waiting.set(id, { resolve, reject })
      worker.ref()
      worker.postMessage({ id, query: { sql: query.sql, parameters: query.parameters } })
    })
  }

  return {
    db: new Kysely<Schema>({
      dialect: createDialect(
        async <R>(query: CompiledQuery): Promise<QueryResult<R>> => ({
          rows: (await ask(query)) as R[],
        }),
      ),
    }),
    async close() {
      isClosed = true
      await thread?.worker.terminate()
    },
  }
}
