import { newKeyCounts } from '../policies/next_step.ts'
import type { Policy } from '../policies/policy.ts'
import {
  type Account,
  isBlockedPin,
  isProtectedAlike,
  type Locale,
  mailAddress,
} from './account.ts'
import { auditEntry } from './audit.ts'
import { type CodeFlow, checkCode, liveCode, sendCode, type TooManyMails } from './mailed_code.ts'
import { makeNewPin, type NewPinRefusal, type TypedPin } from './new_pin.ts'
import { tell, whence } from './notices.ts'
import type { Deps, Origin, Tables } from './ports.ts'

/** A button pressed twice, or for want of an answer, sends one mail. */
const SAME_REQUEST_MS = 10_000

type PinResetObstacle = 'not_allowed' | 'no_address' | 'mailed_password'

export type PinResetRequest =
  | { readonly ok: true; readonly codeId: string }
  | { readonly ok: false; readonly reason: PinResetObstacle }
  /** `codeId`: of the code that was mailed before and is still good; null: none is. */
  | { readonly ok: false; readonly reason: TooManyMails; readonly codeId: string | null }

type PinResetResult =
  | { readonly ok: true }
  | { readonly ok: false; readonly reason: NewPinRefusal | 'changed_meanwhile' }

/** Ends every session of the account but the one that this happens in, with its grants. */
type EndOthers = () => Promise<unknown>

/** The sign-in that a code is asked for in, and with it the browser, and the language of its page. */
interface Asking {
  readonly boundTo: string
  readonly locale: Locale
}

const flowOf = (boundTo: string): CodeFlow => ({ purpose: 'pin_reset', boundTo })

/** The first letter, and where it is: enough to know one's own address again. */
export const maskAddress = (address: string): string => {
  const at = address.lastIndexOf('@')
  const [first = ''] = address.slice(0, Math.max(0, at))
  return `${first}•••${at < 0 ? '' : address.slice(at)}`
}

const isAllowed = (account: Account, policy: Policy): boolean =>
  policy.pin.self_service_reset &&
  policy.protections.includes('pin') &&
  account.pin !== null &&
  account.disabledAt === null

/** Whether to offer it. Where no address is known, asking for it says so and whom to ask. */
export const offersPinReset = (
  { mails }: Pick<Deps, 'mails'>,
  account: Account,
  policy: Policy,
): boolean => mails && isAllowed(account, policy)

/** A password reset by mail within a day: one mailbox must not open both doors. */
const isPasswordJustMailed = (account: Account, nowMs: number): boolean =>
  !newKeyCounts(account, nowMs)

const obstacleTo = (
  { mails, clock }: Pick<Deps, 'mails' | 'clock'>,
  account: Account,
  policy: Policy,
): PinResetObstacle | null => {
  if (!isAllowed(account, policy)) {
    return 'not_allowed'
  }
  if (!mails || mailAddress(account) === null) {
    return 'no_address'
  }
  return isPasswordJustMailed(account, clock()) ? 'mailed_password' : null
}

/** Whether a code would be mailed, were it not for those that were mailed just before. */
export const canResetPin = (
  deps: Pick<Deps, 'mails' | 'clock'>,
  account: Account,
  policy: Policy,
): boolean => obstacleTo(deps, account, policy) === null

const send = async (
  deps: Deps,
  tables: Tables,
  account: Account,
  policy: Policy,
  { boundTo, locale }: Asking,
): Promise<PinResetRequest & { readonly again?: boolean }> => {
  const reason = obstacleTo(deps, account, policy)
  if (reason !== null) {
    return { ok: false, reason }
  }
  const flow = flowOf(boundTo)
  const live = await liveCode(deps, tables, account, flow)
  if (live !== null && deps.clock() - live.atMs < SAME_REQUEST_MS) {
    return { ok: true, codeId: live.id, again: true }
  }
  const sent = await sendCode(deps, tables, account, {
    ...flow,
    to: null,
    template: 'pin_reset_code',
    locale,
  })
  return sent.ok ? { ok: true, codeId: sent.id } : { ...sent, codeId: live?.id ?? null }
}

/**
 * Mails a code to somebody who has proved their password and forgot their PIN, blocked or not.
 * Only the sign-in that asks may use it. Whatever comes of it is audited; nothing here tells a
 * stranger anything, as the password was proved.
 */
export const requestPinReset = (
  deps: Deps,
  { sub }: Account,
  policy: Policy,
  asking: Asking,
  origin: Origin,
): Promise<PinResetRequest> =>
  deps.store.transact(async (tables): Promise<PinResetRequest> => {
    const account = await tables.accounts.bySub(sub)
    if (account === null) {
      return { ok: false, reason: 'not_allowed' }
    }
    const { again = false, ...request } = await send(deps, tables, account, policy, asking)
    if (!request.ok) {
      const detail = { why: request.reason }
      const refused = { outcome: 'refused', sub, origin, detail } as const
      await tables.audit.append(auditEntry(deps, { act: 'pin_reset_refused', ...refused }))
    } else if (!again) {
      await tables.audit.append(auditEntry(deps, { act: 'pin_reset_requested', sub, origin }))
    }
    return request
  })

/** Whether this is the code that was mailed last in this sign-in; true for exactly one caller. */
export const provePinReset = async (
  deps: Deps,
  { sub }: Account,
  code: { readonly id: string; readonly boundTo: string; readonly typed: string },
  origin: Origin,
): Promise<boolean> => {
  const right = await checkCode(deps, code)
  await deps.store.audit.append(
    right
      ? auditEntry(deps, { act: 'pin_reset_code_right', sub, origin })
      : auditEntry(deps, { act: 'pin_reset_code_wrong', outcome: 'refused', sub, origin }),
  )
  return right
}

/**
 * Replaces the forgotten PIN by one that its owner chose, and unblocks it; the caller has had the
 * mailed code proved. Whoever held the old one is out: other sessions end, and no device of the
 * account is recognised any more. They end before: whoever is stopped in between has lost sessions,
 * and kept their PIN.
 */
export const resetPinByOwner = async (
  deps: Deps,
  endOthers: EndOthers,
  account: Account,
  policy: Policy,
  typed: TypedPin,
  origin: Origin,
): Promise<PinResetResult> => {
  const made = await makeNewPin(deps, account, policy, typed, origin)
  if (!made.ok) {
    return made
  }
  await endOthers()
  const { sub, pin: forgotten } = account
  const result = await deps.store.transact(async (tables): Promise<PinResetResult> => {
    const now = await tables.accounts.bySub(sub)
    const may =
      now !== null &&
      isProtectedAlike(account, now) &&
      isAllowed(now, policy) &&
      !isPasswordJustMailed(now, deps.clock())
    // Of two tabs that both reset it, the second must not silently win.
    if (!may || !(await tables.accounts.replacePin(sub, forgotten?.sealed ?? null, made.pin))) {
      return { ok: false, reason: 'changed_meanwhile' }
    }
    await tables.accounts.setProtection(sub, 'pin')
    await tables.pinTries.clear(sub)
    const devicesForgotten = await tables.devices.removeAll(sub)
    await tell(deps, tables, sub, 'pin_reset_by_mail', { params: whence(origin) })
    const blocked = forgotten !== null && isBlockedPin(forgotten)
    const detail = { blocked, devices_forgotten: devicesForgotten }
    await tables.audit.append(auditEntry(deps, { act: 'pin_reset_done', sub, origin, detail }))
    return { ok: true }
  })
  if (result.ok) {
    await endOthers() // Somebody may have come in meanwhile, by the old PIN or a device.
  }
  return result
}
