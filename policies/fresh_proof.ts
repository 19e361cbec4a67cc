import type { AccountState } from './next_step.ts'
import type { Policy } from './policy.ts'
import type { Level } from './proofs.ts'

/** How old a proof may be where somebody changes what protects their account (OWASP ASVS 7.5). */
export const FRESH_PROOF_SECONDS = 300

/**
 * The strongest level that an account can be asked for: a key in service, else its PIN, else its
 * password. A blocked PIN still stands in the way, or blocking it would open the door to whoever
 * knows the password alone; one that the policy abolished does not.
 */
export const strongestUsable = (
  { otp, protections }: Pick<Policy, 'otp' | 'protections'>,
  { otpKey, pin }: Pick<AccountState, 'otpKey' | 'pin'>,
): Level => {
  if (otp !== 'off' && otpKey === 'in_service') {
    return 'otp'
  }
  return protections.includes('pin') && pin !== 'none' ? 'pin' : 'password'
}
