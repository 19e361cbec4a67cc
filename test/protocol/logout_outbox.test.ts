import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { promisify } from 'node:util'
import { describe, expect, it, onTestFinished, vi } from 'vitest'
import { disable, resetPin } from '../../accounts/administer.ts'
import { type LogoutCall, openLogoutCall, queueLogout } from '../../accounts/outbox.ts'
import type { OpStore } from '../../adapters/oidc_sqlite.ts'
import { DATABASE_FILE } from '../../adapters/open.ts'
import { createSessionEnds } from '../../provider/logout_calls.ts'
import { createSessionsOf } from '../../provider/open_sessions.ts'
import type { Browser } from '../support/browser.ts'
import { type LogoutReceiver, openLogoutReceiver } from '../support/logout_receiver.ts'
import type { RelyingParty, Tokens } from '../support/relying_party.ts'
import {
  HOUR_MS,
  MINUTE_MS,
  MONDAY_MORNING,
  PASSWORD,
  PIN,
  type School,
  startSchool,
} from '../support/school.ts'
import { answer, application, signIn, silently } from './steps.ts'

const FIREFOX = 'Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0'

const told = (receiver: LogoutReceiver) => ({
  backchannel_logout_uri: receiver.uri,
  backchannel_logout_session_required: true,
})

interface Place {
  readonly school: School
  readonly ent: RelyingParty
  readonly receiver: LogoutReceiver
}

/** A school whose ENT is told, whose "notes" are not, and whatever a test adds. */
const place = async (
  more: object[] = [],
  options: Parameters<typeof startSchool>[1] = {},
): Promise<Place> => {
  const receiver = await openLogoutReceiver()
  const applications = [application('ent', told(receiver)), application('notes'), ...more]
  const school = await startSchool({ applications }, options)
  onTestFinished(() => school.stop())
  return { school, ent: await school.application(), receiver }
}

const DELIVERS = { delivers: true }

interface SignedIn {
  readonly browser: Browser
  readonly tokens: Tokens
  readonly sid: unknown
  readonly uid: string
}

const uidsOf = async ({ gateway }: School, sub: string): Promise<string[]> =>
  (await gateway.core.opened.op.listSessions(sub)).flatMap(({ uid }) => uid ?? [])

/** Signs in with a browser of its own. */
const open = async (
  { school, ent }: Place,
  { sub, identifier }: { sub: string; identifier: string },
  options: Parameters<School['browser']>[0] = {},
): Promise<SignedIn> => {
  const before = await uidsOf(school, sub)
  const browser = school.browser(options)
  const tokens = await signIn(ent, browser, identifier)
  const [uid = ''] = (await uidsOf(school, sub)).filter((one) => !before.includes(one))
  return { browser, tokens, sid: tokens.claims['sid'], uid }
}

const refreshes = (party: RelyingParty, tokens: Tokens): Promise<string> =>
  party.refresh(tokens).then(
    () => 'refreshed',
    (error: { error?: string }) => error.error ?? 'failed',
  )

const WITHIN = { timeout: 10_000, interval: 20 }

interface Waiting {
  readonly attempts: number
  readonly due_at: number
}

/** Asks the database beside the gateway. */
const asked = <T>({ dataFolder }: School, sql: string, ...values: string[]): T[] => {
  const database = new DatabaseSync(join(dataFolder, DATABASE_FILE), { readOnly: true })
  try {
    return database.prepare(sql).all(...values) as unknown as T[]
  } finally {
    database.close()
  }
}

/** What the outbox still holds. */
const waiting = (school: School): Waiting[] => asked(school, 'SELECT attempts, due_at FROM outbox')

/** How many codes, tokens and grants of a person are kept. */
const kept = (school: School, sub: string): number =>
  asked(school, 'SELECT 1 FROM op_artifacts WHERE account_id = ?', sub).length

/** Everything that was to be told is told. */
const settled = (school: School): Promise<void> =>
  vi.waitFor(() => expect(waiting(school)).toEqual([]), WITHIN)

/** It was tried once, in vain, and waits: for less than it belongs to whoever is trying. */
const tried = (school: School): Promise<void> =>
  vi.waitFor(() => {
    const [{ attempts, due_at } = { attempts: 0, due_at: 0 }] = waiting(school)
    expect(attempts).toBe(1)
    expect(due_at - Date.now()).toBeLessThanOrEqual(MINUTE_MS)
  }, WITHIN)

/** What is to be told, where nothing delivers it; it counts as delivered then. */
const queued = async ({ gateway }: School): Promise<LogoutCall[]> => {
  const { deps } = gateway.core
  const { outbox } = deps.store
  const items = await outbox.take('logout', Date.now(), MINUTE_MS, 50)
  await Promise.all(items.map((item) => outbox.remove(item)))
  return items.map((item) => openLogoutCall(deps, item))
}

