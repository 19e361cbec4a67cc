import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { auditEntry } from '../../accounts/audit.ts'
import { erasePerson } from '../../accounts/erase.ts'
import { claimIssue } from '../../accounts/issued_secrets.ts'
import { subjectOf } from '../../accounts/lane.ts'
import { tell } from '../../accounts/notices.ts'
import {
  assign,
  enrolledApp,
  keyInStock,
  putInService,
  reportLost,
} from '../../accounts/otp_key.ts'
import { sealSeed } from '../../accounts/otp_seed.ts'
import { openLetter, queueLetter } from '../../accounts/outbox.ts'
import type { Deps } from '../../accounts/ports.ts'
import { DATABASE_FILE } from '../../adapters/open.ts'
import { EVERYBODY } from '../../policies/admin_rights.ts'
import { type Office, openOffice } from '../cli/office.ts'

const BY = 'cli:office'
const HEADER =
  'external_id,identifier,user_type,given_name,family_name,email,birth_date,establishments,classes,children\n'
const CANARY =
  'CANARY-ID,canary.pupil,student,Canarina,Serinus,canary@mail.example,2012-03-04,0440001A,6e Canari,\n'
const GUARDIAN = 'G1,parent,guardian,Paul,Petit,,,,,CANARY-ID|OTHER\n'
/** Everything that says who they were. */
const TRACES = [/canar/i, /serinus/i, /2012-03-04/, /04\/03\/2012/]

let office: Office
let deps: Deps
const ended: string[] = []
const endEverything = async (sub: string): Promise<void> => {
  ended.push(sub)
  await office.core.endEverything(sub)
}

beforeEach(async () => {
  ended.length = 0
  office = await openOffice()
  deps = { ...office.core.deps, mails: true }
  await office.import(HEADER + CANARY + GUARDIAN)
})
afterEach(() => office.close())

/** Every table of the database as text. */
const dump = (): Map<string, string> => {
  const database = new DatabaseSync(join(office.folder, 'data', DATABASE_FILE), { readOnly: true })
  try {
    const tables = database
      .prepare(`SELECT name FROM sqlite_master WHERE type = 'table'`)
      .all()
      .map(({ name }) => String(name))
    return new Map(
      tables.map((name) => [
        name,
        JSON.stringify(database.prepare(`SELECT * FROM "${name}"`).all()),
      ]),
    )
  } finally {
    database.close()
  }
}

const tablesThatName = (traces: readonly RegExp[]): string[] =>
  [...dump()].filter(([, text]) => traces.some((one) => one.test(text))).map(([name]) => name)

const KEY = { kind: 'totp', algorithm: 'SHA1', digits: 6, periodSeconds: 30 } as const
const PIN = { sealed: 'a hash', length: 4, setAt: 0 }

const sealed = (serial: string) => sealSeed(deps, serial, Buffer.from('12345678901234567890'))

/** One key of the school in service, one lost, and an app. */
const giveKeys = async (sub: string): Promise<void> => {
  const nowMs = office.now()
  for (const serial of ['K1', 'K2']) {
    const stock = keyInStock({ ...KEY, serial, sealedSeed: sealed(serial), counter: 0 }, nowMs)
    const given = assign(stock, nowMs, { sub, firstUseBy: nowMs + 1000, loanUntil: null })
    const used = given.ok ? putInService(given.key, nowMs, PIN) : given
    const left = used.ok && serial === 'K2' ? reportLost(used.key, nowMs) : used
    if (!left.ok) {
      expect.fail('a key was not given')
    }
    await deps.store.otpKeys.add(left.key)
  }
  const { clock, next } = keyInStock({ ...KEY, serial: '', sealedSeed: '', counter: 0 }, nowMs)
  const app = { ...KEY, serial: 'APP-1', sealedSeed: sealed('APP-1'), clock, next, sub, pin: PIN }
  await deps.store.otpKeys.add(enrolledApp(app, nowMs))
}

