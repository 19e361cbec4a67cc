import type { NewPassword, NewPasswordRefusal } from '../accounts/new_password.ts'
import type { FormError } from '../views/pages.ts'
import { type Fields, missingFields } from './form.ts'
import type { Site } from './site.ts'

/**
 * The fields `new_password` and `confirm_password`, and why they are not looked at: what was left
 * empty, or, where nothing was, too many tries of this person (`sub`) just before.
 */
export const readNewPassword = (
  { newPasswords }: Pick<Site, 'newPasswords'>,
  sub: string,
  fields: Fields,
): { readonly typed: NewPassword; readonly unread: readonly FormError[] } => {
  const password = fields.text('new_password')
  const confirmation = fields.text('confirm_password')
  const absent = missingFields({ new_password: password, confirm_password: confirmation })
  const isTooMuch = absent.length === 0 && newPasswords.take(sub) > 0
  return {
    typed: { password, confirmation },
    unread: isTooMuch ? [{ code: 'try_again' }] : absent,
  }
}

const errorOf = ({ reason, ...params }: NewPasswordRefusal): FormError => {
  switch (reason) {
    case 'mismatch':
      return { field: 'confirm_password', code: 'password_mismatch' }
    case 'changed_meanwhile':
      return { code: 'try_again' }
    default:
      return { field: 'new_password', code: `password_${reason}`, params }
  }
}

/**
 * What is wrong with a new password, beside its field. That it is worth too few bits is not said of
 * one that is too short: the same advice twice.
 */
export const newPasswordErrors = (refusals: readonly NewPasswordRefusal[]): FormError[] => {
  const isShort = refusals.some(({ reason }) => reason === 'short')
  return refusals.filter(({ reason }) => !isShort || reason !== 'entropy').map(errorOf)
}
