import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { describe, expect, it, onTestFinished } from 'vitest'
import { MIGRATIONS, type Migration, migrate } from '../../adapters/migrate.ts'
import { DATABASE_FILE, openStore } from '../../adapters/open.ts'
import { openSqlite } from '../../adapters/sqlite.ts'
import { NOW } from './record.ts'
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
