import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createTranslator } from '../../views/i18n.ts'
import type { JudgedPassword } from '../../views/pages.ts'
import type { Browser, View } from '../support/browser.ts'
import type { RelyingParty } from '../support/relying_party.ts'
import { DAY_MS, MINUTE_MS, type School, startSchool } from '../support/school.ts'
import { tokenFor } from './account_visit.ts'
import { acts, enter, errorsOf, noticesOf, reopen } from './acts.ts'
import { formOf, muchLater, openAccount } from './at_account.ts'
import { lettersTo, WRITES_MAILS } from './letters.ts'

const NEXT = 'Nuage-Boussole-31'
const [EN, FR] = [createTranslator('en'), createTranslator('fr')]
const ACCOUNT_JUDGE = '/account/password/judge'

let school: School
let application: RelyingParty
beforeAll(async () => {
  school = await startSchool(WRITES_MAILS)
  application = await school.application()
})
afterAll(() => school.stop())

type Wishes = Parameters<School['person']>[0]

/** At the change of a password that the school wants changed. */
const atTheChange = async (
  identifier: string,
  wishes: Wishes = {},
  parameters: Record<string, string> = {},
): Promise<Browser> => {
  await school.person({ identifier, mustChange: true, protection: 'none', ...wishes })
  const browser = school.browser()
  await enter(application, browser, identifier, { parameters })
  expect(browser.view.step).toBe('change_password')
  return browser
}

const uidOf = ({ view }: Browser): string => view.url.pathname.split('/')[2] ?? ''

interface Asked {
  readonly password: string
  readonly at: string
  readonly csrf: string
  readonly headers?: Record<string, string>
}

/** What the page's script sends while somebody types; the page stays where it is. */
const ask = async (
  browser: Browser,
  { password, at, csrf, headers = {} }: Asked,
): Promise<Response> =>
  fetch(new URL(at, school.issuer), {
    method: 'POST',
    redirect: 'manual',
    headers: {
      accept: 'application/json',
      'accept-language': 'en',
      'sec-fetch-site': 'same-origin',
      cookie: await browser.jar.getCookieString(new URL(at, school.issuer).href),
      ...headers,
    },
    body: new URLSearchParams({ new_password: password, csrf }),
  })

/** Asked of the sign-in that the browser is in. */
const inSignIn = (browser: Browser, password: string, more: Partial<Asked> = {}) => {
  const uid = uidOf(browser)
  const csrf = tokenFor(school, uid, 'judge_password')
  return ask(browser, { password, at: `/interaction/${uid}/judge_password`, csrf, ...more })
}

const sessionUidOf = async (sub: string): Promise<string> => {
  const [session] = await school.gateway.core.opened.op.listSessions(sub)
  return String(session?.uid)
}

const judgementOf = async (answer: Response): Promise<JudgedPassword> => {
  expect([answer.status, answer.headers.get('content-type')]).toEqual([
    200,
    'application/json; charset=utf-8',
  ])
  return (await answer.json()) as JudgedPassword
}

const stepOf = async (answer: Response): Promise<string | undefined> =>
  /data-step="(\w+)"/.exec(await answer.text())?.[1]

/** Where the page of a new password has it judged, and the token for that. */
const judgeOn = ({ html }: View) => {
  const region = html.querySelector('[data-judge]')
  return [region?.getAttribute('data-judge'), region?.getAttribute('data-csrf')]
}

/** What the form itself says of a password. */
const refusedBy = async (browser: Browser, password: string): Promise<string[]> => {
  await browser.submit({ new_password: password, confirm_password: password })
  return errorsOf(browser.view)
}

