import { truncateNetwork } from '../policies/network.ts'
import { isLapsed } from '../policies/password_age.ts'
import { normalizePassword } from '../policies/password_rules.ts'
import type { PolicySet } from '../policies/policy.ts'
import { type Account, identifierKey } from './account.ts'
import { auditEntry } from './audit.ts'
import { followBrowser } from './devices.ts'
import { keepPlace } from './keep_place.ts'
import { laneOf, presentedBrowser, subjectOf } from './lane.ts'
import type { Admission, Deps, HashPlace, Origin, Presented } from './ports.ts'
import { renewPassword } from './renew_hash.ts'

/** What is hashed is bound to its owner, so that one person's hash is worth nothing at another's. */
export const passwordOwner = (sub: string): string => `password:${sub}`

export const IDENTIFIER_LENGTH_MAX = 256

export type SignInResult =
  | {
      readonly ok: true
      readonly account: Account
      /** Device cookie to set; null: leave the one there is. */
      readonly cookie: string | null
    }
  /** One answer for every refusal: unknown, wrong, lapsed, disabled, delayed, locked. */
  | { readonly ok: false }

/** Why there is nothing to check the password against, or null. For the audit only. */
const obstacle = (
  account: Account | null,
  policies: PolicySet,
  admission: Admission,
  nowMs: number,
): string | null => {
  if (!admission.admitted) {
    return admission.why
  }
  if (account === null) {
    return 'unknown_identifier'
  }
  if (account.disabledAt !== null) {
    return 'account_disabled'
  }
  if (account.password === null) {
    return 'no_password'
  }
  return isLapsed(account.password, policies[account.userType], nowMs) ? 'password_lapsed' : null
}

interface Typed {
  readonly identifier: string
  readonly password: string
}

/**
 * Checks an identifier and a password. Whatever is wrong, the answer, the store calls and the one
 * argon2id are the same (OWASP ASVS 6.3.8): only the audit knows why.
 */
export const signIn = async (deps: Deps, typed: Typed, origin: Origin): Promise<SignInResult> => {
  const presented = await presentedBrowser(deps, origin)
  const identifier = typed.identifier.slice(0, IDENTIFIER_LENGTH_MAX)
  const subject = subjectOf(deps, identifier)
  const lane = await laneOf(deps, presented, origin, { subject, key: subject })
  return keepPlace(deps, lane, (place) =>
    checkPassword(
      deps,
      { identifier, subject, password: typed.password },
      origin,
      presented,
      place,
    ),
  )
}

const checkPassword = async (
  deps: Deps,
  typed: Typed & { readonly subject: string },
  origin: Origin,
  presented: Presented,
  place: HashPlace,
): Promise<SignInResult> => {
  const nowMs = deps.clock()
  const network = truncateNetwork(origin.address)
  const key = identifierKey(typed.identifier)
  const { subject } = typed
  const [account, policies] = await Promise.all([
    deps.store.accounts.byIdentifier(key),
    deps.store.policies.current(),
  ])
  const browser = presented.kind === 'known' ? presented.browserId : null
  const admission = await deps.store.passwordTries.begin(subject, browser, network, nowMs)
  const why = obstacle(account, policies, admission, nowMs)
  const secret = normalizePassword(typed.password)
  const owner = passwordOwner(account?.sub ?? '')
  const sealed = why === null ? (account?.password?.sealed ?? null) : null
  const checked = await deps.hasher
    .verify(secret, sealed, owner, place)
    .catch(async (error: unknown) => {
      if (admission.admitted) {
        await deps.store.passwordTries.release(subject, admission.place)
      }
      throw error
    })
  const result = await deps.store.transact(async (tables): Promise<SignInResult> => {
    if (account === null || why !== null || !checked.right) {
      await tables.audit.append(
        auditEntry(deps, {
          act: 'login_refused',
          outcome: 'refused',
          sub: account?.sub ?? null,
          origin,
          browserId: browser,
          detail: { why: why ?? 'wrong_password', subject },
        }),
      )
      return { ok: false }
    }
    const { cookie, browserId } = await followBrowser(deps, tables, account, origin, nowMs)
    await tables.passwordTries.succeed(subject, admission.place, browserId, network, nowMs)
    await tables.audit.append(
      auditEntry(deps, { act: 'login_right', sub: account.sub, origin, browserId }),
    )
    return { ok: true, account, cookie }
  })
  if (result.ok && checked.stale && sealed !== null) {
    await renewPassword(deps, result.account.sub, place, { secret, owner, stale: sealed })
  }
  return result
}
