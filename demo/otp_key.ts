import { Secret, TOTP } from 'otpauth'
import type { SampleKey } from './sample_keys.ts'

/** Bars of the gauge, as the devices have. */
export const GAUGE_BARS = 6

/** What the window of a key shows at one moment. */
export interface KeyWindow {
  readonly code: string
  /** Until the next code. */
  readonly leftMs: number
  readonly periodMs: number
  /** Of the gauge, those still standing: 6 to 1. */
  readonly bars: number
}

/** Plays a key: its code and gauge at `nowMs` (RFC 6238 §4). Its clock is always right. */
export function playKey(key: SampleKey, nowMs: number): KeyWindow {
  const totp = new TOTP({
    secret: Secret.fromHex(key.seed),
    digits: key.digits,
    period: key.periodSeconds,
  })
  const periodMs = key.periodSeconds * 1000
  const leftMs = totp.remaining({ timestamp: nowMs })
  return {
    code: totp.generate({ timestamp: nowMs }),
    leftMs,
    periodMs,
    bars: Math.ceil((leftMs * GAUGE_BARS) / periodMs),
  }
}