describe('a new password is judged while it is typed', () => {
  const TYPED = [
    'court',
    'Camille-Moreau-1',
    '628193047561',
    'azertyuiop2026',
    'a',
    `${'Nuage-Boussole-'.repeat(18)}31`,
  ]

  it.each(['en', 'fr'])('in the words of the form (%s), every refusal at once', async (locale) => {
    const browser = await atTheChange(`j.words.${locale}`, {}, { ui_locales: locale })
    for (const password of TYPED) {
      const answer = await inSignIn(browser, password)
      expect(answer.headers.get('content-language')).toBe(locale)
      const judged = await judgementOf(answer)
      expect(judged.ok).toBe(false)
      expect(judged.refusals.length).toBeGreaterThan(0)
      expect(judged.refusals, password).toEqual(await refusedBy(browser, password))
    }
    const { refusals } = await judgementOf(await inSignIn(browser, 'court'))
    expect(refusals.length).toBeGreaterThan(1)
    expect(await judgementOf(await inSignIn(browser, NEXT))).toEqual({ ok: true, refusals: [] })
  })

  it('where the page says, with the token that is there', async () => {
    const browser = await atTheChange('j.where')
    const uid = uidOf(browser)
    expect(judgeOn(browser.view)).toEqual([
      `/interaction/${uid}/judge_password`,
      tokenFor(school, uid, 'judge_password'),
    ])
    expect(browser.view.headers.get('content-security-policy')).toContain("connect-src 'self'")
  })

  it('in the language that was chosen on the page, whatever application and account say', async () => {
    const browser = await atTheChange('j.clicked', { locale: 'en' }, { ui_locales: 'en' })
    await browser.open(`${browser.view.url.pathname}?lang=fr`)
    const judged = await judgementOf(await inSignIn(browser, 'court'))
    expect(judged.refusals).toEqual(await refusedBy(browser, 'court'))
    expect(judged.refusals).toContain(FR('errors.password_short', { min: 12 }))
  })

  it.each([
    ['Élodie', 'Kérouédan', 'elodie-kerouedan-1'],
    ['Camille', 'Moreau', 'j.personal.1-j.personal.1'],
  ])('with one’s own words in mind: %s %s, %s', async (givenName, familyName, typed) => {
    const identifier = `j.personal.${typed.length}`
    const browser = await atTheChange(identifier, { givenName, familyName })
    const password = typed.replaceAll('j.personal.1', identifier)
    const { ok, refusals } = await judgementOf(await inSignIn(browser, password))
    expect(ok).toBe(false)
    expect(refusals).toEqual(await refusedBy(browser, password))
    // Nobody else's.
    const other = await atTheChange(`${identifier}.other`, {
      givenName: 'Yann',
      familyName: 'Pichavant',
    })
    expect((await judgementOf(await inSignIn(other, password))).refusals).not.toEqual(refusals)
  })

  it('with the name of the school in mind', async () => {
    const browser = await atTheChange('j.school')
    const { refusals } = await judgementOf(await inSignIn(browser, 'Tilleuls-Tilleuls'))
    expect(refusals).toEqual(await refusedBy(browser, 'Tilleuls-Tilleuls'))
    expect(refusals).toContain(EN('errors.password_personal'))
  })

  it('by the rules of the type of user', async () => {
    await school.policies({
      inspector: { passwords: { min_length: 20, required_classes: ['digit', 'sign'] } },
    })
    const browser = await atTheChange('j.policy', { userType: 'inspector' })
    const { refusals } = await judgementOf(await inSignIn(browser, 'rivagetambour'))
    expect(refusals.join()).toContain('20')
    expect(refusals).toEqual(await refusedBy(browser, 'rivagetambour'))
    const teacher = await atTheChange('j.policy.teacher')
    expect((await judgementOf(await inSignIn(teacher, 'rivage tambour nacre'))).ok).toBe(true)
  })

  it('and that changes nothing, is written down nowhere, and is kept by nobody', async () => {
    const browser = await atTheChange('j.nothing')
    const before = await school.account('j.nothing')
    const [audit, { runs }] = [await acts(school, before.sub), school.gateway.core.hasher.stats()]
    for (const password of [NEXT, 'court']) {
      const answer = await inSignIn(browser, password)
      expect(answer.headers.get('cache-control')).toBe('no-store')
      expect(answer.headers.getSetCookie()).toEqual([])
      expect(await answer.text()).not.toContain(password)
    }
    expect(await school.account('j.nothing')).toEqual(before)
    expect(await acts(school, before.sub)).toEqual(audit)
    expect(await noticesOf(school, before.sub)).toEqual([])
    expect(school.gateway.core.hasher.stats().runs).toBe(runs)
    // The page shows nothing of it either.
    await browser.open(browser.view.url)
    expect(errorsOf(browser.view)).toEqual([])
  })
})

