import { truncateNetwork } from '../policies/network.ts'
import { normalizePassword } from '../policies/password_rules.ts'
import type { Policy } from '../policies/policy.ts'
import type { Account, PasswordRecord } from './account.ts'
import { auditEntry, randomId } from './audit.ts'
import { tokenHash } from './devices.ts'
import { judgeTry, type Try } from './judge_try.ts'
import { keepPlace } from './keep_place.ts'
import { laneOfPerson, presentedBrowser, subjectOf } from './lane.ts'
import {
  judgeNewPassword,
  type NewPassword,
  type NewPasswordRefusal,
  refused,
  sealNewPassword,
  storeNewPassword,
} from './new_password.ts'
import { tell, whence } from './notices.ts'
import type { Deps, HashPlace, Origin, Tables } from './ports.ts'
import { passwordOwner } from './sign_in.ts'

interface OwnPasswordChange extends NewPassword {
  /** Null: a passcode that was just proved stands in for it. */
  readonly current: string | null
}

/** What the person wants besides. A change alone says nothing against either. */
interface BesideChange {
  /** Ends the other sessions; null: they go on. */
  readonly endOthers: (() => Promise<unknown>) | null
  /** Recognised devices but this one. */
  readonly forgetOthers: boolean
}

export type ChangeOwnPasswordResult =
  | { readonly ok: true }
  | {
      readonly ok: false
      readonly refusals: readonly (NewPasswordRefusal | { readonly reason: 'wrong_current' })[]
    }

/**
 * Checks the present password of somebody signed in. Tries count and are delayed with those of the
 * login page, so that a session left open is no second way to guess it.
 */
const proveCurrent = async (
  deps: Deps,
  account: Account,
  current: PasswordRecord,
  typed: string,
  origin: Origin,
): Promise<boolean> => {
  const presented = await presentedBrowser(deps, origin)
  const lane = await laneOfPerson(deps, account, origin, presented)
  const { sub } = account
  const tried: Try = {
    route: 'password',
    candidates: [],
    typed,
    account,
    subject: subjectOf(deps, account.identifier),
    obstacle: current.voidedAt === null ? null : 'password_void',
    against: () => ({
      secret: normalizePassword(typed),
      sealed: current.sealed,
      owner: passwordOwner(sub),
    }),
  }
  const check = async (place: HashPlace): Promise<boolean> => {
    const judged = await judgeTry(deps, tried, origin, presented, place)
    const browserId = presented.kind === 'known' ? presented.browserId : null
    const network = truncateNetwork(origin.address)
    await deps.store.transact(async ({ passwordTries, audit }) => {
      if (judged.right) {
        // A browser that keeps no cookie is nobody's place.
        const at = browserId ?? randomId(deps.random)
        await passwordTries.succeed(tried.subject, judged.place, at, network, deps.clock())
        return
      }
      await audit.append(
        auditEntry(deps, {
          act: 'password_change_refused',
          outcome: 'refused',
          sub,
          origin,
          browserId,
          detail: { why: judged.why },
        }),
      )
    })
    return judged.right
  }
  return keepPlace(deps, lane, check)
}

/** Forgets the person's devices, but for the one that they are on. */
const forgetOtherDevices = async (
  deps: Deps,
  tables: Tables,
  sub: string,
  origin: Origin,
): Promise<void> => {
  const { deviceToken } = origin
  const here =
    deviceToken === null ? null : await tables.devices.recognised(tokenHash(deviceToken), sub)
  const others = (await tables.devices.list(sub)).filter(({ id }) => id !== here?.id)
  for (const { id, browserId } of others) {
    await tables.devices.remove(id)
    const detail = { why: 'password_changed' }
    await tables.audit.append(
      auditEntry(deps, { act: 'device_forgotten', sub, origin, browserId, detail }),
    )
  }
  if (others.length > 0) {
    await tell(deps, tables, sub, 'devices_forgotten', { params: whence(origin) })
  }
}

/** Sent twice at one moment: whoever comes second finds it done. */
const isThere = async (
  deps: Deps,
  account: Account,
  password: string,
  origin: Origin,
): Promise<boolean> => {
  const now = (await deps.store.accounts.bySub(account.sub))?.password ?? null
  const lane = await laneOfPerson(deps, account, origin)
  const owner = passwordOwner(account.sub)
  return (
    now?.voidedAt === null && (await deps.hasher.verify(password, now.sealed, owner, lane)).right
  )
}

/**
 * Changes the password of somebody in their own account, who has just proved the account's
 * strongest factor. This session goes on. What is wrong with the new password is said before the
 * present one is tried: that costs no try.
 */
export const changeOwnPassword = async (
  deps: Deps,
  account: Account,
  policy: Policy,
  typed: OwnPasswordChange,
  { endOthers, forgetOthers }: BesideChange,
  origin: Origin,
): Promise<ChangeOwnPasswordResult> => {
  const { password: current, sub } = account
  if (current === null) {
    return refused('changed_meanwhile')
  }
  const judged = await judgeNewPassword(deps, account, policy, typed)
  if (!judged.ok) {
    return judged
  }
  const proved =
    typed.current === null || (await proveCurrent(deps, account, current, typed.current, origin))
  if (!proved) {
    return { ok: false, refusals: [{ reason: 'wrong_current' }] }
  }
  const sealed = await sealNewPassword(deps, account, current, judged.password, origin)
  if (!sealed.ok) {
    return sealed
  }
  // First the sessions: stopped in between, nobody is left with one that was to end.
  await endOthers?.()
  const stored = await deps.store.transact(async (tables) => {
    const replaced = { current, sealed: sealed.sealed }
    if (!(await storeNewPassword(deps, tables, account, policy, replaced, origin))) {
      return false
    }
    if (forgetOthers) {
      await forgetOtherDevices(deps, tables, sub, origin)
    }
    return true
  })
  if (stored) {
    await endOthers?.() // Somebody may have come in meanwhile, by the old password.
  }
  return stored || (await isThere(deps, account, judged.password, origin))
    ? { ok: true }
    : refused('changed_meanwhile')
}
