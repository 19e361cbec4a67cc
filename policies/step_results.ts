import type { Proofs } from './proofs.ts'

/** What our pages submit when they finish, each bound to the account it was proved for. */
export interface StepResults {
  login?: {
    accountId: string
    ts: number
    atMs: number
    remember: false
    /** What was typed at the login. */
    by: 'password' | 'passcode'
  }
  /** `counts`: false where the key was put in service without counting yet. */
  otp?: { sub: string; atMs: number; counts: boolean }
  pin?: { sub: string; atMs: number; deviceAnswered: boolean; vagueName?: string }
  define_pin?: { sub: string; atMs: number; counts: boolean; chosen: 'pin' | 'other' }
  change_password?: { sub: string; atMs: number }
  device?: { sub: string; atMs: number }
}

const later = (a: number | undefined, b: number): number => Math.max(a ?? 0, b)

const bound = <T extends { sub: string }>(result: T | undefined, sub: string): T | undefined =>
  result?.sub === sub ? result : undefined

/**
 * Each kind of result and what it adds to the proofs. A new sign-in of the same person in the same
 * session keeps earlier factors: whether they are recent enough is judged request by request. What
 * belonged to that earlier sign-in alone (its new password or PIN, its device offer) goes.
 */
const STEPS_PROVE: ((results: StepResults, sub: string, proofs: Proofs) => Proofs)[] = [
  ({ login }, sub, proofs) => {
    if (login?.accountId !== sub || login.atMs <= (proofs.began ?? 0)) {
      return proofs // Every resume brings the login of its chain again.
    }
    const { password, pin, passcode } = proofs
    return { password, pin, passcode, began: login.atMs, [login.by]: login.atMs }
  },
  ({ otp }, sub, proofs) => {
    const proved = bound(otp, sub)
    const factor = proved?.counts === false ? 'keyActivated' : 'passcode'
    return proved === undefined
      ? proofs
      : { ...proofs, [factor]: later(proofs[factor], proved.atMs) }
  },
  (results, sub, proofs) => {
    const pin = bound(results.pin, sub)
    return pin === undefined
      ? proofs
      : {
          ...proofs,
          pin: later(proofs.pin, pin.atMs),
          ...(pin.deviceAnswered ? { deviceOffered: pin.atMs } : {}),
          ...(pin.vagueName === undefined ? {} : { deviceNameVague: pin.vagueName }),
        }
  },
  (results, sub, proofs) => {
    const defined = bound(results.define_pin, sub)
    return defined?.chosen !== 'pin'
      ? proofs
      : {
          ...proofs,
          pinDefined: later(proofs.pinDefined, defined.atMs),
          ...(defined.counts ? { pin: later(proofs.pin, defined.atMs) } : {}),
        }
  },
  (results, sub, proofs) => {
    const changed = bound(results.change_password, sub)
    return changed === undefined
      ? proofs
      : { ...proofs, passwordChanged: later(proofs.passwordChanged, changed.atMs) }
  },
  (results, sub, { deviceNameVague, ...proofs }) => {
    const device = bound(results.device, sub)
    return device === undefined
      ? { ...proofs, deviceNameVague }
      : { ...proofs, deviceOffered: later(proofs.deviceOffered, device.atMs) }
  },
]

/** The proofs of a session after the results of a finished page. */
export const proofsAfter = (before: Proofs, sub: string, results: StepResults): Proofs =>
  STEPS_PROVE.reduce((held, step) => step(results, sub, held), before)