const call = ({ sub }: { sub: string }, { sid }: SignedIn, clientId = 'ent') => ({
  sub,
  clientId,
  sid,
})

const audited = async ({ gateway }: School, act: string, sub: string) =>
  gateway.core.deps.store.audit.list({ act, sub }, 10)

const inTurn = async <T, R>(items: readonly T[], act: (item: T) => Promise<R>): Promise<R[]> => {
  const results: R[] = []
  for (const item of items) {
    results.push(await act(item))
  }
  return results
}

describe('an application is told when the school ends somebody’s sessions', () => {
  it('by the command line, beside the running gateway', async () => {
    const here = await place([], { ...DELIVERS, realClock: true })
    const { school, receiver } = here
    const zoe = await school.person({ protection: 'none' })
    const { sid, tokens } = await open(here, zoe)
    const folder = join(school.dataFolder, '..')
    await promisify(execFile)(
      process.execPath,
      [join(import.meta.dirname, '../../cli/main.ts'), 'people', 'disable', zoe.identifier],
      { cwd: folder, env: { ...process.env, VESTIBULE_CONFIG: join(folder, 'vestibule.yaml') } },
    )
    await vi.waitFor(() => expect(receiver.received).toHaveLength(1), WITHIN)
    await settled(school)
    expect(receiver.received).toMatchObject([{ sub: zoe.sub, sid, aud: 'ent' }])
    expect(await refreshes(here.ent, tokens)).toBe('invalid_grant')
    expect(await audited(school, 'back_channel_told', zoe.sub)).toMatchObject([
      { actor: null, outcome: 'done', detail: { application: 'ent' } },
    ])
  })

  it('once for each session, and not for anybody else’s', async () => {
    const here = await place()
    const { school, ent } = here
    const zoe = await school.person({ protection: 'none' })
    const first = await open(here, zoe)
    const second = await open(here, zoe)
    const other = await open(here, await school.person({ protection: 'none' }))
    const { deps, endEverything } = school.gateway.core
    await disable(deps, endEverything, zoe.sub, 'test')
    const calls = await queued(school)
    expect(calls).toHaveLength(2)
    expect(calls).toEqual(expect.arrayContaining([call(zoe, first), call(zoe, second)]))
    await disable(deps, endEverything, zoe.sub, 'test')
    expect(await queued(school)).toEqual([])
    expect(await silently(ent, other.browser)).toBeNull()
  })

  it('when a PIN is reset, and one that has no address for it is not', async () => {
    const here = await place()
    const { school } = here
    const zoe = await school.person({ pin: PIN })
    const session = await open(here, zoe)
    const notes = await school.application('notes')
    await notes.start(session.browser)
    await notes.finish(session.browser)
    const { deps, endEverything } = school.gateway.core
    expect(await resetPin(deps, endEverything, zoe.sub, 'test')).toMatchObject({ ok: true })
    expect(await queued(school)).toEqual([call(zoe, session)])
  })

  it('under the name it knows the person by, and no other application is called', async () => {
    const canteen = await openLogoutReceiver()
    const plain = await openLogoutReceiver()
    const unused = await openLogoutReceiver()
    const here = await place(
      [
        application('canteen', { ...told(canteen), subject_type: 'pairwise' }),
        application('plain', { backchannel_logout_uri: plain.uri }),
        application('unused', told(unused)),
      ],
      DELIVERS,
    )
    const { school, receiver } = here
    const zoe = await school.person({ protection: 'none' })
    const { browser } = await open(here, zoe)
    const known = await inTurn(['canteen', 'plain', 'notes'], async (clientId) => {
      const party = await school.application(clientId)
      await party.start(browser)
      return (await party.finish(browser)).claims
    })
    await school.gateway.core.endEverything(zoe.sub)
    await settled(school)
    expect(known[0]?.sub).not.toBe(zoe.sub)
    expect(canteen.received).toMatchObject([{ sub: known[0]?.sub, sid: known[0]?.['sid'] }])
    expect(receiver.received).toMatchObject([{ sub: zoe.sub, aud: 'ent' }])
    // It did not ask for the session to be named.
    expect(plain.received).toMatchObject([{ sub: zoe.sub, aud: 'plain' }])
    expect(plain.received[0]).not.toHaveProperty('sid')
    expect(unused.received).toEqual([])
  })
})

