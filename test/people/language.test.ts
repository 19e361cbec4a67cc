import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Browser, BrowserOptions } from '../support/browser.ts'
import type { RelyingParty } from '../support/relying_party.ts'
import { PIN, type School, startSchool } from '../support/school.ts'
import { enter, errorsOf, formIn } from './acts.ts'

let school: School
let application: RelyingParty
beforeAll(async () => {
  school = await startSchool()
  application = await school.application()
})
afterAll(() => school.stop())

const languageOf = ({ view }: Browser): string | undefined =>
  view.html.querySelector('html')?.getAttribute('lang')

const atTheLogin = async (
  options: BrowserOptions,
  parameters: Record<string, string> = {},
): Promise<Browser> => {
  const browser = school.browser(options)
  await application.start(browser, parameters)
  expect(browser.view.step).toBe('login')
  return browser
}

describe('the language of the pages', () => {
  it.each([
    ['fr-FR,fr;q=0.9,en;q=0.8', 'fr'],
    ['en-GB,fr;q=0.5', 'en'],
    ['de,en;q=0.7', 'en'],
    ['de', 'fr'],
    ['', 'fr'],
    ['*', 'fr'],
  ])('is the browser’s where nobody asks for another: %s', async (language, expected) => {
    const browser = await atTheLogin({ language })
    expect(languageOf(browser)).toBe(expected)
    expect(browser.view.headers.get('content-language')).toBe(expected)
  })

  it.each([
    ['fr', 'fr'],
    ['fr-CA en', 'fr'],
    ['de EN-us fr', 'en'],
    ['de', 'en'],
  ])('is what the application asks for: ui_locales=%s', async (ui_locales, expected) => {
    expect(languageOf(await atTheLogin({ language: 'en' }, { ui_locales }))).toBe(expected)
  })

  it('is the person’s own, once they are known', async () => {
    await school.person({ identifier: 'l.french', locale: 'fr', pin: PIN })
    const browser = await atTheLogin({ language: 'en' })
    expect(languageOf(browser)).toBe('en')
    await browser.submit({ identifier: 'l.french', password: 'Wrong-Wrong-99' })
    expect(languageOf(browser)).toBe('en')
    await enter(application, browser, 'l.french')
    expect(browser.view.step).toBe('pin')
    expect(languageOf(browser)).toBe('fr')
    expect(browser.view.text).toContain('Saisissez votre code PIN')

    const asked = school.browser({ language: 'en' })
    await enter(application, asked, 'l.french', { parameters: { ui_locales: 'en' } })
    expect(languageOf(asked)).toBe('en')
  })

  it('is what was clicked, on the pages after a form too', async () => {
    await school.person({ identifier: 'l.clicked', locale: 'en', pin: PIN })
    const browser = await atTheLogin({ language: 'en' })
    const link = browser.view.html.querySelector('a[hreflang=fr]')?.getAttribute('href') ?? ''
    await browser.open(new URL(link, browser.view.url))
    expect(browser.view.step).toBe('login')
    expect(languageOf(browser)).toBe('fr')
    await browser.submit({ identifier: 'l.clicked', password: 'Wrong-Wrong-99' })
    expect(languageOf(browser)).toBe('fr')
    expect(errorsOf(browser.view)[0]).toContain('La connexion n’a pas abouti.')
    await enter(application, browser, 'l.clicked')
    expect(browser.view.step).toBe('pin')
    expect(languageOf(browser)).toBe('fr')
    await browser.submit({ pin: '5061' })
    expect(errorsOf(browser.view)).toEqual(['Ce n’est pas votre code PIN. Réessayez.'])
    // The page that answers a form offers the languages of the page, not of the form's address.
    const back = browser.view.html.querySelector('a[hreflang=en]')?.getAttribute('href') ?? ''
    await browser.open(new URL(back, browser.view.url))
    expect(browser.view.step).toBe('pin')
    expect(languageOf(browser)).toBe('en')
  })

  it('is kept on error pages and the portal', async () => {
    const browser = school.browser({ language: 'fr' })
    await browser.open('/nowhere')
    expect(browser.view.status).toBe(404)
    expect(browser.view.text).toContain('Il n’y a pas de page ici')
    await browser.open('/interaction/unknown')
    expect(browser.view.text).toContain('Cette page est trop ancienne')
    await browser.open('/auth?client_id=nobody&response_type=code')
    expect(browser.view.status).toBe(400)
    expect(browser.view.text).toContain('L’application a fait une erreur')
    const english = browser.view.html.querySelector('a[hreflang=en]')?.getAttribute('href') ?? ''
    const other = school.browser({ language: 'fr' })
    await other.open(english.replaceAll('&amp;', '&'))
    expect(other.view.status).toBe(400)
    expect(other.view.text).toContain('made a mistake')
    await application.start(browser)
    await browser.post(formIn(browser.view).action, { csrf: 'x' })
    expect(browser.view.status).toBe(403)
    expect(browser.view.text).toContain('Cette page est restée ouverte trop longtemps')
    await browser.open('/help/cookies?lang=en')
    expect(languageOf(browser)).toBe('en')
    await browser.open('/nowhere')
    expect(languageOf(browser)).toBe('en')
  })
})
