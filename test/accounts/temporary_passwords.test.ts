import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { PasswordRecord } from '../../accounts/account.ts'
import { disable } from '../../accounts/administer.ts'
import type { Selection } from '../../accounts/ports.ts'
import { passwordOwner } from '../../accounts/sign_in.ts'
import {
  type Card,
  type CardWriter,
  finishBatches,
  forgetBatches,
  type Generated,
  type Generation,
  generatePasswords,
  takeBack,
} from '../../accounts/temporary_passwords.ts'
import { acts, noticesOf } from '../people/acts.ts'
import { mailedTo, WRITES_MAILS } from '../people/letters.ts'
import { DAY_MS, HOUR_MS, PASSWORD, type School, startSchool } from '../support/school.ts'

const LANE = { known: true, key: 'test' }
const BY = 'cli:secretary'

let school: School
beforeAll(async () => {
  school = await startSchool(WRITES_MAILS)
})
afterAll(() => school.stop())

/** Files that are kept in memory. */
const paper = (fails: Partial<CardWriter> = {}) => {
  const cards: Card[] = []
  const opened: string[] = []
  const ends: string[] = []
  const open = async (batchId: string): Promise<CardWriter> => {
    opened.push(batchId)
    return {
      write: async (card) => {
        cards.push(card)
      },
      close: async () => {
        ends.push('closed')
        return { files: ['cards.csv'] }
      },
      abandon: async () => {
        ends.push('abandoned')
      },
      ...fails,
    }
  }
  return { cards, opened, ends, open }
}

const generate = (
  selection: Selection,
  open: (batchId: string) => Promise<CardWriter>,
  more: Partial<Generation> = {},
): Promise<Generated> => {
  const { deps, endEverythingOf } = school.gateway.core
  const generation = { selection, keepPersonal: false, by: BY, dryRun: false, ...more }
  return generatePasswords(deps, endEverythingOf, generation, open)
}

const batchOf = (generated: Generated): string => {
  if (!generated.ok || generated.batchId === null) throw new Error(JSON.stringify(generated))
  return generated.batchId
}

const finish = () => {
  const { deps, endEverythingOf } = school.gateway.core
  return finishBatches(deps, endEverythingOf)
}

const isRight = async (identifier: string, password: string): Promise<boolean> => {
  const { sub, password: kept } = await school.account(identifier)
  const { hasher } = school.gateway.core.deps
  return (await hasher.verify(password, kept?.sealed ?? null, passwordOwner(sub), LANE)).right
}

const auditOf = (act: string) => school.gateway.core.deps.store.audit.list({ act }, 1000)

/** A school of its own for each test: nobody else is in this establishment. */
let schools = 0
const establishment = (): string => {
  schools += 1
  return `075${String(schools).padStart(4, '0')}B`
}

