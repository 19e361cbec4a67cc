import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { AUDIT_ACTS } from '../../accounts/audit.ts'
import { ACT_GROUPS, type AuditFilter, actsOf } from '../../accounts/audit_search.ts'
import type { AuditEntry } from '../../accounts/ports.ts'
import { createAuditSearch } from '../../adapters/audit_search.ts'
import { DATABASE_FILE } from '../../adapters/open.ts'
import { openSqlite } from '../../adapters/sqlite.ts'
import { temporaryFolder, temporaryStore } from '../adapters/temporary.ts'
import { entryOf } from '../support/audit_chain.ts'
import { signInToConsole } from '../support/console.ts'
import { DAY_MS, MINUTE_MS, MONDAY_MORNING, type School, startSchool } from '../support/school.ts'

describe('the words of the audit', () => {
  it.each(['en', 'fr'])('say every act in %s', (locale) => {
    const file = join(import.meta.dirname, `../../views/messages/console/audit.${locale}.json`)
    const { acts } = JSON.parse(readFileSync(file, 'utf8')) as { acts: Record<string, string> }
    expect(Object.keys(acts).sort()).toEqual([...AUDIT_ACTS, 'unknown'].sort())
  })

  it('put every act in one group', () => {
    expect(ACT_GROUPS.flatMap((group) => actsOf(group)).sort()).toEqual([...AUDIT_ACTS].sort())
  })
})

describe('a search of the audit', () => {
  /** All that fits, page by page; and how many pages that took. */
  const search = async (entries: readonly AuditEntry[], filter: AuditFilter, limit = 3) => {
    const folder = temporaryFolder()
    const { store } = await temporaryStore({ dataFolder: folder })
    for (let from = 0; from < entries.length; from += 1_000) {
      await store.audit.appendAll(entries.slice(from, from + 1_000))
    }
    const sqlite = await openSqlite(join(folder, DATABASE_FILE))
    const audit = createAuditSearch(sqlite.db)
    const found: string[] = []
    let pages = 0
    for (let before: number | null = null, more = true; more; pages += 1) {
      const page = await audit.page(filter, before, limit)
      found.push(...page.entries.map(({ id }) => id))
      before = page.next
      more = before !== null
    }
    await sqlite.close()
    return { found, pages }
  }

  const acts = ['login_right', 'login_refused', 'pin_wrong'] as const
  const every = <T>(index: number, nth: number, value: T, other: T): T =>
    index % nth === 0 ? value : other
  const many = (count: number): AuditEntry[] =>
    Array.from({ length: count }, (_, index) =>
      entryOf(index, {
        id: String(index),
        act: acts[index % 3] ?? '',
        outcome: every(index, 3, 'done', 'refused'),
        sub: every(index, 7, 'tom', 'lea'),
        actor: every(index, 5, 'admin', 'lea'),
        clientId: every<string | null>(index, 2, 'ent', null),
      }),
    )

  const fits = ({ sub, actor, acts: some, outcome, clientId, fromMs, toMs }: AuditFilter) =>
    many(120)
      .filter(
        (entry) =>
          (sub === undefined || entry.sub === sub) &&
          (actor === undefined || (entry.actor === actor && entry.sub !== actor)) &&
          (some?.includes(entry.act) ?? true) &&
          (outcome === undefined || entry.outcome === outcome) &&
          (clientId === undefined || entry.clientId === clientId) &&
          entry.atMs >= (fromMs ?? 0) &&
          entry.atMs < (toMs ?? Number.POSITIVE_INFINITY),
      )
      .map(({ id }) => id)
      .reverse()

  it.each<[string, AuditFilter]>([
    ['everything', {}],
    ['a person', { sub: 'tom' }],
    ['who did it', { actor: 'admin' }],
    ['an act', { acts: ['pin_wrong'] }],
    ['several acts', { acts: ['pin_wrong', 'login_right'] }],
    ['no act', { acts: [] }],
    ['an outcome', { outcome: 'refused' }],
    ['an application', { clientId: 'ent' }],
    ['days', { fromMs: entryOf(40).atMs, toMs: entryOf(60).atMs }],
    ['days before all', { toMs: 1 }],
    ['days after all', { fromMs: entryOf(500).atMs }],
    ['an act of an application', { acts: ['login_right'], clientId: 'ent' }],
    [
      'all at once',
      {
        sub: 'tom',
        actor: 'admin',
        acts,
        outcome: 'refused',
        clientId: 'ent',
        fromMs: entryOf(10).atMs,
        toMs: entryOf(110).atMs,
      },
    ],
  ])('finds each entry once, newest first, by %s', async (_, filter) => {
    const { found } = await search(many(120), filter)
    expect(found).toEqual(fits(filter))
  })

  it('looks at so many entries a page where no index finds what is asked for', async () => {
    const entries = Array.from({ length: 45_000 }, (_, index) =>
      entryOf(index, { id: String(index), outcome: index === 7 ? 'refused' : 'done' }),
    )
    const { found, pages } = await search(entries, { outcome: 'refused' })
    expect(found).toEqual(['7'])
    expect(pages).toBe(3)
  })
})

