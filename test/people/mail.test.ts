import { parse } from 'node-html-parser'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { readNotMeToken } from '../../accounts/not_me.ts'
import { tell } from '../../accounts/notices.ts'
import { type Letter, queueLetter } from '../../accounts/outbox.ts'
import type { NoticeCode } from '../../accounts/ports.ts'
import { LOCALES, readMessages } from '../../views/i18n.ts'
import { createMailRenderer, type MailName, type Mails } from '../../views/mails.ts'
import { NOTICE_CODES } from '../../views/pages.ts'
import type { Browser } from '../support/browser.ts'
import { type Arrived, type Mailbox, openMailbox } from '../support/mailbox.ts'
import type { RelyingParty } from '../support/relying_party.ts'
import { PIN, type School, startSchool } from '../support/school.ts'
import { enter, noticesOf } from './acts.ts'
import { formOf, openAccount } from './at_account.ts'

const FROM = 'securite@tilleuls.example'
const BYTES_MAX = 20_000

let mailbox: Mailbox
let school: School
let application: RelyingParty
beforeAll(async () => {
  mailbox = await openMailbox()
  school = await startSchool(
    {
      smtp_url: `smtp://127.0.0.1:${mailbox.port}`,
      mail_from: FROM,
      school: { name: 'Collège « Les Tilleuls », Nantes' },
    },
    { delivers: true },
  )
  application = await school.application()
})
afterAll(async () => {
  await school.stop()
  await mailbox.down()
})

const mailTo = (address: string): Promise<Arrived> =>
  vi.waitFor(
    () =>
      mailbox.mails.find(({ to }) => to.includes(address)) ?? expect.fail(`no mail: ${address}`),
    { timeout: 15_000 },
  )

/** To the end, without adding the device. */
const signIn = async (browser: Browser, identifier: string): Promise<void> => {
  await enter(application, browser, identifier)
  await browser.submit({})
  expect(browser.view.step).toBe('callback')
}

const tellThem = async (sub: string, code: NoticeCode, params = {}): Promise<void> => {
  const { deps } = school.gateway.core
  await deps.store.transact((tables) => tell(deps, tables, sub, code, { params }))
}

const LIKE_A_LINK = /https?:\/\/\S+|\bwww\.[\w-]\S*|\b[\w-]+(?:\.[\w-]+)*\.[a-z]{2,}\b\S*/gi

/** What a mail program would make links of, in the text as well. */
const linksIn = ({ text, html }: Pick<Arrived, 'text' | 'html'>): string[] => {
  const parsed = parse(html)
  const targets = parsed
    .querySelectorAll('[href], [src], [background]')
    .flatMap((element) => ['href', 'src', 'background'].map((name) => element.getAttribute(name)))
  const written = [text, parsed.querySelector('body')?.text ?? ''].flatMap(
    (part) => part.match(LIKE_A_LINK) ?? [],
  )
  return [...written, ...targets.filter((target) => target !== undefined)]
}

const expectOnlyOurs = (mail: Pick<Arrived, 'text' | 'html'>): void => {
  expect(linksIn(mail).filter((link) => !link.startsWith(`${school.issuer}/`))).toEqual([])
  expect(mail.html).not.toMatch(/<(img|script|link|iframe|form|object)\b/i)
}

