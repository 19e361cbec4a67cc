/** In a thread of its own: copies the log into the database when `sqlite_checkpoint.ts` asks. */
import { DatabaseSync } from 'node:sqlite'
import { parentPort, workerData } from 'node:worker_threads'

const { file } = workerData as { file: string }
const raw = new DatabaseSync(file, { timeout: 0 })
raw.exec('PRAGMA synchronous = NORMAL')
raw.exec('PRAGMA trusted_schema = OFF')
const checkpoint = raw.prepare('PRAGMA wal_checkpoint(PASSIVE)')

parentPort?.on('message', (asked: 'checkpoint' | 'close') => {
  if (asked === 'close') {
    raw.close()
    parentPort?.close()
    return
  }
  const { log, checkpointed } = checkpoint.get() as { log: number; checkpointed: number }
  parentPort?.postMessage({ log, done: checkpointed })
})