/** Leaves a trace of them wherever there is a place for one. */
const live = async (sub: string): Promise<void> => {
  const nowMs = office.now()
  const account = await office.person('canary.pupil')
  await giveKeys(sub)
  await deps.store.transact(async (tables) => {
    await tables.accounts.setVerifiedEmail(sub, 'canary.home@mail.example', {
      atMs: nowMs,
      previous: 'canary@mail.example',
    })
    await tables.devices.add({
      id: 'device',
      sub,
      browserId: 'browser',
      name: 'Canary laptop',
      browserName: 'Firefox',
      systemName: 'Linux',
      network: '192.0.2.0/24',
      addedAt: nowMs,
      lastSeenAt: nowMs,
      addedUnder: 'pin',
    })
    await tables.devices.staleCopyUsed('browser', sub, nowMs)
    await tell(deps, tables, sub, 'device_added', { params: { device: 'Canary laptop' } })
    await queueLetter(deps, tables, account, {
      template: 'address_code',
      sub,
      to: 'canary@mail.example',
      code: '123456',
      minutes: 10,
      locale: 'fr',
    })
    await tables.pinTries.begin(sub, 'browser', 3, nowMs)
    await tables.passwordLists.remind(sub, nowMs, 1)
    await tables.mailedCodes.add(
      {
        id: 'code',
        sub,
        purpose: 'address',
        boundTo: 'flow',
        codeHash: 'hash',
        atMs: nowMs,
        expiresAt: nowMs + 1000,
      },
      [],
    )
    await tables.passwordBatches.begin({ id: 'batch', atMs: nowMs, by: BY, selection: 'all' })
    await tables.passwordBatches.prepare('batch', [{ sub, sealed: 'x' }])
    await claimIssue(tables, { sub: BY, role: 'helpdesk' }, sub, 'pin', nowMs)
    await tables.consoleSessions.add({
      idHash: 'console',
      sub,
      sessionUid: 'uid',
      beganAt: nowMs,
      seenAt: nowMs,
      done: { key: 'x', params: { name: 'Canarina' } },
      kept: null,
    })
    const detail = { device: 'Canary laptop', address: 'canary@mail.example' }
    await tables.audit.append(auditEntry(deps, { act: 'device_added', sub, detail }))
  })
  await deps.store.passwordTries.begin(subjectOf(deps, 'canary.pupil'), null, '192.0.2.0', nowMs)
}

