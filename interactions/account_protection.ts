import { pinState } from '../accounts/account.ts'
import { canResetPin } from '../accounts/pin_reset.ts'
import { type ChangeProtectionResult, changeProtection } from '../accounts/protect_account.ts'
import { asksPasscode, passcodeStandsIn } from '../policies/fresh_proof.ts'
import { effectiveProtection, PROTECTIONS } from '../policies/policy.ts'
import {
  type AccountPage,
  done,
  formOn,
  type Outcome,
  refuse,
  sendAccountPage,
  type Visit,
} from './account_page.ts'
import type { Fields } from './form.ts'
import { ACCOUNT_PAGES } from './fresh_proof.ts'

const FORM = 'choose'

/** What this person may choose, strongest first. */
const choicesOf = ({ policy }: Pick<Visit, 'policy'>) =>
  PROTECTIONS.filter((each) => policy.protections.includes(each))

/** In force; null: nothing chosen yet. */
const protectionOf = ({ policy, account }: Visit) =>
  effectiveProtection(policy, account.protection, account.pin !== null)

/** A blocked PIN that no passcode stands in for cannot be changed here: its page says who can. */
export const isPinClosed = ({ policy, account, situation }: Visit): boolean =>
  !policy.protections.includes('pin') ||
  (pinState(account.pin) === 'blocked' && !asksPasscode(situation))

const afterRefusal = (
  reason: Extract<ChangeProtectionResult, { ok: false }>['reason'],
): Outcome => {
  switch (reason) {
    case 'no_pin':
      return done('pin')
    case 'pin_blocked':
      return done('protection') // The page says so, and whom to ask.
    case 'not_offered':
      return refuse([{ field: 'protection', code: 'protection_required' }])
    case 'changed_meanwhile':
      return refuse([{ code: 'try_again' }])
  }
}

const choose = async (visit: Visit, fields: Fields): Promise<Outcome> => {
  const { site, account, policy, situation, origin } = visit
  const choice = choicesOf(visit).find((each) => each === fields.text('protection'))
  if (choice === undefined) {
    return afterRefusal('not_offered')
  }
  const byPasscode = passcodeStandsIn(situation)
  const result = await changeProtection(site.deps, account, policy, choice, { byPasscode }, origin)
  if (!result.ok) {
    return afterRefusal(result.reason)
  }
  return done('protection', result.pinRemoved ? 'pin_disabled' : 'protection_changed')
}

/**
 * A blocked PIN that its owner can reset by mail: not here, but where it is asked for, which it is
 * only where it is the protection.
 */
const isResettable = (visit: Visit): boolean =>
  pinState(visit.account.pin) === 'blocked' &&
  protectionOf(visit) === 'pin' &&
  canResetPin(visit.site.deps, visit.account, visit.policy)

/** `/account/protection`: what is asked, or told, when somebody signs in on a new device. */
export const protectionPage: AccountPage = {
  section: 'protection',
  show: (visit, frame, { errors }) => {
    const { account } = visit
    sendAccountPage(visit, 'account_protection', {
      ...frame,
      ...formOn(visit, FORM, errors),
      current: protectionOf(visit),
      choices: choicesOf(visit),
      pin: pinState(account.pin),
      pinHref: isPinClosed(visit) ? undefined : ACCOUNT_PAGES.pin,
      resettable: isResettable(visit),
    })
  },
  forms: { [FORM]: choose },
}
