/** How many at a time, kept such that no transaction holds the gateway up for long. */
export interface Pace {
  readonly size: number
  /** How long (ms) a chunk of this size took. */
  took(ms: number): void
}

/** Half of the 50 ms that a transaction may take. */
const TRANSACTION_MS_AIM = 25
/** Of few sizes: a statement of each is kept compiled. */
const SIZES = [1, 2, 5, 10, 20, 50, 100, 150, 200, 300, 400] as const

/** One step down where a chunk took too long, one up where it took less than half of that. */
export const createPace = (
  first: (typeof SIZES)[number],
  most: (typeof SIZES)[number],
  aimMs: number = TRANSACTION_MS_AIM,
): Pace => {
  let at = SIZES.indexOf(first)
  const last = SIZES.indexOf(most)
  return {
    get size() {
      return SIZES[at] ?? first
    },
    took(ms) {
      if (ms > aimMs) {
        at = Math.max(0, at - 1)
      } else if (ms < aimMs / 2) {
        at = Math.min(last, at + 1)
      }
    },
  }
}
