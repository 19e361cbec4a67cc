import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import nunjucks from 'nunjucks'
import { type Assets, createAssets } from './assets.ts'
import type { ConsoleError, ConsolePageName } from './console/pages.ts'
import { createTranslator, LOCALES, type MessageParams, type Translate } from './i18n.ts'
import { noticeText, untilText } from './notice_words.ts'
import type { FormError, Frame, Locale, PageName, Pages, School } from './pages.ts'
import { iconSvg, themeCss } from './theme.ts'

export interface RendererOptions {
  readonly school: School
  /** `accent`: the school's colour, `#rrggbb`; made readable where it is too pale or too dark. */
  readonly theme?: { readonly accent?: string | undefined } | undefined
  /** Folder of the static files' addresses. Default `/assets/`. */
  readonly assetsPath?: string | undefined
  /** IANA zone in which times are written. Default: the machine's. */
  readonly timeZone?: string | undefined
  /** How long each page of a sign-in may stay open, as people are told. Default 15. */
  readonly signInMinutes?: number | undefined
}

export interface Renderer {
  /** A whole HTML document. Throws when a template, a message or a value is missing. */
  render<P extends PageName>(page: P, model: Pages[P], frame: Frame): string
  /** An error as the pages say it, for an answer that is no page. Throws for a missing message. */
  errorText(error: FormError, locale: Locale): string
  readonly assets: Assets
}

/**
 * The `data-step` of each page's `<main>`: programs and tests find a step by it. Pages of the
 * console, in a folder of their own, have their own name.
 */
const STEPS: Readonly<Record<Exclude<PageName, ConsolePageName>, string>> = {
  login: 'login',
  pin: 'pin',
  pin_blocked: 'pin',
  define_pin: 'define_pin',
  device: 'device',
  consent: 'consent',
  otp: 'otp',
  first_use_code: 'first_use_code',
  first_use_password: 'first_use_password',
  first_use_pin: 'first_use_pin',
  first_use_passcode: 'first_use_passcode',
  first_use_done: 'first_use_done',
  account_keys: 'account_keys',
  account_protection: 'account_protection',
  account_pin: 'account_pin',
  account_devices: 'account_devices',
  account_sessions: 'account_sessions',
  account_history: 'account_history',
  account_password: 'account_password',
  account_address: 'account_address',
  account_language: 'account_language',
  account_data: 'account_data',
  not_me: 'not_me',
  not_me_done: 'not_me_done',
  not_me_over: 'not_me_over',
  pin_reset_code: 'pin_reset_code',
  pin_reset_define: 'pin_reset_define',
  pin_reset_refused: 'pin_reset_refused',
  enrol_app: 'enrol_app',
  change_password: 'change_password',
  password_reset: 'password_reset',
  password_reset_code: 'password_reset_code',
  password_reset_define: 'password_reset_define',
  unmet: 'unmet',
  refused: 'refused',
  portal: 'portal',
  logout: 'logout',
  continue: 'continue',
  logged_out: 'logged_out',
  error: 'error',
  help: 'help',
  help_cookies: 'help_cookies',
}

const SIGN_IN_MINUTES = 15

/**
 * Fields whose emptiness has words of its own: a list that says "Fill in this field." twice names
 * neither (WCAG 2.2, 2.4.4 and 3.3.1).
 */
const NAMED_WHEN_EMPTY: readonly string[] = [
  'identifier',
  'password',
  'pin',
  'new_pin',
  'confirm_pin',
  'new_password',
  'confirm_password',
  'passcode',
  'code',
  'current_pin',
  'current_password',
  'email',
]

/** The same field under another label has other words, for a page. */
const NAMED_ON_PAGE: Readonly<Partial<Record<PageName, Readonly<Record<string, string>>>>> = {
  first_use_password: { password: 'password_alone' },
  account_address: { code: 'code_mailed' },
  pin_reset_code: { code: 'code_mailed' },
  password_reset_code: { code: 'code_mailed' },
}

/** Errors that say more when this parameter is given: the text is then `<code>_<parameter>`. */
const RICHER_ERRORS: Readonly<Record<string, string>> = { pin_wrong: 'left' }

/** Schools read the day before the month, in English too. */
const DATE_LOCALES: Readonly<Record<Locale, string>> = { fr: 'fr-FR', en: 'en-GB' }

/** Kinds of signs, in the order in which they are said. */
const CLASSES = ['lowercase', 'uppercase', 'digit', 'sign'] as const

