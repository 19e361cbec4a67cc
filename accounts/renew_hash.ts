import type { Account } from './account.ts'
import { AppError } from './errors.ts'
import type { Deps, HashLane, Tables } from './ports.ts'

/** Where a secret that was just proved right is stored. */
interface Kept {
  readonly secret: string
  /** What the secret's hash is bound to. */
  readonly owner: string
  /** The hash that was found stale; one that was replaced meanwhile stays. */
  readonly stale: string
  readonly of: (account: Account) => { readonly sealed: string } | null
  readonly save: (tables: Tables, account: Account, sealed: string) => Promise<unknown>
}

/**
 * Hashes a secret anew whose hash has older parameters or an older pepper (OWASP password
 * storage: rehash after login). It changes nothing else of what is stored. Where the hashing
 * queue is full the old hash serves until the next time.
 */
const renew = async (deps: Deps, sub: string, lane: HashLane, kept: Kept): Promise<void> => {
  const { secret, owner, stale, of, save } = kept
  const sealed = await deps.hasher.hash(secret, owner, lane).catch((error: unknown) => {
    if (error instanceof AppError && error.code === 'busy') {
      return null
    }
    throw error
  })
  if (sealed === null) {
    return
  }
  await deps.store.transact(async (tables) => {
    const account = await tables.accounts.bySub(sub)
    if (account !== null && of(account)?.sealed === stale) {
      await save(tables, account, sealed)
    }
  })
}

/** `stale`: the sealed hash that `secret` was just checked against. */
interface Proved {
  readonly secret: string
  readonly owner: string
  readonly stale: string
}

export const renewPassword = (
  deps: Deps,
  sub: string,
  lane: HashLane,
  proved: Proved,
): Promise<void> =>
  renew(deps, sub, lane, {
    ...proved,
    of: ({ password }) => password,
    save: async ({ accounts }, { password }, sealed) =>
      password === null ? undefined : accounts.setPassword(sub, { ...password, sealed }),
  })

/** A PIN that was blocked meanwhile stays so. */
export const renewPin = (deps: Deps, sub: string, lane: HashLane, proved: Proved): Promise<void> =>
  renew(deps, sub, lane, {
    ...proved,
    of: ({ pin }) => pin,
    save: async ({ accounts }, { pin }, sealed) =>
      pin === null ? undefined : accounts.setPin(sub, { ...pin, sealed }),
  })
