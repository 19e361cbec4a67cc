import { truncateNetwork } from '../policies/network.ts'
import { newKeyCounts } from '../policies/next_step.ts'
import { isLapsed } from '../policies/password_age.ts'
import { type Policy, policyFor } from '../policies/policy.ts'
import { type Account, identifierKey } from './account.ts'
import { auditEntry } from './audit.ts'
import { meantPassword, useCard } from './card_use.ts'
import { codeTyped, type Routed, routeOf } from './code_match.ts'
import { followBrowser } from './devices.ts'
import { type Judged, judgeTry, settleKeys, type Try } from './judge_try.ts'
import { keepPlace } from './keep_place.ts'
import { laneOf, passcodeSubjectOf, presentedBrowser, subjectOf } from './lane.ts'
import type { OtpKey } from './otp_key.ts'
import { renewSeal } from './otp_seed.ts'
import { againstKeyPin, knownFor, renewKeyPin } from './passcode_try.ts'
import type { Deps, HashPlace, Origin, Presented, Tables } from './ports.ts'
import { renewPassword } from './renew_hash.ts'

/** What is hashed is bound to its owner, so that one person's hash is worth nothing at another's. */
export const passwordOwner = (sub: string): string => `password:${sub}`

export const IDENTIFIER_LENGTH_MAX = 256

export type SignInResult =
  | {
      readonly ok: true
      readonly by: 'password' | 'passcode'
      readonly account: Account
      /** Device cookie to set; null: leave the one there is. */
      readonly cookie: string | null
    }
  /** The code of a key that was never used: half a proof, whose first use follows. */
  | {
      readonly ok: true
      readonly by: 'first_use'
      readonly account: Account
      readonly key: OtpKey
      readonly asksPassword: boolean
    }
  /** One answer for every refusal: unknown, wrong, used up, lapsed, disabled, delayed, locked. */
  | { readonly ok: false }

interface Typed {
  readonly identifier: string
  /** The password, or the passcode of an OTP key, or the first code of one. */
  readonly secret: string
  /** Only a password was asked for. */
  readonly passwordOnly?: boolean
}

/**
 * Whether the first use of a key asks for the password beside the code: where the account has one
 * of its owner's making and the policy wants it. After a mailed reset it always does: the key does
 * not count yet, and something has to.
 */
export const asksPassword = (account: Account, policy: Policy, nowMs: number): boolean =>
  account.password?.origin === 'personal' &&
  (policy.otp_keys.first_use === 'code_and_password' || !newKeyCounts(account, nowMs))

/** Why a password cannot be right here, whatever was typed, or null. */
const passwordObstacle = (account: Account, policy: Policy, nowMs: number): string | null => {
  if (account.password === null) {
    return 'no_password'
  }
  if (account.password.voidedAt !== null) {
    return 'password_void'
  }
  return isLapsed(account.password, policy, nowMs) ? 'password_lapsed' : null
}

/** Why nothing can be right here, or null. For the audit only. */
const obstacleOf = (
  account: Account | null,
  policy: Policy,
  { route }: Routed,
  nowMs: number,
): string | null => {
  if (account === null) {
    return 'unknown_identifier'
  }
  if (account.disabledAt !== null) {
    return 'account_disabled'
  }
  return route === 'password' ? passwordObstacle(account, policy, nowMs) : null
}

const againstPassword = (
  account: Account | null,
  policy: Policy,
  secret: string,
  nowMs: number,
) => {
  const serves = account !== null && passwordObstacle(account, policy, nowMs) === null
  return {
    secret: meantPassword(account, secret),
    sealed: serves ? (account.password?.sealed ?? null) : null,
    owner: passwordOwner(account?.sub ?? ''),
  }
}

/**
 * One secret for one argon2id, by what the typed text turns out to be. Digits that no key shows may
 * still be a password: one that the directory made, of a date.
 */
const againstOf =
  (
    account: Account | null,
    policy: Policy,
    { route }: Routed,
    secret: string,
    nowMs: number,
  ): Try['against'] =>
  (match) => {
    if (match === null) {
      return againstPassword(account, policy, secret, nowMs)
    }
    return route === 'first_use' ? null : againstKeyPin(secret)(match)
  }

/**
 * Checks an identifier and what was typed with it: a password, the passcode of an OTP key, or the
 * first code of one that was never used. Whatever is wrong, the answer, the store calls and the one
 * argon2id are the same (OWASP ASVS 6.3.8): only the audit knows why.
 */
export const signIn = async (deps: Deps, typed: Typed, origin: Origin): Promise<SignInResult> => {
  const presented = await presentedBrowser(deps, origin)
  const identifier = typed.identifier.slice(0, IDENTIFIER_LENGTH_MAX)
  const subject = subjectOf(deps, identifier)
  const lane = await laneOf(deps, presented, origin, { subject, key: subject })
  return keepPlace(deps, lane, (place) =>
    check(deps, { ...typed, identifier }, origin, presented, place),
  )
}

