import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { describe, expect, it } from 'vitest'
import { AUDIT_KEPT_MS } from '../../accounts/audit.ts'
import type { AuditEntry, DeviceStore, NewNotice } from '../../accounts/ports.ts'
import { DATABASE_FILE } from '../../adapters/open.ts'
import { PURGE_STATEMENTS, REPLACED_COOKIES_MAX } from '../../adapters/purge.ts'
import { NOW } from './record.ts'
import { temporaryFolder, temporaryStore } from './temporary.ts'

const entry = (id: string, atMs: number): AuditEntry => ({
  id,
  atMs,
  act: 'login_right',
  outcome: 'done',
  actor: 'lea',
  sub: 'lea',
  clientId: null,
  network: null,
  browserId: null,
  detail: {},
})
const notice = (id: string, atMs: number): NewNotice => ({
  id,
  sub: 'lea',
  code: 'pin_defined',
  atMs,
  params: {},
})

describe('the purge', () => {
  it('forgets notices after twelve months, in pieces, and leaves the audit to its chain', async () => {
    const { store, purge } = await temporaryStore()
    await store.transact(async ({ audit, notices }) => {
      for (let index = 0; index < 1_100; index += 1) {
        await notices.add(notice(`old ${index}`, NOW))
      }
      await audit.append(entry('old', NOW))
      await notices.add(notice('new', NOW + 1))
    })
    expect(await purge(NOW + AUDIT_KEPT_MS - 1)).toBe(0)
    expect(await purge(NOW + AUDIT_KEPT_MS)).toBe(1_100)
    expect((await store.audit.list({}, 10)).map(({ id }) => id)).toEqual(['old'])
    expect((await store.notices.list('lea', 10)).map(({ id }) => id)).toEqual(['new'])
  })

  it('reads no table through to find what is past', async () => {
    const folder = temporaryFolder()
    await temporaryStore({ dataFolder: folder })
    const raw = new DatabaseSync(join(folder, DATABASE_FILE), { readOnly: true })
    const plans = PURGE_STATEMENTS.map((statement) => [
      statement,
      raw
        .prepare(`EXPLAIN QUERY PLAN ${statement}`)
        .all(...Array.from(statement.matchAll(/\?/g), () => NOW))
        .map(({ detail }) => String(detail)),
    ])
    raw.close()
    expect(plans.length).toBeGreaterThan(8)
    for (const [statement, steps] of plans) {
      expect(steps, String(statement)).not.toContainEqual(expect.stringMatching(/^SCAN/))
    }
  })

  /** As many sign-ins in a row; the cookies of all of them, oldest first. */
  const signInOften = async (devices: DeviceStore, browser: string, times: number) => {
    const cookies = [`${browser} 0`]
    for (let index = 1; index <= times; index += 1) {
      const next = { tokenHash: `${browser} ${index}`, browserId: browser }
      await devices.use(cookies.at(-1) ?? null, next, NOW)
      cookies.push(next.tokenHash)
    }
    return cookies.slice(1)
  }

  it('keeps the newest replaced cookies of each browser, and the good ones', async () => {
    const { store, purge } = await temporaryStore()
    const { devices } = store
    const busy = await signInOften(devices, 'busy', 150)
    const calm = await signInOften(devices, 'calm', 10)
    // The last is not presented yet, and the one before is the current one.
    expect(await purge(NOW)).toBe(150 - 2 - REPLACED_COOKIES_MAX)
    const kinds = await Promise.all(busy.map(async (one) => (await devices.present(one)).kind))
    const count = (kind: string): number => kinds.filter((each) => each === kind).length
    expect([count('known'), count('stale')]).toEqual([2, REPLACED_COOKIES_MAX])
    expect(kinds.slice(-2)).toEqual(['known', 'known'])
    expect(kinds.at(-3)).toBe('stale')
    expect((await devices.present(calm[0] ?? '')).kind).toBe('stale')
    expect(await purge(NOW)).toBe(0)
  })
})
