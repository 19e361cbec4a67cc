import { randomBytes } from 'node:crypto'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { PasswordRecord } from '../../accounts/account.ts'
import { renewPassword, renewPin } from '../../accounts/renew_hash.ts'
import { passwordOwner } from '../../accounts/sign_in.ts'
import { pinOwner } from '../../accounts/verify_pin.ts'
import type { Browser } from '../support/browser.ts'
import type { RelyingParty } from '../support/relying_party.ts'
import { DAY_MS, MINUTE_MS, PASSWORD, PIN, type School, startSchool } from '../support/school.ts'
import { acts, devicesOf, enter, errorsOf, formIn, noticesOf, postByHand, reopen } from './acts.ts'

const NEXT = 'Nuage-Boussole-31'

let school: School
let application: RelyingParty
beforeAll(async () => {
  school = await startSchool()
  application = await school.application()
})
afterAll(() => school.stop())

const change = (browser: Browser, password: string, confirmation = password) =>
  browser.submit({ new_password: password, confirm_password: confirmation })

const REFUSED = /We could not sign you in/

describe('a password that was handed out', () => {
  it('is changed by a form sent twice, a little later than the sign-in: the person goes on', async () => {
    await school.person({ identifier: 'p.twice', passwordOrigin: 'temporary', protection: 'none' })
    const browser = school.browser()
    await enter(application, browser, 'p.twice')
    school.later(20_000)
    const twin = school.browser({ jar: browser.jar })
    const form = { new_password: NEXT, confirm_password: NEXT }
    const { action, csrf } = formIn(browser.view)
    await Promise.all([
      browser.post(action, { csrf, ...form }),
      twin.post(action, { csrf, ...form }),
    ])
    // Either answer may be the one that the browser shows; both have led on, or lead there.
    await application.start(browser)
    expect(browser.view.step).toBe('callback')
  })

  it('is changed although the answer was lost: sending the form again goes on', async () => {
    await school.person({ identifier: 'p.lost', passwordOrigin: 'temporary', protection: 'none' })
    const browser = school.browser()
    await enter(application, browser, 'p.lost')
    school.later(20_000)
    const form = { new_password: NEXT, confirm_password: NEXT }
    await postByHand(browser, form)
    await browser.submit(form)
    expect(browser.view.step).toBe('callback')
  })

  for (const passwordOrigin of ['temporary', 'initial'] as const) {
    it(`(${passwordOrigin}) is changed at its first use, once`, async () => {
      const identifier = `handed.${passwordOrigin}`
      const { sub } = await school.person({ identifier, passwordOrigin, protection: 'none' })
      const browser = school.browser()
      expect((await enter(application, browser, identifier)).step).toBe('change_password')
      expect(browser.view.text).toContain('Your password was temporary.')
      await change(browser, NEXT)
      expect(browser.view.step).toBe('callback')
      expect(await noticesOf(school, sub)).toEqual(['password_changed'])
      expect(await acts(school, sub)).toContain('password_changed')

      await enter(application, school.browser(), identifier)
      const old = school.browser()
      await enter(application, old, identifier)
      expect(errorsOf(old.view)[0]).toMatch(REFUSED)
      const renewed = school.browser()
      await enter(application, renewed, identifier, { password: NEXT })
      expect(renewed.view.step).toBe('callback')
    })

    it(`(${passwordOrigin}) lapses when nobody has used it for 30 days`, async () => {
      const identifier = `lapsing.${passwordOrigin}`
      await school.person({ identifier, passwordOrigin, protection: 'none' })
      school.later(30 * DAY_MS - 1)
      const browser = school.browser()
      expect((await enter(application, browser, identifier)).step).toBe('change_password')
      school.later(1)
      const late = school.browser()
      expect((await enter(application, late, identifier)).step).toBe('login')
      expect(errorsOf(late.view)[0]).toMatch(REFUSED)
    })
  }
})

