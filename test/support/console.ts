import type { RoleGrant } from '../../accounts/admin_ports.ts'
import { EVERYBODY, type Role } from '../../policies/admin_rights.ts'
import type { UserType } from '../../policies/user_type.ts'
import type { Browser } from './browser.ts'
import { PASSWORD, type PersonWishes, PIN, type School } from './school.ts'

export interface AdministratorWishes {
  readonly role?: Role
  /** Of a helpdesk; everybody when left out. */
  readonly userTypes?: readonly UserType[]
  readonly establishments?: readonly string[]
  readonly person?: Partial<PersonWishes>
  /** An administrator who is there already. */
  readonly identifier?: string
}

let administrators = 0

/** Somebody with a PIN who was given a role a moment ago: the PIN will do for a week. */
export const administrator = async (
  school: School,
  { role = 'identity_admin', userTypes, establishments, person = {} }: AdministratorWishes = {},
): Promise<string> => {
  administrators += 1
  const { identifier, sub } = await school.person({
    identifier: `admin.${administrators}`,
    userType: 'staff',
    givenName: 'Alix',
    familyName: `Admin${administrators}`,
    pin: PIN,
    ...person,
  })
  const { store, clock } = school.gateway.core.deps
  const limited = { userTypes: userTypes ?? null, establishments: establishments ?? null }
  const grant: RoleGrant = {
    sub,
    role,
    scope: role === 'helpdesk' ? limited : EVERYBODY,
    grantedAt: clock(),
    grantedBy: 'test',
  }
  await store.roles.grant(grant)
  return identifier
}

/**
 * Signs in to the console as a person does, until its first page stands there. `path` null: goes on
 * from the page that stands there.
 */
export const enterConsole = async (
  browser: Browser,
  identifier: string,
  path: string | null = '/admin',
): Promise<Browser> => {
  let view = path === null ? browser.view : await browser.open(path)
  for (let step = 0; step < 6 && !view.step.startsWith('console/'); step += 1) {
    const fields: Record<string, Record<string, string>> = {
      login: { identifier, password: PASSWORD },
      pin: { pin: PIN },
      device: {},
    }
    const typed = fields[view.step]
    if (typed === undefined) {
      throw new Error(`no way into the console from ${view.step} at ${view.url}`)
    }
    view = await browser.submit(typed)
  }
  return browser
}

/** A browser of an administrator, at the first page of the console. */
export const signInToConsole = async (
  school: School,
  wishes: AdministratorWishes = {},
): Promise<Browser> => {
  const identifier = wishes.identifier ?? (await administrator(school, wishes))
  return enterConsole(school.browser(), identifier)
}
