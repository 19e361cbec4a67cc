import type { NewPassword, NewPasswordRefusal } from '../accounts/new_password.ts'
import type { FormError } from '../views/pages.ts'
import { type Fields, missingFields } from './form.ts'

/** The fields `new_password` and `confirm_password`, and what was left empty of them. */
export const readNewPassword = (
  fields: Fields,
): { readonly typed: NewPassword; readonly absent: readonly FormError[] } => {
  const password = fields.text('new_password')
  const confirmation = fields.text('confirm_password')
  return {
    typed: { password, confirmation },
    absent: missingFields({ new_password: password, confirm_password: confirmation }),
  }
}

/** What is wrong with a new password, beside its field. */
export const newPasswordError = ({ reason, ...params }: NewPasswordRefusal): FormError => {
  switch (reason) {
    case 'mismatch':
      return { field: 'confirm_password', code: 'password_mismatch' }
    case 'changed_meanwhile':
      return { code: 'try_again' }
    default:
      return { field: 'new_password', code: `password_${reason}`, params }
  }
}
