import type { Kysely } from 'kysely'
import type { Device, DeviceStore } from '../accounts/ports.ts'
import { createBrowserTokens } from './browser_tokens.ts'
import type { Schema } from './schema.ts'
import type { Sql } from './sql.ts'

type Db = Kysely<Schema>

const deviceOf = (row: Schema['devices']): Device => ({
  id: row.id,
  sub: row.sub,
  browserId: row.browser_id,
  name: row.name,
  browserName: row.browser_name,
  systemName: row.system_name,
  network: row.network,
  addedAt: row.added_at,
  lastSeenAt: row.last_seen_at,
  addedUnder: row.added_under,
})

const add = async (db: Db, device: Device): Promise<void> => {
  const { browserId, sub } = device
  await db
    .deleteFrom('devices')
    .where('browser_id', '=', browserId)
    .where('sub', '=', sub)
    .execute()
  await db
    .deleteFrom('browser_copies')
    .where('browser_id', '=', browserId)
    .where('sub', '=', sub)
    .execute()
  await db
    .insertInto('devices')
    .values({
      id: device.id,
      sub,
      browser_id: browserId,
      name: device.name,
      browser_name: device.browserName,
      system_name: device.systemName,
      network: device.network,
      added_at: device.addedAt,
      last_seen_at: device.lastSeenAt,
      added_under: device.addedUnder,
    })
    .execute()
}

/** See the port: true when the good copy was used since the stale one was last. */
const staleCopyUsed = async (
  db: Db,
  browserId: string,
  sub: string,
  nowMs: number,
): Promise<boolean> => {
  const found = await db
    .selectFrom('browser_copies')
    .select('good_used_since')
    .where('browser_id', '=', browserId)
    .where('sub', '=', sub)
    .executeTakeFirst()
  const state = { stale_used_at: nowMs, good_used_since: 0 }
  await db
    .insertInto('browser_copies')
    .values({ browser_id: browserId, sub, ...state })
    .onConflict((conflict) => conflict.columns(['browser_id', 'sub']).doUpdateSet(state))
    .execute()
  return found?.good_used_since === 1
}

const purge: (db: Db, before: Parameters<DeviceStore['purge']>[0]) => Promise<number> = async (
  db,
  { cookiesMs, devicesMs },
) => {
  await db.deleteFrom('browser_tokens').where('used_at', '<', cookiesMs).execute()
  await db.deleteFrom('browser_copies').where('stale_used_at', '<', cookiesMs).execute()
  const { numDeletedRows } = await db
    .deleteFrom('devices')
    .where('added_at', '<', devicesMs)
    .executeTakeFirst()
  return Number(numDeletedRows)
}

/** Recognised devices in SQL, and the cookies that tell browsers apart. */
export const createDeviceStore = ({ db, atomically }: Sql): DeviceStore => {
  const tokens = createBrowserTokens(db)
  return {
    present: (tokenHash) => tokens.present(tokenHash),
    use: (tokenHash, next, nowMs) =>
      atomically((tx) => createBrowserTokens(tx).use(tokenHash, next, nowMs)),
    renew: (tokenHash, next, nowMs) =>
      atomically((tx) => createBrowserTokens(tx).renew(tokenHash, next, nowMs)),
    async find(browserId, sub) {
      const row = await db
        .selectFrom('devices')
        .selectAll()
        .where('browser_id', '=', browserId)
        .where('sub', '=', sub)
        .executeTakeFirst()
      return row === undefined ? null : deviceOf(row)
    },
    async recognised(tokenHash, sub) {
      const row = await db
        .selectFrom('device_tokens')
        .innerJoin('browser_tokens', 'browser_tokens.token_hash', 'device_tokens.token_hash')
        .innerJoin('devices', 'devices.id', 'device_tokens.device_id')
        .selectAll('devices')
        .where('device_tokens.token_hash', '=', tokenHash)
        .where('browser_tokens.state', '!=', 'superseded')
        .where('devices.sub', '=', sub)
        .executeTakeFirst()
      return row === undefined ? null : deviceOf(row)
    },
    async bind(id, tokenHash) {
      await db
        .insertInto('device_tokens')
        .values({ token_hash: tokenHash, device_id: id })
        .onConflict((conflict) => conflict.doNothing())
        .execute()
    },
    async list(sub) {
      const rows = await db
        .selectFrom('devices')
        .selectAll()
        .where('sub', '=', sub)
        .orderBy('last_seen_at', 'desc')
        .orderBy('id')
        .execute()
      return rows.map(deviceOf)
    },
    add: (device) => atomically((tx) => add(tx, device)),
    async seen(id, network, nowMs) {
      await db
        .updateTable('devices')
        .set({ network, last_seen_at: nowMs })
        .where('id', '=', id)
        .execute()
    },
    async remove(id) {
      await db.deleteFrom('devices').where('id', '=', id).execute()
    },
    async removeAll(sub, addedUnder) {
      const all = db.deleteFrom('devices').where('sub', '=', sub)
      const some = addedUnder === undefined ? all : all.where('added_under', '=', addedUnder)
      return Number((await some.executeTakeFirst()).numDeletedRows)
    },
    staleCopyUsed: (browserId, sub, nowMs) =>
      atomically((tx) => staleCopyUsed(tx, browserId, sub, nowMs)),
    async goodCopyUsed(browserId, sub) {
      await db
        .updateTable('browser_copies')
        .set({ good_used_since: 1 })
        .where('browser_id', '=', browserId)
        .where('sub', '=', sub)
        .execute()
    },
    purge: (before) => atomically((tx) => purge(tx, before)),
  }
}
