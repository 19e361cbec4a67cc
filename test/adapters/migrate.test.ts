import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { describe, expect, it, onTestFinished } from 'vitest'
import { MIGRATIONS, type Migration, migrate } from '../../adapters/migrate.ts'
import { DATABASE_FILE, openStore } from '../../adapters/open.ts'
import { openSqlite } from '../../adapters/sqlite.ts'
import { NOW, otpKey } from './record.ts'
import { temporaryFolder } from './temporary.ts'

const clock = () => NOW
const pets: Migration = { name: 'pets', statements: () => ['CREATE TABLE pets (name TEXT)'] }
const broken: Migration = {
  name: 'broken',
  statements: () => ['CREATE TABLE cages (name TEXT)', 'CREATE TABEL oops'],
}

const openWith = async (folder: string, migrations: readonly Migration[]) => {
  const sqlite = await openSqlite(join(folder, DATABASE_FILE))
  onTestFinished(() => sqlite.close())
  await migrate({ db: sqlite.db, atomically: sqlite.transaction }, clock, migrations)
  return sqlite
}

const inFile = (folder: string, query: string): unknown[] => {
  const raw = new DatabaseSync(join(folder, DATABASE_FILE))
  const rows = raw.prepare(query).all()
  raw.close()
  return rows.map((row) => Object.values(row))
}

describe('migrations', () => {
  it('are applied once, and remembered', async () => {
    const folder = temporaryFolder()
    await openWith(folder, MIGRATIONS)
    await openWith(folder, MIGRATIONS)
    await openWith(folder, [...MIGRATIONS, pets])
    expect(inFile(folder, 'SELECT number, name, applied_at FROM schema_migrations')).toEqual([
      ...MIGRATIONS.map(({ name }, index) => [index + 1, name, NOW]),
      [MIGRATIONS.length + 1, 'pets', NOW],
    ])
  })

  it('leave the devices that people have to the cookies that were good for them', async () => {
    const folder = temporaryFolder()
    const { db } = await openWith(folder, MIGRATIONS.slice(0, 2))
    const cookies = { good: 'current', next: 'candidate', old: 'superseded' } as const
    for (const [token_hash, state] of Object.entries(cookies)) {
      await db
        .insertInto('browser_tokens')
        .values({ token_hash, browser_id: 'family', state, used_at: NOW })
        .execute()
    }
    await db
      .insertInto('devices')
      .values({
        id: '1',
        sub: 'lea',
        browser_id: 'family',
        name: 'Kitchen',
        browser_name: 'Firefox',
        system_name: 'Linux',
        network: '192.0.2.0/24',
        added_at: NOW,
        last_seen_at: NOW,
        added_under: 'pin',
      })
      .execute()
    const { store, close } = await openStore({ dataFolder: folder, clock })
    const found = Object.keys(cookies).map((each) => store.devices.recognised(each, 'lea'))
    expect((await Promise.all(found)).map((each) => each?.id)).toEqual(['1', '1', undefined])
    await close()
  })

  it('give keys to the people of a database made before there were any', async () => {
    const folder = temporaryFolder()
    await openWith(folder, MIGRATIONS.slice(0, 3))
    const raw = new DatabaseSync(join(folder, DATABASE_FILE))
    raw.exec(`INSERT INTO accounts (sub, identifier, identifier_key, user_type, given_name,
      family_name, establishments, classes, children, protection, had_pin,
      password_reset_by_mail_at, valid_after, created_at, updated_at)
      VALUES ('lea', 'lea', 'lea', 'student', 'Léa', 'Martin', '[]', '[]', '[]', 'pin', 0, 0, 0, 0, 0)`)
    raw.close()
    const keys = `SELECT name FROM sqlite_schema WHERE name = 'otp_keys'`
    expect(inFile(folder, keys)).toEqual([])
    const { store, close } = await openStore({ dataFolder: folder, clock })
    onTestFinished(close)
    expect(inFile(folder, keys)).toEqual([['otp_keys']])
    expect(await store.accounts.bySub('lea')).toMatchObject({
      protection: 'pin',
      hasOtpKeys: false,
    })
    expect(await store.otpKeys.add(otpKey({ sub: 'lea' }))).toBe(true)
    expect(await store.accounts.bySub('lea')).toMatchObject({
      protection: 'pin',
      hasOtpKeys: true,
    })
    expect(inFile(folder, 'SELECT name FROM schema_migrations ORDER BY number')).toEqual(
      MIGRATIONS.map(({ name }) => [name]),
    )
  })

  it('refuse a database whose migrations are not ours', async () => {
    const folder = temporaryFolder()
    await openWith(folder, [...MIGRATIONS, pets])
    const others: Migration = { ...pets, statements: () => ['CREATE TABLE pets (age INTEGER)'] }
    await expect(openWith(folder, [...MIGRATIONS, others])).rejects.toMatchObject({
      code: 'unavailable',
      message: expect.stringContaining('"pets"'),
    })
  })

  it('refuse a database made by a newer version', async () => {
    const folder = temporaryFolder()
    await openWith(folder, [...MIGRATIONS, pets])
    await expect(openStore({ dataFolder: folder, clock })).rejects.toMatchObject({
      code: 'unavailable',
      message: expect.stringContaining('newer version'),
    })
  })

  it('leave nothing of one that fails', async () => {
    const folder = temporaryFolder()
    await openWith(folder, MIGRATIONS)
    await expect(openWith(folder, [...MIGRATIONS, broken])).rejects.toThrow('syntax error')
    expect(inFile(folder, `SELECT name FROM sqlite_schema WHERE name = 'cages'`)).toEqual([])
    expect(inFile(folder, 'SELECT name FROM schema_migrations')).toEqual(
      MIGRATIONS.map(({ name }) => [name]),
    )
  })

  it('are done by one of several starters', async () => {
    const folder = temporaryFolder()
    const opened = await Promise.all(
      Array.from({ length: 4 }, () => openStore({ dataFolder: folder, clock })),
    )
    await Promise.all(opened.map(({ ping }) => ping()))
    await Promise.all(opened.map(({ close }) => close()))
    expect(inFile(folder, 'SELECT count(*) FROM schema_migrations')).toEqual([[MIGRATIONS.length]])
  })
})
