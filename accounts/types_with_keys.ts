import type { UserType } from '../policies/user_type.ts'
import { keyBatches } from './key_batches.ts'
import { type OtpKey, type OtpKeyState, stateNow } from './otp_key.ts'
import type { Deps } from './ports.ts'

/** In these states a key lets its holder in, at once or after its first use. */
const USABLE: readonly OtpKeyState[] = ['in_service', 'assigned']

/** The type of the person whom a key lets in; null: it lets nobody in. */
const typeLetIn = async (
  { store, clock }: Pick<Deps, 'store' | 'clock'>,
  key: OtpKey,
): Promise<UserType | null> => {
  if (key.sub === null || !USABLE.includes(stateNow(key, clock()))) {
    return null
  }
  const account = await store.accounts.bySub(key.sub)
  return account === null || account.disabledAt !== null ? null : account.userType
}

/** Those of `types` of which somebody at least has a key that lets them in. */
export const typesWithKeys = async (
  deps: Pick<Deps, 'store' | 'clock'>,
  types: readonly UserType[],
): Promise<Set<UserType>> => {
  const missing = new Set(types)
  if (missing.size === 0) {
    return new Set()
  }
  for await (const keys of keyBatches(deps, {})) {
    for (const key of keys) {
      const type = await typeLetIn(deps, key)
      if (type !== null && missing.delete(type) && missing.size === 0) {
        return new Set(types)
      }
    }
  }
  return new Set(types.filter((type) => !missing.has(type)))
}
