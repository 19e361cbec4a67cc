import { join } from 'node:path'
import type { AdapterPayload } from 'oidc-provider'
import { describe, expect, it, onTestFinished } from 'vitest'
import { createSessionAdapter } from '../../adapters/oidc_sessions.ts'
import { openStore } from '../../adapters/open.ts'
import { ENDED_IDS_KEPT_MS } from '../../adapters/purge.ts'
import { openSqlite } from '../../adapters/sqlite.ts'
import { NOW } from './record.ts'
import { standingClock, temporaryFolder, temporaryStore } from './temporary.ts'

const openWithClock = async () => {
  const time = standingClock()
  const opened = await temporaryStore({ clock: time.clock })
  return { ...opened, ...time }
}

describe('codes, tokens and grants', () => {
  it('come back as they went in, each model apart', async () => {
    const { op } = await openWithClock()
    await op.Adapter('AccessToken').upsert('id', { accountId: 'lea', scope: 'openid' }, 60)
    expect(await op.Adapter('AccessToken').find('id')).toEqual({
      accountId: 'lea',
      scope: 'openid',
    })
    expect(await op.Adapter('RefreshToken').find('id')).toBeUndefined()
  })

  it('are found until their end and a little later, then purged', async () => {
    const { op, purge, pass } = await openWithClock()
    const codes = op.Adapter('AuthorizationCode')
    await codes.upsert('short', {}, 60)
    await codes.upsert('endless', {})
    pass(74_999)
    expect(await codes.find('short')).toEqual({})
    const end = pass(1)
    expect(await codes.find('short')).toBeUndefined()
    expect(await purge(end)).toBe(1)
    expect(await codes.find('endless')).toEqual({})
  })

  it('are used up by one of eight in parallel', async () => {
    const { op } = await openWithClock()
    const codes = op.Adapter('AuthorizationCode')
    await codes.upsert('code', { grantId: 'g' }, 60)
    const results = await Promise.allSettled(Array.from({ length: 8 }, () => codes.consume('code')))
    const lost = results.filter(({ status }) => status === 'rejected')
    expect(lost).toHaveLength(7)
    expect(lost[0]).toMatchObject({ reason: { name: 'InvalidGrant', status: 400 } })
    expect(await codes.find('code')).toEqual({ grantId: 'g', consumed: Math.floor(NOW / 1000) })
  })

  it('used up stay so when they are saved again', async () => {
    const { op } = await openWithClock()
    const tokens = op.Adapter('RefreshToken')
    await tokens.upsert('t', { scope: 'a' }, 60)
    await tokens.consume('t')
    await tokens.upsert('t', { scope: 'b' }, 60)
    expect(await tokens.find('t')).toMatchObject({ scope: 'b', consumed: expect.any(Number) })
  })

  it('answer a second use of a pushed request in its own words', async () => {
    const { op } = await openWithClock()
    const requests = op.Adapter('PushedAuthorizationRequest')
    await requests.upsert('r', {}, 60)
    await requests.consume('r')
    await expect(requests.consume('r')).rejects.toMatchObject({ name: 'InvalidRequestUri' })
  })

  it('go with their grant, or with their account', async () => {
    const { op } = await openWithClock()
    const grants = op.Adapter('Grant')
    const tokens = op.Adapter('RefreshToken')
    await grants.upsert('g', { accountId: 'lea' }, 60)
    await grants.upsert('h', { accountId: 'noe' }, 60)
    await tokens.upsert('t', { accountId: 'lea', grantId: 'g' }, 60)
    await tokens.upsert('u', { accountId: 'lea', grantId: 'g2' }, 60)
    await tokens.revokeByGrantId('g')
    expect(await tokens.find('t')).toBeUndefined()
    expect(await op.destroyGrantsOf('lea')).toBe(2)
    expect(await grants.find('g')).toBeUndefined()
    expect(await grants.find('h')).toBeDefined()
  })

  it('go with the grants that are named, those alone', async () => {
    const { op } = await openWithClock()
    const grants = op.Adapter('Grant')
    const tokens = op.Adapter('RefreshToken')
    for (const id of ['g', 'h', 'i']) {
      await grants.upsert(id, { accountId: 'lea' }, 60)
      await tokens.upsert(`token-${id}`, { accountId: 'lea', grantId: id }, 60)
    }
    await tokens.upsert('g', { accountId: 'lea', grantId: 'i' }, 60)
    await op.destroyGrants(['g', 'h', 'unknown'])
    await op.destroyGrants([])
    for (const id of ['g', 'h']) {
      expect(await grants.find(id)).toBeUndefined()
      expect(await tokens.find(`token-${id}`)).toBeUndefined()
    }
    expect(await grants.find('i')).toBeDefined()
    expect(await tokens.find('token-i')).toBeDefined()
    // A token that is called like a grant is none.
    expect(await tokens.find('g')).toBeDefined()
  })

  it('are destroyed and found by user code', async () => {
    const { op } = await openWithClock()
    const codes = op.Adapter('DeviceCode')
    await codes.upsert('d', { userCode: 'ABCD' }, 60)
    expect(await codes.findByUserCode('ABCD')).toEqual({ userCode: 'ABCD' })
    await codes.destroy('d')
    expect(await codes.findByUserCode('ABCD')).toBeUndefined()
  })

  it('are purged in pieces, however many', async () => {
    const { op, purge, pass } = await openWithClock()
    const tokens = op.Adapter('AccessToken')
    for (let index = 0; index < 1100; index += 1) {
      await tokens.upsert(`t${index}`, {}, 1)
    }
    expect(await purge(pass(3_600_000))).toBe(1100)
  })

  it('outlive the process', async () => {
    const folder = temporaryFolder()
    const first = await openStore({ dataFolder: folder, clock: () => NOW })
    await first.op.Adapter('Grant').upsert('g', { accountId: 'lea' }, 60)
    await first.close()
    const { op } = await temporaryStore({ dataFolder: folder })
    expect(await op.Adapter('Grant').find('g')).toEqual({ accountId: 'lea' })
  })
})