describe('nobody has a password judged but who is choosing one', () => {
  it.each([
    ['without a token', { csrf: '' }],
    ['with an invented token', { csrf: 'x'.repeat(43) }],
    ['from another site', { headers: { 'sec-fetch-site': 'cross-site' } }],
    ['from another host of the site', { headers: { 'sec-fetch-site': 'same-site' } }],
    ['from another origin', { headers: { 'sec-fetch-site': '', origin: 'https://else.example' } }],
  ])('not %s', async (name, more) => {
    const browser = await atTheChange(`j.csrf.${name.replaceAll(' ', '.')}`)
    const answer = await inSignIn(browser, 'court', more)
    expect([answer.status, await stepOf(answer)]).toEqual([403, 'error'])
  })

  it('not with the token of the form itself, nor that of another sign-in', async () => {
    const browser = await atTheChange('j.token')
    const other = await atTheChange('j.token.other')
    for (const csrf of [
      tokenFor(school, uidOf(browser), 'change_password'),
      tokenFor(school, uidOf(other), 'judge_password'),
    ]) {
      expect((await inSignIn(browser, 'court', { csrf })).status).toBe(403)
    }
  })

  it('not in another browser’s sign-in', async () => {
    const mine = await atTheChange('j.mine')
    const theirs = await atTheChange('j.theirs')
    const uid = uidOf(theirs)
    const answer = await ask(mine, {
      password: 'court',
      at: `/interaction/${uid}/judge_password`,
      csrf: tokenFor(school, uid, 'judge_password'),
    })
    expect([answer.status, await stepOf(answer)]).toEqual([403, 'error'])
    expect(
      (await inSignIn(school.browser(), 'court', { at: '/interaction/x/judge_password' })).ok,
    ).toBe(false)
  })

  it('not before the password is proved, nor at another step', async () => {
    await school.person({ identifier: 'j.define' })
    const browser = school.browser()
    await application.start(browser)
    const atLogin = await inSignIn(browser, 'court')
    expect([atLogin.status, await stepOf(atLogin)]).toEqual([404, 'error'])
    await enter(application, browser, 'j.define')
    expect(browser.view.step).toBe('define_pin')
    expect((await inSignIn(browser, 'court')).status).toBe(404)
  })

  it('not once the change is saved', async () => {
    const browser = await atTheChange('j.saved')
    const [uid, cookies] = [uidOf(browser), await browser.copy()]
    await browser.submit({ new_password: NEXT, confirm_password: NEXT })
    const answer = await ask(cookies, {
      password: 'court',
      at: `/interaction/${uid}/judge_password`,
      csrf: tokenFor(school, uid, 'judge_password'),
    })
    expect([answer.ok, await stepOf(answer)]).toEqual([false, 'error'])
  })

  it('not with what is no form, or too long a one', async () => {
    const browser = await atTheChange('j.form')
    const at = `/interaction/${uidOf(browser)}/judge_password`
    const json = await inSignIn(browser, 'court', {
      headers: { 'content-type': 'application/json' },
    })
    expect(json.status).toBe(400)
    expect((await inSignIn(browser, 'x'.repeat(3_000))).status).toBe(400)
    expect((await inSignIn(browser, 'x'.repeat(20_000))).status).toBe(400)
    // Read, the address leads to the page that it belongs to.
    await browser.open(at)
    expect(browser.view.step).toBe('change_password')
  })

  it('not more often than anybody types: a minute later again, and others meanwhile', async () => {
    const browser = await atTheChange('j.often')
    const tab = await browser.copy()
    await application.start(tab)
    const statuses = []
    for (let asked = 0; asked < 40; asked += 1) {
      // Another tab is no way round.
      statuses.push((await inSignIn(asked % 2 === 0 ? browser : tab, `court ${asked}`)).status)
    }
    expect(statuses.filter((status) => status === 200)).toHaveLength(30)
    const refused = await inSignIn(browser, 'court')
    expect(refused.status).toBe(429)
    expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(0)
    expect((await inSignIn(await atTheChange('j.often.other'), 'court')).status).toBe(200)
    // The form itself still judges, and takes what is good.
    expect((await refusedBy(browser, 'court')).length).toBeGreaterThan(0)
    school.later(MINUTE_MS)
    expect((await inSignIn(browser, 'court')).status).toBe(200)
    await browser.submit({ new_password: NEXT, confirm_password: NEXT })
    expect(browser.view.step).toBe('callback')
  })
})

