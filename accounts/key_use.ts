import type { OtpKeyUse } from '../policies/next_step.ts'
import type { Account } from './account.ts'
import { type OtpKey, stateNow } from './otp_key.ts'
import type { Tables } from './ports.ts'

/**
 * What a person's keys are good for. `began`: the sign-in under way; an app that was enrolled in it
 * counts from the next one.
 */
export const keyUse = (
  keys: readonly OtpKey[],
  nowMs: number,
  began: number | undefined,
): OtpKeyUse => {
  const states = keys
    .filter((key) => !isTooNew(key, began))
    .map((key) => stateNow(key, nowMs))
    .filter((state) => state !== 'in_stock' && state !== 'withdrawn')
  if (states.length === 0) {
    return 'none'
  }
  if (states.includes('in_service')) {
    return 'in_service'
  }
  return states.includes('assigned') ? 'first_use' : 'unusable'
}

export const isTooNew = ({ source, addedAt }: OtpKey, began: number | undefined): boolean =>
  source === 'app' && began !== undefined && addedAt >= began

/** As `keyUse`, for an account: most have no keys to read. */
export const keyUseOf = async (
  { otpKeys }: Pick<Tables, 'otpKeys'>,
  { sub, hasOtpKeys }: Account,
  nowMs: number,
  began: number | undefined,
): Promise<OtpKeyUse> => (hasOtpKeys ? keyUse(await otpKeys.ofPerson(sub), nowMs, began) : 'none')