const check = async (
  deps: Deps,
  { identifier, secret, passwordOnly = false }: Typed,
  origin: Origin,
  presented: Presented,
  place: HashPlace,
): Promise<SignInResult> => {
  const nowMs = deps.clock()
  const [account, policies] = await Promise.all([
    deps.store.accounts.byIdentifier(identifierKey(identifier)),
    deps.store.policies.current(),
  ])
  const keys = await deps.store.otpKeys.ofPerson(account?.sub ?? '')
  const policy = account === null ? policies.student : policyFor(policies, account)
  const code = codeTyped(secret)
  const routed = routeOf(code, passwordOnly ? [] : keys, policy, nowMs)
  const tried: Try = {
    ...routed,
    typed: code,
    account,
    subject: (routed.route === 'password' ? subjectOf : passcodeSubjectOf)(deps, identifier),
    obstacle: obstacleOf(account, policy, routed, nowMs),
    against: againstOf(account, policy, routed, secret, nowMs),
  }
  const judged = await judgeTry(deps, tried, origin, presented, place)
  const password = account !== null && asksPassword(account, policy, nowMs)
  const result = await deps.store.transact(async (tables): Promise<SignInResult> => {
    const counted = password ? null : 'wrong_first_use'
    const usable = await settleKeys(deps, tables, tried, judged, origin, counted)
    if (account === null || !judged.right || !usable) {
      await refuse(deps, tables, tried, judged, origin, presented)
      return { ok: false }
    }
    return accept(deps, tables, { account, tried, judged, password }, origin, presented)
  })
  if (result.ok && result.by === 'passcode') {
    await renewKeyPin(deps, judged, place)
  }
  if (result.ok && result.by === 'password') {
    await renewProvedPassword(deps, tried, judged, place)
  }
  return result
}

const refuse = async (
  deps: Deps,
  tables: Tables,
  { account, route, subject }: Try,
  { why }: Judged,
  origin: Origin,
  presented: Presented,
): Promise<void> => {
  await tables.audit.append(
    auditEntry(deps, {
      act: 'login_refused',
      outcome: 'refused',
      sub: account?.sub ?? null,
      origin,
      browserId: presented.kind === 'known' ? presented.browserId : null,
      detail: { why: why ?? 'key_not_in_service', route, subject },
    }),
  )
}

interface Accepted {
  readonly account: Account
  readonly tried: Try
  readonly judged: Judged
  readonly password: boolean
}

const accept = async (
  deps: Deps,
  tables: Tables,
  { account, tried, judged, password }: Accepted,
  origin: Origin,
  presented: Presented,
): Promise<SignInResult> => {
  const nowMs = deps.clock()
  const { sub } = account
  const { route, subject } = tried
  const { match, place } = judged
  if (route === 'first_use' && match !== null) {
    // Half a proof: neither a failure nor a success of this place.
    await tables.passwordTries.release(subject, place)
    const detail = { key: match.key.serial, asks_password: password }
    await tables.audit.append(auditEntry(deps, { act: 'first_use_begun', sub, origin, detail }))
    return { ok: true, by: 'first_use', account, key: match.key, asksPassword: password }
  }
  if (match === null && !(await useCard(tables, account, nowMs))) {
    const late = { ...judged, why: 'password_replaced' }
    await refuse(deps, tables, tried, late, origin, presented)
    return { ok: false }
  }
  const { cookie, browserId } = await followBrowser(deps, tables, account, origin, nowMs)
  const by = match === null ? 'password' : 'passcode'
  const network = truncateNetwork(origin.address)
  await tables.passwordTries.succeed(subject, place, browserId, network, nowMs)
  if (match !== null) {
    await knownFor(deps, tables, account, browserId, origin)
    await renewSeal(deps, tables, match.key)
  }
  const detail = { by, ...(match === null ? {} : { key: match.key.serial }) }
  await tables.audit.append(
    auditEntry(deps, { act: 'login_right', sub, origin, browserId, detail }),
  )
  return { ok: true, by, account, cookie }
}

/** Hashes the password anew that was just proved right against older parameters. */
const renewProvedPassword = async (
  deps: Deps,
  { account, against }: Try,
  { stale }: Judged,
  place: HashPlace,
): Promise<void> => {
  const proved = against(null)
  if (stale && account !== null && proved !== null && proved.sealed !== null) {
    const { secret, owner, sealed } = proved
    await renewPassword(deps, account.sub, place, { secret, owner, stale: sealed })
  }
}
