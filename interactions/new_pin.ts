import type { NewPinRefusal, TypedPin } from '../accounts/new_pin.ts'
import type { Policy } from '../policies/policy.ts'
import type { FormError } from '../views/pages.ts'
import { type Fields, missingFields } from './form.ts'

/** The fields `new_pin` and `confirm_pin`; spaces between the digits do not matter. */
export const readNewPin = (
  fields: Fields,
):
  | { readonly ok: true; readonly typed: TypedPin }
  | { readonly ok: false; readonly errors: readonly FormError[] } => {
  const pin = fields.digits('new_pin')
  const confirmation = fields.digits('confirm_pin')
  const errors = missingFields({ new_pin: pin, confirm_pin: confirmation })
  return errors.length > 0 ? { ok: false, errors } : { ok: true, typed: { pin, confirmation } }
}

/** The PIN of every key has exactly as many digits. */
export const keyPinLength = ({ otp_keys: { pin_length } }: Policy) => ({
  min_length: pin_length,
  max_length: pin_length,
})

export const newPinError = (
  { min_length: min, max_length: max }: Pick<Policy['pin'], 'min_length' | 'max_length'>,
  reason: NewPinRefusal | 'changed_meanwhile',
): FormError => {
  switch (reason) {
    case 'mismatch':
      return { field: 'confirm_pin', code: 'pin_mismatch' }
    case 'same':
      return { field: 'new_pin', code: 'pin_guessable_same' }
    case 'changed_meanwhile':
      return { code: 'try_again' }
    default:
      return { field: 'new_pin', code: `pin_${reason}`, params: { min, max } }
  }
}