describe('a mail about a sign-in from a new device', () => {
  const LANGUAGES = [
    {
      locale: 'fr',
      subject: 'Quelqu’un s’est connecté à votre compte depuis un nouvel appareil',
      words: ['Bonjour Léa Martin,', '14 septembre 2026', '09:0', 'Ce n’était pas moi'],
    },
    {
      locale: 'en',
      subject: 'Somebody signed in to your account from a new device',
      words: ['Hello Léa Martin,', '14 September 2026', '09:0', 'This wasn’t me'],
    },
  ] as const

  it.each(LANGUAGES)('says when, from where and what to do, in $locale', async (language) => {
    const identifier = `mail.${language.locale}`
    const email = `${identifier}@exemple.fr`
    const { sub } = await school.person({
      identifier,
      email,
      givenName: 'Léa',
      familyName: 'Martin',
      protection: 'notification',
      locale: language.locale,
    })
    await signIn(school.browser({ address: '192.0.2.7' }), identifier)
    expect(await noticesOf(school, sub)).toEqual(['new_connection'])
    const mail = await mailTo(email)
    expect(mail.headers.get('subject')).toBe(language.subject)
    for (const words of [...language.words, 'Firefox', 'Windows', '192.0.2.0/24']) {
      // The label of the button is a link’s, and the text has the link itself.
      expect(mail.html, words).toContain(words)
      if (words !== language.words[3]) {
        expect(mail.text, words).toContain(words)
      }
    }
    expect(mail.from).toBe(FROM)
    expect(mail.headers.get('from')).toBe(`Collège « Les Tilleuls », Nantes <${FROM}>`)
    expect(mail.headers.get('to')).toBe(`Léa Martin <${email}>`)
    expect(mail.headers.get('auto-submitted')).toBe('auto-generated')
    expect(mail.size).toBeLessThan(BYTES_MAX)
    expectOnlyOurs(mail)
  })

  it('leads to the account, and to *This wasn’t me* with a token for this very notice', async () => {
    const email = 'mail.links@exemple.fr'
    const { sub } = await school.person({ identifier: 'mail.links', email })
    await tellThem(sub, 'new_connection')
    const { deps } = school.gateway.core
    const [notice] = await deps.store.notices.list(sub, 1)
    const mail = await mailTo(email)
    const token = /\/not-me\?token=(\S+)/.exec(mail.text)?.[1] ?? ''
    expect(readNotMeToken(deps, token)).toEqual({ sub, noticeId: notice?.id, atMs: notice?.atMs })
    for (const part of [mail.text, mail.html]) {
      expect(part).toContain(`${school.issuer}/account/protection`)
      expect(part).toContain(`${school.issuer}/not-me?token=`)
    }
  })
})

it('what the school did itself is told without *This wasn’t me*', async () => {
  const email = 'mail.office@exemple.fr'
  const { sub } = await school.person({ identifier: 'mail.office', email })
  await tellThem(sub, 'key_lost', { key: '4711-0815' })
  const mail = await mailTo(email)
  expect(`${mail.text}${mail.html}`).not.toContain('/not-me')
  expect(mail.text).toContain('4711-0815')
  expectOnlyOurs(mail)
})

it('somebody who chose no language is written to in the one of the school', async () => {
  const email = 'mail.default@exemple.fr'
  const { sub } = await school.person({ identifier: 'mail.default', email, locale: null })
  await tellThem(sub, 'pin_blocked')
  expect((await mailTo(email)).html).toContain('<html lang="fr">')
})

it('goes to the proved address, as it was at the act, in the language that is chosen by then', async () => {
  const { deps } = school.gateway.core
  const { sub } = await school.person({ identifier: 'mail.chosen', email: 'old@exemple.fr' })
  await deps.store.transact(async (tables) => {
    await tables.accounts.setVerifiedEmail(sub, 'proved@exemple.fr')
    await tell(deps, tables, sub, 'pin_blocked')
    await tables.accounts.setVerifiedEmail(sub, 'of.a.thief@exemple.fr')
    await tables.accounts.setLocale(sub, 'en')
  })
  expect((await mailTo('proved@exemple.fr')).html).toContain('<html lang="en">')
  const arrived = mailbox.mails.flatMap(({ to }) => to)
  expect(arrived).not.toContain('old@exemple.fr')
  expect(arrived).not.toContain('of.a.thief@exemple.fr')
})