describe('the audit in the console', () => {
  let school: School
  beforeEach(async () => {
    school = await startSchool()
  })
  afterEach(() => school.stop())

  const append = (entries: readonly AuditEntry[]) =>
    school.gateway.core.deps.store.audit.appendAll(entries)

  const rows = (html: string): string[] =>
    [...html.matchAll(/<tr data-seq="\d+">([\s\S]*?)<\/tr>/g)].map(([, row = '']) => row)

  it('says each entry in words, with whom it concerns and who did it', async () => {
    const { sub } = await school.person({ identifier: 'lea.petit', givenName: 'Léa' })
    const auditor = await signInToConsole(school, { role: 'auditor' })
    await append([
      entryOf(1, { act: 'pin_wrong', outcome: 'refused', sub, actor: null, detail: { left: 2 } }),
      entryOf(2, { act: 'pin_generated', sub, actor: 'cli:root' }),
    ])
    const page = await auditor.open('/admin/audit?person=LEA.petit')
    const [generated = '', wrong = ''] = rows(page.text)
    expect(generated).toContain('New PIN generated')
    expect(generated).toContain('cli:root')
    expect(wrong).toContain('PIN wrong')
    expect(wrong).toContain('Refused')
    expect(wrong).toContain('Léa Moreau')
    expect(wrong).toContain(`/admin/people/${sub}`)
    expect(wrong).toMatch(/<code>left<\/code> 2/)
    expect(rows((await auditor.open(`/admin/audit?person=${sub}`)).text)).toHaveLength(2)
  })

  it('takes days by the clocks of the school', async () => {
    const admin = await signInToConsole(school)
    // 22:30 UTC is half past midnight of the next day in Paris in summer.
    const atMs = Date.UTC(2026, 5, 1, 22, 30)
    await append([entryOf(1, { atMs, act: 'not_me' })])
    const of = async (query: string) =>
      rows((await admin.open(`/admin/audit?${query}`)).text).length
    expect(await of('act=not_me&from=2026-06-01&to=2026-06-01')).toBe(0)
    expect(await of('act=not_me&from=2026-06-02&to=2026-06-02')).toBe(1)
  })

  it('leads from page to page, and keeps what was searched for', async () => {
    const admin = await signInToConsole(school)
    await append(Array.from({ length: 120 }, (_, nth) => entryOf(nth, { act: 'key_tested' })))
    const first = await admin.open('/admin/audit?act=group%3Akeys')
    expect(rows(first.text)).toHaveLength(50)
    const next = /href="([^"]*before=\d+[^"]*)"/.exec(first.text)?.[1]?.replaceAll('&amp;', '&')
    const second = await admin.open(next ?? '')
    expect(rows(second.text)).toHaveLength(50)
    expect(second.text).toContain('<option value="group:keys" selected>')
  })

  it('says what of a search means nothing', async () => {
    const admin = await signInToConsole(school)
    const page = await admin.open('/admin/audit?person=nobody&from=2026-02-31')
    expect(page.status).toBe(422)
    expect(page.text).toContain('Nobody has or had this identifier.')
    expect(page.text).toContain('This is no day.')
    expect(page.text).toContain('value="nobody"')
  })

  it('exports what was found, formulas made harmless, and writes that down', async () => {
    const { sub } = await school.person({ identifier: '=HYPERLINK("x")' })
    const admin = await signInToConsole(school, { role: 'auditor' })
    await append([
      entryOf(1, { act: 'key_tested', sub, detail: { name: '+1' } }),
      entryOf(2, { act: 'key_tested', sub }),
    ])
    await admin.open('/admin/audit?act=key_tested')
    const csv = await admin.submit({ format: 'csv' }, { form: '#export' })
    expect(csv.text.split('\r\n')).toHaveLength(4)
    expect(csv.text).toContain('"=""=HYPERLINK(""""x"""")"""')
    expect(csv.text).not.toMatch(/[;\n]=HYPERLINK/)
    await admin.open('/admin/audit?act=key_tested')
    const lines = await admin.submit({ format: 'jsonl' }, { form: '#export' })
    const parsed = lines.text
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line))
    expect(parsed).toMatchObject([
      { act: 'key_tested', sub, identifier: '=HYPERLINK("x")', detail: { nth: 2 } },
      { detail: { name: '+1' } },
    ])
    const { store } = school.gateway.core.deps
    expect(await store.audit.list({ act: 'audit_exported' }, 9)).toMatchObject([
      { detail: { format: 'jsonl', act: 'key_tested' } },
      { detail: { format: 'csv', act: 'key_tested' } },
    ])
  })

  it('shows how far it is sealed, a moment after', async () => {
    const admin = await signInToConsole(school)
    const sealed = async () => {
      for (let tries = 0; tries < 50; tries += 1) {
        const { text: html } = await admin.open('/admin/audit')
        if (html.includes('Every entry is sealed.')) {
          return html
        }
      }
      return ''
    }
    await expect.poll(sealed, { timeout: 10_000 }).toMatch(/entries are sealed, up to/)
    school.later(2 * MINUTE_MS)
    await expect.poll(sealed, { timeout: 10_000 }).toContain('Last signed checkpoint')
  })

  it('is nothing for a helpdesk', async () => {
    const helpdesk = await signInToConsole(school, { role: 'helpdesk', userTypes: ['student'] })
    expect((await helpdesk.open('/admin/audit')).status).toBe(403)
  })

  it('is sealed to its end at the stop, and goes on after it', async () => {
    await append([entryOf(1)])
    await school.restart()
    const raw = new DatabaseSync(join(school.dataFolder, DATABASE_FILE), { readOnly: true })
    const { n } =
      raw.prepare('SELECT count(*) AS n FROM audit_log WHERE digest IS NULL').get() ?? {}
    expect(n).toBe(0)
    raw.close()
    expect(readFileSync(join(school.dataFolder, 'audit_checkpoints.jsonl'), 'utf8')).toMatch(/^\{/)
    school.later(DAY_MS)
    expect(MONDAY_MORNING).toBeLessThan(Date.now())
  })
})
