import type { Policy } from '../policies/policy.ts'
import type { Button, PasswordRules } from '../views/pages.ts'

/** What a new password has to be, for its page; `judge`: where it is judged as it is typed. */
export const passwordRules = ({ passwords }: Policy, judge: Button): PasswordRules => ({
  minLength: passwords.min_length,
  classes: passwords.required_classes,
  judge,
})
