import { randomBytes } from 'node:crypto'
import {
  assign,
  keyInStock,
  type OtpKey,
  otpPinOwner,
  putInService,
} from '../../accounts/otp_key.ts'
import { sealSeed } from '../../accounts/otp_seed.ts'
import type { Deps } from '../../accounts/ports.ts'
import { codeAt } from '../../policies/otp_window.ts'
import { DAY_MS } from './school.ts'

export const KEY_PIN = '4826'

/** An OTP key in somebody's hand. */
export interface HeldKey {
  readonly serial: string
  readonly seed: Uint8Array
  /** What it shows now, or `steps` codes later. HOTP: what pressing its button shows next. */
  code(steps?: number): string
  /** PIN and code, as typed. */
  passcode(steps?: number): string
  /**
   * PIN and the first code that may still be used: the one shown now, or the next one, which the
   * gateway takes early. For tests on a real clock, where nobody waits for it.
   */
  freshPasscode(): Promise<string>
  /** As the gateway keeps it. */
  stored(): Promise<OtpKey>
  /** Waits until it shows another code. */
  wait(): void
}

export interface KeyWishes {
  sub: string
  serial: string
  kind: 'totp' | 'hotp'
  algorithm: OtpKey['algorithm']
  digits: number
  periodSeconds: number
  counter: number
  /** `assigned`: never used. */
  state: 'in_stock' | 'assigned' | 'in_service'
  pin: string
  /** How far the key's own clock is ahead of the school's. */
  aheadMs: number
}

/** A school, or what there is of one beside running processes. */
interface Place {
  readonly gateway: { readonly core: { readonly deps: Deps } }
  /** Moves the clock. */
  later(ms: number): void
}

let made = 0

/** Gives a person a key, as the desk would, and as their first use would. */
export const giveKey = async (
  school: Place,
  sub: string,
  wishes: Partial<KeyWishes> = {},
): Promise<HeldKey> => {
  made += 1
  const { deps } = school.gateway.core
  const nowMs = deps.clock()
  const { kind = 'totp', algorithm = 'SHA1', digits = 6, periodSeconds = 30 } = wishes
  const { serial = `K${1000 + made}`, counter = 0, state = 'in_service', aheadMs = 0 } = wishes
  const pin = wishes.pin ?? KEY_PIN
  const seed = randomBytes(20)
  const sealedSeed = sealSeed(deps, serial, seed)
  const face = { serial, kind, algorithm, digits, periodSeconds, sealedSeed, counter }
  let key = keyInStock(face, nowMs)
  const take = (changed: ReturnType<typeof assign>): OtpKey => {
    if (!changed.ok) {
      throw new Error(`a key cannot go on from ${changed.state}`)
    }
    return changed.key
  }
  if (state !== 'in_stock') {
    const to = { sub, firstUseBy: nowMs + 14 * DAY_MS, loanUntil: null }
    key = take(assign(key, nowMs, to))
  }
  if (state === 'in_service') {
    const lane = { known: true, key: 'test' }
    const sealed = await deps.hasher.hash(pin, otpPinOwner(serial), lane)
    key = take(putInService(key, nowMs, { sealed, length: pin.length, setAt: nowMs }))
  }
  await deps.store.otpKeys.add(key)
  let pressed = counter
  const shown = (steps: number): number =>
    kind === 'totp'
      ? Math.floor((Date.now() + aheadMs) / (periodSeconds * 1000)) + steps
      : pressed + steps
  const code = (steps = 0): string => codeAt({ algorithm, digits }, seed, shown(steps))
  const stored = async (): Promise<OtpKey> => {
    const found = await school.gateway.core.deps.store.otpKeys.find(serial)
    if (found === null) {
      throw new Error(`there is no key ${serial}`)
    }
    return found
  }
  return {
    serial,
    seed,
    code,
    passcode: (steps) => `${pin}${code(steps)}`,
    freshPasscode: async () => {
      const step = Math.max((await stored()).next, shown(0))
      return `${pin}${codeAt({ algorithm, digits }, seed, step)}`
    },
    stored,
    wait: () => {
      if (kind === 'totp') {
        school.later(periodSeconds * 1000)
      } else {
        pressed += 1
      }
    },
  }
}
