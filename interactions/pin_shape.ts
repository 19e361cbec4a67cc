import type { PinShape } from '../views/pages.ts'
import type { PersonStep } from './step.ts'

const DIGITS = 10

const shuffle = (below: (limit: number) => number): number[] => {
  const digits = Array.from({ length: DIGITS }, (_, digit) => digit)
  for (let last = DIGITS - 1; last > 0; last -= 1) {
    const other = below(last + 1)
    const [a = 0, b = 0] = [digits[last], digits[other]]
    digits[last] = b
    digits[other] = a
  }
  return digits
}

/** How long a PIN may be, and the keypad's order where the establishment has it shuffled. */
export const pinShape = (step: Pick<PersonStep, 'policy' | 'site'>): PinShape => {
  const { min_length, max_length, shuffled_keypad } = step.policy.pin
  const { random } = step.site.deps
  return {
    minLength: min_length,
    maxLength: max_length,
    shuffled: shuffled_keypad ? shuffle((limit) => random.below(limit)) : undefined,
  }
}