describe('erasing a person', () => {
  it('leaves no name, identifier, address or birth date of theirs in any table', async () => {
    const { sub } = await office.person('canary.pupil')
    await live(sub)
    const before = tablesThatName(TRACES)
    expect(before).toEqual(
      expect.arrayContaining(['accounts', 'account_children', 'audit_log', 'devices', 'notices']),
    )
    expect(await erasePerson(deps, endEverything, sub, BY)).toEqual({ ok: true })
    expect(tablesThatName(TRACES)).toEqual([])
    expect(ended).toEqual([sub])
  })

  it('leaves their sub with the hashes of their identifiers and in the audit, nowhere else', async () => {
    const { sub } = await office.person('canary.pupil')
    await live(sub)
    await erasePerson(deps, endEverything, sub, BY)
    const named = tablesThatName([new RegExp(sub)])
    expect(named.filter((name) => !name.startsWith('audit'))).toEqual(['erased_identifiers'])
    expect(dump().get('password_places')).toBe('[]')
    const proof = (await deps.store.audit.list({ act: 'person_erased' }, 10))[0]
    expect(proof).toMatchObject({ sub, actor: BY, outcome: 'done' })
  })

  it('has the mails drop that wait for them, and no other', async () => {
    const { sub } = await office.person('canary.pupil')
    const guardian = { ...(await office.person('parent')), email: 'paul@mail.example' }
    await live(sub)
    await deps.store.transact((tables) =>
      queueLetter(deps, tables, guardian, {
        ...{ template: 'address_code', sub: guardian.sub, to: null, code: '111111' },
        ...{ minutes: 10, locale: 'fr' },
      }),
    )
    await erasePerson(deps, endEverything, sub, BY)
    const waiting = await deps.store.outbox.take('mail', office.now(), 1000, 100)
    expect(waiting.map((item) => openLetter(deps, item).sub)).toEqual([guardian.sub])
  })

  it('never gives an identifier of theirs to anybody again, nor one that they had before', async () => {
    const { sub } = await office.person('canary.pupil')
    await office.import(HEADER + CANARY.replace('canary.pupil', 'canary.new'))
    await erasePerson(deps, endEverything, sub, BY)
    const { accounts } = deps.store
    for (const identifier of ['canary.pupil', 'canary.new']) {
      expect(await accounts.identifierHolder(identifier)).toBe(sub)
      const { events } = await office.import(
        `external_id,identifier,user_type,given_name,family_name\nN1,${identifier.toUpperCase()},student,Lou,Roy\n`,
      )
      expect(events[0]).toMatchObject({
        outcome: 'rejected',
        why: { code: 'of_another' },
      })
    }
    const somebody = await office.person('parent')
    await expect(
      accounts.insert('other', { ...somebody, externalId: null, identifier: 'canary.pupil' }, 0),
    ).rejects.toThrow('belonged')
    await expect(
      accounts.update(somebody.sub, { ...somebody, identifier: 'canary.pupil' }, 0),
    ).rejects.toThrow('belonged')
  })

  it('puts a key of the school back in stock without its PIN, leaves a lost one lost, drops an app', async () => {
    const { sub } = await office.person('canary.pupil')
    await giveKeys(sub)
    await erasePerson(deps, endEverything, sub, BY)
    const { otpKeys } = deps.store
    expect(await otpKeys.find('K1')).toMatchObject({ state: 'in_stock', sub: null, pin: null })
    expect(await otpKeys.find('K2')).toMatchObject({ state: 'lost', sub: null, pin: null })
    expect(await otpKeys.find('APP-1')).toBeNull()
  })

  it('keeps the other children of a guardian', async () => {
    const { sub } = await office.person('canary.pupil')
    await erasePerson(deps, endEverything, sub, BY)
    expect((await office.person('parent')).children).toEqual(['OTHER'])
    expect(dump().get('account_children')).toContain('OTHER')
  })

  it('refuses oneself, and the last identity administrator', async () => {
    const { sub } = await office.person('parent')
    const grant = { role: 'identity_admin', scope: EVERYBODY, grantedAt: 0, grantedBy: BY } as const
    await deps.store.roles.grant({ ...grant, sub })
    expect(await erasePerson(deps, endEverything, sub, sub)).toMatchObject({ reason: 'oneself' })
    expect(await erasePerson(deps, endEverything, sub, BY)).toMatchObject({
      reason: 'last_administrator',
    })
    expect(ended).toEqual([])
    const other = await office.person('canary.pupil')
    await deps.store.roles.grant({ ...grant, sub: other.sub })
    expect(await erasePerson(deps, endEverything, sub, BY)).toEqual({ ok: true })
  })

  it('does nothing the second time but end what may have been left', async () => {
    const { sub } = await office.person('canary.pupil')
    await erasePerson(deps, endEverything, sub, BY)
    expect(await erasePerson(deps, endEverything, sub, BY)).toMatchObject({
      reason: 'unknown_account',
    })
    expect(await deps.store.audit.list({ act: 'person_erased' }, 10)).toHaveLength(1)
    expect(ended).toEqual([sub, sub])
  })
})

describe('vestibule people erase', () => {
  it('wants it said twice', async () => {
    const asked = await office.vestibule('people', 'erase', 'canary.pupil')
    expect(asked.code).toBe(1)
    expect(asked.stderr).toContain('--yes')
    const { sub } = await office.person('canary.pupil')
    const done = await office.vestibule('people', 'erase', 'canary.pupil', '--yes')
    expect([done.code, done.stdout]).toEqual([
      0,
      `"canary.pupil": erased; what stays is "${sub}" and the proof in the audit\n`,
    ])
    await expect(office.person('canary.pupil')).rejects.toThrow('nobody')
    expect(readdirSync(join(office.folder, 'data'))).toContain(DATABASE_FILE)
  })
})
