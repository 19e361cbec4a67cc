import { expect, it } from 'vitest'
import { isUserType, USER_TYPES } from '../../policies/user_type.ts'

it('knows the six kinds of people of a school', () => {
  expect(USER_TYPES).toHaveLength(6)
  expect(USER_TYPES.filter(isUserType)).toEqual([...USER_TYPES])
})

it.each(['', 'Teacher', 'teacher ', 'admin', 'toString', 0, null, undefined, ['teacher']])(
  'does not take %j for one of them',
  (value) => {
    expect(isUserType(value)).toBe(false)
  },
)
