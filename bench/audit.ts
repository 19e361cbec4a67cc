/**
 * `node bench/audit.ts [ENTRIES]`: an audit of so many entries (default 1,000,000) in a database of
 * its own: what sealing one costs, how long whoever commits waits beside the sealer, how long a check
 * and a page of a search take, and the memory of the check. One line of JSON each.
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { createAuditKeys, createAuditSealer } from '../accounts/audit_seal.ts'
import { type AuditFilter, actsOf } from '../accounts/audit_search.ts'
import { verifyAudit } from '../accounts/audit_verify.ts'
import type { AuditEntry } from '../accounts/ports.ts'
import { createAuditSearch } from '../adapters/audit_search.ts'
import { openChainReader } from '../adapters/chain_reader.ts'
import { DATABASE_FILE, openStore } from '../adapters/open.ts'
import { createOverview } from '../adapters/overview.ts'
import { createSqliteReader } from '../adapters/sqlite_reader.ts'
import { systemRandom } from '../provider/wire.ts'
import { quantile } from './report.ts'

const COUNT = Number(process.argv[2] ?? 1_000_000)
const DAYS = 60
const DAY_MS = 24 * 3_600_000
const BEGIN_MS = Date.UTC(2026, 5, 1)
const AT_ONCE = 1_000
const KEYS = createAuditKeys(Buffer.alloc(32, 1))
const TURN_MS = 3_000
const TURNS = 6
const ROUND_PAUSE_MS = 400
const PAUSE_MS = 5

const ACTS = [
  ...actsOf('signing_in').slice(0, 6),
  'sign_in_completed',
  'sign_in_completed',
  'application_opened',
  'mail_sent',
]

const entryOf = (nth: number): AuditEntry => ({
  id: `bench ${nth}`,
  atMs: BEGIN_MS + Math.floor((nth / COUNT) * DAYS * DAY_MS),
  act: nth % 50_000 === 7 ? 'key_lost' : (ACTS[nth % ACTS.length] ?? ''),
  outcome: nth % 17 === 0 ? 'refused' : 'done',
  actor: `sub-${(nth * 7919) % 100_003}`,
  sub: `sub-${(nth * 7919) % 100_003}`,
  clientId: nth % 3 === 0 ? null : `application ${nth % 11}`,
  network: '192.0.2.0/24',
  browserId: `browser-${(nth * 7919) % 100_003}`,
  detail: { how: 'password' },
})

const say = (line: object): void => {
  process.stdout.write(`${JSON.stringify(line)}\n`)
}
const round = (ms: number, digits = 2): number => Number(ms.toFixed(digits))
const timed = async <T>(act: () => Promise<T> | T): Promise<[ms: number, value: T]> => {
  const before = performance.now()
  const value = await act()
  return [performance.now() - before, value]
}

const folder = mkdtempSync(join(tmpdir(), 'vestibule-audit-'))
const opened = await openStore({ dataFolder: folder, clock: Date.now })
const { audit } = opened.store
const [fillMs] = await timed(async () => {
  for (let from = 0; from < COUNT; from += AT_ONCE) {
    await audit.appendAll(Array.from({ length: AT_ONCE }, (_, index) => entryOf(from + index)))
  }
})
say({ entries: COUNT, fillSeconds: round(fillMs / 1_000) })

const sealerOf = () =>
  createAuditSealer({
    seals: opened.auditSeals,
    keys: KEYS,
    clock: Date.now,
    random: systemRandom,
    mayI: async () => true,
    publish: async () => {},
  })

const [sealMs] = await timed(() => sealerOf().finish())
say({
  sealSeconds: round(sealMs / 1_000),
  sealMicrosecondsAnEntry: round((sealMs / COUNT) * 1_000),
})

/** How long a commit of three entries takes, as a sign-in's, with the sealer beside or not. */
const commits = async (sealing: boolean, turn: number): Promise<number[]> => {
  const sealer = sealerOf()
  let over = false
  const beside = (async () => {
    while (sealing && !over) {
      await sealer.round()
      await wait(ROUND_PAUSE_MS)
    }
  })()
  const times: number[] = []
  const end = performance.now() + TURN_MS
  for (let nth = 0; performance.now() < end; nth += 1) {
    const entries = [0, 1, 2].map((each) => ({
      ...entryOf(COUNT - 1),
      id: `${sealing} ${turn} ${nth} ${each}`,
    }))
    const [ms] = await timed(() =>
      opened.store.transact((tables) => tables.audit.appendAll(entries)),
    )
    times.push(ms)
    await wait(PAUSE_MS)
  }
  over = true
  await beside
  return times
}
/** By turns, so that whatever else this machine does meets both alike. */
const turns: Readonly<Record<'without' | 'with', number[]>> = { without: [], with: [] }
for (let turn = 0; turn < TURNS; turn += 1) {
  turns.without.push(...(await commits(false, turn)))
  await sealerOf().finish()
  turns.with.push(...(await commits(true, turn)))
}
for (const [sealing, times] of Object.entries(turns)) {
  const [p50, p99] = [quantile(times, 0.5, 2), quantile(times, 0.99, 2)]
  say({ sealing, commits: times.length, p50, p99, most: round(Math.max(...times)) })
}
await sealerOf().finish()