describe('a stranger who signed in with the password on a lost card, and waits at its change', () => {
  it('has to sign in again once the owner has changed it elsewhere', async () => {
    await school.person({
      identifier: 'w.card',
      userType: 'student',
      passwordOrigin: 'temporary',
      protection: 'none',
    })
    const thief = school.browser()
    expect((await enter(application, thief, 'w.card')).step).toBe('change_password')
    const waiting = await thief.copy()
    await waiting.open(thief.view.url)
    school.later(MINUTE_MS)
    const owner = school.browser()
    await enter(application, owner, 'w.card')
    await change(owner, NEXT)
    expect(owner.view.step).toBe('callback')

    school.later(MINUTE_MS)
    expect((await application.start(thief)).step).toBe('login')
    expect((await thief.open('/')).step).toBe('login')
    await change(waiting, 'Corbeau-Lanterne-58')
    expect(waiting.view.step).toBe('login')
    expect((await application.start(owner)).step).toBe('callback')
  })

  it('also when the change itself was theirs, and the owner had it changed again', async () => {
    const { sub } = await school.person({ identifier: 'w.card.changed', mustChange: true })
    const thief = school.browser()
    await enter(application, thief, 'w.card.changed')
    school.later(MINUTE_MS)
    await change(thief, NEXT)
    expect(thief.view.step).toBe('define_pin')
    school.later(MINUTE_MS)
    const { password } = await school.account('w.card.changed')
    if (password !== null) {
      const { accounts } = school.gateway.core.deps.store
      await accounts.setPassword(sub, { ...password, setAt: Date.now() })
    }
    expect((await application.start(thief)).step).toBe('login')
  })

  it('while sessions that are open outlive a change elsewhere', async () => {
    const { sub } = await school.person({ identifier: 'w.open', protection: 'none' })
    const [open, other] = [school.browser(), school.browser()]
    expect((await enter(application, open, 'w.open')).step).toBe('callback')
    const { password } = await school.account('w.open')
    if (password !== null) {
      await school.gateway.core.deps.store.accounts.setPassword(sub, {
        ...password,
        mustChange: true,
      })
    }
    school.later(MINUTE_MS)
    await enter(application, other, 'w.open')
    await change(other, NEXT)
    expect(other.view.step).toBe('callback')
    school.later(MINUTE_MS)
    expect((await application.start(open)).step).toBe('callback')
    expect((await open.open('/')).step).toBe('portal')
  })
})

describe('a password that the school wants changed', () => {
  it('is changed before anything opens', async () => {
    await school.person({ identifier: 'p.flagged', mustChange: true, protection: 'none' })
    const browser = school.browser()
    await enter(application, browser, 'p.flagged')
    expect(browser.view.step).toBe('change_password')
    expect(browser.view.text).toContain('To protect your account, choose a new password')
    expect((await browser.open('/')).step).toBe('change_password')
    expect((await application.start(browser)).step).toBe('change_password')
    await change(browser, NEXT)
    expect(browser.view.step).toBe('callback')
  })

  it('comes after the PIN, and before a PIN is defined', async () => {
    await school.person({ identifier: 'p.after', mustChange: true, pin: PIN })
    const browser = school.browser()
    expect((await enter(application, browser, 'p.after')).step).toBe('pin')
    await browser.submit({ pin: PIN })
    expect(browser.view.step).toBe('change_password')

    await school.person({ identifier: 'p.before', mustChange: true })
    const first = school.browser()
    expect((await enter(application, first, 'p.before')).step).toBe('change_password')
    await change(first, NEXT)
    expect(first.view.step).toBe('define_pin')
  })

  it('leaves recognised devices as they are', async () => {
    const { sub } = await school.person({ identifier: 'p.devices', pin: PIN })
    const browser = school.browser()
    await enter(application, browser, 'p.devices')
    await browser.submit({ pin: PIN, remember_device: 'yes', device_name: 'Room 201' })
    const { store } = school.gateway.core.deps
    const { password } = await school.account('p.devices')
    if (password !== null) {
      await store.accounts.setPassword(sub, { ...password, mustChange: true })
    }
    await reopen(browser)
    expect((await enter(application, browser, 'p.devices')).step).toBe('change_password')
    await change(browser, NEXT)
    expect(browser.view.step).toBe('callback')
    expect(await devicesOf(school, sub)).toEqual(['Room 201'])
    await reopen(browser)
    await enter(application, browser, 'p.devices', { password: NEXT })
    expect(browser.view.step).toBe('callback')
  })
})

