import type { KeyRefusal } from '../accounts/desk_keys.ts'
import type { OtpKey, OtpKeyState } from '../accounts/otp_key.ts'

/** Why something cannot be done with a key in this state, and what can. */
const STATES: Readonly<Record<OtpKeyState, string>> = {
  in_stock: 'it is in stock: nobody has it',
  assigned: 'it is assigned, and waits for its first use',
  activation_closed: 'its activation is closed: reopen or withdraw it first',
  in_service: 'it is in service',
  blocked: 'it is blocked: unblock it or reset its PIN first',
  lost: 'it is reported lost: withdraw it once it is found',
  withdrawn: 'it is withdrawn: nobody has it',
}

const REASONS = {
  unknown_key: 'there is none of this serial',
  unknown_account: 'the account is gone',
  account_disabled: 'the account is disabled',
  otp_off: 'the policy of this user type allows no OTP keys',
  forbidden: 'a role does not go that far',
} as const

/** A refusal in words. */
export const refusalWords = (key: Pick<OtpKey, 'source'>, refusal: KeyRefusal): string => {
  if (refusal.reason !== 'illegal') {
    return REASONS[refusal.reason]
  }
  return key.source === 'app' && refusal.state === 'withdrawn'
    ? 'it is a withdrawn authenticator app: whoever enrolled it keeps it'
    : STATES[refusal.state]
}