describe('replay marks', () => {
  it('are new to one of many in parallel, and again after their end', async () => {
    const { op, pass } = await openWithClock()
    const end = NOW / 1000 + 60
    const shown = await Promise.all(
      Array.from({ length: 8 }, () => op.replayUnique('client', 'jti', end)),
    )
    expect(shown.filter(Boolean)).toHaveLength(1)
    expect(await op.replayUnique('client', 'other', end)).toBe(true)
    expect(await op.replayUnique('clientj', 'ti', end)).toBe(true)
    pass(90_000)
    expect(await op.replayUnique('client', 'jti', end + 120)).toBe(true)
  })
})

/** Sessions where the test says which destroyed id is merely replaced. */
const withSessions = async () => {
  const time = standingClock()
  const folder = temporaryFolder()
  const opened = await temporaryStore({ dataFolder: folder, clock: time.clock })
  const sqlite = await openSqlite(join(folder, 'vestibule.sqlite'))
  onTestFinished(() => sqlite.close())
  const replaced = new Set<string>()
  const { adapter, ...sessions } = createSessionAdapter(sqlite, time.clock, {
    isReplaced: (id) => replaced.has(id),
    mergeSession: (stored, incoming) => ({ ...incoming, state: { before: stored['acr'] } }),
  })
  const save = (id: string, more: AdapterPayload = {}): Promise<unknown> =>
    adapter.upsert(id, { uid: 'uid', jti: id, accountId: 'lea', ...more }, 3600)
  return {
    ...time,
    ...sessions,
    purge: opened.purge,
    adapter,
    save,
    /** As the OP does it: destroys the old id, then saves under the new one. */
    rotate: async (from: string, to: string, more: AdapterPayload = {}) => {
      replaced.add(from)
      await adapter.destroy(from)
      await save(to, more)
    },
    read: async (id: string): Promise<AdapterPayload | undefined> =>
      (await adapter.find(id)) ?? undefined,
    clients: async () => {
      const session = await adapter.findByUid('uid')
      return Object.keys(session?.authorizations ?? {}).sort()
    },
  }
}

const entry = (client: string, sid = 's') => ({ [client]: { sid: `${sid}-${client}` } })

