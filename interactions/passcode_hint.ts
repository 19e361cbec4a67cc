import type { OtpKey } from '../accounts/otp_key.ts'
import { stepNow, timeLeftMs } from '../policies/otp_window.ts'
import type { PasscodeHint } from '../views/pages.ts'

/** What to type, and until when: only where it is sure which key the person has in hand. */
export const passcodeHint = (keys: readonly OtpKey[], nowMs: number): PasscodeHint => {
  const [key, ...others] = keys
  if (key === undefined || others.length > 0) {
    return {}
  }
  const { kind, periodSeconds, digits } = key
  const leftSeconds = Math.ceil(timeLeftMs(key, nowMs) / 1000)
  return {
    codeLength: digits,
    gauge: kind === 'totp' ? { periodSeconds, leftSeconds } : undefined,
  }
}

/**
 * Whether the code shown now was typed before, as far as the key's clock is known; a counter goes
 * on only at its button. Only for somebody who puts the key in service: on the page of a passcode
 * it would tell a right code beside a wrong PIN from a wrong code.
 */
export const mustWait = (key: OtpKey | null, nowMs: number): boolean =>
  key === null || key.kind === 'hotp' || stepNow(key, nowMs) < key.next