describe('a mailed code', () => {
  const send = async (identifier: string, letter: Pick<Letter, 'template' | 'to'>) => {
    const { deps } = school.gateway.core
    const account = await school.person({
      identifier,
      email: `${identifier}@exemple.fr`,
      locale: 'en',
    })
    const code = { sub: account.sub, code: '048213', minutes: 10, locale: null }
    await queueLetter(deps, deps.store, account, { ...letter, ...code } as Letter)
    return mailTo(letter.to ?? `${identifier}@exemple.fr`)
  }

  it('for a new PIN is big and alone, and says how long it serves', async () => {
    const mail = await send('mail.code', { template: 'pin_reset_code', to: null })
    expect(mail.headers.get('subject')).toBe('Reset code for your PIN code')
    expect(mail.text).toMatch(/^ {4}048213$/m)
    expect(mail.html).toMatch(/<p[^>]*34px[^>]*>048213<\/p>/)
    expect(mail.text).toMatch(/It works for 10 minutes, until 09:1\d/)
    expect(mail.text).toContain('Nobody will ask you for it')
    expect(mail.headerLines.join('\n')).not.toContain('048213')
    expect(linksIn(mail)).toEqual([])
  })

  it('for an address goes to that address', async () => {
    const mail = await send('mail.address', { template: 'address_code', to: 'new@exemple.fr' })
    expect(mail.to).toEqual(['new@exemple.fr'])
    expect(mail.headers.get('subject')).toBe('Code to confirm your address')
    expect(linksIn(mail)).toEqual([])
  })
})

describe('a code is mailed in the language of the page that asked for it', () => {
  const LANGUAGES = [
    { locale: 'fr', account: 'en', hello: 'Bonjour ' },
    { locale: 'en', account: 'fr', hello: 'Hello ' },
  ] as const

  it.each(LANGUAGES)('for a new PIN: $locale, whatever the account has', async (language) => {
    const { locale, account, hello } = language
    const identifier = `mail.reset.${locale}`
    const email = `${identifier}@exemple.fr`
    await school.person({ identifier, email, pin: PIN, locale: account })
    const browser = school.browser()
    await enter(application, browser, identifier, { parameters: { ui_locales: locale } })
    await browser.submit({}, { form: 'form[action$="/pin_reset"]' })
    expect(browser.view.step).toBe('pin_reset_code')
    expect(browser.view.headers.get('content-language')).toBe(locale)
    const mail = await mailTo(email)
    expect(mail.text).toContain(hello)
    expect(mail.html).toContain(`<html lang="${locale}">`)
  })

  it.each(LANGUAGES)('for an address: $locale, whatever the account has', async (language) => {
    const { locale, account, hello } = language
    const identifier = `mail.own.${locale}`
    await school.person({ identifier, protection: 'none', locale: account })
    const browser = await openAccount(school.browser(), 'address', identifier)
    await browser.open(`/account/address?lang=${locale}`)
    const form = formOf('address', 'change')
    await browser.submit({ email: `${identifier}@exemple.fr` }, { form })
    expect(browser.view.headers.get('content-language')).toBe(locale)
    const mail = await mailTo(`${identifier}@exemple.fr`)
    expect(mail.text).toContain(hello)
    expect(mail.html).toContain(`<html lang="${locale}">`)
  })
})

it('names of people, devices and browsers are words in a mail, and nothing else', async () => {
  const email = 'mail.names@exemple.fr'
  const { sub } = await school.person({
    identifier: 'mail.names',
    email,
    givenName: 'Léa\r\nBcc: all@exemple.fr\r\n\r\nhttps://evil.example/a',
    familyName: '<b>Martin</b>',
    protection: 'notification',
  })
  const userAgent = 'www.evil.example\r\n<a href="https://evil.example">/9'
  await tellThem(sub, 'device_added', {
    device: 'Salle 201\r\n\r\nhttps://evil.example/<script>',
    browser: userAgent,
  })
  const mail = await mailTo(email)
  expect(mail.to).toEqual([email])
  expect(mail.headers.has('bcc')).toBe(false)
  expect([...mail.headers.keys()].sort()).toEqual([
    'auto-submitted',
    'content-type',
    'date',
    'from',
    'message-id',
    'mime-version',
    'subject',
    'to',
  ])
  expectOnlyOurs(mail)
  expect(mail.html).not.toContain('<b>Martin')
  expect(mail.html).toContain('&lt;script&gt;')
  expect(mail.text).toMatch(/^Appareil\u00a0: Salle 201 https/m)
})

