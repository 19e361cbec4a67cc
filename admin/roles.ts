import { type Account, fullName, identifierKey } from '../accounts/account.ts'
import {
  administratorsLeft,
  grantRole,
  type RoleChange,
  revokeRole,
} from '../accounts/administrators.ts'
import type { Fields } from '../interactions/form.ts'
import { type AdminScope, EVERYBODY, isRole } from '../policies/admin_rights.ts'
import { isEstablishmentCode } from '../policies/establishment.ts'
import { USER_TYPES } from '../policies/user_type.ts'
import type { ConsoleError, ConsolePages } from '../views/console/pages.ts'
import { goTo, sendConsolePage, type Visit } from './visit.ts'

const ROLES_PATH = '/admin/roles'

const holdersOf = async (visit: Visit): Promise<ConsolePages['console/roles']['holders']> => {
  const { store } = visit.console.site.deps
  const grants = await store.roles.list()
  const [found, left] = await Promise.all([
    store.accounts.bySubs(grants.map(({ sub }) => sub)),
    administratorsLeft(store),
  ])
  const people = new Map(found.map((account) => [account.sub, account]))
  const nameOf = (sub: string): string => {
    const account = people.get(sub)
    return account === undefined ? sub : fullName(account)
  }
  return grants
    .map(({ sub, role, scope, grantedAt, grantedBy }) => ({
      sub,
      personName: nameOf(sub),
      identifier: people.get(sub)?.identifier ?? '',
      href: `/admin/people/${sub}`,
      role,
      userTypes: scope.userTypes,
      establishments: scope.establishments,
      since: new Date(grantedAt).toISOString(),
      by: nameOf(grantedBy),
      fixed: sub === visit.by || (role === 'identity_admin' && left <= 1),
    }))
    .sort((a, b) => a.personName.localeCompare(b.personName))
}

const send = async (
  visit: Visit,
  errors: readonly ConsoleError[] = [],
  refused?: ConsoleError,
): Promise<void> => {
  await sendConsolePage(
    visit,
    'console/roles',
    {
      holders: await holdersOf(visit),
      userTypes: USER_TYPES,
      establishments: await visit.console.lists.people.establishments(),
      typed: visit.form.all(),
      errors,
      refused,
    },
    { status: errors.length > 0 || refused !== undefined ? 422 : 200 },
  )
}

/** `GET /admin/roles` */
export const showRoles = (visit: Visit): Promise<void> => send(visit)

const words = (text: string): string[] =>
  text
    .toUpperCase()
    .split(/[\s,;]+/)
    .filter(Boolean)

const readScope = (form: Fields): AdminScope | ConsoleError => {
  const codes = words(form.text('establishments'))
  const odd = codes.find((code) => !isEstablishmentCode(code))
  if (odd !== undefined) {
    return {
      field: 'establishments',
      key: 'console.access.errors.establishment',
      params: { code: odd },
    }
  }
  const userTypes = USER_TYPES.filter((type) => form.ticked(`type_${type}`))
  if (userTypes.length === 0) {
    return { field: `type_${USER_TYPES[0]}`, key: 'console.access.errors.no_types' }
  }
  return { userTypes, establishments: codes.length === 0 ? null : codes }
}

const PLACE: Readonly<Record<string, string | undefined>> = {
  unknown_account: 'identifier',
  oneself: 'identifier',
  secret_handed_out: 'identifier',
  last_administrator: 'role',
}

const errorOf = ({ reason }: Extract<RoleChange, { ok: false }>): ConsoleError => ({
  field: PLACE[reason],
  key: `console.access.errors.${reason}`,
})

const somebody = (visit: Visit): Promise<Account | null> =>
  visit.console.site.deps.store.accounts.byIdentifier(identifierKey(visit.form.text('identifier')))

/** `POST /admin/roles/grant` */
export const grantRoleHere = async (visit: Visit): Promise<void> => {
  const { form, by, console } = visit
  const role = form.text('role')
  if (!isRole(role)) {
    return send(visit, [{ field: 'role', key: 'console.access.errors.no_role_chosen' }])
  }
  const scope = role === 'helpdesk' ? readScope(form) : EVERYBODY
  if ('key' in scope) {
    return send(visit, [scope])
  }
  const account = await somebody(visit)
  const result: RoleChange =
    account === null
      ? { ok: false, reason: 'unknown_account' }
      : await grantRole(console.site.deps, { sub: account.sub, role, scope }, by)
  if (account === null || !result.ok) {
    return send(visit, [errorOf(result as Extract<RoleChange, { ok: false }>)])
  }
  const params = { name: fullName(account) }
  await goTo(visit, ROLES_PATH, { key: `console.access.done.granted_${role}`, params })
}

/** `POST /admin/roles/:sub/revoke` */
export const revokeRoleHere = async (visit: Visit): Promise<void> => {
  const { params, by, console } = visit
  const result = await revokeRole(console.site.deps, params['sub'] ?? '', by)
  if (!result.ok) {
    return send(visit, [], { key: `console.access.errors.${result.reason}` })
  }
  await goTo(visit, ROLES_PATH, { key: 'console.access.done.revoked' })
}
