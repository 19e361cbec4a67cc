/** The thread that reads, but for one question, at which it dies. */
import { DatabaseSync } from 'node:sqlite'

const { prepare } = DatabaseSync.prototype
DatabaseSync.prototype.prepare = function (this: DatabaseSync, query: string) {
  if (query.includes('the end')) {
    process.exit(1) // Of a thread: this thread alone.
  }
  return prepare.call(this, query)
}
await import('../../adapters/sqlite_reader_worker.ts')