describe('a session', () => {
  it('is found by its cookie and by its uid, until its end', async () => {
    const { save, read, adapter, pass } = await withSessions()
    await save('id', { loginTs: 1 })
    expect(await read('id')).toEqual({ uid: 'uid', jti: 'id', accountId: 'lea', loginTs: 1 })
    expect(await adapter.findByUid('uid')).toMatchObject({ jti: 'id' })
    pass(3_600_000 + 15_000)
    expect(await read('id')).toBeUndefined()
    expect(await adapter.findByUid('uid')).toBeUndefined()
  })

  it('keeps the applications that four tabs open at once', async () => {
    const { save, read, adapter, clients } = await withSessions()
    await save('id')
    const tabs = await Promise.all(['a', 'b', 'c', 'd'].map(async () => read('id')))
    await Promise.all(
      tabs.map((session, index) =>
        adapter.upsert('id', { ...session, authorizations: entry('abcd'.charAt(index)) }, 3600),
      ),
    )
    expect(await clients()).toEqual(['a', 'b', 'c', 'd'])
  })

  it('keeps what a request changed, not what it merely carried along', async () => {
    const { save, read, adapter, clients } = await withSessions()
    await save('id', { authorizations: { ...entry('a'), ...entry('b') } })
    const [slow, logout, renewal] = [await read('id'), await read('id'), await read('id')]
    // One request signs out of application a, as the OP does it: in place.
    delete logout?.authorizations?.['a']
    await adapter.upsert('id', { ...logout }, 3600)
    expect(await clients()).toEqual(['b'])
    Object.assign(renewal?.authorizations?.['b'] ?? {}, { sid: 'renewed' })
    await adapter.upsert('id', { ...renewal }, 3600)
    Object.assign(slow?.authorizations ?? {}, entry('c'))
    await adapter.upsert('id', { ...slow }, 3600)
    expect((await read('id'))?.authorizations).toEqual({ b: { sid: 'renewed' }, ...entry('c') })
  })

  it('lets the given function decide the rest', async () => {
    const { save, read } = await withSessions()
    await save('id', { acr: 'one' })
    await save('id', { acr: 'two' })
    expect(await read('id')).toMatchObject({ acr: 'two', state: { before: 'one' } })
  })

  it('of one person takes nothing over from another', async () => {
    const { save, read } = await withSessions()
    await save('id', { authorizations: entry('a') })
    await save('id', { accountId: 'noe', authorizations: entry('b') })
    expect(await read('id')).toEqual({
      uid: 'uid',
      jti: 'id',
      accountId: 'noe',
      authorizations: entry('b'),
    })
  })

  it('is not signed out by a request that started before the sign-in', async () => {
    const { adapter, save, read } = await withSessions()
    await adapter.upsert('id', { uid: 'uid', jti: 'id' }, 3600)
    await save('id')
    await adapter.upsert('id', { uid: 'uid', jti: 'id', state: {} }, 3600)
    expect((await read('id'))?.accountId).toBe('lea')
  })
})

describe('a session with a new id', () => {
  it('is found by the new one alone, and keeps its uid and applications', async () => {
    const { save, rotate, read, adapter, wasReplaced, clients } = await withSessions()
    await save('old', { authorizations: entry('a') })
    await rotate('old', 'new', { authorizations: entry('b') })
    expect(await read('old')).toBeUndefined()
    expect(await read('new')).toMatchObject({ jti: 'new', uid: 'uid' })
    expect(await adapter.findByUid('uid')).toMatchObject({ jti: 'new' })
    expect(await clients()).toEqual(['a', 'b'])
    expect(await wasReplaced('old')).toBe(true)
    expect(await wasReplaced('new')).toBe(false)
    expect(await wasReplaced('unknown')).toBe(false)
  })

  it('is there by its uid even between the two writes', async () => {
    const { save, rotate, adapter } = await withSessions()
    await save('old')
    const rotating = rotate('old', 'new')
    const seen = await adapter.findByUid('uid')
    await rotating
    expect(seen).toBeDefined()
  })

  it('gets the applications of a late writer under the old one, and nothing else of it', async () => {
    const { save, rotate, read } = await withSessions()
    await save('old', { acr: 'one' })
    await rotate('old', 'new', { acr: 'two' })
    await save('old', { acr: 'late', authorizations: entry('late') })
    expect(await read('old')).toBeUndefined()
    expect(await read('new')).toMatchObject({ acr: 'two', authorizations: entry('late') })
  })

  it('is not opened to whoever held the old one as somebody else, or as nobody', async () => {
    const { adapter, rotate, save, read } = await withSessions()
    await adapter.upsert('planted', { uid: 'uid', jti: 'planted' }, 3600)
    await rotate('planted', 'mine')
    await adapter.destroy('planted')
    await adapter.upsert('guess', { uid: 'uid', jti: 'guess' }, 3600)
    await save('planted', { accountId: 'thief', authorizations: entry('late') })
    expect(await read('guess')).toBeUndefined()
    expect(await read('planted')).toBeUndefined()
    expect(await read('mine')).toMatchObject({ accountId: 'lea' })
    expect((await read('mine'))?.authorizations ?? {}).toEqual({})
  })

  it('given by two tabs at once is good in both, until the next', async () => {
    const { save, rotate, read, pass } = await withSessions()
    await save('old')
    await rotate('old', 'left')
    await rotate('old', 'right')
    expect([await read('left'), await read('right')]).toMatchObject([
      { jti: 'left' },
      { jti: 'right' },
    ])
    pass(60_000)
    await rotate('left', 'next')
    expect(await read('right')).toBeUndefined()
    expect(await read('next')).toBeDefined()
  })
})

