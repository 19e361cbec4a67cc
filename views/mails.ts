import { join } from 'node:path'
import nunjucks from 'nunjucks'
import { createTranslator, LOCALES, type Translate } from './i18n.ts'
import { noticeText, untilText } from './notice_words.ts'
import type { Locale, NOTICE_CODES } from './pages.ts'

/** What each mail is given. Values come from outside: they are shown as plain words. */
export interface Mails {
  /** Something that happened to the account. */
  notice: {
    readonly personName: string
    readonly code: string
    /** ISO 8601 instant. */
    readonly at: string
    /** ISO 8601 instant: not later than this, or, of a key that is lent, its return. */
    readonly until?: string | undefined
    /** Shown where present: `key`, `device`, `browser`, `system`, `network`, `place`, `address`. */
    readonly params: Readonly<Record<string, string>>
    /** The page of the password, where it expires; else what protects the account. */
    readonly accountHref: string
    /** *This wasn't me*, where it may be somebody else's doing. */
    readonly notMeHref?: string | undefined
  }
  /** A PIN that the school has generated: no link goes with it. */
  generated_pin: { readonly personName: string; readonly code: string }
  pin_reset_code: MailedCode
  address_code: MailedCode
  password_reset_code: MailedCode
}

interface MailedCode {
  readonly personName: string
  readonly code: string
  readonly minutes: number
  /** ISO 8601 instant. */
  readonly until: string
}

export type MailName = keyof Mails

export interface WrittenMail {
  readonly subject: string
  readonly text: string
  readonly html: string
}

export interface MailRenderer {
  /** Throws when a template, a message or a value is missing. */
  render<M extends MailName>(mail: M, model: Mails[M], locale: Locale): WrittenMail
}

/** The template of each, without its kind. Mailed codes differ in words only. */
const TEMPLATES: Readonly<Record<MailName, string>> = {
  notice: 'notice',
  generated_pin: 'generated_pin',
  pin_reset_code: 'code',
  address_code: 'code',
  password_reset_code: 'code',
}

/** What a notice ends with that is nobody's doing, or the school's: below `mails.notice.`. */
const ENDINGS: Readonly<Partial<Record<(typeof NOTICE_CODES)[number], string>>> = {
  password_replaced: 'card',
  password_given_back: 'by_school',
  password_expires: 'in_time',
}

/** In this order, under the text of a notice. */
const DETAILS = ['key', 'device', 'browser', 'system', 'place', 'network', 'address'] as const

const VALUE_LENGTH_MAX = 120
/** Separates letters for programs, and for nobody else. */
const ZERO_WIDTH_SPACE = '\u200b'

/**
 * A value that somebody else may have chosen (a device's name, a browser's, one's own) on one line,
 * and written so that no mail program makes a link of it: every link of our mails is ours.
 */
export const plainValue = (value: string): string =>
  [...value.replace(/[\p{Cc}\p{Cf}\p{Z}]+/gu, ' ').trim()]
    .slice(0, VALUE_LENGTH_MAX)
    .join('')
    .replace(/\.(?=\p{L})|:(?=\/)/gu, `$&${ZERO_WIDTH_SPACE}`)

const plainValues = <T extends object>(model: T): T =>
  Object.fromEntries(
    Object.entries(model).map(([key, value]) => [
      key,
      typeof value === 'string' && !key.endsWith('Href') ? plainValue(value) : value,
    ]),
  ) as T

/** Days before months, in English too. */
const DATE_LOCALES: Readonly<Record<Locale, string>> = { fr: 'fr-FR', en: 'en-GB' }

const createWords = (locale: Locale, timeZone: string) => {
  const t = createTranslator(locale)
  const format = (options: Intl.DateTimeFormatOptions) => {
    const formatter = new Intl.DateTimeFormat(DATE_LOCALES[locale], { ...options, timeZone })
    return (iso: string) => formatter.format(new Date(iso))
  }
  return {
    t,
    moment: format({ dateStyle: 'full', timeStyle: 'short' }),
    hour: format({ timeStyle: 'short' }),
  }
}

/** A notice is its own subject, so that programs do not pile different ones up as one talk. */
const subjectOf = (mail: MailName, model: Mails[MailName], t: Translate): string =>
  mail === 'notice' && 'params' in model
    ? noticeText(t, model.code).replace(/\.$/, '')
    : t(`mails.${mail}.subject`)

/** Reads templates and messages once. `timeZone`: IANA; times in mails are written in it. */
export const createMailRenderer = ({
  schoolName,
  timeZone,
}: {
  readonly schoolName: string
  readonly timeZone: string
}): MailRenderer => {
  const loader = new nunjucks.FileSystemLoader(join(import.meta.dirname, 'mails'))
  const options = { throwOnUndefined: true, trimBlocks: true, lstripBlocks: true }
  // Two environments: what is escaped for HTML would be wrong in plain text.
  const html = new nunjucks.Environment(loader, { ...options, autoescape: true })
  const text = new nunjucks.Environment(loader, { ...options, autoescape: false })
  const templates = new Map(
    Object.entries(TEMPLATES).map(([mail, name]) => [
      mail,
      {
        html: html.getTemplate(`${name}.html.njk`, true),
        text: text.getTemplate(`${name}.txt.njk`, true),
      },
    ]),
  )
  const words = new Map(LOCALES.map((locale) => [locale, createWords(locale, timeZone)]))
  return {
    render(mail, given, locale) {
      const template = templates.get(mail)
      const said = words.get(locale)
      if (!template || !said) throw new Error(`no mail ${mail} in ${locale}`)
      const subject = subjectOf(mail, given, said.t)
      const { params = {}, ...model } = plainValues<Mails[MailName] & { params?: object }>(given)
      const context = {
        ...said,
        notice_text: (code: string) => noticeText(said.t, code),
        until_text: (code: string, iso: string) => untilText(said.t, code, said.moment(iso)),
        endings: ENDINGS,
        mail,
        model,
        params: plainValues(params),
        details: DETAILS,
        subject,
        locale,
        schoolName: plainValue(schoolName),
      }
      return { subject, text: template.text.render(context), html: template.html.render(context) }
    },
  }
}
