import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import type { Account, Locale } from '../../accounts/account.ts'
import type { Browser } from '../support/browser.ts'
import { type Arrived, type Mailbox, openMailbox } from '../support/mailbox.ts'
import type { RelyingParty } from '../support/relying_party.ts'
import { MINUTE_MS, type School, startSchool } from '../support/school.ts'
import { lettersTo } from './letters.ts'

const NEW_PASSWORD = 'Marronnier-Encre-58'
const FORGOTTEN = 'form[action$="/forgotten_password"]'

let mailbox: Mailbox
let school: School
let application: RelyingParty
beforeAll(async () => {
  mailbox = await openMailbox()
  school = await startSchool(
    { smtp_url: `smtp://127.0.0.1:${mailbox.port}`, mail_from: 'securite@tilleuls.example' },
    { delivers: true },
  )
  application = await school.application()
})
afterAll(async () => {
  await school.stop()
  await mailbox.down()
})

const mailsTo = (address: string): Arrived[] => mailbox.mails.filter(({ to }) => to[0] === address)

const subjectsTo = (address: string): (string | undefined)[] =>
  mailsTo(address).map(({ headers }) => headers.get('subject'))

const waitFor = (address: string, mails = 1): Promise<Arrived[]> =>
  vi.waitFor(
    () => {
      expect(mailsTo(address)).toHaveLength(mails)
      return mailsTo(address)
    },
    { timeout: 15_000 },
  )

const somebody = async (
  identifier: string,
  verified: string | null,
  locale: Locale | null = null,
): Promise<Account> => {
  const email = `${identifier}@tilleuls.example`
  const { sub } = await school.person({ identifier, email, protection: 'none', locale })
  await school.gateway.core.deps.store.accounts.setVerifiedEmail(sub, verified)
  return school.account(identifier)
}

const asks = async (browser: Browser, identifier: string): Promise<void> => {
  await application.start(browser)
  await browser.submit({}, { form: FORGOTTEN })
  await browser.submit({ identifier })
  expect(browser.view.step).toBe('password_reset_code')
}

const LANGUAGES = [
  {
    language: 'fr',
    code: 'Code pour un nouveau mot de passe',
    done: 'Votre mot de passe a été remplacé avec un code envoyé par mail',
  },
  {
    language: 'en',
    code: 'Code for a new password',
    done: 'Your password was replaced with a code sent by mail',
  },
] as const

describe('a forgotten password', () => {
  it.each(LANGUAGES)('is replaced by mail, in $language', async ({ language, code, done }) => {
    const home = `${language}@home.example`
    await somebody(`mail.${language}`, home, language)
    const browser = school.browser({ language })
    await asks(browser, `mail.${language}`)
    const [mail] = await waitFor(home)
    expect(mail?.headers.get('subject')).toBe(code)
    const digits = /(?<!\d)\d{6}(?!\d)/.exec(mail?.text ?? '')?.[0] ?? ''
    expect(mail?.html).toContain(digits)
    expect(mail?.html).not.toMatch(/<a\b/) // Nothing to follow: it is typed where it was asked for.
    await browser.submit({ code: digits })
    expect(browser.view.step).toBe('password_reset_define')
    await browser.submit({ new_password: NEW_PASSWORD, confirm_password: NEW_PASSWORD })
    expect(browser.view.step).toBe('login')
    school.later(MINUTE_MS)
    await browser.submit({ password: NEW_PASSWORD })
    expect(browser.view.step).toBe('callback')
    // What is told goes by the account, the code by the page that it is typed on.
    const [, told] = await waitFor(home, 2)
    expect(told?.headers.get('subject')).toBe(done)
    expect(told?.html).toContain('/not-me?token=')
    await waitFor(`mail.${language}@tilleuls.example`)
  })

  it('of nobody, or of somebody without a confirmed address, mails nothing and tells nothing', async () => {
    const { sub } = await somebody('imported.only', null)
    await somebody('last.in.line', 'last@home.example')
    await asks(school.browser(), 'nobody.at.all')
    await asks(school.browser(), 'imported.only')
    await asks(school.browser(), 'last.in.line')
    await waitFor('last@home.example')
    const { store, digest } = school.gateway.core.deps
    for (const identifier of ['nobody.at.all', 'imported.only']) {
      const nobody = digest('password_reset_nobody', identifier)
      await vi.waitFor(() => expect(lettersTo(school, nobody)).toEqual([]), { timeout: 15_000 })
    }
    expect(mailsTo('imported.only@tilleuls.example')).toEqual([])
    expect(await store.audit.list({ act: 'mail_failed' }, 10)).toEqual([])
    expect((await store.audit.list({ sub }, 10)).map(({ act }) => act)).toEqual([
      'password_reset_requested',
    ])
  })

  it('mails no code to an address that is confirmed no more when it is sent', async () => {
    const { sub } = await somebody('moved.on', 'old@home.example')
    const { store } = school.gateway.core.deps
    await mailbox.down()
    await asks(school.browser(), 'moved.on')
    await store.accounts.setVerifiedEmail(sub, 'new@home.example')
    await mailbox.up()
    school.later(2 * MINUTE_MS)
    await vi.waitFor(
      async () =>
        expect(await store.audit.list({ sub, act: 'mail_failed' }, 1)).toMatchObject([
          { detail: { template: 'password_reset_code', why: 'no_address' } },
        ]),
      { timeout: 15_000 },
    )
    expect([...subjectsTo('old@home.example'), ...subjectsTo('new@home.example')]).toEqual([])
  })
})