describe('a password that grows old', () => {
  it('is changed once the policy forces it, and never otherwise', async () => {
    await school.policies({
      staff: { passwords: { force_change_at_expiration: true, max_lifetime_days: 180 } },
    })
    await school.person({ identifier: 'p.old', userType: 'staff', protection: 'none' })
    await school.person({ identifier: 'p.old.teacher', protection: 'none' })
    school.later(179 * DAY_MS)
    expect((await enter(application, school.browser(), 'p.old')).step).toBe('callback')
    school.later(DAY_MS)
    const browser = school.browser()
    expect((await enter(application, browser, 'p.old')).step).toBe('change_password')
    expect(browser.view.text).toContain('Your password is too old.')
    await change(browser, NEXT)
    expect(browser.view.step).toBe('callback')
    school.later(400 * DAY_MS)
    const teacher = school.browser()
    expect((await enter(application, teacher, 'p.old.teacher')).step).toBe('callback')
  })
})

describe('a new password is refused, and the page says why', () => {
  const REASONS: readonly (readonly [typed: string, reason: string])[] = [
    ['Nuage-31', 'This password is too short. Use at least 12 characters.'],
    ['aaaaaaaaaaaa', 'Too easy to guess: it repeats itself.'],
    ['azertyuiop2026', 'Too easy to guess: many people use it.'],
    ['628193047561', 'A password of digits only is too easy to guess.'],
    ['Camille-Moreau-1', 'This password contains your name'],
    ['Tilleuls-Tilleuls', 'This password contains your name'],
    [`${'Nuage-Boussole-'.repeat(18)}31`, 'This password is too long. Use at most 256 characters.'],
    [PASSWORD, 'This is the password you are replacing.'],
  ]

  it('each for its own reason, and nothing is kept', async () => {
    await school.person({ identifier: 'p.rules', mustChange: true, protection: 'none' })
    const browser = school.browser()
    await enter(application, browser, 'p.rules')
    for (const [typed, reason] of REASONS) {
      await change(browser, typed)
      expect(browser.view.step, typed).toBe('change_password')
      expect(errorsOf(browser.view).join(' '), typed).toContain(reason)
      expect(browser.view.text).not.toContain(`value="${typed}"`)
    }
    await change(browser, NEXT, `${NEXT}2`)
    expect(errorsOf(browser.view)).toEqual([
      'The two passwords are not the same. Type your new password twice.',
    ])
    await change(browser, '')
    expect(errorsOf(browser.view)).toEqual([
      'Type a new password.',
      'Type the new password a second time.',
    ])
    expect((await school.account('p.rules')).password?.mustChange).toBe(true)
    await change(browser, NEXT)
    expect(browser.view.step).toBe('callback')
  })

  it('at 257 signs, and not at 256; é is one sign, however it is typed', async () => {
    await school.person({ identifier: 'p.longest', mustChange: true, protection: 'none' })
    const browser = school.browser()
    await enter(application, browser, 'p.longest')
    const start = 'Nuage-Boussole-Hérisson-31-'
    const longest = start + 'xkqvbzjwp'.repeat(30).slice(0, 256 - start.length)
    await change(browser, `${longest}y`)
    expect(errorsOf(browser.view).join()).toContain('Use at most 256 characters.')
    await change(browser, longest.normalize('NFD'))
    expect(browser.view.step).toBe('callback')
    const again = school.browser()
    await enter(application, again, 'p.longest', { password: longest })
    expect(again.view.step).toBe('callback')
  })

  it('by the lengths of the policy', async () => {
    await school.policies({ inspector: { passwords: { min_length: 15, min_entropy_bits: 90 } } })
    await school.person({
      identifier: 'p.long',
      userType: 'inspector',
      mustChange: true,
      protection: 'none',
    })
    const browser = school.browser()
    await enter(application, browser, 'p.long')
    await change(browser, 'Nuage-Boussol')
    expect(errorsOf(browser.view).join(' ')).toContain('Use at least 15 characters.')
    await change(browser, 'rivagetambourlaine')
    expect(errorsOf(browser.view).join(' ')).toContain('Make it longer, or add other kinds')
  })

  it('but what people and their password managers choose is taken: long, accented, spaced', async () => {
    for (const [index, password] of [
      'été à la plage, côté dunes',
      'x'.repeat(3) + randomBytes(90).toString('base64url'),
      '鳥は木の上で静かに朝を待っている',
    ].entries()) {
      const identifier = `p.chosen.${index}`
      await school.person({ identifier, mustChange: true, protection: 'none' })
      const browser = school.browser()
      await enter(application, browser, identifier)
      await change(browser, password)
      expect(browser.view.step, password).toBe('callback')
      // The same letters, composed otherwise by another system.
      const mac = school.browser()
      await enter(application, mac, identifier, { password: password.normalize('NFD') })
      expect(mac.view.step).toBe('callback')
    }
  })
})

