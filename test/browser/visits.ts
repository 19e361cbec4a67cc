import type { BrowserContextOptions, Page } from 'playwright-core'
import { expect, vi } from 'vitest'
import type { Account } from '../../accounts/account.ts'
import { createTranslator, type Translate } from '../../views/i18n.ts'
import { type Arrived, type Mailbox, openMailbox } from '../support/mailbox.ts'
import {
  at,
  barriersOn,
  isWithin,
  keyIn,
  openWindows,
  PATIENCE_MS,
  picture,
  send,
  stepOf,
  type Windows,
} from '../support/real_browser.ts'
import { PASSWORD, type PersonWishes, PIN, type School, startSchool } from '../support/school.ts'

/** Each language in one of the two appearances: every page met is looked at in both. */
export const READERS = [
  { language: 'fr', locale: 'fr-FR', colours: 'light' },
  { language: 'en', locale: 'en-GB', colours: 'dark' },
] as const
export type Reader = (typeof READERS)[number]

export interface Premises {
  readonly school: School
  readonly mailbox: Mailbox
  readonly windows: Windows
  stop(): Promise<void>
}

/** A school that delivers its mails, by the real clock, and a Chromium. */
export const openPremises = async (): Promise<Premises> => {
  const mailbox = await openMailbox()
  const settings = {
    smtp_url: `smtp://127.0.0.1:${mailbox.port}`,
    mail_from: 'securite@tilleuls.example',
  }
  const school = await startSchool(settings, { realClock: true, delivers: true })
  const windows = await openWindows()
  return {
    school,
    mailbox,
    windows,
    stop: async () => {
      await windows.close()
      await school.stop()
      await mailbox.down()
    },
  }
}

/** What the six digits of a mail, or its link *This wasn't me*, are found by. */
export const CODE = /^ {4}(\d{6})$/m
export const NOT_ME = /^(https?:\S+\/not-me\?token=\S+)$/m

/** What the last form was refused for, as the page says it. */
export const refusalOn = (page: Page): Promise<string | null> =>
  page.textContent('main .notice-error')

export interface Visits {
  readonly t: Translate
  /** Somebody with an address of their own. */
  person(identifier: string, wishes?: Partial<PersonWishes>): Promise<Account>
  newPage(options?: BrowserContextOptions): Promise<Page>
  /** Waits for a page, which nobody must be kept from using; `name`: one of its several faces. */
  met(page: Page, step: string, name?: string): Promise<void>
  /** The same on a page without scripts: axe is one, so only the width is looked at. */
  metPlainly(page: Page, step: string): Promise<void>
  /** Opens an address of the gateway. */
  open(page: Page, path: string): Promise<void>
  /** Identifier and password, or what stands in for it, then whatever page comes. */
  signIn(page: Page, account: Account, password?: string): Promise<void>
  /** Signs in on another device, or one whose cookies went. */
  elsewhere(account: Account, password?: string): Promise<Page>
  /** The same, with the PIN, to the portal; the device is not added. */
  byPin(account: Account, pin?: string): Promise<Page>
  /** From the page that offers to add the device, which is left alone, to the portal. */
  passDevice(page: Page): Promise<void>
  /** Proves what is asked and confirms what was typed before; adds no device. */
  prove(page: Page, account: Account, pin?: string): Promise<void>
  /** Adds the device under a name, from the page that offers it. */
  addDevice(page: Page, name: string): Promise<void>
  /** The newest mail to somebody in which this is found, and what is found. */
  mailed(account: Account, what: RegExp): Promise<{ mail: Arrived; found: string }>
}

/** Met by every file of tests: one of them looks at them for all. */
export const SIGN_IN_PAGES = ['login', 'portal', 'pin', 'device'] as const

/** `known`: pages that are met here, and looked at elsewhere. */
export const visitsOf = (
  premises: () => Premises,
  reader: Reader,
  known: readonly string[] = [],
): Visits => {
  const { language, locale, colours } = reader
  const looked = new Set<string>(known)

  const look = async (page: Page, name: string): Promise<void> => {
    if (!looked.has(name)) {
      looked.add(name)
      await picture(page, `${name}_${language}`)
      expect.soft({ name, found: await barriersOn(page, colours) }).toEqual({ name, found: [] })
    }
  }

  const visits: Visits = {
    t: createTranslator(language),
    person: (identifier, wishes) =>
      premises().school.person({
        identifier: `${identifier}.${language}`,
        givenName: 'Hélène',
        familyName: 'Lefèvre',
        email: `${identifier}.${language}@tilleuls.example`,
        ...wishes,
      }),
    newPage: (options) =>
      // A colour on its way from light to dark is neither.
      premises().windows.newPage({
        locale,
        colorScheme: colours,
        reducedMotion: 'reduce',
        ...options,
      }),
    met: async (page, step, name = step) => {
      await at(page, step)
      await look(page, name)
    },
    metPlainly: async (page, step) => {
      await at(page, step)
      await picture(page, `${step}_no_script_${language}`)
      expect(await isWithin(page)).toBe(true)
    },
    open: async (page, path) => {
      await page.goto(new URL(path, premises().school.issuer).href)
    },
    signIn: async (page, { identifier }, password = PASSWORD) => {
      if ((await page.locator('main[data-step=login]').count()) === 0) {
        await visits.open(page, '/')
      }
      await at(page, 'login')
      await page.fill('input[name=identifier]', identifier)
      await page.fill('input[name=password]', password)
      await send(page)
    },
    elsewhere: async (account, password) => {
      const page = await visits.newPage()
      await visits.signIn(page, account, password)
      return page
    },
    byPin: async (account, pin = PIN) => {
      const page = await visits.elsewhere(account)
      await visits.met(page, 'pin')
      await keyIn(page, pin)
      await send(page)
      await visits.met(page, 'portal')
      return page
    },
    passDevice: async (page) => {
      await visits.met(page, 'device')
      await send(page)
      await visits.met(page, 'portal')
    },
    prove: async (page, account, pin = '') => {
      if ((await stepOf(page)) === 'login') {
        await visits.signIn(page, account)
      }
      if ((await stepOf(page)) === 'pin') {
        await keyIn(page, pin)
        await send(page)
      }
      const confirm = page.locator('button[name=kept][value=yes]')
      if ((await confirm.count()) > 0) {
        await send(page, confirm)
      }
    },
    addDevice: async (page, name) => {
      await page.check('input[name=remember_device]')
      await page.fill('input[name=device_name]', name)
      await send(page)
    },
    mailed: (account, what) =>
      vi.waitFor(
        () => {
          const { mails } = premises().mailbox
          const mail = mails.findLast(
            ({ to, text }) => to.includes(account.email ?? '') && what.test(text),
          )
          const found = mail && what.exec(mail.text)?.[1]
          return mail && found ? { mail, found } : expect.fail(`no mail to ${account.email}`)
        },
        { timeout: PATIENCE_MS },
      ),
  }
  return visits
}