describe('temporary passwords for a selection', () => {
  it('are on a card for each, class by class and name by name, guardians by their children', async () => {
    const uai = establishment()
    const people = [
      { identifier: 'o.ten', classes: ['10e A'], familyName: 'Abel' },
      { identifier: 'o.six.z', classes: ['6e A'], familyName: 'Zola' },
      { identifier: 'o.six.e', classes: ['6e A'], familyName: 'Étienne', externalId: 'O-E' },
      { identifier: 'o.six.e2', classes: ['6e A'], familyName: 'Étienne', givenName: 'Zoé' },
      { identifier: 'o.six.f', classes: ['6e A'], familyName: 'Fabre' },
      {
        identifier: 'o.parent',
        userType: 'guardian' as const,
        children: ['O-E'],
        familyName: 'Durand',
      },
      {
        identifier: 'o.teacher',
        userType: 'teacher' as const,
        classes: ['6e A'],
        familyName: 'Zorn',
      },
      { identifier: 'o.office', userType: 'staff' as const, familyName: 'Abel' },
      { identifier: 'o.teacher.b', userType: 'teacher' as const, familyName: 'Bach' },
    ]
    for (const one of people) {
      await school.person({ userType: 'student', establishments: [uai], ...one })
    }
    const { cards, ends, open } = paper()
    const generated = await generate({ establishment: uai }, open)
    expect(cards.map(({ identifier }) => identifier)).toEqual([
      'o.parent',
      'o.six.e',
      'o.six.e2',
      'o.six.f',
      'o.six.z',
      'o.ten',
      'o.teacher.b',
      'o.teacher',
      'o.office',
    ])
    expect(ends).toEqual(['closed'])
    expect(generated).toMatchObject({
      ok: true,
      files: ['cards.csv'],
      counts: {
        passwords: { student: 5, guardian: 1, teacher: 2, staff: 1 },
        homes: [{ home: uai, passwords: 9 }],
        personal: 9,
        leftOut: { no_local_password: 0, personal_kept: 0 },
      },
    })
    expect(cards[0]).toEqual({
      sub: (await school.account('o.parent')).sub,
      identifier: 'o.parent',
      givenName: 'Camille',
      familyName: 'Durand',
      userType: 'guardian',
      classes: ['6e A'],
      home: uai,
      password: expect.stringMatching(/^[a-z2-8]{4}(-[a-z2-8]{4}){2}$/),
      validUntil: Date.now() + 30 * DAY_MS,
    })
    expect(cards.at(-1)?.classes).toEqual([])
    for (const { identifier, password } of cards) {
      expect(await isRight(identifier, password)).toBe(true)
      expect(await isRight(identifier, PASSWORD)).toBe(false)
    }
  })

  it('are audited for each, and told to those who had one of their own', async () => {
    const uai = establishment()
    const own = await school.person({
      identifier: 't.own',
      establishments: [uai],
      email: 'own@school.example',
    })
    const mute = await school.person({ identifier: 't.mute', establishments: [uai] })
    const fresh = await school.person({
      identifier: 't.new',
      establishments: [uai],
      password: null,
      email: 'new@school.example',
    })
    const generated = await generate({ establishment: uai }, paper().open)
    for (const { sub } of [own, mute, fresh]) {
      expect(await acts(school, sub)).toEqual(['password_replaced'])
    }
    expect(await noticesOf(school, own.sub)).toEqual(['password_replaced'])
    expect(mailedTo(school, own.sub)).toEqual(['password_replaced'])
    expect(await noticesOf(school, mute.sub)).toEqual(['password_replaced'])
    expect(mailedTo(school, mute.sub)).toEqual([])
    expect(await noticesOf(school, fresh.sub)).toEqual([])
    const [entry] = await auditOf('passwords_generated')
    expect(entry).toMatchObject({
      actor: BY,
      detail: {
        batch: batchOf(generated),
        selection: `establishment ${uai}`,
        people: 3,
        personal: 2,
      },
    })
    expect((await auditOf('password_replaced'))[0]?.actor).toBe(BY)
  })

  it('leave out who comes by a key, who is disabled and, if asked, who has one of their own', async () => {
    const uai = establishment()
    const here = { establishments: [uai] }
    const gone = await school.person({ identifier: 'l.gone', ...here })
    const { deps, endEverything } = school.gateway.core
    await disable(deps, endEverything, gone.sub, BY)
    await school.person({ identifier: 'l.own', ...here })
    await school.person({ identifier: 'l.new', password: null, ...here })
    await school.person({ identifier: 'l.initial', passwordOrigin: 'initial', ...here })
    const voided = await school.person({ identifier: 'l.void', ...here })
    await deps.store.accounts.voidPassword(voided.sub, Date.now())
    const byKey = await school.person({ identifier: 'l.key', password: null, ...here })
    await deps.store.otpKeys.add({
      serial: 'L-1',
      source: 'hardware',
      kind: 'totp',
      algorithm: 'SHA1',
      digits: 6,
      periodSeconds: 30,
      sealedSeed: 'unused',
      state: 'in_service',
      sub: byKey.sub,
      pin: null,
      next: 0,
      firstOfTwo: null,
      clock: { aheadMinMs: 0, aheadMaxMs: 0, atMs: Date.now() },
      wrongPins: 0,
      firstUseTries: 0,
      firstUseTriesProved: 0,
      assignedAt: Date.now(),
      firstUseBy: null,
      loanUntil: null,
      inServiceAt: Date.now(),
      lastUsedAt: null,
      addedAt: Date.now(),
    })
    const kept = paper()
    const generated = await generate({ establishment: uai }, kept.open, { keepPersonal: true })
    expect(kept.cards.map(({ identifier }) => identifier).sort()).toEqual([
      'l.initial',
      'l.new',
      'l.void',
    ])
    expect(generated.counts.leftOut).toEqual({ no_local_password: 1, personal_kept: 1 })
    expect(await isRight('l.own', PASSWORD)).toBe(true)
    const all = paper()
    await generate({ establishment: uai }, all.open)
    expect(all.cards.map(({ identifier }) => identifier).sort()).toEqual([
      'l.initial',
      'l.new',
      'l.own',
      'l.void',
    ])
  })

  it('are only counted by a dry run', async () => {
    const uai = establishment()
    const { sub } = await school.person({ identifier: 'd.run', establishments: [uai] })
    const batches = await school.gateway.core.deps.store.passwordBatches.list(100)
    const { opened, open } = paper()
    expect(await generate({ establishment: uai }, open, { dryRun: true })).toMatchObject({
      ok: true,
      batchId: null,
      counts: { passwords: { teacher: 1 }, personal: 1 },
    })
    expect(opened).toEqual([])
    expect(await school.gateway.core.deps.store.passwordBatches.list(100)).toEqual(batches)
    expect(await acts(school, sub)).toEqual([])
    expect(await isRight('d.run', PASSWORD)).toBe(true)
  })

  it('leave alone what somebody chooses while the cards are written', async () => {
    const uai = establishment()
    const { sub } = await school.person({ identifier: 'meanwhile', establishments: [uai] })
    const { store, hasher } = school.gateway.core.deps
    const { cards, open } = paper({
      close: async () => {
        school.later(1)
        const own = (await school.account('meanwhile')).password
        if (own === null) throw new Error('no password')
        const sealed = await hasher.hash('Nuage-Boussole-31', passwordOwner(sub), LANE)
        await store.accounts.setPassword(sub, {
          ...own,
          sealed,
          setAt: school.gateway.core.deps.clock(),
        })
        return { files: ['cards.csv'] }
      },
    })
    expect(await generate({ establishment: uai }, open)).toMatchObject({ ok: true })
    expect(await isRight('meanwhile', cards[0]?.password ?? '')).toBe(false)
    expect(await isRight('meanwhile', 'Nuage-Boussole-31')).toBe(true)
  })

  it('made twice at once for one person: the cards of one serve, those of the other do not', async () => {
    const uai = establishment()
    await school.person({ identifier: 'at.once', establishments: [uai] })
    await school.person({ identifier: 'apart', establishments: [establishment()] })
    const inner = paper()
    const apart = paper()
    const outer = paper({
      close: async () => {
        school.later(1)
        expect(await generate({ identifiers: ['at.once'] }, inner.open)).toMatchObject({ ok: true })
        expect(await generate({ identifiers: ['apart'] }, apart.open)).toMatchObject({ ok: true })
        return { files: ['late.csv'] }
      },
    })
    expect(await generate({ establishment: uai }, outer.open)).toMatchObject({
      ok: false,
      reason: 'overtaken',
      files: ['late.csv'],
    })
    expect(await isRight('at.once', inner.cards[0]?.password ?? '')).toBe(true)
    const beside = paper({
      close: async () => {
        school.later(1)
        expect(await generate({ identifiers: ['apart'] }, apart.open)).toMatchObject({ ok: true })
        return { files: ['cards.csv'] }
      },
    })
    expect(await generate({ establishment: uai }, beside.open)).toMatchObject({ ok: true })
  })

  it('that nobody gets open no file', async () => {
    const { opened, open } = paper()
    const generated = await generate({ establishment: 'nowhere' }, open)
    expect(generated).toMatchObject({ ok: false, reason: 'nobody' })
    expect(opened).toEqual([])
  })

  it('change nobody’s where their files cannot be written to the end', async () => {
    for (const failing of ['write', 'close'] as const) {
      const uai = establishment()
      const identifier = `f.${failing}`
      const { sub } = await school.person({ identifier, establishments: [uai] })
      const fails = { [failing]: () => Promise.reject(new Error('the disk is full')) }
      const { ends, opened, open } = paper(fails)
      await expect(generate({ establishment: uai }, open)).rejects.toThrow('the disk is full')
      expect(ends).toEqual(['abandoned'])
      await finish()
      expect(await isRight(identifier, PASSWORD)).toBe(true)
      expect(await acts(school, sub)).toEqual([])
      school.later(HOUR_MS + 1)
      const { deps } = school.gateway.core
      await forgetBatches(deps)
      const ids = (await deps.store.passwordBatches.list(100)).map(({ id }) => id)
      expect(ids).not.toContain(opened[0])
    }
  })

  it('come into force for more people than fit into one transaction, and all their mails', async () => {
    const uai = establishment()
    const { deps } = school.gateway.core
    const { sub: _sub, ...like } = await school.person({ identifier: 'm.first' })
    const PUPILS = 350
    for (let nth = 0; nth < PUPILS; nth += 1) {
      const identifier = `m.${nth}`
      const email = `${identifier}@school.example`
      const one = { ...like, externalId: null, identifier, email, establishments: [uai] }
      await deps.store.accounts.insert(identifier, one, Date.now())
      await deps.store.accounts.setPassword(identifier, {
        ...(like.password as PasswordRecord),
        sealed: `own of ${identifier}`,
      })
    }
    const { cards, open } = paper()
    const batchId = batchOf(await generate({ establishment: uai }, open))
    expect(cards).toHaveLength(PUPILS)
    for (const { identifier, password } of [0, 99, 100, 249, 250, 349].flatMap(
      (nth) => cards[nth] ?? [],
    )) {
      expect(await isRight(identifier, password)).toBe(true)
      expect(mailedTo(school, identifier)).toEqual(['password_replaced'])
      expect(await acts(school, identifier)).toEqual(['password_replaced'])
    }
    expect(await takeBack(deps, batchId, BY)).toEqual({
      ok: true,
      people: PUPILS,
      personal: PUPILS,
    })
  })
})

