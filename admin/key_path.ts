import type { Account } from '../accounts/account.ts'
import { AppError } from '../accounts/errors.ts'
import { type OtpKey, serialKey, stateNow } from '../accounts/otp_key.ts'
import type { Visit } from './visit.ts'
import { forbiddenHere } from './whom.ts'

export const KEYS_PATH = '/admin/keys'

export const keyPath = (serial: string): string => `${KEYS_PATH}/${encodeURIComponent(serial)}`

/** States in which a key is in nobody's hands, whatever is written down still. */
const NOBODYS: readonly string[] = ['in_stock', 'withdrawn']

/** A key, whose it is, and why this administrator must not act on that person. */
export interface KeyHere {
  readonly key: OtpKey
  /** Null: nobody's; or whose it is, is not for them to know. */
  readonly holder: Account | null
  readonly forbidden: 'outside_scope' | 'role_holder' | 'oneself' | null
}

export const keyHere = async (visit: Visit, key: OtpKey): Promise<KeyHere> => {
  const { store, clock } = visit.console.site.deps
  const isNobodys = key.sub === null || NOBODYS.includes(stateNow(key, clock()))
  const account = isNobodys ? null : await store.accounts.bySub(key.sub ?? '')
  const forbidden = account === null ? null : await forbiddenHere(visit, account)
  return { key, holder: forbidden === 'outside_scope' ? null : account, forbidden }
}

/** A serial as scanned or typed; null: there is no such key. */
export const findKey = async (visit: Visit, typed: string): Promise<OtpKey | null> =>
  visit.console.site.deps.store.otpKeys.find(serialKey(typed))

/** The key that the address names. Throws `AppError('not_found')`. */
export const keyOf = async (visit: Visit): Promise<KeyHere> => {
  const key = await findKey(visit, visit.params['serial'] ?? '')
  if (key === null) {
    throw new AppError('not_found', 'no key of this serial')
  }
  return keyHere(visit, key)
}

export const instant = (timeMs: number | null): string | null =>
  timeMs === null ? null : new Date(timeMs).toISOString()