describe('an ended session', () => {
  it('is not brought back by a late writer, under any id', async () => {
    const { save, rotate, read, adapter, pass, purge } = await withSessions()
    await save('old')
    await rotate('old', 'id')
    await adapter.destroy('id')
    await save('id')
    await save('old')
    await rotate('id', 'fresh')
    await purge(pass(ENDED_IDS_KEPT_MS - 1))
    await save('id')
    for (const id of ['old', 'id', 'fresh']) {
      expect(await read(id)).toBeUndefined()
    }
    expect(await adapter.findByUid('uid')).toBeUndefined()
  })

  it('is forgotten in the end, ids and all', async () => {
    const { save, adapter, purge, pass } = await withSessions()
    await save('id')
    await adapter.destroy('id')
    expect(await purge(pass(ENDED_IDS_KEPT_MS))).toBe(1)
    await save('other-id', { uid: 'other' })
    expect(await purge(pass(3_600_000 + 15_000))).toBe(2)
  })
})

describe('the sessions of a person', () => {
  it('are listed and ended, all or all but one', async () => {
    const { op } = await openWithClock()
    const sessions = op.Adapter('Session')
    for (const uid of ['a', 'b', 'c']) {
      await sessions.upsert(`id-${uid}`, { uid, jti: `id-${uid}`, accountId: 'lea' }, 60)
    }
    await sessions.upsert('id-n', { uid: 'n', jti: 'id-n', accountId: 'noe' }, 60)
    const uids = async () => (await op.listSessions('lea')).map(({ uid }) => uid).sort()
    expect(await uids()).toEqual(['a', 'b', 'c'])
    const ended = await op.endSessions('lea', 'b')
    expect(ended.map(({ uid }) => uid).sort()).toEqual(['a', 'c'])
    expect(await uids()).toEqual(['b'])
    expect(await op.endSessions('lea')).toHaveLength(1)
    expect(await sessions.find('id-b')).toBeUndefined()
    expect(await sessions.find('id-n')).toBeDefined()
    await sessions.upsert('id-b', { uid: 'b', jti: 'id-b', accountId: 'lea' }, 60)
    expect(await uids()).toEqual([])
  })

  it('are ended one by one, each by its owner only', async () => {
    const { op } = await openWithClock()
    const sessions = op.Adapter('Session')
    for (const [uid, accountId] of [
      ['a', 'lea'],
      ['b', 'lea'],
      ['n', 'noe'],
    ]) {
      await sessions.upsert(`id-${uid}`, { uid, jti: `id-${uid}`, accountId }, 60)
    }
    expect(await op.endSession('lea', 'n')).toBeUndefined()
    expect(await op.endSession('lea', 'a')).toMatchObject({ uid: 'a', accountId: 'lea' })
    expect(await op.endSession('lea', 'a')).toBeUndefined()
    expect(await sessions.find('id-a')).toBeUndefined()
    expect(await sessions.find('id-b')).toBeDefined()
    expect(await sessions.find('id-n')).toBeDefined()
  })

  it('last longer when touched, never shorter', async () => {
    const { op, pass } = await openWithClock()
    const sessions = op.Adapter('Session')
    const exp = NOW / 1000 + 60
    await sessions.upsert('id', { uid: 'a', jti: 'id', exp }, 60)
    expect(await op.touchSession('a', exp + 600)).toBe(true)
    expect(await op.touchSession('a', exp)).toBe(true)
    expect(await op.touchSession('unknown', exp)).toBe(false)
    pass(600_000)
    expect(await sessions.find('id')).toMatchObject({ exp: exp + 600 })
    pass(75_000)
    expect(await sessions.find('id')).toBeUndefined()
  })
})
