import { readdirSync, readlinkSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { sql } from 'kysely'
import { describe, expect, it, onTestFinished } from 'vitest'
import { createFlush } from '../../adapters/flush.ts'
import { DATABASE_FILE, openStore } from '../../adapters/open.ts'
import { openSqlite } from '../../adapters/sqlite.ts'
import { NOW, person, record } from './record.ts'
import { startChild } from './second_process.ts'
import { temporaryFolder, temporaryStore } from './temporary.ts'

const openTemporary = async () => {
  const sqlite = await openSqlite(join(temporaryFolder(), 'a.sqlite'))
  onTestFinished(() => sqlite.close())
  return sqlite
}

const linkOf = (path: string): string => {
  try {
    return readlinkSync(path)
  } catch {
    return '' // Closed since the folder was read.
  }
}

describe('the file', () => {
  it('is for its owner alone, and so is a new folder', async () => {
    const folder = join(temporaryFolder(), 'data')
    await temporaryStore({ dataFolder: folder })
    expect(statSync(folder).mode & 0o777).toBe(0o700)
    for (const name of [DATABASE_FILE, `${DATABASE_FILE}-wal`]) {
      expect(statSync(join(folder, name)).mode & 0o777).toBe(0o600)
    }
  })

  it('left open to others is closed to them', async () => {
    const folder = temporaryFolder()
    const file = join(folder, DATABASE_FILE)
    writeFileSync(file, '', { mode: 0o644 })
    await temporaryStore({ dataFolder: folder })
    expect(statSync(file).mode & 0o777).toBe(0o600)
  })

  it('says where it is when it cannot be opened', async () => {
    const folder = join(temporaryFolder(), 'data')
    await temporaryStore({ dataFolder: folder })
    const inTheWay = join(folder, DATABASE_FILE)
    await expect(openStore({ dataFolder: inTheWay, clock: () => NOW })).rejects.toMatchObject({
      code: 'unavailable',
      message: expect.stringContaining(inTheWay),
    })
  })

  it('waits for the disk after an act, and not after what a new sign-in makes good', async () => {
    const file = join(temporaryFolder(), DATABASE_FILE)
    const sqlite = await openSqlite(file)
    onTestFinished(() => sqlite.close())
    // SQLite holds its log open once; whoever waits for the disk holds it open as well.
    const holders = () =>
      readdirSync('/proc/self/fd').filter((fd) => linkOf(`/proc/self/fd/${fd}`) === `${file}-wal`)
        .length
    await sqlite.write(({ prepare }) => prepare('CREATE TABLE pets (name TEXT)').run())
    expect(holders()).toBe(1)
    await sqlite.transaction((db) => sql`insert into pets values ('Rex')`.execute(db))
    expect(holders()).toBe(2)
  })

  it('acknowledges nothing that the disk refuses', async () => {
    const flush = createFlush(join(temporaryFolder(), 'none', 'a.sqlite-wal'))
    await expect(flush.flushed()).resolves.toBeUndefined() // Nothing was ever written.
    const refused = createFlush(join(import.meta.filename, 'a.sqlite-wal'))
    const all = await Promise.allSettled([refused.flushed(), refused.flushed()])
    expect(all.map(({ status }) => status)).toEqual(['rejected', 'rejected'])
    await expect(refused.flushed()).rejects.toMatchObject({ code: 'ENOTDIR' })
    await refused.close()
  })
})

describe('queries', () => {
  it('answer a select without parameters with its rows', async () => {
    const { db } = await openTemporary()
    const { rows } = await sql<{ one: number }>`select 1 as one`.execute(db)
    expect(rows.map(({ one }) => one)).toEqual([1])
  })

  it('answer an insert with what it returns, and with how many rows changed', async () => {
    const { db } = await openTemporary()
    await sql`create table pets (name text, good integer)`.execute(db)
    const { rows } = await sql`insert into pets values ('Rex', ${true}) returning name`.execute(db)
    expect(rows.map((row) => ({ ...(row as object) }))).toEqual([{ name: 'Rex' }])
    const { numAffectedRows } = await sql`update pets set good = 0 where good = ${1}`.execute(db)
    expect(numAffectedRows).toBe(1n)
  })
})

describe('a transaction', () => {
  it('keeps nothing of an act that fails', async () => {
    const { store } = await temporaryStore()
    const act = store.transact(async (tables) => {
      await tables.accounts.insert('sub-1', person('lea'), NOW)
      throw new Error('changed my mind')
    })
    await expect(act).rejects.toThrow('changed my mind')
    expect(await store.accounts.bySub('sub-1')).toBeNull()
    expect(await store.accounts.identifierHolder('lea')).toBeNull()
  })

  it('lets others wait until it ends, and see all of it', async () => {
    const { store } = await temporaryStore()
    const [, seen] = await Promise.all([
      store.transact(async (tables) => {
        await tables.accounts.insert('sub-1', person('lea'), NOW)
        await tables.accounts.setProtection('sub-1', 'pin')
      }),
      store.accounts.bySub('sub-1'),
    ])
    expect(seen?.protection).toBe('pin')
  })

  it('refuses the store itself inside, instead of waiting for ever', async () => {
    const { store, op } = await temporaryStore()
    const inside = 'inside a transaction only its own tables may be used'
    await expect(store.transact(() => store.accounts.bySub('sub-1'))).rejects.toThrow(inside)
    await expect(store.transact(() => store.transact(async () => {}))).rejects.toThrow(inside)
    await expect(store.transact(() => op.Adapter('Grant').find('g'))).rejects.toThrow(inside)
    expect(await store.accounts.bySub('sub-1')).toBeNull()
  })

  it('refuses its tables once it is over', async () => {
    const { store } = await temporaryStore()
    const tables = await store.transact(async (each) => each)
    await expect(tables.accounts.bySub('sub-1')).rejects.toThrow('this transaction is over')
  })

  it('goes on after one that failed at its statement', async () => {
    const { store } = await temporaryStore()
    await store.accounts.insert('sub-1', person('lea'), NOW)
    await expect(store.accounts.insert('sub-1', person('noe'), NOW)).rejects.toThrow('UNIQUE')
    await store.accounts.insert('sub-2', person('noe'), NOW)
    expect(await store.accounts.identifierHolder('noe')).toBe('sub-2')
  })
})

describe('two writers', () => {
  it('wait for one another without blocking the process', async () => {
    const folder = temporaryFolder()
    const { store } = await temporaryStore({ dataFolder: folder })
    const other = new DatabaseSync(join(folder, DATABASE_FILE))
    onTestFinished(() => other.close())
    other.exec('BEGIN IMMEDIATE')
    let turns = 0
    const ticking = setInterval(() => {
      turns += 1
      if (turns === 5) {
        other.exec('COMMIT')
      }
    }, 5)
    onTestFinished(() => clearInterval(ticking))
    let runs = 0
    await store.transact(async ({ accounts }) => {
      runs += 1
      await accounts.bySub('patient')
      await accounts.insert('patient', person('patient'), NOW)
    })
    expect(runs).toBe(1)
    expect(turns).toBeGreaterThanOrEqual(5)
    expect(await store.accounts.bySub('patient')).not.toBeNull()
  })

  it('in two processes lose nothing and see no error', async () => {
    const folder = temporaryFolder()
    const { store, op } = await temporaryStore({ dataFolder: folder })
    const child = await startChild(folder, 'record', 60)
    child.go()
    for (let index = 0; index < 60; index += 1) {
      await Promise.all([
        record(store, `parent-${index}`),
        op.Adapter('Grant').upsert(`g-${index}`, { accountId: 'a' }, 60),
      ])
    }
    await child.ended
    expect(child.said).toHaveLength(60)
    expect(await store.audit.list({ act: 'person_added' }, 1000)).toHaveLength(120)
    expect(await op.destroyGrantsOf('a')).toBe(60)
  })

  it('in two processes share the tries of one PIN', async () => {
    const folder = temporaryFolder()
    const { store } = await temporaryStore({ dataFolder: folder })
    await store.accounts.insert('pupil', person('pupil'), NOW)
    const child = await startChild(folder, 'pin', 20)
    child.go()
    const nowMs = Date.now()
    const ours = await Promise.all(
      Array.from({ length: 20 }, (_, index) =>
        store.pinTries.begin('pupil', `parent-${index}`, 3, nowMs),
      ),
    )
    await child.ended
    const theirs = child.said.filter((line) => line === 'admitted')
    expect(ours.filter(({ ok }) => ok).length + theirs.length).toBe(3)
  })
})

describe('kill -9', () => {
  it.each([1, 7, 25])('after %i acts leaves each act whole', async (acts) => {
    const folder = temporaryFolder()
    const child = await startChild(folder, 'record', 100_000)
    child.go()
    while (child.said.length < acts) {
      await child.said_more()
    }
    child.kill()
    await child.ended
    const { store } = await temporaryStore({ dataFolder: folder })
    const audited = (await store.audit.list({}, 100_000)).map(({ id }) => id)
    expect(audited.length).toBeGreaterThanOrEqual(child.said.length)
    for (const index of child.said) {
      expect(audited).toContain(`child-${index}`)
    }
    for (const id of [...audited, `child-${audited.length}`]) {
      const whole = audited.includes(id)
      expect((await store.accounts.bySub(id)) !== null).toBe(whole)
      expect(await store.notices.list(id, 10)).toHaveLength(whole ? 1 : 0)
      expect(await store.accounts.identifierHolder(id)).toBe(whole ? id : null)
    }
  })
})