describe('hashes grow stronger as people sign in', () => {
  const costOf = async (identifier: string) => {
    const account = await school.account(identifier)
    return { password: account.password?.sealed ?? '', pin: account.pin?.sealed ?? '' }
  }
  const runs = () => school.gateway.core.hasher.stats().runs
  const signInWithPin = async (identifier: string): Promise<void> => {
    const browser = school.browser()
    await enter(application, browser, identifier)
    await browser.submit({ pin: PIN })
    expect(browser.view.step).toBe('callback')
  }

  it('when the cost rises: once, at a success, and nothing else changes', async () => {
    await school.person({ identifier: 'h.cost', pin: PIN, mustChange: false })
    const before = await school.account('h.cost')
    Object.assign(school.settings.hashing, { memory_kib: 2048 })
    await school.restart()

    await enter(application, school.browser(), 'h.cost', { password: 'Wrong-Wrong-99' })
    expect((await school.account('h.cost')).password).toEqual(before.password)
    expect(runs()).toBe(1)
    await signInWithPin('h.cost')
    expect(runs()).toBe(5) // Two checks, and two new hashes.
    const after = await school.account('h.cost')
    expect(after.password?.sealed).not.toBe(before.password?.sealed)
    expect(after.pin?.sealed).not.toBe(before.pin?.sealed)
    expect(after).toEqual({
      ...before,
      password: { ...before.password, sealed: after.password?.sealed },
      pin: { ...before.pin, sealed: after.pin?.sealed },
    })
    await signInWithPin('h.cost')
    expect(runs()).toBe(7)
    expect(school.gateway.core.hasher.stats().runsByCost.get('m=2048,t=1,p=1')).toBeGreaterThan(3)
  })

  it('when the pepper changes: nobody types anything for it', async () => {
    await school.person({ identifier: 'h.pepper', pin: PIN })
    const file = join(school.dataFolder, 'keys.json')
    const keys = JSON.parse(readFileSync(file, 'utf8')) as { pepper: string }
    const pepper = `k2:${randomBytes(32).toString('base64url')},${keys.pepper}`
    writeFileSync(file, JSON.stringify({ ...keys, pepper }))
    await school.restart()
    expect((await costOf('h.pepper')).password).toMatch(/^v1\.k1\./)
    await signInWithPin('h.pepper')
    const sealed = await costOf('h.pepper')
    expect([sealed.password, sealed.pin]).toEqual([
      expect.stringMatching(/^v1\.k2\./),
      expect.stringMatching(/^v1\.k2\./),
    ])
    await signInWithPin('h.pepper')
  })

  it('and what was changed or blocked in between stays so', async () => {
    const { sub, pin, password } = await school.person({ identifier: 'h.between', pin: PIN })
    const { deps } = school.gateway.core
    const { accounts } = deps.store
    const lane = { known: true, key: 'test' }
    await accounts.setPinBlocked(sub, Date.now())
    const provedPin = { secret: PIN, owner: pinOwner(sub), stale: pin?.sealed ?? '' }
    await renewPin(deps, sub, lane, provedPin)
    const renewed = (await school.account('h.between')).pin
    expect(renewed).toEqual({ ...pin, sealed: renewed?.sealed, blockedAt: Date.now() })
    expect(renewed?.sealed).not.toBe(pin?.sealed)

    const owner = passwordOwner(sub)
    const replaced = { ...password, sealed: await deps.hasher.hash(NEXT, owner, lane) }
    await accounts.setPassword(sub, replaced as PasswordRecord)
    await renewPassword(deps, sub, lane, { secret: PASSWORD, owner, stale: password?.sealed ?? '' })
    expect((await school.account('h.between')).password).toEqual(replaced)
  })

  it('and parallel sign-ins do not get in each other’s way', async () => {
    await school.person({ identifier: 'h.parallel', protection: 'none' })
    Object.assign(school.settings.hashing, { memory_kib: 1536 })
    await school.restart()
    const browsers = Array.from({ length: 4 }, () => school.browser())
    const views = await Promise.all(
      browsers.map((browser) => enter(application, browser, 'h.parallel')),
    )
    expect(views.map(({ step }) => step)).toEqual(views.map(() => 'callback'))
    expect((await enter(application, school.browser(), 'h.parallel')).step).toBe('callback')
  })
})
