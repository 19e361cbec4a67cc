import { type Policy, policyFor } from '../policies/policy.ts'
import type { Account } from './account.ts'
import type { EndEverything } from './administer.ts'
import { type AuditAct, auditEntry } from './audit.ts'
import { type DeskForbidden, type DeskLimits, noLimits } from './desk_limits.ts'
import { writeDownDeadline } from './key_deadlines.ts'
import { tell } from './notices.ts'
import {
  assign,
  type Changed,
  LOAN_MS,
  type OtpKey,
  reopenActivation,
  reportLost as reportedLost,
  resetPin,
  unblock,
  withdraw,
} from './otp_key.ts'
import type { Deps, NoticeCode, Tables } from './ports.ts'

const DAY_MS = 24 * 3_600_000

export interface Refused<R extends string> {
  readonly ok: false
  readonly reason: R
}

/** Why nothing was done with a key. */
export type KeyRefusal =
  | Refused<'unknown_key' | 'unknown_account' | 'account_disabled' | 'otp_off'>
  | (Refused<'forbidden'> & { readonly why: DeskForbidden })
  | Extract<Changed, { ok: false }>

/** `key` as it is after the act. */
export type DeskKeyResult = { readonly ok: true; readonly key: OtpKey } | KeyRefusal

const refused = <R extends string>(reason: R): Refused<R> => ({ ok: false, reason })

interface Act {
  readonly act: AuditAct
  readonly notice: NoticeCode
  readonly change: (tables: Tables, key: OtpKey, nowMs: number) => Promise<DeskKeyResult> | Changed
  /** What else is true from this moment on. */
  readonly also?: (tables: Tables, key: OtpKey, nowMs: number) => Promise<void>
}

/** The key as time has left it, which is written down first: the act begins from there. */
export const keyAtDesk = async (
  deps: Deps,
  tables: Tables,
  serial: string,
): Promise<OtpKey | null> => {
  const key = await tables.otpKeys.find(serial)
  return key === null ? null : writeDownDeadline(deps, tables, key)
}

/** One act on one key, with its audit entry and the notice to its holder: all of it or nothing. */
const onKey = (
  deps: Deps,
  serial: string,
  { by, limits }: { readonly by: string; readonly limits: DeskLimits },
  doing: Act,
): Promise<DeskKeyResult> =>
  deps.store.transact(async (tables): Promise<DeskKeyResult> => {
    const before = await keyAtDesk(deps, tables, serial)
    if (before === null) {
      return refused('unknown_key')
    }
    const nowMs = deps.clock()
    const changed = await doing.change(tables, before, nowMs)
    if (!changed.ok) {
      return changed
    }
    const why = await limits(tables, before.sub, changed.key.sub)
    if (why !== null) {
      return { ...refused('forbidden'), why }
    }
    // A key taken back is nobody's any more: it concerns who had it.
    const sub = changed.key.sub ?? before.sub
    await tables.otpKeys.save(changed.key)
    await doing.also?.(tables, changed.key, nowMs)
    await tables.audit.append(
      auditEntry(deps, { act: doing.act, actor: by, sub, detail: { key: serial } }),
    )
    if (sub !== null) {
      const { firstUseBy } = changed.key
      const until = firstUseBy === null ? {} : { until: String(firstUseBy) }
      await tell(deps, tables, sub, doing.notice, { params: { key: serial, ...until } })
    }
    return changed
  })

/** An act that needs to know nothing but the key and who does it. */
const deskAct =
  (doing: Act) =>
  (deps: Deps, serial: string, by: string, limits: DeskLimits = noLimits): Promise<DeskKeyResult> =>
    onKey(deps, serial, { by, limits }, doing)

type Holder =
  | { readonly ok: true; readonly account: Account; readonly policy: Policy }
  | Refused<'unknown_account'>

const holder = async (tables: Tables, sub: string | null): Promise<Holder> => {
  const account = sub === null ? null : await tables.accounts.bySub(sub)
  return account === null
    ? refused('unknown_account')
    : { ok: true, account, policy: policyFor(await tables.policies.current(), account) }
}

const firstUseDeadline = ({ otp_keys }: Policy, nowMs: number): number =>
  nowMs + otp_keys.first_use_days * DAY_MS

