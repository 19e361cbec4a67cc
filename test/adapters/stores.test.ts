import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { describe, expect, it } from 'vitest'
import type { PasswordRecord, PinRecord } from '../../accounts/account.ts'
import type { AuditEntry, PolicyVersion } from '../../accounts/ports.ts'
import { DATABASE_FILE } from '../../adapters/open.ts'
import { DEFAULT_POLICIES, policySchema } from '../../policies/policy.ts'
import { NOW, person } from './record.ts'
import { temporaryFolder, temporaryStore } from './temporary.ts'

const password = (sealed: string, more: Partial<PasswordRecord> = {}): PasswordRecord => ({
  sealed,
  origin: 'personal',
  setAt: NOW,
  rulesVersion: 2,
  mustChange: false,
  voidedAt: null,
  batchId: null,
  ...more,
})

const pin = (sealed: string, more: Partial<PinRecord> = {}): PinRecord => ({
  sealed,
  origin: 'chosen',
  setAt: NOW,
  length: 4,
  blockedAt: null,
  ...more,
})

describe('accounts', () => {
  it('come back as they went in, however they are looked up', async () => {
    const { store } = await temporaryStore()
    const everything = person('Léa.Martin', {
      externalId: 'ENT-1',
      userType: 'guardian',
      email: 'lea@example.org',
      birthDate: '1984-02-29',
      establishments: ['0752345X', '0752346Y'],
      classes: ['6e A'],
      children: ['ENT-2'],
      locale: 'fr',
    })
    await store.accounts.insert('sub-1', everything, NOW)
    const found = await store.accounts.bySub('sub-1')
    expect(found).toEqual({
      ...everything,
      sub: 'sub-1',
      protection: null,
      password: null,
      voidPassword: null,
      pin: null,
      hadPin: false,
      passwordResetByMailAt: 0,
      verifiedEmail: null,
      verifiedAt: null,
      previousVerifiedEmail: null,
      chosenLocale: null,
      validAfter: 0,
      disabledAt: null,
      hasOtpKeys: false,
      role: null,
      createdAt: NOW,
    })
    expect(await store.accounts.byIdentifier('léa.martin')).toEqual(found)
    expect(await store.accounts.byExternalId('ENT-1')).toEqual(found)
    expect(await store.accounts.byIdentifier('nobody')).toBeNull()
  })

  it('keep secrets and protection when the directory changes the person', async () => {
    const { store } = await temporaryStore()
    await store.accounts.insert('sub-1', person('lea', { establishments: ['A'] }), NOW)
    await store.accounts.setPassword('sub-1', password('p', { mustChange: true }))
    await store.accounts.setPin('sub-1', pin('q', { blockedAt: NOW }))
    await store.accounts.setProtection('sub-1', 'pin')
    const moved = person('lea.martin', { userType: 'teacher', establishments: ['B'] })
    await store.accounts.update('sub-1', moved, NOW + 1)
    expect(await store.accounts.bySub('sub-1')).toMatchObject({
      ...moved,
      password: password('p', { mustChange: true }),
      pin: pin('q', { blockedAt: NOW }),
      hadPin: true,
      protection: 'pin',
    })
  })

  it('never give an identifier to somebody else, used or not', async () => {
    const { store } = await temporaryStore()
    await store.accounts.insert('sub-1', person('lea', { externalId: 'ENT-1' }), NOW)
    await store.accounts.update('sub-1', person('lea.martin', { externalId: 'ENT-1' }), NOW)
    expect(await store.accounts.byIdentifier('lea')).toBeNull()
    expect(await store.accounts.identifierHolder('lea')).toBe('sub-1')
    const other = store.accounts.insert('sub-2', person('LEA', { externalId: 'ENT-2' }), NOW)
    await expect(other).rejects.toThrow('belongs, or belonged, to another account')
    expect(await store.accounts.bySub('sub-2')).toBeNull()
    await store.accounts.update('sub-1', person('lea', { externalId: 'ENT-1' }), NOW)
    expect((await store.accounts.byIdentifier('lea'))?.sub).toBe('sub-1')
  })

  it('move valid_after forward only', async () => {
    const { store } = await temporaryStore()
    await store.accounts.insert('sub-1', person('lea'), NOW)
    await store.accounts.voidBefore('sub-1', 2000)
    await store.accounts.voidBefore('sub-1', 1000)
    expect((await store.accounts.bySub('sub-1'))?.validAfter).toBe(2000)
  })

  it('let one of two parallel changes of a password through', async () => {
    const { store } = await temporaryStore()
    await store.accounts.insert('sub-1', person('lea'), NOW)
    await store.accounts.setPassword('sub-1', password('old'))
    const changed = await Promise.all(
      ['a', 'b'].map((sealed) => store.accounts.replacePassword('sub-1', 'old', password(sealed))),
    )
    expect(changed).toEqual([true, false])
    expect((await store.accounts.bySub('sub-1'))?.password?.sealed).toBe('a')
  })

  it('let one of two parallel definitions of a PIN through', async () => {
    const { store } = await temporaryStore()
    await store.accounts.insert('sub-1', person('lea'), NOW)
    const define = (expected: string | null, sealed: string) =>
      store.accounts.replacePin('sub-1', expected, pin(sealed))
    expect(await Promise.all([define(null, 'a'), define(null, 'b')])).toEqual([true, false])
    expect(await define('x', 'c')).toBe(false)
    expect(await define('a', 'd')).toBe(true)
  })

  it('list whom an establishment may have lost', async () => {
    const { store } = await temporaryStore()
    const add = (sub: string, more: Parameters<typeof person>[1]) =>
      store.accounts.insert(sub, person(sub, { establishments: ['A', 'B'], ...more }), NOW)
    await add('here', { externalId: 'E1' })
    await add('teacher', { externalId: 'E2', userType: 'teacher' })
    await add('elsewhere', { externalId: 'E3', establishments: ['C'] })
    await add('by-hand', {})
    await add('gone', { externalId: 'E4' })
    await store.accounts.setDisabled('gone', NOW)
    expect(await store.accounts.listActive('B', 'student')).toEqual([
      {
        sub: 'here',
        externalId: 'E1',
        identifier: 'here',
        name: 'Léa Martin',
        holdsRole: false,
      },
    ])
  })

  it('remember what the last import set', async () => {
    const { store } = await temporaryStore()
    await store.accounts.insert('sub-1', person('lea'), NOW)
    expect(await store.accounts.importMark('sub-1')).toBeNull()
    await store.accounts.setImportMark('sub-1', 'mark')
    expect(await store.accounts.importMark('sub-1')).toBe('mark')
  })
})