describe('at the password page of the account', () => {
  const somebody = (identifier: string, more: Wishes = {}) =>
    school.person({ identifier, protection: 'none', ...more })

  const atThePage = async (identifier: string, more: Wishes = {}) => {
    const { sub } = await somebody(identifier, more)
    const browser = await openAccount(school.browser(), 'password', identifier)
    const csrf = tokenFor(school, await sessionUidOf(sub), 'password/judge')
    return {
      sub,
      browser,
      csrf,
      judge: (password: string, changes: Partial<Asked> = {}) =>
        ask(browser, { password, at: ACCOUNT_JUDGE, csrf, ...changes }),
    }
  }

  it('it is judged in the same way, in the language of the page', async () => {
    const { browser, csrf, judge } = await atThePage('j.account', { locale: 'fr' })
    expect(judgeOn(browser.view)).toEqual([ACCOUNT_JUDGE, csrf])
    const judged = await judgementOf(await judge('Camille-Moreau-1'))
    const form = { new_password: 'Camille-Moreau-1', confirm_password: 'Camille-Moreau-1' }
    await browser.submit(
      { ...form, current_password: 'whatever' },
      { form: formOf('password', 'change') },
    )
    expect(judged.refusals).toEqual(errorsOf(browser.view))
    expect(judged.refusals).toContain(FR('errors.password_personal'))
    expect(await judgementOf(await judge(NEXT))).toEqual({ ok: true, refusals: [] })
  })

  it('without a fresh proof, which the change itself asks for; nothing is kept of it', async () => {
    const { browser, judge } = await atThePage('j.stale')
    muchLater(school)
    expect((await judgementOf(await judge('court'))).ok).toBe(false)
    await browser.open('/account/password')
    expect([browser.view.step, errorsOf(browser.view)]).toEqual(['account_password', []])
    expect(browser.view.html.querySelector('[name=kept]')).toBeNull()
  })

  it('but before it nobody finds the date of birth by guessing', async () => {
    const { judge } = await atThePage('j.birth', { birthDate: '2011-03-14' })
    const guess = '14032011-mai-!'
    const proved = await judgementOf(await judge(guess))
    muchLater(school)
    const guessed = await judgementOf(await judge(guess))
    expect(proved.refusals).toContain(EN('errors.password_personal'))
    expect(guessed.refusals).not.toContain(EN('errors.password_personal'))
  })

  it('not without its own token, from elsewhere, or by a stranger', async () => {
    const { sub, csrf, judge } = await atThePage('j.account.csrf')
    const uid = await sessionUidOf(sub)
    for (const wrong of ['', 'x', tokenFor(school, uid, 'password/change')]) {
      expect((await judge('court', { csrf: wrong })).status).toBe(403)
    }
    expect((await judge('court', { headers: { 'sec-fetch-site': 'cross-site' } })).status).toBe(403)
    const stranger = await ask(school.browser(), { password: 'court', at: ACCOUNT_JUDGE, csrf })
    expect([stranger.status, await stepOf(stranger)]).toEqual([403, 'error'])
  })

  it('not once the session is over, nor while a change is due', async () => {
    const { sub, browser, judge } = await atThePage('j.account.due')
    const { password } = await school.account('j.account.due')
    const { accounts } = school.gateway.core.deps.store
    if (password !== null) {
      await accounts.setPassword(sub, { ...password, mustChange: true })
    }
    expect((await judge('court')).status).toBe(403)
    if (password !== null) {
      await accounts.setPassword(sub, password)
    }
    expect((await judge('court')).status).toBe(200)
    await reopen(browser)
    expect((await judge('court')).status).toBe(403)
    school.later(DAY_MS)
    expect((await judge('court')).status).toBe(403)
  })

  it('not more often than anybody types', async () => {
    const { judge } = await atThePage('j.account.often')
    for (let asked = 0; asked < 30; asked += 1) {
      await judge('court')
    }
    expect((await judge('court')).status).toBe(429)
    school.later(MINUTE_MS)
    expect((await judge('court')).status).toBe(200)
  })
})

