import { type AdminScope, BOTH_SECRETS_MS, EVERYBODY, type Role } from '../policies/admin_rights.ts'
import { type Account, identifierKey, type Person } from './account.ts'
import type { RoleGrant } from './admin_ports.ts'
import { auditEntry, randomId } from './audit.ts'
import {
  judgeNewPassword,
  type NewPassword,
  type NewPasswordRefusal,
  ownPassword,
} from './new_password.ts'
import type { Deps, HashLane, Origin, Tables } from './ports.ts'
import { passwordOwner } from './sign_in.ts'

/** How long the code that makes an administrator can be typed, and how often it may be wrong. */
export const INVITE_MS = 15 * 60_000
const INVITE_TRIES = 5

/** Crockford's base 32: no letter is mistaken for a digit, whoever reads it to whom. */
const ALPHABET = '0123456789abcdefghjkmnpqrstvwxyz'
const CODE_LENGTH = 12
const GROUP = 4

/** A code as it is compared: without hyphens or spaces, whatever the capitals, O as 0, I and L as 1. */
const readCode = (typed: string): string =>
  typed.toLowerCase().replaceAll(/[\s-]/g, '').replaceAll('o', '0').replaceAll(/[il]/g, '1')

const codeHash = (deps: Deps, code: string): string => deps.digest('admin_invite', readCode(code))

/**
 * A one-time code for the console's form, in the place of any earlier one: 60 bits, shown once. The
 * caller is on the machine's own command line.
 */
export const inviteAdministrator = async (
  deps: Deps,
  by: string,
): Promise<{ readonly code: string; readonly expiresAt: number }> => {
  const signs = Array.from(
    { length: CODE_LENGTH },
    () => ALPHABET[deps.random.below(ALPHABET.length)] ?? '',
  )
  const code = signs.join('').replaceAll(new RegExp(`.{${GROUP}}(?!$)`, 'g'), '$&-')
  const atMs = deps.clock()
  const expiresAt = atMs + INVITE_MS
  await deps.store.transact(async (tables) => {
    await tables.invites.add({ codeHash: codeHash(deps, code), by, atMs, expiresAt })
    await tables.audit.append(auditEntry(deps, { act: 'admin_invited', actor: by }))
  })
  return { code, expiresAt }
}

/** Identity administrators who could still come in. */
export const administratorsLeft = async (
  { roles, accounts }: Pick<Tables, 'roles' | 'accounts'>,
  except?: string,
): Promise<number> => {
  const subs = (await roles.list()).flatMap(({ sub, role }) =>
    role === 'identity_admin' && sub !== except ? [sub] : [],
  )
  const found = subs.length === 0 ? [] : await accounts.bySubs(subs)
  return found.filter(({ disabledAt }) => disabledAt === null).length
}

export interface NewAdministrator {
  readonly identifier: string
  readonly givenName: string
  readonly familyName: string
  readonly password: NewPassword
}

export type InviteRefusal =
  | { readonly reason: 'wrong_code' | 'identifier_taken' | 'account_gone' }
  | { readonly reason: 'password'; readonly refusals: readonly NewPasswordRefusal[] }

export type Invited = { readonly ok: true } | ({ readonly ok: false } & InviteRefusal)

/** Undoes the transaction: the code was right, and stays good for a better form. */
class Back extends Error {}

const give = async (deps: Deps, tables: Tables, sub: string, origin: Origin): Promise<void> => {
  const grant: RoleGrant = {
    sub,
    role: 'identity_admin',
    scope: EVERYBODY,
    grantedAt: deps.clock(),
    grantedBy: 'invite',
  }
  await tables.roles.grant(grant)
  const detail = { role: grant.role, by: 'invite' }
  await tables.audit.append(
    auditEntry(deps, { act: 'role_granted', actor: sub, sub, origin, detail }),
  )
}

const refuseCode = async (deps: Deps, tables: Tables, origin: Origin): Promise<Invited> => {
  await tables.audit.append(
    auditEntry(deps, { act: 'admin_invite_refused', outcome: 'refused', origin }),
  )
  return { ok: false, reason: 'wrong_code' }
}

/** The code, typed by somebody who is signed in: they become an identity administrator. */
export const acceptInvite = (
  deps: Deps,
  sub: string,
  code: string,
  origin: Origin,
): Promise<Invited> =>
  deps.store.transact(async (tables): Promise<Invited> => {
    if (!(await tables.invites.use(codeHash(deps, code), INVITE_TRIES, deps.clock()))) {
      return refuseCode(deps, tables, origin)
    }
    const account = await tables.accounts.bySub(sub)
    if (account === null || account.disabledAt !== null) {
      return { ok: false, reason: 'account_gone' }
    }
    await give(deps, tables, sub, origin)
    return { ok: true }
  })

const personOf = ({ identifier, givenName, familyName }: NewAdministrator): Person => ({
  externalId: null,
  identifier: identifier.normalize('NFC').trim(),
  userType: 'staff',
  givenName: givenName.normalize('NFC').trim(),
  familyName: familyName.normalize('NFC').trim(),
  email: null,
  birthDate: null,
  establishments: [],
  classes: [],
  children: [],
  locale: null,
})

const LANE: HashLane = { known: false, key: 'administration' }

/**
 * The code, typed where there is no account yet: makes one, of a member of staff, with the password
 * that they chose. Whatever is refused but the code leaves the code good.
 */
