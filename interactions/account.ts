import type { Context } from 'koa'
import { AppError } from '../accounts/errors.ts'
import { type AccountPage, showAccountPage, submitAccountForm } from './account_page.ts'
import { ACCOUNT_PAGES, type AccountPageName, isAccountPage } from './fresh_proof.ts'
import { seeOther } from './page.ts'
import type { Site } from './site.ts'

/** Pages of the account; the enrolment of an app has addresses of its own. */
const PAGES: Partial<Record<AccountPageName, AccountPage>> = {}

const pageOf = (name: string): { page: AccountPageName; what: AccountPage } => {
  const what = isAccountPage(name) ? PAGES[name] : undefined
  if (!isAccountPage(name) || what === undefined) {
    throw new AppError('not_found', `no page ${name} in the account`)
  }
  return { page: name, what }
}

/** `GET /account` */
export const toAccount = (ctx: Context): void => seeOther(ctx, ACCOUNT_PAGES.protection)

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
