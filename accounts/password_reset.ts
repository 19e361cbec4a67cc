import { truncateNetwork } from '../policies/network.ts'
import { type Policy, policyFor } from '../policies/policy.ts'
import {
  type Account,
  identifierKey,
  isProtectedAlike,
  type Locale,
  type PasswordRecord,
} from './account.ts'
import type { EndEverything } from './administer.ts'
import { auditEntry, randomId } from './audit.ts'
import { presentedBrowser, subjectOf } from './lane.ts'
import {
  type CodeFlow,
  checkCode,
  countFromNetwork,
  liveCode,
  sendCode,
  type TooManyMails,
} from './mailed_code.ts'
import {
  makeNewPassword,
  type NewPassword,
  type NewPasswordRefusal,
  ownPassword,
  refused,
} from './new_password.ts'
import { tell, whence } from './notices.ts'
import type { AuditEntry, Deps, Origin, Place, Presented, Tables } from './ports.ts'
import { IDENTIFIER_LENGTH_MAX } from './sign_in.ts'

/*
 * A forgotten password, replaced with a code that is mailed to an address which its owner has
 * proved. Whoever asks has proved nothing: what they see, and what it costs, is the same whoever
 * they ask for. See docs/decisions/0018.
 */

/** A button pressed twice, or for want of an answer, sends one mail. */
const SAME_REQUEST_MS = 10_000
/** A letter that is queued for the work that it is, and dropped: it is nobody's. */
const NO_ADDRESS = ''

type Obstacle =
  | 'unknown_identifier'
  | 'account_disabled'
  | 'no_password'
  | 'not_allowed'
  | 'no_verified_address'

/** What keeps somebody from it. Never what kind of password it is, nor that it is void. */
const OBSTACLES: readonly (readonly [Obstacle, (account: Account, policy: Policy) => boolean])[] = [
  ['account_disabled', ({ disabledAt }) => disabledAt !== null],
  ['no_password', ({ password }) => password === null],
  ['not_allowed', (_account, { passwords }) => !passwords.self_service_reset],
  // An imported one proves nothing: a typing error of the office must not open an account.
  ['no_verified_address', ({ verifiedEmail }) => verifiedEmail === null],
]

const obstacleTo = (account: Account, policy: Policy): Obstacle | null =>
  OBSTACLES.find(([, stands]) => stands(account, policy))?.[0] ?? null

/** Whether to offer it to somebody whom nobody knows yet: some policy allows it. */
export const offersPasswordReset = async ({
  mails,
  store,
}: Pick<Deps, 'mails'> & { readonly store: Pick<Tables, 'policies'> }): Promise<boolean> =>
  mails &&
  Object.values(await store.policies.current()).some(
    ({ passwords }) => passwords.self_service_reset,
  )

/** Whether a code would be mailed, were it not for those that were mailed just before. */
export const canResetPassword = (
  { mails }: Pick<Deps, 'mails'>,
  account: Account,
  policy: Policy,
): boolean => mails && obstacleTo(account, policy) === null

export interface PasswordResetRequest {
  /** `too_many_here`: from this network. */
  readonly refused: TooManyMails | 'too_many_here' | null
  /** Null: nobody's who may do this. No page may show it. */
  readonly sub: string | null
  /** Of the code that can be typed now; null: none can. */
  readonly codeId: string | null
}

/** The sign-in that a code is asked for in, and with it the browser, and the language of its page. */
interface Asking {
  readonly boundTo: string
  readonly locale: Locale
}

const flowOf = (boundTo: string): CodeFlow => ({ purpose: 'password_reset', boundTo })

/**
 * What a code rests on. Once any of it is otherwise, it serves no more: whoever was shut out by
 * *This wasn't me* must not come back by a code that was on its way to them.
 */
const groundOf = ({ digest }: Pick<Deps, 'digest'>, account: Account | null): string =>
  digest(
    'password_reset_ground',
    JSON.stringify(
      account === null
        ? null
        : [
            account.sub,
            account.verifiedEmail,
            account.validAfter,
            account.password?.setAt,
            account.password?.voidedAt,
          ],
    ),
  )

const restsOn = (deps: Pick<Deps, 'digest'>, codeId: string, account: Account | null): boolean =>
  codeId.endsWith(`.${groundOf(deps, account)}`)

