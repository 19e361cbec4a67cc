import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { postByHand } from '../people/acts.ts'
import { administrator } from '../support/console.ts'
import { PASSWORD, PIN, type School, startSchool } from '../support/school.ts'
import { ACR_PIN, answer, application, ENT, errorAt, signIn, silently } from './steps.ts'

describe('the portal', () => {
  let school: School
  beforeAll(async () => {
    school = await startSchool({
      applications: [
        ENT,
        application('Salle des profs', {
          client_uri: 'https://profs.example/',
          user_types: ['teacher'],
          least_acr: ACR_PIN,
        }),
        application('Cahier de textes', {
          client_uri: 'https://textes.example/',
          initiate_login_uri: 'https://textes.example/entrer',
          user_types: ['student', 'teacher'],
        }),
        application('Sans page', { client_uri: undefined }),
      ],
    })
  })
  afterAll(() => school.stop())

  const names = (text: string): string[] =>
    ['ENT', 'Salle des profs', 'Cahier de textes', 'Sans page'].filter((name) =>
      text.includes(name),
    )

  it('signs a person in without an application, and shows those they may use', async () => {
    const lea = await school.person({ userType: 'student', protection: 'none', givenName: 'Léa' })
    const browser = school.browser()
    await browser.open('/')
    expect(browser.view.step).toBe('login')
    await answer(browser, lea.identifier)
    expect(browser.view).toMatchObject({ step: 'portal', status: 200 })
    expect(browser.view.url.href).toBe(`${school.issuer}/`)
    expect(names(browser.view.text)).toEqual(['ENT', 'Cahier de textes'])
    const links = browser.view.html.querySelectorAll('main a').map((a) => a.getAttribute('href'))
    expect(links).toContain('https://textes.example/entrer')
    expect(links).not.toContain('https://textes.example/')
  })

  it('leads to the console whoever holds a role, and nobody else', async () => {
    const linksOf = async (identifier: string) => {
      const browser = school.browser()
      await browser.open('/')
      await browser.submit({ identifier, password: PASSWORD })
      await browser.submit({ pin: PIN })
      return browser.view.html.querySelectorAll('main a').map((a) => a.getAttribute('href'))
    }
    const nobody = await school.person({ pin: PIN })
    expect(await linksOf(nobody.identifier)).not.toContain(`${school.issuer}/admin`)
    const auditor = await administrator(school, { role: 'auditor' })
    expect(await linksOf(auditor)).toContain(`${school.issuer}/admin`)
  })

  it('asks for the PIN that is due before it shows anything', async () => {
    const marc = await school.person({ pin: PIN })
    const browser = school.browser()
    await browser.open('/')
    await browser.submit({ identifier: marc.identifier, password: PASSWORD })
    expect(browser.view.step).toBe('pin')
    expect(names(browser.view.text)).toEqual([])
    await browser.open('/')
    expect(browser.view.step).toBe('pin')
    await browser.submit({ pin: PIN })
    expect(browser.view.step).toBe('portal')
    expect(names(browser.view.text)).toEqual(['ENT', 'Salle des profs', 'Cahier de textes'])
  })

  it('is open to whoever is signed in through an application', async () => {
    const who = await school.person({ protection: 'none' })
    const browser = school.browser()
    await signIn(await school.application(), browser, who.identifier)
    await browser.open('/')
    expect(browser.view.step).toBe('portal')
  })

  it('asks whoever comes back too late to sign in', async () => {
    const who = await school.person({ protection: 'none' })
    const browser = school.browser()
    await browser.open('/')
    await answer(browser, who.identifier)
    school.later(3 * 3_600_000)
    await browser.open('/')
    expect(browser.view.step).toBe('login')
  })

  it('says so where cookies are blocked, and never goes round in circles', async () => {
    const browser = school.browser({ cookies: false })
    await browser.open('/')
    expect(browser.view).toMatchObject({ step: 'error', status: 400 })
    await browser.open('/portal/signed-in?code=x')
    expect(browser.view).toMatchObject({ step: 'error', status: 400 })
  })

  it.each(['?error=access_denied', '?code=x', '', '?error=a&error=b'])(
    'shows a page, not a loop, where its own sign-in comes back with %j to nobody',
    async (query) => {
      const browser = school.browser()
      await browser.open(`/portal/signed-in${query}`)
      expect(browser.view.step).toBe('error')
      expect(browser.view.status).toBeLessThan(500)
    },
  )

  it('redeems the code of its sign-in as any application does, once, and for the same person', async () => {
    const answers: URL[] = []
    const onAnswer = (_method: string, url: URL): void => {
      if (url.pathname === '/portal/signed-in') {
        answers.push(url)
      }
    }
    const who = await school.person({ protection: 'none' })
    const browser = school.browser({ onAnswer })
    await browser.open('/')
    await answer(browser, who.identifier)
    expect(browser.view.step).toBe('portal')
    const [returned] = answers
    expect(returned?.searchParams.get('iss')).toBe(school.issuer)
    // The same answer a second time is no answer.
    await browser.open(returned?.href ?? '')
    expect(browser.view.step).toBe('error')
    await browser.open('/')
    expect(browser.view.step).toBe('portal')
  })

  it('takes no answer to somebody else’s sign-in, though its code is good', async () => {
    const [one, other] = [
      await school.person({ protection: 'none', familyName: 'Un' }),
      await school.person({ protection: 'none', familyName: 'Autre' }),
    ]
    const theirs = school.browser()
    await theirs.open('/')
    await answer(theirs, other.identifier)
    // A sign-in of somebody else, whose last redirect is not followed.
    const stranger = school.browser()
    await stranger.open('/')
    const proved = await postByHand(stranger, { identifier: one.identifier, password: PASSWORD })
    const resumed = new URL(proved.headers.get('location') ?? '', school.issuer)
    const last = await fetch(resumed, {
      redirect: 'manual',
      headers: { cookie: await stranger.jar.getCookieString(resumed.href) },
    })
    const returned = last.headers.get('location') ?? ''
    expect(returned).toContain('/portal/signed-in?code=')
    await theirs.open(returned)
    expect(theirs.view.step).toBe('error')
    await theirs.open('/')
    expect(theirs.view.text).toContain('Autre')
  })

  it('does not take an answer whose state it has not made', async () => {
    const who = await school.person({ protection: 'none' })
    const browser = school.browser()
    await browser.open('/')
    const location = browser.view.url
    await answer(browser, who.identifier)
    expect(location.pathname).toContain('/interaction/')
    for (const state of ['', 'x', 'v1.k.AAAA']) {
      await browser.open(`/portal/signed-in?${new URLSearchParams({ code: 'x', state })}`)
      expect(browser.view.step).toBe('error')
      expect(browser.view.status).toBeLessThan(500)
    }
  })

  it('has no tokens to give: nobody can pass for it', async () => {
    const who = await school.person({ protection: 'none' })
    const browser = school.browser()
    const query = new URLSearchParams({
      client_id: 'vestibule-portal',
      response_type: 'code',
      scope: 'openid profile',
      redirect_uri: 'https://thief.example/',
      code_challenge: 'E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM',
      code_challenge_method: 'S256',
    })
    await browser.open(`/auth?${query}`)
    await answer(browser, who.identifier).catch(() => {})
    expect(browser.view).toMatchObject({ step: 'error', status: 400 })
  })

  describe('an application that is not for this type of user', () => {
    it('answers that the sign-in worked and that rights are the matter, then tells the application', async () => {
      const lea = await school.person({ userType: 'student', protection: 'none' })
      const staffRoom = await school.application('Salle des profs')
      const browser = school.browser()
      await staffRoom.start(browser)
      await answer(browser, lea.identifier)
      expect(browser.view).toMatchObject({ step: 'refused', status: 200 })
      expect(browser.view.text).toContain('Salle des profs')
      expect(browser.view.text).toContain('aide@tilleuls.example')
      const refused = browser.view.url
      await browser.open('/')
      expect(names(browser.view.text)).toEqual(['ENT', 'Cahier de textes'])
      await browser.open(refused)
      await browser.submit({})
      expect(errorAt(browser)).toBe('access_denied')
      expect(await silently(staffRoom, browser)).toBe('access_denied')
      // Signed in all the same, for what is theirs.
      expect(await silently(await school.application(), browser)).toBeNull()
    })

    it('has nobody define a PIN for it', async () => {
      const noe = await school.person({ userType: 'student', protection: 'none' })
      const browser = school.browser()
      await (await school.application('Salle des profs')).start(browser, { acr_values: ACR_PIN })
      await browser.submit({ identifier: noe.identifier, password: PASSWORD })
      expect(browser.view.step).toBe('refused')
      expect((await school.account(noe.identifier)).hadPin).toBe(false)
    })

    it('still asks for the PIN first: rights are no news for whoever has only a password', async () => {
      const lea = await school.person({ userType: 'student', pin: PIN })
      const browser = school.browser()
      await (await school.application('Salle des profs')).start(browser)
      await browser.submit({ identifier: lea.identifier, password: PASSWORD })
      expect(browser.view.step).toBe('pin')
      await browser.submit({ pin: PIN })
      expect(browser.view.step).toBe('refused')
    })
  })
})
