import { type AccountState, proofsNotBefore, type Situation } from './next_step.ts'
import type { Policy } from './policy.ts'
import { holds, type Level } from './proofs.ts'

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

/**
 * Whether a change asks for a passcode first. It stands in for a forgotten or blocked PIN, and for a
 * forgotten or void password: these are then not asked.
 */
export const asksPasscode = ({ policy, account }: Situation): boolean =>
  account !== null && strongestUsable(policy, account) === 'otp'

/** Whether that passcode was given, a moment ago, and its key is in service still. */
export const passcodeStandsIn = (situation: Situation): boolean => {
  const { proofs, nowMs } = situation
  const notBefore = Math.max(proofsNotBefore(situation), nowMs - FRESH_PROOF_SECONDS * 1000)
  return asksPasscode(situation) && holds('otp', proofs, notBefore)
}