/** Who is written to: somebody who may do this, or nobody, for the same work. */
const addresseeOf = (deps: Deps, key: string, account: Account | null) =>
  account === null
    ? {
        sub: deps.digest('password_reset_nobody', key),
        email: null,
        verifiedEmail: null,
        to: NO_ADDRESS,
      }
    : { ...account, to: account.verifiedEmail }

const send = async (
  deps: Deps,
  tables: Tables,
  key: string,
  account: Account | null,
  { boundTo, locale }: Asking,
  origin: Origin,
): Promise<PasswordResetRequest & { readonly again?: boolean }> => {
  const sub = account?.sub ?? null
  const { to, ...addressee } = addresseeOf(deps, key, account)
  const flow = flowOf(boundTo)
  const live = await liveCode(deps, tables, addressee, flow)
  const isGood = live !== null && restsOn(deps, live.id, account)
  if (isGood && deps.clock() - live.atMs < SAME_REQUEST_MS) {
    return { refused: null, sub, codeId: live.id, again: true }
  }
  const codeId = isGood ? live.id : null // It stays good where no other is sent.
  const network = truncateNetwork(origin.address)
  if (!(await countFromNetwork(deps, tables, 'password_reset_network', network))) {
    return { refused: 'too_many_here', sub, codeId }
  }
  const sent = await sendCode(deps, tables, addressee, {
    ...flow,
    id: `${randomId(deps.random)}.${groundOf(deps, account)}`,
    to,
    template: 'password_reset_code',
    locale,
  })
  return sent.ok ? { refused: null, sub, codeId: sent.id } : { refused: sent.reason, sub, codeId }
}

const requestEntry = (
  deps: Deps,
  found: Account | null,
  why: string | null,
  origin: Origin,
): AuditEntry =>
  auditEntry(deps, {
    act: 'password_reset_requested',
    outcome: why === null ? 'done' : 'refused',
    actor: null, // Anybody may have asked.
    sub: found?.sub ?? null,
    origin,
    detail: why === null ? {} : { why },
  })

/**
 * Mails a code to whoever is called so, where they may replace a forgotten password by mail. For
 * everybody else the answer is the same and so is the work, down to a code that is kept and a
 * letter that goes to nobody: only the audit knows.
 */
export const requestPasswordReset = (
  deps: Deps,
  identifier: string,
  asking: Asking,
  origin: Origin,
): Promise<PasswordResetRequest> =>
  deps.store.transact(async (tables): Promise<PasswordResetRequest> => {
    const key = identifierKey(identifier.slice(0, IDENTIFIER_LENGTH_MAX))
    const found = await tables.accounts.byIdentifier(key)
    const policies = await tables.policies.current()
    const obstacle =
      found === null ? 'unknown_identifier' : obstacleTo(found, policyFor(policies, found))
    const account = obstacle === null ? found : null
    const { again = false, ...request } = await send(deps, tables, key, account, asking, origin)
    if (!again) {
      const why = obstacle ?? request.refused
      await tables.audit.append(requestEntry(deps, found, why, origin))
    }
    return request
  })

/** Whose reset it is, if a code that was asked for then can still lead to a new password. */
export const whoseReset = async (
  deps: Deps,
  sub: string | null,
  codeId: string,
): Promise<{ readonly account: Account; readonly policy: Policy } | null> => {
  const account = await deps.store.accounts.bySub(sub ?? '')
  const policies = await deps.store.policies.current()
  const policy = account === null ? null : policyFor(policies, account)
  return account !== null &&
    policy !== null &&
    restsOn(deps, codeId, account) &&
    canResetPassword(deps, account, policy)
    ? { account, policy }
    : null
}

/**
 * Whether this is the code that was mailed last in this sign-in: `right` for exactly one caller. Of
 * nobody's code a try is counted as well, and never right. `too_many_here`: from this network; the
 * code is not looked at, whichever it is, and stays good.
 */
export const provePasswordReset = async (
  deps: Deps,
  sub: string | null,
  code: { readonly id: string; readonly boundTo: string; readonly typed: string },
  origin: Origin,
): Promise<'right' | 'wrong' | 'too_many_here'> => {
  const whose = await whoseReset(deps, sub, code.id)
  const network = truncateNetwork(origin.address)
  if (!(await countFromNetwork(deps, deps.store, 'password_reset_tries', network))) {
    return 'too_many_here'
  }
  const right = (await checkCode(deps, code)) && whose !== null
  await deps.store.audit.append(
    right
      ? auditEntry(deps, { act: 'password_reset_code_right', sub, origin })
      : auditEntry(deps, { act: 'password_reset_code_wrong', outcome: 'refused', sub, origin }),
  )
  return right ? 'right' : 'wrong'
}

