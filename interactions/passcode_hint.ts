import type { OtpKey } from '../accounts/otp_key.ts'
import { timeLeftMs } from '../policies/otp_window.ts'
import type { PasscodeHint } from '../views/pages.ts'

/** What to type, and until when: only where it is sure which key the person has in hand. */
export const passcodeHint = (keys: readonly OtpKey[], nowMs: number): PasscodeHint => {
  const [key, ...others] = keys
  if (key === undefined || others.length > 0) {
    return {}
  }
  const { kind, periodSeconds, digits, pin } = key
  const leftSeconds = Math.ceil(timeLeftMs(key, nowMs) / 1000)
  return {
    pinLength: pin?.length,
    codeLength: digits,
    gauge: kind === 'totp' ? { periodSeconds, leftSeconds } : undefined,
  }
}
