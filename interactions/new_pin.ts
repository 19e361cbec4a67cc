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
  const pin = fields.text('new_pin').replaceAll(/\s/g, '')
  const confirmation = fields.text('confirm_pin').replaceAll(/\s/g, '')
  const errors = missingFields({ new_pin: pin, confirm_pin: confirmation })
  return errors.length > 0 ? { ok: false, errors } : { ok: true, typed: { pin, confirmation } }
}

export const newPinError = (
  { pin: { min_length: min, max_length: max } }: Policy,
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
