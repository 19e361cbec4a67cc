import { mayEnrolApp } from '../accounts/enrol_app.ts'
import { type OtpKey, stateNow } from '../accounts/otp_key.ts'
import type { KeyRow } from '../views/pages.ts'
import { type AccountPage, buttonOf, sendAccountPage } from './account_page.ts'
import { BEGIN_FORM, beginApp } from './enrol_app.ts'
import { HELP_PATH } from './page.ts'

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

/** `/account/keys`: the person's OTP keys, and the way to one more on their phone. */
export const keysPage: AccountPage = {
  section: 'keys',
  show: async (visit, frame) => {
    const { site, account, policy } = visit
    const nowMs = site.deps.clock()
    const keys = await site.deps.store.otpKeys.ofPerson(account.sub)
    sendAccountPage(visit, 'account_keys', {
      ...frame,
      keys: keys.flatMap((key) => rowOf(key, nowMs)),
      enrol: mayEnrolApp(account, policy, keys, nowMs)
        ? buttonOf(visit, 'keys', BEGIN_FORM)
        : undefined,
      helpHref: HELP_PATH,
    })
  },
  forms: { [BEGIN_FORM]: beginApp },
}
