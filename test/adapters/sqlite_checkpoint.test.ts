import { statSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { sql } from 'kysely'
import { describe, expect, it } from 'vitest'
import { openSqlite } from '../../adapters/sqlite.ts'
import { temporaryFolder } from './temporary.ts'

const PAGE_BYTES = 4_096
/** Fewer than those at which a commit copies the log itself. */
const PAGES = 2_000
const TEXT = 'x'.repeat(PAGE_BYTES)

describe('the log of the database', () => {
  it('is copied into it beside the commits, and nothing is lost at the end', async () => {
    const file = join(temporaryFolder(), 'checked.sqlite')
    const { db, transaction, close } = await openSqlite(file)
    await sql`CREATE TABLE texts (id INTEGER PRIMARY KEY, text TEXT)`.execute(db)
    let added = 0
    const add = (count: number) =>
      transaction(async (tx) => {
        for (let nth = 0; nth < count; nth += 1) {
          added += 1
          await sql`INSERT INTO texts (text) VALUES (${TEXT})`.execute(tx)
        }
      })
    await add(PAGES)
    expect(statSync(file).size).toBeLessThan(PAGES * PAGE_BYTES)
    while (statSync(file).size < PAGES * PAGE_BYTES) {
      await add(1)
      await nextTurn()
    }
    await close()
    const raw = new DatabaseSync(file, { readOnly: true })
    expect(raw.prepare('SELECT count(*) AS count FROM texts').get()).toEqual({ count: added })
    raw.close()
  })
})
