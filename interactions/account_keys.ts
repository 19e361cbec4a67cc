import type { Context } from 'koa'
import { fullName, localeOfAccount } from '../accounts/account.ts'
import { mayEnrolApp } from '../accounts/enrol_app.ts'
import { type OtpKey, stateNow } from '../accounts/otp_key.ts'
import type { KeyRow } from '../views/pages.ts'
import { csrfToken } from './csrf.ts'
import { BEGIN_FORM } from './enrol_app.ts'
import { APP_PATH, type ProvedPerson, provedPerson } from './fresh_proof.ts'
import { rememberLocale } from './locale.ts'
import { HELP_PATH, sendPage } from './page.ts'
import type { Site } from './site.ts'

const instant = (timeMs: number | null): string | undefined =>
  timeMs === null ? undefined : new Date(timeMs).toISOString()

/** None for a key that is this person's no more, written down or not. */
const rowOf = (key: OtpKey, nowMs: number): KeyRow[] => {
  const state = stateNow(key, nowMs)
  return state === 'in_stock' || state === 'withdrawn'
    ? []
    : [
        {
          serial: key.serial,
          source: key.source,
          state,
          firstUseBy: state === 'assigned' ? instant(key.firstUseBy) : undefined,
          lentUntil: instant(key.loanUntil),
          inServiceAt: instant(key.inServiceAt),
          lastUsedAt: instant(key.lastUsedAt),
        },
      ]
}

/** Whether an app was put in service a moment ago: told once. */
const wasEnrolled = async (
  site: Site,
  { session, sessionUid, account }: ProvedPerson,
): Promise<boolean> => {
  if (site.enrolmentIn(session).step !== 'enrolled') {
    return false
  }
  await site.changeEnrolment(sessionUid, account.sub, (kept) =>
    kept.step === 'enrolled' ? { step: 'none' } : kept,
  )
  return true
}

/** `GET /account/keys`: the person's OTP keys, and the way to one more on their phone. */
export const showKeys = async (ctx: Context, site: Site): Promise<void> => {
  rememberLocale(ctx)
  const person = await provedPerson(ctx, site, 'keys')
  if (person === null) {
    return
  }
  const { account, policy, sessionUid } = person
  const nowMs = site.deps.clock()
  const keys = await site.deps.store.otpKeys.ofPerson(account.sub)
  sendPage(
    ctx,
    site,
    'account_keys',
    {
      personName: fullName(account),
      keys: keys.flatMap((key) => rowOf(key, nowMs)),
      enrolled: await wasEnrolled(site, person),
      enrol: mayEnrolApp(policy, keys, nowMs)
        ? { action: APP_PATH, csrf: csrfToken(site, sessionUid, BEGIN_FORM) }
        : undefined,
      portalHref: '/',
      helpHref: HELP_PATH,
    },
    { account: localeOfAccount(account) },
  )
}