describe('an application that does not answer', () => {
  it('is told once, when it is up again', async () => {
    const here = await place([], DELIVERS)
    const { school, receiver } = here
    const zoe = await school.person({ protection: 'none' })
    const { sid } = await open(here, zoe)
    await receiver.down()
    const { deps, endEverything } = school.gateway.core
    await disable(deps, endEverything, zoe.sub, 'test')
    await tried(school)
    expect(await audited(school, 'back_channel_told', zoe.sub)).toEqual([])
    await receiver.up()
    school.later(MINUTE_MS)
    await settled(school)
    expect(receiver.received).toMatchObject([{ sub: zoe.sub, sid, aud: 'ent' }])
    expect(await audited(school, 'back_channel_told', zoe.sub)).toHaveLength(1)
  })

  it('but with an error is sent a new token, also by a gateway that was started again', async () => {
    const here = await place([], DELIVERS)
    const { school, receiver } = here
    const zoe = await school.person({ protection: 'none' })
    const { sid } = await open(here, zoe)
    receiver.answer(500)
    await school.gateway.core.endEverything(zoe.sub)
    await tried(school)
    await school.restart()
    school.later(MINUTE_MS)
    await settled(school)
    expect(receiver.received).toMatchObject([{ sid }, { sid }])
    const [first, second] = receiver.received
    expect(second?.jti).not.toBe(first?.jti)
    expect(second?.iat).toBeGreaterThanOrEqual((first?.iat ?? 0) + 60)
    expect(second?.exp).toBeLessThanOrEqual((second?.iat ?? 0) + 120)
  })

  it('when the person signs out, is told later: nobody waits for it', async () => {
    const here = await place([], DELIVERS)
    const { school, receiver } = here
    const zoe = await school.person({ protection: 'none' })
    const { browser, sid } = await open(here, zoe)
    receiver.answer(502, 502)
    await browser.open('/session/end')
    await browser.submit({ logout: 'yes' })
    expect(browser.view).toMatchObject({ step: 'logged_out', status: 200 })
    expect(await audited(school, 'back_channel_failed', zoe.sub)).toHaveLength(1)
    await tried(school)
    expect(await audited(school, 'back_channel_told', zoe.sub)).toEqual([])
    school.later(MINUTE_MS)
    await settled(school)
    expect(receiver.received).toMatchObject([{ sid }, { sid }, { sub: zoe.sub, sid, aud: 'ent' }])
    expect(await audited(school, 'back_channel_told', zoe.sub)).toHaveLength(1)
  })

  it('any more needs not be told: it is gone, or has no address', async () => {
    const { school, receiver } = await place([], DELIVERS)
    const { deps } = school.gateway.core
    for (const clientId of ['gone', 'notes']) {
      await queueLogout(deps, deps.store, { sub: 'sub-1', clientId, sid: 'sid-1' })
    }
    await settled(school)
    expect(receiver.received).toEqual([])
    expect(await audited(school, 'back_channel_told', 'sub-1')).toEqual([])
  })
})

describe('a sign-out in its own browser', () => {
  it('is told at once, and nothing is left to be told', async () => {
    const here = await place()
    const { school, receiver } = here
    const zoe = await school.person({ protection: 'none' })
    const { browser, sid } = await open(here, zoe)
    await browser.open('/session/end')
    await browser.submit({ logout: 'yes' })
    expect(receiver.received).toMatchObject([{ sub: zoe.sub, sid }])
    await school.gateway.core.endEverything(zoe.sub)
    expect(waiting(school)).toEqual([])
  })
})

