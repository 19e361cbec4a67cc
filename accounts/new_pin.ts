import { judgePin, type PinRefusal } from '../policies/pin_rules.ts'
import type { Policy } from '../policies/policy.ts'
import type { Account, PinRecord } from './account.ts'
import { laneOfPerson } from './lane.ts'
import type { Deps, Origin } from './ports.ts'
import { pinOwner } from './verify_pin.ts'

/** A PIN as it was chosen, twice. */
export interface TypedPin {
  readonly pin: string
  readonly confirmation: string
}

/** Why a PIN may not be chosen; `same`: it is the one that it would replace. */
export type NewPinRefusal = PinRefusal | 'mismatch' | 'same'

export type NewPinResult =
  | { readonly ok: true; readonly pin: PinRecord }
  | { readonly ok: false; readonly reason: NewPinRefusal }

/** Judges the PIN that a person chose, and hashes it; nothing is stored yet. */
export const makeNewPin = async (
  deps: Deps,
  account: Account,
  policy: Policy,
  typed: TypedPin,
  origin: Origin,
): Promise<NewPinResult> => {
  if (typed.pin !== typed.confirmation) {
    return { ok: false, reason: 'mismatch' }
  }
  const verdict = judgePin(typed.pin, {
    identifier: account.identifier,
    ...(account.birthDate === null ? {} : { birthDate: account.birthDate }),
    minLength: policy.pin.min_length,
    maxLength: policy.pin.max_length,
    refuseDates: policy.pin.refuse_dates,
  })
  if (!verdict.ok) {
    return verdict
  }
  const owner = pinOwner(account.sub)
  const lane = await laneOfPerson(deps, account, origin)
  if (account.pin !== null) {
    const { right: same } = await deps.hasher.verify(typed.pin, account.pin.sealed, owner, lane)
    if (same) {
      return { ok: false, reason: 'same' }
    }
  }
  const sealed = await deps.hasher.hash(typed.pin, owner, lane)
  return {
    ok: true,
    pin: {
      sealed,
      origin: 'chosen',
      setAt: deps.clock(),
      length: typed.pin.length,
      blockedAt: null,
    },
  }
}