describe('notices and audit', () => {
  it('are listed newest first, also within one millisecond', async () => {
    const { store } = await temporaryStore()
    for (const id of ['z', 'a', 'm']) {
      await store.notices.add({
        id,
        sub: 'sub-1',
        code: 'device_added',
        atMs: NOW,
        params: { device: 'Room 201' },
      })
    }
    const notices = await store.notices.list('sub-1', 2)
    expect(notices.map(({ id }) => id)).toEqual(['m', 'a'])
    expect(notices[0]?.params).toEqual({ device: 'Room 201' })
    expect(await store.notices.list('sub-2', 2)).toEqual([])
  })

  it('tell which were answered; another person’s are neither found nor answered', async () => {
    const { notices } = (await temporaryStore()).store
    const told = { id: 'n', sub: 'sub-1', code: 'pin_wrong', atMs: NOW, params: {} } as const
    await notices.add(told)
    expect(await notices.find('n', 'sub-1')).toEqual({ ...told, answeredAt: null })
    expect(await notices.find('n', 'sub-2')).toBeNull()
    expect(await notices.answer('n', 'sub-2', NOW + 1)).toBe(false)
    expect(await notices.answer('n', 'sub-1', NOW + 2)).toBe(true)
    expect(await notices.answer('n', 'sub-1', NOW + 3)).toBe(false)
    expect(await notices.list('sub-1', 1)).toEqual([{ ...told, answeredAt: NOW + 2 }])
  })

  it('are found by whom they concern and by act', async () => {
    const { store } = await temporaryStore()
    const entry: AuditEntry = {
      id: '1',
      atMs: NOW,
      act: 'login_refused',
      outcome: 'refused',
      actor: null,
      sub: 'sub-1',
      clientId: 'ent',
      network: '192.0.2.0/24',
      browserId: 'b',
      detail: { why: 'wrong_password', tries: 2, known: false, more: null },
    }
    await store.audit.append(entry)
    await store.audit.append({ ...entry, id: '2', act: 'login_right' })
    await store.audit.append({ ...entry, id: '3', sub: 'sub-2' })
    const ids = async (filter: { sub?: string; act?: string }) =>
      (await store.audit.list(filter, 10)).map(({ id }) => id)
    expect(await ids({})).toEqual(['3', '2', '1'])
    expect(await ids({ sub: 'sub-1' })).toEqual(['2', '1'])
    expect(await ids({ sub: 'sub-1', act: 'login_refused' })).toEqual(['1'])
    expect((await store.audit.list({}, 10)).at(-1)).toEqual(entry)
  })
})