describe('a take-back', () => {
  it('gives everybody what they had, and tells those who have their own again', async () => {
    const uai = establishment()
    const own = await school.person({
      identifier: 'b.own',
      establishments: [uai],
      email: 'own@school.example',
    })
    const fresh = await school.person({
      identifier: 'b.new',
      establishments: [uai],
      password: null,
    })
    const { cards, open } = paper()
    const batchId = batchOf(await generate({ establishment: uai }, open))
    const { deps } = school.gateway.core
    expect(await takeBack(deps, batchId, 'cli:head')).toEqual({
      ok: true,
      people: 2,
      personal: 1,
    })
    expect((await school.account('b.own')).password).toEqual(own.password)
    expect((await school.account('b.new')).password).toBeNull()
    expect(await isRight('b.own', cards[0]?.password ?? '')).toBe(false)
    expect(await acts(school, own.sub)).toEqual(['password_replaced', 'password_given_back'])
    expect(await noticesOf(school, own.sub)).toEqual(['password_replaced', 'password_given_back'])
    expect(mailedTo(school, own.sub)).toEqual(['password_replaced', 'password_given_back'])
    expect(await noticesOf(school, fresh.sub)).toEqual([])
    expect((await auditOf('passwords_taken_back'))[0]).toMatchObject({
      actor: 'cli:head',
      detail: { batch: batchId },
    })
    expect((await auditOf('password_given_back'))[0]?.actor).toBe('cli:head')
    expect(await takeBack(deps, batchId, BY)).toEqual({ ok: false, reason: 'not_in_force' })
  })

  it('of an unknown batch, or of one that is 90 days old, is refused', async () => {
    const uai = establishment()
    await school.person({ identifier: 'b.old', establishments: [uai] })
    const { deps } = school.gateway.core
    expect(await takeBack(deps, 'unknown', BY)).toEqual({ ok: false, reason: 'unknown' })
    const batchId = batchOf(await generate({ establishment: uai }, paper().open))
    school.later(90 * DAY_MS)
    await forgetBatches(deps)
    school.later(1)
    await forgetBatches(deps)
    expect(await takeBack(deps, batchId, BY)).toEqual({ ok: false, reason: 'forgotten' })
  })
})

