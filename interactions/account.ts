import type { Context } from 'koa'
import { AppError } from '../accounts/errors.ts'
import { addressPage } from './account_address.ts'
import { dataPage } from './account_data.ts'
import { devicesPage } from './account_devices.ts'
import { historyPage } from './account_history.ts'
import { keysPage } from './account_keys.ts'
import { languagePage } from './account_language.ts'
import { type AccountPage, showAccountPage, submitAccountForm } from './account_page.ts'
import { passwordPage } from './account_password.ts'
import { pinPage } from './account_pin.ts'
import { protectionPage } from './account_protection.ts'
import { sessionsPage } from './account_sessions.ts'
import { ACCOUNT_PAGES, type AccountPageName, isAccountPage } from './fresh_proof.ts'
import { seeOther } from './page.ts'
import type { Site } from './site.ts'

/** Pages of the account; the enrolment of an app has addresses of its own. */
export const PAGES: Partial<Record<AccountPageName, AccountPage>> = {
  protection: protectionPage,
  pin: pinPage,
  devices: devicesPage,
  keys: keysPage,
  sessions: sessionsPage,
  history: historyPage,
  password: passwordPage,
  address: addressPage,
  language: languagePage,
  data: dataPage,
}

const pageOf = (name: string): { page: AccountPageName; what: AccountPage } => {
  const what = isAccountPage(name) ? PAGES[name] : undefined
  if (!isAccountPage(name) || what === undefined) {
    throw new AppError('not_found', `no page ${name} in the account`)
  }
  return { page: name, what }
}

/** `GET /account` */
export const toAccount = (ctx: Context): void => seeOther(ctx, ACCOUNT_PAGES.protection)

/** `GET /account/:page/:form`: the address of a form, opened again: the page that it belongs to. */
export const toAccountPage = (ctx: Context, name: string): void =>
  seeOther(ctx, ACCOUNT_PAGES[pageOf(name).page])

/** `GET /account/:page` */
export const showAccount = (ctx: Context, site: Site, name: string): Promise<void> => {
  const { page, what } = pageOf(name)
  return showAccountPage(ctx, site, page, what)
}

/** `POST /account/:page/:form` */
export const submitAccount = (
  ctx: Context,
  site: Site,
  name: string,
  form: string,
): Promise<void> => {
  const { page, what } = pageOf(name)
  return submitAccountForm(ctx, site, page, what, form)
}