describe('policies', () => {
  const strict = policySchema.parse({ protections: ['pin'] })
  const version = (id: string, policies: PolicyVersion['policies']): PolicyVersion => ({
    id,
    atMs: NOW,
    by: 'cli:root',
    why: 'a test',
    policies,
  })

  it('are the defaults until some are saved', async () => {
    const { store } = await temporaryStore()
    expect(await store.policies.current()).toEqual(DEFAULT_POLICIES)
    await store.policies.save(version('2', { ...DEFAULT_POLICIES, teacher: strict }), null)
    await store.policies.save(version('1', { ...DEFAULT_POLICIES, student: strict }), '2')
    const current = await store.policies.current()
    expect(current.student).toEqual(strict)
    expect(current.teacher).toEqual(DEFAULT_POLICIES.teacher)
    expect(await store.policies.current()).toBe(current)
  })

  it('are the defaults for a user type that the version does not know', async () => {
    const { store } = await temporaryStore()
    await store.policies.save(version('1', { teacher: strict } as PolicyVersion['policies']), null)
    expect(await store.policies.current()).toEqual({ ...DEFAULT_POLICIES, teacher: strict })
  })

  it('saved by another process hold at once, and those of a failed act never', async () => {
    const folder = temporaryFolder()
    const { store } = await temporaryStore({ dataFolder: folder })
    const { store: other } = await temporaryStore({ dataFolder: folder })
    await store.policies.current()
    await other.policies.save(version('1', { ...DEFAULT_POLICIES, staff: strict }), null)
    expect((await store.policies.current()).staff).toEqual(strict)
    const failed = store.transact(async (tables) => {
      await tables.policies.save(version('2', DEFAULT_POLICIES), '1')
      expect((await tables.policies.current()).staff).toEqual(DEFAULT_POLICIES.staff)
      throw new Error('no')
    })
    await expect(failed).rejects.toThrow('no')
    expect((await store.policies.current()).staff).toEqual(strict)
  })

  it('are a history, newest first, and one made from an older version is not saved', async () => {
    const { store } = await temporaryStore()
    const { policies } = store
    expect([await policies.newest(), await policies.list(null, 5)]).toEqual([null, []])
    expect(await policies.save(version('b', DEFAULT_POLICIES), 'a')).toBe(false)
    const set = { ...DEFAULT_POLICIES, staff: strict }
    expect(await policies.save(version('b', set), null)).toBe(true)
    expect(await policies.save(version('c', DEFAULT_POLICIES), null)).toBe(false)
    expect(await policies.save(version('a', DEFAULT_POLICIES), 'b')).toBe(true)
    expect(await policies.newest()).toEqual(version('a', DEFAULT_POLICIES))
    expect(await policies.find('b')).toEqual(version('b', set))
    expect(await policies.find('c')).toBeNull()
    const ids = async (before: string | null, limit: number) =>
      (await policies.list(before, limit)).map(({ id }) => id)
    expect([await ids(null, 1), await ids(null, 5), await ids('a', 5)]).toEqual([
      ['a'],
      ['a', 'b'],
      ['b'],
    ])
  })

  it('that cannot be read stop everything rather than fall back', async () => {
    const folder = temporaryFolder()
    const { store } = await temporaryStore({ dataFolder: folder })
    await store.policies.save(version('1', DEFAULT_POLICIES), null)
    const raw = new DatabaseSync(join(folder, DATABASE_FILE))
    raw.exec(`UPDATE policy_versions SET policies = '{"staff":{"pin":{"tries":99}}}'`)
    raw.close()
    await expect(store.policies.current()).rejects.toMatchObject({ code: 'unavailable' })
  })
})

describe('key checks', () => {
  it('keep the first value of each key, and tell all', async () => {
    const { keyChecks } = await temporaryStore()
    const first = { name: 'pepper', keyId: 'k1', value: 'a' }
    const second = { name: 'pepper', keyId: 'k2', value: 'b' }
    expect(await keyChecks.readOrInsert([])).toEqual([])
    expect(await keyChecks.readOrInsert([first])).toEqual([first])
    expect(await keyChecks.readOrInsert([{ ...first, value: 'x' }, second])).toEqual([
      first,
      second,
    ])
    expect(await keyChecks.readOrInsert([])).toEqual([first, second])
  })
})