/** Gives a key to a person who may have one. */
const giveTo =
  (
    sub: string,
    until: (policy: Policy, nowMs: number) => Omit<Parameters<typeof assign>[2], 'sub'>,
  ) =>
  async (tables: Tables, key: OtpKey, nowMs: number): Promise<DeskKeyResult> => {
    const found = await holder(tables, sub)
    if (!found.ok) {
      return found
    }
    if (found.account.disabledAt !== null) {
      return refused('account_disabled')
    }
    return found.policy.otp === 'off'
      ? refused('otp_off')
      : assign(key, nowMs, { sub, ...until(found.policy, nowMs) })
  }

/** Gives a key to a person, who has to use it first within the days that the policy says. */
export const assignKey = (
  deps: Deps,
  serial: string,
  sub: string,
  by: string,
  limits: DeskLimits = noLimits,
): Promise<DeskKeyResult> =>
  onKey(
    deps,
    serial,
    { by, limits },
    {
      act: 'key_assigned',
      notice: 'key_assigned',
      change: giveTo(sub, (policy, nowMs) => ({
        firstUseBy: firstUseDeadline(policy, nowMs),
        loanUntil: null,
      })),
    },
  )

/** Gives a key to a person for a day; then it is in stock again, used or not. */
export const lendKey = (
  deps: Deps,
  serial: string,
  sub: string,
  by: string,
  limits: DeskLimits = noLimits,
): Promise<DeskKeyResult> =>
  onKey(
    deps,
    serial,
    { by, limits },
    {
      act: 'key_lent',
      notice: 'key_lent',
      change: giveTo(sub, (_, nowMs) => ({
        firstUseBy: nowMs + LOAN_MS,
        loanUntil: nowMs + LOAN_MS,
      })),
    },
  )

/** Takes a key back. */
export const withdrawKey = deskAct({
  act: 'key_withdrawn',
  notice: 'key_withdrawn',
  change: (_, key, nowMs) => withdraw(key, nowMs),
})

/** Lets a blocked key be used again, with the PIN it has. */
export const unblockKey = deskAct({
  act: 'key_unblocked',
  notice: 'key_unblocked',
  change: (_, key, nowMs) => unblock(key, nowMs),
})

type StartsAgain = (key: OtpKey, nowMs: number, firstUseBy: number) => Changed

/** The first use is ahead of its holder again: as long as for a new key, but not beyond a loan. */
const anotherFirstUse =
  (change: StartsAgain) =>
  async (tables: Tables, key: OtpKey, nowMs: number): Promise<DeskKeyResult> => {
    // Whatever the deadline, the state says whether there can be one: before whose key it is.
    const possible = change(key, nowMs, nowMs)
    const found = possible.ok ? await holder(tables, key.sub) : possible
    return found.ok
      ? change(
          key,
          nowMs,
          Math.min(
            firstUseDeadline(found.policy, nowMs),
            key.loanUntil ?? Number.POSITIVE_INFINITY,
          ),
        )
      : found
  }

/** Gives a person a new deadline for the first use that was closed. */
export const reopenKey = deskAct({
  act: 'key_activation_reopened',
  notice: 'key_activation_reopened',
  change: anotherFirstUse(reopenActivation),
})

/** Forgets the PIN of a key: its holder defines another at a new first use. Sessions stay. */
export const resetKeyPin = deskAct({
  act: 'key_pin_reset',
  notice: 'key_pin_reset',
  change: anotherFirstUse(resetPin),
})

/** Whose sessions this key may have opened: it was in use since its holder has it. */
const servedWhom = ({ sub, lastUsedAt }: OtpKey): string | null =>
  lastUsedAt === null ? null : sub

/**
 * A key is in unknown hands. Where it had been in use, whoever holds it may be signed in: what was
 * proved or issued before is void, and all sessions of its holder end.
 */
export const reportKeyLost = async (
  deps: Deps,
  endEverything: EndEverything,
  serial: string,
  by: string,
  limits: DeskLimits = noLimits,
): Promise<DeskKeyResult> => {
  const result = await onKey(
    deps,
    serial,
    { by, limits },
    {
      act: 'key_lost',
      notice: 'key_lost',
      change: (_, key, nowMs) => reportedLost(key, nowMs),
      also: async ({ accounts }, key, nowMs) => {
        const sub = servedWhom(key)
        if (sub !== null) {
          await accounts.voidBefore(sub, nowMs)
        }
      },
    },
  )
  const sub = result.ok ? servedWhom(result.key) : null
  if (sub !== null) {
    await endEverything(sub)
  }
  return result
}