const chain = openChainReader(folder)
const before = process.memoryUsage().rss
let most = 0
const [verifyMs, verified] = await timed(() =>
  verifyAudit({
    chain,
    keys: KEYS,
    lines: [],
    found: (finding) => say({ finding }),
    progress: () => {
      most = Math.max(most, process.memoryUsage().rss)
    },
  }),
)
chain.close()
say({
  verified: verified.entries,
  findings: verified.findings,
  verifySeconds: round(verifyMs / 1_000),
  memoryMoreMib: round((most - before) / 1_048_576, 0),
})

const reader = createSqliteReader(join(folder, DATABASE_FILE))
const search = createAuditSearch(reader.db)
const FILTERS: Readonly<Record<string, AuditFilter>> = {
  everything: {},
  person: { sub: 'sub-7919' },
  actNotFound: { acts: ['not_me'] },
  rareAct: { acts: ['key_lost'] },
  groupOfSignIns: { acts: actsOf('signing_in') },
  groupOfAdministration: { acts: actsOf('administration') },
  refused: { outcome: 'refused' },
  neverRefusedAct: { acts: ['key_lost'], outcome: 'refused' },
  groupRefusedAtNoApplication: {
    acts: actsOf('signing_in'),
    outcome: 'refused',
    clientId: 'nowhere',
  },
  actOfApplication: { acts: ['mail_sent'], clientId: 'application 3' },
  nothingRefused: { acts: ['mail_failed', 'mail_sent'], outcome: 'refused', clientId: 'x' },
  oneDay: { fromMs: BEGIN_MS + 9 * DAY_MS, toMs: BEGIN_MS + 10 * DAY_MS },
  oneDayRefusedGroup: {
    fromMs: BEGIN_MS + 9 * DAY_MS,
    toMs: BEGIN_MS + 10 * DAY_MS,
    acts: actsOf('tokens'),
    outcome: 'refused',
  },
}
await search.page({}, null, 50)
for (const [name, filter] of Object.entries(FILTERS)) {
  const [firstMs, page] = await timed(() => search.page(filter, null, 50))
  const [middleMs] = await timed(() => search.page(filter, Math.floor(COUNT / 2), 50))
  const { entries, lookedBackToMs } = page
  say({
    search: name,
    firstMs: round(firstMs),
    middleMs: round(middleMs),
    found: entries.length,
    partial: lookedBackToMs !== null,
  })
}
const [chainMs] = await timed(() => search.chain())
const overview = createOverview(reader.db)
const from = await overview.placeAt(BEGIN_MS + 30 * DAY_MS)
const [monthMs, month] = await timed(() =>
  overview.countActs(['sign_in_completed'], from ?? 0, null, {
    userTypes: null,
    establishments: null,
  }),
)
const [scopedMs] = await timed(() =>
  overview.countActs(['sign_in_completed'], from ?? 0, null, {
    userTypes: ['student'],
    establishments: null,
  }),
)
say({ chainMs: round(chainMs), monthMs: round(monthMs), month, monthOfAScopeMs: round(scopedMs) })
await reader.close()
await opened.close()
rmSync(folder, { recursive: true })