describe('a batch that its process left on the way', () => {
  it('comes into force to the end, or is taken back to the end, by whoever comes next', async () => {
    const uai = establishment()
    const here = { establishments: [uai] }
    const { sub } = await school.person({ identifier: 'c.one', ...here })
    const { deps } = school.gateway.core
    const { passwordBatches } = deps.store
    await passwordBatches.begin({ id: 'c', atMs: Date.now(), by: BY, selection: 'all' })
    const sealed = deps.hasher.keep('bcdf-ghjk-mnpr', passwordOwner(sub))
    await passwordBatches.prepare('c', [{ sub, sealed }])
    expect(await finish()).toBe(0)
    expect(await isRight('c.one', PASSWORD)).toBe(true)
    await passwordBatches.enter('c', Date.now())
    expect(await finish()).toBe(1)
    expect(await isRight('c.one', 'bcdf-ghjk-mnpr')).toBe(true)
    expect(await acts(school, sub)).toEqual(['password_replaced'])
    await passwordBatches.leave('c', Date.now())
    expect(await finish()).toBe(1)
    expect(await isRight('c.one', PASSWORD)).toBe(true)
    expect(await acts(school, sub)).toEqual(['password_replaced', 'password_given_back'])
    expect(await finish()).toBe(0)
  })
})
