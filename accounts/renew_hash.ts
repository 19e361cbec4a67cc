import { isDigitsOnly } from '../policies/password_rules.ts'
import { policyFor } from '../policies/policy.ts'
import type { PasswordRecord } from './account.ts'
import { AppError } from './errors.ts'
import { judgeFor } from './judge_for.ts'
import type { Deps, HashLane, Tables } from './ports.ts'

/** `stale`: the sealed hash that `secret` was just checked against; `owner`: what it is bound to. */
interface Proved {
  readonly secret: string
  readonly owner: string
  readonly stale: string
}

/**
 * Hashes a secret anew whose hash has older parameters, an older pepper, or another system's form
 * (OWASP password storage: rehash after login). It changes nothing else of what is stored. Where the
 * hashing queue is full the old hash serves until the next time.
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

type Verdict = Partial<Pick<PasswordRecord, 'rulesVersion' | 'mustChange'>>

/** One that came without rules is judged now that it is known; it stays whatever is found. */
const judgeUnjudged = async (deps: Deps, sub: string, secret: string): Promise<Verdict> => {
  const account = await deps.store.accounts.bySub(sub)
  if (account?.password?.origin !== 'personal' || account.password.rulesVersion > 0) {
    return {}
  }
  const policy = policyFor(await deps.store.policies.current(), account)
  const verdict = await judgeFor(deps, account, policy, secret)
  return {
    ...(verdict.ok ? { rulesVersion: policy.passwords.rules_version } : {}),
    ...(isDigitsOnly(verdict) ? { mustChange: true } : {}),
  }
}

export const renewPassword = async (
  deps: Deps,
  sub: string,
  lane: HashLane,
  proved: Proved,
): Promise<void> => {
  const verdict = await judgeUnjudged(deps, sub, proved.secret)
  await renew(deps, lane, proved, async ({ accounts }, sealed, stale) => {
    const password = (await accounts.bySub(sub))?.password ?? null
    if (password?.sealed === stale) {
      await accounts.setPassword(sub, { ...password, sealed, ...verdict })
    }
  })
}

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