/**
 * The tries from here were at a password that is no more; its owner, who made them, would else have
 * to wait with the right one. Those of other places stay: somebody may be guessing there.
 */
const forgetTriesHere = async (
  deps: Deps,
  { passwordTries }: Tables,
  { identifier }: Account,
  origin: Origin,
  presented: Presented,
): Promise<void> => {
  const subject = subjectOf(deps, identifier)
  const network = truncateNetwork(origin.address)
  // A browser without a cookie of ours is remembered under a name that none will ever send.
  const browser = presented.kind === 'known' ? presented.browserId : randomId(deps.random)
  const place: Place = (await passwordTries.isKnown(subject, browser))
    ? { kind: 'browser', key: browser }
    : { kind: 'network', key: network }
  await passwordTries.succeed(subject, place, browser, network, deps.clock())
}

/**
 * Tokens are dated in whole seconds, and those of the second in which an account was voided are
 * refused. Whoever signs in with the new password at once must not be: what the second has seen
 * before is ended before the password is stored, and once more after it.
 */
const endOfSecondBefore = (timeMs: number): number => timeMs - (timeMs % 1000) - 1

/** As `whoseReset` gives it, with the code that was proved. */
interface Proved {
  readonly account: Account
  readonly policy: Policy
  readonly codeId: string
}

const store = async (
  deps: Deps,
  tables: Tables,
  { account, policy, codeId }: Proved,
  { current, sealed }: { readonly current: PasswordRecord; readonly sealed: string },
  origin: Origin,
  presented: Presented,
): Promise<boolean> => {
  const { sub } = account
  const now = await tables.accounts.bySub(sub)
  const may =
    now !== null &&
    isProtectedAlike(account, now) &&
    restsOn(deps, codeId, now) &&
    canResetPassword(deps, now, policy)
  const setAt = deps.clock()
  const record = ownPassword(policy, sealed, setAt)
  if (!may || !(await tables.accounts.resetPasswordByMail(sub, current.sealed, record))) {
    return false
  }
  await tables.accounts.voidBefore(sub, endOfSecondBefore(setAt))
  await forgetTriesHere(deps, tables, now, origin, presented)
  const devicesForgotten = await tables.devices.removeAll(sub)
  // The school's own address too: whoever reads the other one's mail may not be its owner.
  const alsoTo = now.email === null || now.email === now.verifiedEmail ? [] : [now.email]
  await tell(deps, tables, sub, 'password_reset_by_mail', { params: whence(origin), alsoTo })
  const detail = {
    was: current.origin,
    voided: current.voidedAt !== null,
    devices_forgotten: devicesForgotten,
  }
  await tables.audit.append(auditEntry(deps, { act: 'password_reset_done', sub, origin, detail }))
  return true
}

/**
 * Replaces a forgotten password by one that its owner chose; the caller has had the mailed code
 * proved. Nobody is signed in by it, and PIN, protection and OTP keys stay as they are. Whoever
 * knew the old one is out: sessions end, and no device is recognised any more. They end before,
 * too: whoever is stopped in between has lost sessions, and kept their password.
 */
export const resetPasswordByMail = async (
  deps: Deps,
  endEverything: EndEverything,
  proved: Proved,
  typed: NewPassword,
  origin: Origin,
): Promise<
  { readonly ok: true } | { readonly ok: false; readonly refusals: readonly NewPasswordRefusal[] }
> => {
  const { account, policy } = proved
  const { sub } = account
  const made = await makeNewPassword(deps, account, policy, typed, origin)
  if (!made.ok) {
    return made
  }
  const presented = await presentedBrowser(deps, origin)
  await endEverything(sub)
  // Of two tabs that both reset it, the second must not silently win.
  const stored = await deps.store.transact((tables) =>
    store(deps, tables, proved, made, origin, presented),
  )
  if (!stored) {
    return refused('changed_meanwhile')
  }
  await endEverything(sub) // Somebody may have come in meanwhile, by the old one.
  return { ok: true }
}