/** Reads templates, messages and static files once; afterwards nothing touches the disk. */
export function createRenderer(options: RendererOptions): Renderer {
  const assets = createAssets(readAssets(options.theme?.accent), options.assetsPath ?? '/assets/')
  const templateOf = compileTemplates(assets)
  const words = new Map(
    LOCALES.map((locale) => [locale, createWords(locale, options.timeZone)] as const),
  )
  return {
    assets,
    errorText(error, locale) {
      const said = words.get(locale)
      if (!said) throw new Error(`no words in ${locale}`)
      return errorText(said.t, error)
    },
    render(page, model, frame) {
      const said = words.get(frame.locale)
      if (!said) throw new Error(`no page ${page} in ${frame.locale}`)
      return templateOf(page).render({
        ...said,
        error_text: (error: FormError | ConsoleError) =>
          'key' in error
            ? said.t(error.key, error.params)
            : errorText(said.t, error, NAMED_ON_PAGE[page]),
        model,
        frame: frame.console,
        step: stepOf(page),
        locale: frame.locale,
        languages: frame.languages,
        school: options.school,
        signInMinutes: options.signInMinutes ?? SIGN_IN_MINUTES,
        errors: 'errors' in model ? model.errors : [],
      })
    },
  }
}

function readAssets(accent: string | undefined): Map<string, string> {
  const scripts = join(import.meta.dirname, 'browser')
  const read = (...path: string[]) => readFileSync(join(import.meta.dirname, ...path), 'utf8')
  return new Map([
    ['gateway.css', read('gateway.css')],
    ['console.css', read('console.css')],
    ['theme.css', themeCss(accent)],
    ['icon.svg', iconSvg(accent)],
    ...readdirSync(scripts)
      .filter((name) => name.endsWith('.js'))
      .map((name) => [name, read('browser', name)] as const),
  ])
}

const isConsolePage = (page: PageName): page is ConsolePageName => page.startsWith('console/')

const stepOf = (page: PageName): string => (isConsolePage(page) ? page : STEPS[page])

/** Pages of people are compiled now, those of the console when one is first asked for. */
function compileTemplates(assets: Assets): (page: PageName) => nunjucks.Template {
  const environment = new nunjucks.Environment(
    new nunjucks.FileSystemLoader(join(import.meta.dirname, 'templates')),
    { autoescape: true, throwOnUndefined: true, trimBlocks: true, lstripBlocks: true },
  )
  environment.addGlobal('asset', assets.urlOf)
  // Shared ones first: nunjucks keeps what it has compiled, so that no page loads them later.
  for (const shared of ['parts.njk', 'layout.njk', 'account.njk'])
    environment.getTemplate(shared, true)
  const compile = (page: PageName) => environment.getTemplate(`${page}.njk`, true)
  const pages = Object.keys(STEPS) as PageName[]
  const compiled = new Map(pages.map((page) => [page, compile(page)]))
  return (page) => {
    const template = compiled.get(page) ?? compile(page)
    compiled.set(page, template)
    return template
  }
}

/** What templates say things with, in one language. */
function createWords(locale: Locale, timeZone: string | undefined) {
  const t = createTranslator(locale)
  const moments = new Intl.DateTimeFormat(DATE_LOCALES[locale], {
    dateStyle: 'long',
    timeStyle: 'short',
    ...(timeZone === undefined ? {} : { timeZone }),
  })
  const moment = (iso: string) => moments.format(new Date(iso))
  const lists = new Intl.ListFormat(DATE_LOCALES[locale])
  return {
    t,
    moment,
    /** "a capital letter and a digit" */
    classes_text: (classes: readonly string[]) =>
      lists.format(
        CLASSES.filter((name) => classes.includes(name)).map((name) =>
          t(`password_rules.class.${name}`),
        ),
      ),
    notice_text: (code: string) => noticeText(t, code),
    until_text: (code: string, iso: string) => untilText(t, code, moment(iso)),
    /** The errors of one field, for the text beside it. */
    errors_of: (errors: readonly FormError[], field: string) =>
      errors.filter((error) => error.field === field),
  }
}

function errorText(
  t: Translate,
  { code, field = '', params = {} }: FormError,
  names: Readonly<Record<string, string>> = {},
): string {
  if (code === 'field_required' && NAMED_WHEN_EMPTY.includes(field)) {
    return t(`form.required.${names[field] ?? field}`)
  }
  const richer = RICHER_ERRORS[code]
  const given: MessageParams = params
  if (code === 'pin_format' && given['min'] === given['max'])
    return t('errors.pin_format_exact', given)
  return t(`errors.${richer && richer in given ? `${code}_${richer}` : code}`, given)
}
