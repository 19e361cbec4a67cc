import { AppError } from './errors.ts'
import type { Deps, HashLane, Tables } from './ports.ts'

/** `stale`: the sealed hash that `secret` was just checked against; `owner`: what it is bound to. */
interface Proved {
  readonly secret: string
  readonly owner: string
  readonly stale: string
}

/**
 * Hashes a secret anew whose hash has older parameters or an older pepper (OWASP password
 * storage: rehash after login). It changes nothing else of what is stored. Where the hashing
 * queue is full the old hash serves until the next time.
 */
const renew = async (
  deps: Deps,
  lane: HashLane,
  { secret, owner, stale }: Proved,
  /** Stores the new hash where `stale` still stands; one that was replaced meanwhile stays. */
  save: (tables: Tables, sealed: string, stale: string) => Promise<void>,
): Promise<void> => {
  const sealed = await deps.hasher.hash(secret, owner, lane).catch((error: unknown) => {
    if (error instanceof AppError && error.code === 'busy') {
      return null
    }
    throw error
  })
  if (sealed !== null) {
    await deps.store.transact((tables) => save(tables, sealed, stale))
  }
}

export const renewPassword = (
  deps: Deps,
  sub: string,
  lane: HashLane,
  proved: Proved,
): Promise<void> =>
  renew(deps, lane, proved, async ({ accounts }, sealed, stale) => {
    const password = (await accounts.bySub(sub))?.password ?? null
    if (password?.sealed === stale) {
      await accounts.setPassword(sub, { ...password, sealed })
    }
  })

/** A PIN that was blocked meanwhile stays so. */
export const renewPin = (deps: Deps, sub: string, lane: HashLane, proved: Proved): Promise<void> =>
  renew(deps, lane, proved, async ({ accounts }, sealed, stale) => {
    const pin = (await accounts.bySub(sub))?.pin ?? null
    if (pin?.sealed === stale) {
      await accounts.setPin(sub, { ...pin, sealed })
    }
  })

/** The PIN of an OTP key. */
export const renewOtpPin = (
  deps: Deps,
  serial: string,
  lane: HashLane,
  proved: Proved,
): Promise<void> =>
  renew(deps, lane, proved, async ({ otpKeys }, sealed, stale) => {
    const key = await otpKeys.find(serial)
    if (key?.pin?.sealed === stale) {
      await otpKeys.save({ ...key, pin: { ...key.pin, sealed } })
    }
  })