it('a page is answered while the mail server lets everybody wait', async () => {
  const { promise: answered, resolve: answer } = Promise.withResolvers<void>()
  const before = mailbox.mails.length
  let held = 0
  mailbox.manners = {
    content: async () => {
      held += 1
      await answered
      return 0
    },
  }
  const email = 'mail.waiting@exemple.fr'
  const protection = 'notification'
  await school.person({ identifier: 'mail.waiting', email, protection })
  await school.person({ identifier: 'mail.waiting.too', email: `2.${email}`, protection })
  await signIn(school.browser(), 'mail.waiting')
  await vi.waitFor(() => expect(held).toBe(1), { timeout: 15_000 })
  await signIn(school.browser(), 'mail.waiting.too')
  expect(mailbox.mails).toHaveLength(before)
  answer()
  await mailTo(email)
  await mailTo(`2.${email}`)
  mailbox.manners = {}
})

it('an act that fails in the end is not told', async () => {
  const { deps } = school.gateway.core
  const { sub } = await school.person({ identifier: 'mail.undone', email: 'undone@exemple.fr' })
  const act = deps.store.transact(async (tables) => {
    await tell(deps, tables, sub, 'pin_changed')
    throw new Error('in the end')
  })
  await expect(act).rejects.toThrow('in the end')
  // What is queued later has been sent: nothing of the act is on its way.
  await school.person({ identifier: 'mail.after', email: 'after@exemple.fr' })
  await tellThem((await school.account('mail.after')).sub, 'pin_changed')
  await mailTo('after@exemple.fr')
  expect(mailbox.mails.flatMap(({ to }) => to)).not.toContain('undone@exemple.fr')
})

describe('every mail', () => {
  const renderer = createMailRenderer({ schoolName: 'Tilleuls', timeZone: 'Europe/Paris' })
  const at = '2026-09-14T07:00:00.000Z'
  const params = Object.fromEntries(
    ['key', 'device', 'browser', 'system', 'place', 'network', 'address'].map((key) => [key, key]),
  )
  const issuer = 'https://login.school.example'
  const notice = (code: string, notMe: boolean): Mails['notice'] => ({
    personName: 'Léa Martin',
    code,
    at,
    params,
    accountHref: `${issuer}/account/protection`,
    ...(notMe ? { notMeHref: `${issuer}/not-me?token=v1.k1.${'x'.repeat(200)}` } : {}),
  })
  const codeMail = (minutes: number) => ({ personName: 'Léa', code: '048213', minutes, until: at })
  const samples: [MailName, Mails[MailName]][] = [
    ...[...NOTICE_CODES, 'of_a_newer_version'].flatMap((code): [MailName, Mails['notice']][] => [
      ['notice', notice(code, true)],
      ['notice', notice(code, false)],
    ]),
    ['generated_pin', { personName: 'Léa', code: '4821' }],
    ['pin_reset_code', codeMail(10)],
    ['pin_reset_code', codeMail(1)],
    ['address_code', codeMail(10)],
    ['password_reset_code', codeMail(10)],
    ['notice', { ...notice('password_expires', false), until: at }],
  ]

  it.each(LOCALES)(
    'is small, whole and without a hole, and no words are left over (%s)',
    (locale) => {
      const mails = samples.map(([name, model]) => renderer.render(name, model as never, locale))
      for (const { subject, text, html } of mails) {
        expect(subject).toMatch(/^\S.*[^.\s]$/)
        expect(text).not.toMatch(/&(amp|#39|quot|lt);|\n\n\n|undefined/)
        expect(html).not.toContain('undefined')
        expect(Buffer.byteLength(html)).toBeLessThan(BYTES_MAX / 2)
      }
      const shown = mails.flatMap(({ subject, text, html }) => [subject, text, html]).join('\n')
      const unused = [...readMessages(locale)]
        .filter(([key]) => key.startsWith('mails.'))
        .flatMap(([key, message]) =>
          Object.entries(typeof message === 'string' ? { message } : message)
            .filter(([name]) => name !== 'by')
            .filter(([, text]) => {
              const literal = text.replace(/[.*+?^$()|[\]\\]/g, '\\$&').replace(/\{\w+\}/g, '[^<]+')
              return !new RegExp(literal).test(shown)
            })
            .map(() => key),
        )
      expect(unused).toEqual([])
    },
  )
})