describe('a person ends', () => {
  const withThree = async () => {
    const here = await place()
    const zoe = await here.school.person({ protection: 'none' })
    const noe = await here.school.person({ protection: 'none' })
    const sessions = [await open(here, zoe), await open(here, zoe), await open(here, zoe)] as const
    return { ...here, zoe, sessions, noe: await open(here, noe) }
  }

  const alive = async (ent: RelyingParty, { browser, tokens }: SignedIn) => [
    await silently(ent, browser),
    await refreshes(ent, tokens),
  ]
  const DEAD = ['login_required', 'invalid_grant']
  const ALIVE = [null, 'refreshed']

  it('one session, and the others go on', async () => {
    const { school, ent, zoe, sessions, noe } = await withThree()
    const [first, second, third] = sessions
    const { core } = school.gateway
    const before = kept(school, zoe.sub)
    expect(await core.endSession(zoe.sub, second.uid)).toBe(true)
    expect(kept(school, zoe.sub)).toBe((before / 3) * 2)
    expect(await queued(school)).toEqual([call(zoe, second)])
    expect(await alive(ent, second)).toEqual(DEAD)
    for (const session of [first, third, noe]) {
      expect(await alive(ent, session)).toEqual(ALIVE)
    }
    expect(await core.endSession(zoe.sub, second.uid)).toBe(false)
  })

  it('never that of somebody else', async () => {
    const { school, ent, zoe, noe } = await withThree()
    expect(await school.gateway.core.endSession(zoe.sub, noe.uid)).toBe(false)
    expect(waiting(school)).toEqual([])
    expect(await alive(ent, noe)).toEqual(ALIVE)
  })

  it('all others, which tells of each once however often it is clicked', async () => {
    const { school, ent, zoe, sessions, noe } = await withThree()
    const [here, second, third] = sessions
    const { core } = school.gateway
    const ended = await Promise.all([1, 2, 3].map(() => core.endOtherSessions(zoe.sub, here.uid)))
    expect(ended).toEqual([2, 0, 0])
    const calls = await queued(school)
    expect(calls).toHaveLength(2)
    expect(calls).toEqual(expect.arrayContaining([call(zoe, second), call(zoe, third)]))
    expect(await alive(ent, here)).toEqual(ALIVE)
    expect(await alive(ent, noe)).toEqual(ALIVE)
    for (const session of [second, third]) {
      expect(await alive(ent, session)).toEqual(DEAD)
      await expect(ent.userinfo(session.tokens)).rejects.toThrow()
    }
  })

  it('sessions that are listed with their time, place and applications', async () => {
    const here = await place()
    const { school } = here
    const { core } = school.gateway
    const sessionsOf = createSessionsOf(core.deps, core.opened.op)
    const zoe = await school.person({ protection: 'none' })
    const first = await open(here, zoe, { userAgent: FIREFOX, address: '192.0.2.7' })
    const notes = await school.application('notes')
    await notes.start(first.browser)
    await notes.finish(first.browser)
    school.later(HOUR_MS)
    const second = await open(here, zoe)
    const halfOpen = school.browser()
    const pia = await school.person({ pin: PIN })
    await here.ent.start(halfOpen)
    await halfOpen.submit({ identifier: pia.identifier, password: PASSWORD })
    expect(halfOpen.view.step).toBe('pin')
    expect(await sessionsOf(pia.sub)).toEqual([])
    expect(await sessionsOf(zoe.sub)).toMatchObject([
      { uid: second.uid, signedInAt: MONDAY_MORNING + HOUR_MS, clientIds: ['ent'] },
      {
        uid: first.uid,
        signedInAt: MONDAY_MORNING,
        clientIds: ['ent', 'notes'],
        from: { browser: 'Firefox', system: 'Linux', network: '192.0.2.0/24' },
      },
    ])
    await answer(halfOpen, pia.identifier)
    expect(await sessionsOf(pia.sub)).toMatchObject([{ clientIds: ['ent'] }])
    school.later(1)
    await core.deps.store.accounts.voidBefore(zoe.sub, Date.now())
    expect(await sessionsOf(zoe.sub)).toEqual([])
  })
})

describe('whoever is stopped in the middle', () => {
  /** The ends of sessions on a store where something happens in between. */
  const endsWith = ({ school: { gateway } }: Place, changes: Partial<OpStore>) =>
    createSessionEnds(
      gateway.core.deps,
      { ...gateway.core.opened.op, ...changes },
      gateway.core.registry,
    )

  it('has queued the calls by then, and the next try ends the session', async () => {
    const here = await place()
    const zoe = await here.school.person({ protection: 'none' })
    const session = await open(here, zoe)
    const stopped = endsWith(here, {
      endSessions: () => Promise.reject(new Error('killed')),
    })
    await expect(stopped.endEverything(zoe.sub)).rejects.toThrow('killed')
    expect(await queued(here.school)).toEqual([call(zoe, session)])
    expect(await uidsOf(here.school, zoe.sub)).toEqual([session.uid])
    await stopped.endSession(zoe.sub, session.uid)
    expect(await uidsOf(here.school, zoe.sub)).toEqual([])
  })

  it('nor is an application forgotten that was opened at that very moment', async () => {
    const late = await openLogoutReceiver()
    const here = await place([application('late', told(late))])
    const zoe = await here.school.person({ protection: 'none' })
    const session = await open(here, zoe)
    const { browser } = session
    const { op } = here.school.gateway.core.opened
    const party = await here.school.application('late')
    const opened: Tokens[] = []
    const { endOtherSessions } = endsWith(here, {
      endSessions: async (sub, exceptUid) => {
        await party.start(browser)
        opened.push(await party.finish(browser))
        return op.endSessions(sub, exceptUid)
      },
    })
    await endOtherSessions(zoe.sub, 'none')
    const [tokens] = opened
    expect(kept(here.school, zoe.sub)).toBe(0)
    expect(await queued(here.school)).toEqual([
      call(zoe, session),
      { sub: zoe.sub, clientId: 'late', sid: tokens?.claims['sid'] },
    ])
  })
})
