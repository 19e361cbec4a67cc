import { describe, expect, it } from 'vitest'
import {
  type Administrator,
  BOTH_SECRETS_MS,
  consoleLevel,
  EVERYBODY,
  forbiddenTo,
  hasRight,
  isInScope,
  mayIssue,
  needsFreshProof,
  PIN_WILL_DO_MS,
  RIGHTS,
  type Right,
  ROLES,
  type Role,
  type Target,
} from '../../policies/admin_rights.ts'

const rightsOf = (role: Role): Right[] =>
  (Object.keys(RIGHTS) as Right[]).filter((right) => hasRight(role, right))

const helpdesk = (scope: Administrator['scope'] = EVERYBODY): Administrator => ({
  sub: 'desk',
  role: 'helpdesk',
  scope,
})

const pupil: Target = {
  sub: 'pupil',
  userType: 'student',
  establishments: ['0440001A'],
  role: null,
}

describe('rights', () => {
  it('are all those of an identity administrator', () => {
    expect(rightsOf('identity_admin')).toEqual(Object.keys(RIGHTS))
  })

  it('of the helpdesk are people and their keys, no policy, no role, no application', () => {
    expect(rightsOf('helpdesk')).toEqual([
      'see_console',
      'see_people',
      'act_on_people',
      'see_jobs',
      'cancel_jobs',
      'simulate',
      'look_up_subject',
      'see_keys',
      'handle_keys',
      'test_keys',
    ])
  })

  it('of an auditor change nothing', () => {
    const changing = /^(act|erase|cancel|import|purge|change|handle|test)_/
    expect(rightsOf('auditor').filter((right) => changing.test(right))).toEqual([])
    expect(rightsOf('auditor')).toContain('see_audit')
  })

  it('that change policies, roles, keys or applications, or erase, ask for a fresh proof', () => {
    const fresh = (Object.keys(RIGHTS) as Right[]).filter(needsFreshProof)
    expect(fresh).toEqual([
      'erase_people',
      'purge_leavers',
      'change_policies',
      'change_applications',
      'handle_keys',
      'import_keys',
      'change_roles',
    ])
  })
})

describe('the limits of a helpdesk', () => {
  const desk = { userTypes: ['student', 'guardian'], establishments: ['0440001A'] } as const

  it.each([
    ['somebody of the type and the establishment', {}, null],
    ['somebody of another type', { userType: 'teacher' }, 'outside_scope'],
    ['somebody of another establishment', { establishments: ['0440002B'] }, 'outside_scope'],
    ['somebody of two establishments', { establishments: ['0440002B', '0440001A'] }, null],
    ['somebody of no establishment', { establishments: [] }, 'outside_scope'],
    ['a guardian whose children are there', { userType: 'guardian' }, null],
    ['somebody who holds a role', { role: 'auditor' }, 'role_holder'],
    ['a helpdesk like themselves', { role: 'helpdesk' }, 'role_holder'],
    ['themselves', { sub: 'desk' }, 'oneself'],
  ] as const)('%s', (_name, more, expected) => {
    expect(forbiddenTo(helpdesk(desk), { ...pupil, ...more })).toBe(expected)
  })

  it('are none where none were set', () => {
    expect(isInScope(EVERYBODY, { userType: 'inspector', establishments: [] })).toBe(true)
  })

  it('of an empty list are nobody', () => {
    expect(isInScope({ userTypes: [], establishments: null }, pupil)).toBe(false)
    expect(isInScope({ userTypes: null, establishments: [] }, pupil)).toBe(false)
  })

  it('do not hold for the other roles, whatever is stored with them', () => {
    for (const role of ROLES.filter((each) => each !== 'helpdesk')) {
      expect(
        forbiddenTo({ sub: 'x', role, scope: { userTypes: [], establishments: [] } }, pupil),
      ).toBe(null)
    }
  })
})

describe('an identity administrator', () => {
  const who: Administrator = { sub: 'a', role: 'identity_admin', scope: EVERYBODY }

  it('acts on those who hold a role', () => {
    expect(forbiddenTo(who, { ...pupil, role: 'identity_admin' })).toBe(null)
  })

  it('does not act on themselves', () => {
    expect(forbiddenTo(who, { ...pupil, sub: 'a', role: 'identity_admin' })).toBe('oneself')
  })
})

describe('password and PIN of one person', () => {
  const now = 10 * BOTH_SECRETS_MS

  it.each([
    ['at once', now, false],
    ['23 h 59 min 59 s later', now - BOTH_SECRETS_MS + 1_000, false],
    ['24 h later', now - BOTH_SECRETS_MS, true],
    ['when the other one was never issued by them', null, true],
  ])('are issued by one helpdesk alone %s: %s', (_when, last, expected) => {
    expect(mayIssue('helpdesk', last, now)).toBe(expected)
  })

  it('are both issued by an identity administrator', () => {
    expect(mayIssue('identity_admin', now, now)).toBe(true)
  })
})

describe('the level of the console', () => {
  it('is the PIN for 7 days from the role, then the passcode', () => {
    expect(consoleLevel(0, 0)).toBe('pin')
    expect(consoleLevel(0, PIN_WILL_DO_MS - 1)).toBe('pin')
    expect(consoleLevel(0, PIN_WILL_DO_MS)).toBe('otp')
    expect(PIN_WILL_DO_MS).toBe(7 * 24 * 3_600_000)
  })
})
