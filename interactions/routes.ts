import Router from '@koa/router'
import type { Context, Middleware } from 'koa'
import { AppError } from '../accounts/errors.ts'
import { showAccount, submitAccount, toAccount, toAccountPage } from './account.ts'
import { sendAsset } from './assets.ts'
import { CANCEL_PATH, CONFIRM_PATH, cancelApp, confirmApp, showEnrolment } from './enrol_app.ts'
import { START_AGAIN } from './first_use.ts'
import {
  ACCOUNT_RETURN_PATH,
  APP_PATH,
  PROOF_RETURN_PATH,
  returnProved,
  returnSignedIn,
} from './fresh_proof.ts'
import { showCookieHelp, showHelp } from './help.ts'
import { showStep, startAgain, submitStep } from './interaction.ts'
import { ACCOUNT_JUDGE_PATH, JUDGE, judgeInAccount, judgeInSignIn } from './judge_password.ts'
import { NOT_ME_DONE_PATH, showNotMe, showNotMeDone, submitNotMe } from './not_me.ts'
import { leave } from './other_account.ts'
import { NOT_ME_PATH, seeOther } from './page.ts'
import {
  askAgain,
  beginPasswordReset,
  leavePasswordReset,
  submitNewPassword,
  submitPasswordResetCode,
  submitWhose,
} from './password_reset_forms.ts'
import {
  FORGOTTEN_PASSWORD,
  PASSWORD_RESET_AGAIN,
  PASSWORD_RESET_BACK,
} from './password_reset_offer.ts'
import {
  beginPinReset,
  leavePinReset,
  submitPinResetCode,
  submitResetPin,
} from './pin_reset_forms.ts'
import { PIN_RESET, PIN_RESET_BACK } from './pin_reset_offer.ts'
import { PORTAL_RETURN_PATH, returnToPortal, showPortal } from './portal.ts'
import type { Site } from './site.ts'
import { OTHER_ACCOUNT, toStep } from './step.ts'

type Handler = (ctx: Context, site: Site, params: Record<string, string>) => Promise<void> | void

/** Every address of ours; the rest is the OP's. */
const ROUTES: readonly (readonly ['get' | 'post', string, Handler])[] = [
  ['get', '/', showPortal],
  ['get', PORTAL_RETURN_PATH, returnToPortal],
  ['get', '/interaction/:uid', (ctx, site, { uid = '' }) => showStep(ctx, site, uid)],
  // The address of a form, opened again: the page that it belongs to.
  ['get', '/interaction/:uid/:step', (ctx, _site, { uid = '' }) => toStep(ctx, uid)],
  [
    'post',
    `/interaction/:uid/${OTHER_ACCOUNT}`,
    (ctx, site, { uid = '' }) => leave(ctx, site, uid),
  ],
  [
    'post',
    `/interaction/:uid/${START_AGAIN}`,
    (ctx, site, { uid = '' }) => startAgain(ctx, site, uid),
  ],
  [
    'post',
    `/interaction/:uid/${JUDGE}`,
    (ctx, site, { uid = '' }) => judgeInSignIn(ctx, site, uid),
  ],
  [
    'post',
    `/interaction/:uid/${PIN_RESET}`,
    (ctx, site, { uid = '' }) => beginPinReset(ctx, site, uid),
  ],
  [
    'post',
    `/interaction/:uid/${PIN_RESET_BACK}`,
    (ctx, site, { uid = '' }) => leavePinReset(ctx, site, uid),
  ],
  [
    'post',
    '/interaction/:uid/pin_reset_code',
    (ctx, site, { uid = '' }) => submitPinResetCode(ctx, site, uid),
  ],
  [
    'post',
    '/interaction/:uid/pin_reset_define',
    (ctx, site, { uid = '' }) => submitResetPin(ctx, site, uid),
  ],
  [
    'post',
    `/interaction/:uid/${FORGOTTEN_PASSWORD}`,
    (ctx, site, { uid = '' }) => beginPasswordReset(ctx, site, uid),
  ],
  [
    'post',
    `/interaction/:uid/${PASSWORD_RESET_AGAIN}`,
    (ctx, site, { uid = '' }) => askAgain(ctx, site, uid),
  ],
  [
    'post',
    `/interaction/:uid/${PASSWORD_RESET_BACK}`,
    (ctx, site, { uid = '' }) => leavePasswordReset(ctx, site, uid),
  ],
  [
    'post',
    '/interaction/:uid/password_reset',
    (ctx, site, { uid = '' }) => submitWhose(ctx, site, uid),
  ],
  [
    'post',
    '/interaction/:uid/password_reset_code',
    (ctx, site, { uid = '' }) => submitPasswordResetCode(ctx, site, uid),
  ],
  [
    'post',
    '/interaction/:uid/password_reset_define',
    (ctx, site, { uid = '' }) => submitNewPassword(ctx, site, uid),
  ],
  [
    'post',
    '/interaction/:uid/:step',
    (ctx, site, { uid = '', step = '' }) => submitStep(ctx, site, uid, step),
  ],
  ['get', ACCOUNT_RETURN_PATH, returnSignedIn],
  ['get', PROOF_RETURN_PATH, returnProved],
  ['get', APP_PATH, showEnrolment],
  ['post', CONFIRM_PATH, confirmApp],
  ['post', CANCEL_PATH, cancelApp],
  ['get', `${APP_PATH}/:form`, (ctx) => seeOther(ctx, APP_PATH)],
  ['get', '/account', (ctx) => toAccount(ctx)],
  ['get', '/account/:page', (ctx, site, { page = '' }) => showAccount(ctx, site, page)],
  ['get', '/account/:page/:form', (ctx, _site, { page = '' }) => toAccountPage(ctx, page)],
  ['post', ACCOUNT_JUDGE_PATH, judgeInAccount],
  [
    'post',
    '/account/:page/:form',
    (ctx, site, { page = '', form = '' }) => submitAccount(ctx, site, page, form),
  ],
  ['get', NOT_ME_PATH, showNotMe],
  ['post', NOT_ME_PATH, submitNotMe],
  ['get', NOT_ME_DONE_PATH, showNotMeDone],
  ['get', '/help', showHelp],
  ['get', '/help/cookies', showCookieHelp],
  ['get', '/assets/:name', sendAsset],
]

/** What the OP answers itself. Anything else that is not above is no address of this gateway. */
const OF_THE_OP = /^\/(auth|token|me|jwks|session|request|\.well-known)(\/|$)/

export const isOfTheOp = (path: string): boolean => OF_THE_OP.test(path)

export const routes = (site: Site): Middleware[] => {
  const router = new Router()
  for (const [method, path, handler] of ROUTES) {
    router[method](path, async (ctx) => {
      await handler(ctx as unknown as Context, site, ctx.params as Record<string, string>)
    })
  }
  const nowhere: Middleware = (ctx, next) => {
    if (!isOfTheOp(ctx.path)) {
      throw new AppError('not_found', `no page at ${ctx.path}`)
    }
    return next()
  }
  return [router.routes() as unknown as Middleware, nowhere]
}