describe('at the end of a forgotten password', () => {
  /** Before the code that was mailed, or would have been. */
  const atTheCode = async (identifier: string, browser = school.browser()): Promise<Browser> => {
    await application.start(browser, { ui_locales: 'fr' })
    await browser.submit({}, { form: 'form[action$="/forgotten_password"]' })
    await browser.submit({ identifier })
    expect(browser.view.step).toBe('password_reset_code')
    return browser
  }

  const somebody = async (identifier: string) => {
    const account = await school.person({ identifier, protection: 'none' })
    const { accounts } = school.gateway.core.deps.store
    await accounts.setVerifiedEmail(account.sub, `${identifier}@home.example`)
    return account
  }

  const codeTo = (sub: string): string => {
    const letter = lettersTo(school, sub).findLast(
      (each) => 'code' in each && each.code.length === 6,
    )
    return letter !== undefined && 'code' in letter ? letter.code : ''
  }

  it('it is judged once the code was right, for whose it is', async () => {
    const { sub } = await somebody('j.forgot')
    const browser = await atTheCode('j.forgot')
    expect((await inSignIn(browser, 'court')).status).toBe(404)
    await browser.submit({ code: codeTo(sub) })
    expect(browser.view.step).toBe('password_reset_define')
    const uid = uidOf(browser)
    expect(judgeOn(browser.view)).toEqual([
      `/interaction/${uid}/judge_password`,
      tokenFor(school, uid, 'judge_password'),
    ])
    for (const typed of ['court', 'Camille-Moreau-1', 'Tilleuls-Tilleuls']) {
      const judged = await judgementOf(await inSignIn(browser, typed))
      expect(judged.refusals, typed).toEqual(await refusedBy(browser, typed))
    }
    expect((await judgementOf(await inSignIn(browser, 'court'))).refusals).toContain(
      FR('errors.password_short', { min: 12 }),
    )
    expect((await judgementOf(await inSignIn(browser, NEXT))).ok).toBe(true)
    // Another browser that has seen the address has nothing of it.
    const stranger = school.browser()
    await application.start(stranger)
    const foreign = await ask(stranger, {
      password: 'court',
      at: `/interaction/${uid}/judge_password`,
      csrf: tokenFor(school, uid, 'judge_password'),
    })
    expect([foreign.ok, await stepOf(foreign)]).toEqual([false, 'error'])
    // Once it is set there is nothing more to judge.
    await browser.submit({ new_password: NEXT, confirm_password: NEXT })
    expect(browser.view.step).toBe('login')
    expect((await inSignIn(browser, 'court')).status).toBe(404)
  })

  it('and says nothing of who there is: known and unknown alike, before the code', async () => {
    await somebody('j.forgot.known')
    const answers = []
    for (const identifier of ['j.forgot.known', 'j.forgot.nobody']) {
      const browser = await atTheCode(identifier)
      await browser.submit({ code: '000000' })
      const answer = await inSignIn(browser, 'court')
      answers.push([answer.status, await stepOf(answer)])
    }
    expect(answers).toEqual([
      [404, 'error'],
      [404, 'error'],
    ])
  })
})