export const acceptInviteAnew = async (
  deps: Deps,
  who: NewAdministrator,
  code: string,
  origin: Origin,
): Promise<Invited> => {
  const policy = (await deps.store.policies.current()).staff
  const person = personOf(who)
  const judged = await judgeNewPassword(deps, person, policy, who.password)
  if (!judged.ok) {
    return { ok: false, reason: 'password', refusals: judged.refusals }
  }
  const sub = randomId(deps.random)
  const sealed = await deps.hasher.hash(judged.password, passwordOwner(sub), LANE)
  try {
    return await deps.store.transact(async (tables): Promise<Invited> => {
      const nowMs = deps.clock()
      if (!(await tables.invites.use(codeHash(deps, code), INVITE_TRIES, nowMs))) {
        return refuseCode(deps, tables, origin)
      }
      if ((await tables.accounts.identifierHolder(identifierKey(person.identifier))) !== null) {
        throw new Back()
      }
      await tables.accounts.insert(sub, person, nowMs)
      await tables.accounts.setPassword(sub, ownPassword(policy, sealed, nowMs))
      await tables.audit.append(
        auditEntry(deps, {
          act: 'person_added',
          actor: sub,
          sub,
          origin,
          detail: { user_type: 'staff' },
        }),
      )
      await give(deps, tables, sub, origin)
      return { ok: true }
    })
  } catch (error) {
    if (error instanceof Back) {
      return { ok: false, reason: 'identifier_taken' }
    }
    throw error
  }
}

export type RoleChange =
  | { readonly ok: true }
  | {
      readonly ok: false
      readonly reason:
        | 'unknown_account'
        | 'oneself'
        | 'last_administrator'
        | 'no_role'
        /** Somebody else may still hold what opens this account. */
        | 'secret_handed_out'
    }

/** Without whom nobody could come in who may do everything. */
const isLast = async (tables: Tables, grant: RoleGrant | null): Promise<boolean> =>
  grant?.role === 'identity_admin' && (await administratorsLeft(tables, grant.sub)) === 0

/**
 * Whether somebody else may know what opens an account: a card or a PIN of the school's that was not
 * changed yet, or anything issued a short time ago. With a role it would open the console to them.
 */
const isHandedOut = async (
  { issuedSecrets }: Pick<Tables, 'issuedSecrets'>,
  { sub, password, pin }: Account,
  by: string,
  nowMs: number,
): Promise<boolean> =>
  (password !== null && password.origin !== 'personal') ||
  pin?.origin === 'generated' ||
  (await issuedSecrets.anyBySomebodyElse(sub, by, nowMs - BOTH_SECRETS_MS))

type Refusal = Extract<RoleChange, { ok: false }>['reason']

/** Why somebody must not be given a role now; null: they may. */
const whyNotGranted = async (
  deps: Deps,
  tables: Tables,
  {
    sub,
    role,
    before,
    by,
  }: {
    readonly sub: string
    readonly role: Role
    readonly before: RoleGrant | null
    readonly by: string
  },
): Promise<Refusal | null> => {
  const account = await tables.accounts.bySub(sub)
  if (account === null || account.disabledAt !== null) {
    return 'unknown_account'
  }
  if (sub === by) {
    return 'oneself'
  }
  if (role !== 'identity_admin' && (await isLast(tables, before))) {
    return 'last_administrator'
  }
  const isNew = before === null
  return isNew && (await isHandedOut(tables, account, by, deps.clock()))
    ? 'secret_handed_out'
    : null
}

/** Gives somebody a role, in the place of what they held. */
export const grantRole = (
  deps: Deps,
  { sub, role, scope }: { readonly sub: string; readonly role: Role; readonly scope: AdminScope },
  by: string,
): Promise<RoleChange> =>
  deps.store.transact(async (tables): Promise<RoleChange> => {
    const before = await tables.roles.find(sub)
    const reason = await whyNotGranted(deps, tables, { sub, role, before, by })
    if (reason !== null) {
      return { ok: false, reason }
    }
    // The week in which a PIN will do is for new administrators alone.
    const grantedAt = before?.grantedAt ?? deps.clock()
    await tables.roles.grant({ sub, role, scope, grantedAt, grantedBy: by })
    await tables.audit.append(
      auditEntry(deps, {
        act: 'role_granted',
        actor: by,
        sub,
        detail: {
          role,
          was: before?.role ?? null,
          user_types: scope.userTypes?.join(' ') ?? null,
          establishments: scope.establishments?.join(' ') ?? null,
        },
      }),
    )
    return { ok: true }
  })

/** Takes a role away; the sessions of the console that rest on it end. */
export const revokeRole = (deps: Deps, sub: string, by: string): Promise<RoleChange> =>
  deps.store.transact(async (tables): Promise<RoleChange> => {
    const before = await tables.roles.find(sub)
    if (before === null) {
      return { ok: false, reason: 'no_role' }
    }
    if (sub === by) {
      return { ok: false, reason: 'oneself' }
    }
    if (await isLast(tables, before)) {
      return { ok: false, reason: 'last_administrator' }
    }
    await tables.roles.revoke(sub)
    await tables.consoleSessions.removeAllOf(sub)
    await tables.audit.append(
      auditEntry(deps, { act: 'role_revoked', actor: by, sub, detail: { was: before.role } }),
    )
    return { ok: true }
  })
