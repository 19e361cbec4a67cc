import type { UserType } from './user_type.ts'

/** What an administrator may be: `helpdesk` within limits, `auditor` only reads. */
export const ROLES = ['identity_admin', 'helpdesk', 'auditor'] as const
export type Role = (typeof ROLES)[number]

export const isRole = (value: unknown): value is Role =>
  (ROLES as readonly unknown[]).includes(value)

interface Rule {
  readonly roles: readonly Role[]
  /** Asks for a proof of a moment ago: what it changes could open every account. */
  readonly fresh: boolean
}

const ALL: Rule = { roles: ROLES, fresh: false }
const DESK: Rule = { roles: ['identity_admin', 'helpdesk'], fresh: false }
const READ: Rule = { roles: ['identity_admin', 'auditor'], fresh: false }
const ADMIN: Rule = { roles: ['identity_admin'], fresh: false }

/** Every right of the console, who has it, and whether it asks for a fresh proof. */
export const RIGHTS = {
  see_console: ALL,
  see_people: ALL,
  /** Everything that a selection or a page of a person offers, but for the next two. */
  act_on_people: DESK,
  erase_people: { ...ADMIN, fresh: true },
  export_people: READ,
  see_jobs: ALL,
  cancel_jobs: DESK,
  import_people: ADMIN,
  purge_leavers: { ...ADMIN, fresh: true },
  see_policies: READ,
  change_policies: { ...ADMIN, fresh: true },
  simulate: ALL,
  see_applications: READ,
  change_applications: { ...ADMIN, fresh: true },
  /** Shows what an application would learn of a person. */
  preview_claims: READ,
  look_up_subject: ALL,
  see_keys: ALL,
  handle_keys: { ...DESK, fresh: true },
  /** Tries a code of somebody's key: changes nothing but how far its clock is off. */
  test_keys: DESK,
  import_keys: { ...ADMIN, fresh: true },
  see_audit: READ,
  export_audit: READ,
  see_roles: READ,
  change_roles: { ...ADMIN, fresh: true },
} as const satisfies Record<string, Rule>

export type Right = keyof typeof RIGHTS

export const hasRight = (role: Role, right: Right): boolean => {
  const { roles }: Rule = RIGHTS[right]
  return roles.includes(role)
}

export const needsFreshProof = (right: Right): boolean => RIGHTS[right].fresh

/** Whom a role reaches; null: everybody. An empty list: nobody. */
export interface AdminScope {
  readonly userTypes: readonly UserType[] | null
  /** UAI codes. A guardian without one is where their children are. */
  readonly establishments: readonly string[] | null
}

export const EVERYBODY: AdminScope = { userTypes: null, establishments: null }

export interface Administrator {
  readonly sub: string
  readonly role: Role
  readonly scope: AdminScope
}

/** Only `helpdesk` is limited to some people: the others see, or do, everything of their role. */
export const scopeOf = ({ role, scope }: Pick<Administrator, 'role' | 'scope'>): AdminScope =>
  role === 'helpdesk' ? scope : EVERYBODY

/** Somebody to act on, as far as the limits of roles go. */
export interface Target {
  readonly sub: string
  readonly userType: UserType
  /** Of themselves; of a guardian without one, of their children. */
  readonly establishments: readonly string[]
  readonly role: Role | null
}

export type Forbidden = 'outside_scope' | 'role_holder' | 'oneself'

export const isInScope = (
  { userTypes, establishments }: AdminScope,
  target: Pick<Target, 'userType' | 'establishments'>,
): boolean =>
  (userTypes === null || userTypes.includes(target.userType)) &&
  (establishments === null || target.establishments.some((one) => establishments.includes(one)))

/**
 * Why an administrator must not act on somebody; null: they may. The helpdesk never acts on
 * whoever holds a role, or it could become that person; nobody acts on themselves, so that two
 * people are needed for what protects an administrator, and the last one cannot shut the door.
 */
export const forbiddenTo = (who: Administrator, target: Target): Forbidden | null => {
  if (!isInScope(scopeOf(who), target)) {
    return 'outside_scope'
  }
  if (who.sub === target.sub) {
    return 'oneself'
  }
  return who.role === 'helpdesk' && target.role !== null ? 'role_holder' : null
}

/** Both together open an account: one alone may not issue them to one person within this time. */
export const BOTH_SECRETS_MS = 24 * 3_600_000

/** `secret` may not be issued by whoever issued the other one a short time ago. */
export const mayIssue = (role: Role, lastIssuedOtherAtMs: number | null, nowMs: number): boolean =>
  role !== 'helpdesk' ||
  lastIssuedOtherAtMs === null ||
  nowMs - lastIssuedOtherAtMs >= BOTH_SECRETS_MS

/** A new administrator may come with a PIN this long; then a passcode is asked for. */
export const PIN_WILL_DO_MS = 7 * 24 * 3_600_000
export const CONSOLE_IDLE_MS = 15 * 60_000
export const CONSOLE_ABSOLUTE_MS = 8 * 3_600_000

/** What the console asks for: the passcode, of a new administrator at least the PIN. */
export const consoleLevel = (grantedAtMs: number, nowMs: number): 'otp' | 'pin' =>
  nowMs - grantedAtMs < PIN_WILL_DO_MS ? 'pin' : 'otp'
