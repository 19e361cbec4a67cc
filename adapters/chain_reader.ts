import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import type { ChainReader } from '../accounts/audit_chain.ts'
import { anchorOf, batchOf, CHAIN_COLUMNS, checkpointOf, provedEntryOf } from './audit_seals.ts'
import { DATABASE_FILE } from './open.ts'

const mapped = function* <T>(rows: Iterable<unknown>, map: (row: unknown) => T): Iterable<T> {
  for (const row of rows) {
    yield map(row)
  }
}

/**
 * Reads the chain of the database in a data folder as it stands at this moment, whatever is sealed
 * or purged meanwhile. Row by row: what it needs does not grow with the audit.
 */
export const openChainReader = (dataFolder: string): ChainReader & { close(): void } => {
  const raw = new DatabaseSync(join(dataFolder, DATABASE_FILE), { readOnly: true })
  raw.exec('PRAGMA trusted_schema = OFF')
  raw.exec('BEGIN')
  const macs = raw.prepare('SELECT mac FROM audit_batches WHERE nth = ?')
  const rows = (statement: string): Iterable<unknown> => raw.prepare(statement).iterate()
  return {
    anchor() {
      const row = raw.prepare('SELECT * FROM audit_anchor').get()
      return row === undefined ? null : anchorOf(row)
    },
    batches: () => mapped(rows('SELECT * FROM audit_batches ORDER BY nth'), batchOf),
    entries: () =>
      mapped(rows(`SELECT ${CHAIN_COLUMNS} FROM audit_log ORDER BY seq`), provedEntryOf),
    checkpoints: () => mapped(rows('SELECT * FROM audit_checkpoints ORDER BY batch'), checkpointOf),
    macOf(nth) {
      const mac = macs.get(nth)?.['mac']
      return typeof mac === 'string' ? mac : null
    },
    close: () => raw.close(),
  }
}
