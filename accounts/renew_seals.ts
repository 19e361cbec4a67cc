import { AppError } from './errors.ts'
import { keyBatches } from './key_batches.ts'
import type { OtpKey } from './otp_key.ts'
import { openSeed, sealSeed } from './otp_seed.ts'
import type { Deps } from './ports.ts'

/** Keys that one transaction writes down: few ms, so that nobody waits for it. */
const KEYS_AT_ONCE = 50

type Needs = Pick<Deps, 'store' | 'seeds' | 'random'>

/** A seed that is sealed anew: as it was read, and as it is to be. */
interface Renewal {
  readonly serial: string
  readonly before: string
  readonly after: string
}

/** Null: it was sealed under a key that is not here, or was changed. */
const renewalOf = (deps: Needs, key: OtpKey): Renewal | null => {
  const { serial, sealedSeed: before } = key
  try {
    return { serial, before, after: sealSeed(deps, serial, openSeed(deps, key)) }
  } catch (error) {
    if (error instanceof AppError && error.code === 'unavailable') {
      return null
    }
    throw error
  }
}

/** Writes down what nobody has sealed anew meanwhile. Returns how many. */
const write = ({ store }: Needs, renewals: readonly Renewal[]): Promise<number> =>
  store.transact(async ({ otpKeys }) => {
    let written = 0
    for (const { serial, before, after } of renewals) {
      const key = await otpKeys.find(serial)
      if (key?.sealedSeed === before) {
        await otpKeys.save({ ...key, sealedSeed: after })
        written += 1
      }
    }
    return written
  })

export interface RenewedSeals {
  readonly renewed: number
  /** Serials of the keys whose seed does not open under any key that is here. */
  readonly closed: readonly string[]
}

/**
 * Seals the seed of every key anew that is not sealed under the current sealing key, whatever its
 * state: in stock, blocked, never used. Any number of processes may do so at once.
 */
export const renewSeals = async (deps: Needs): Promise<RenewedSeals> => {
  let renewed = 0
  const closed: string[] = []
  for await (const batch of keyBatches(deps, {})) {
    const stale = batch.filter(({ sealedSeed }) => !deps.seeds.isCurrent(sealedSeed))
    for (let from = 0; from < stale.length; from += KEYS_AT_ONCE) {
      const some = stale.slice(from, from + KEYS_AT_ONCE)
      const renewals = some.map((key) => renewalOf(deps, key))
      closed.push(...some.filter((_, at) => renewals[at] === null).map(({ serial }) => serial))
      renewed += await write(
        deps,
        renewals.filter((renewal) => renewal !== null),
      )
    }
  }
  return { renewed, closed }
}

const SERIALS_NAMED = 5

const unopened = (closed: readonly string[]): AppError => {
  const some = closed.slice(0, SERIALS_NAMED).join(', ')
  const more = closed.length > SERIALS_NAMED ? ', …' : ''
  return new AppError(
    'unavailable',
    `seeds of ${closed.length} OTP keys do not open under the sealing keys that are here: ${some}${more}`,
  )
}

/**
 * `renewSeals`, to be called again and again: it goes on until it once finds nothing to seal anew,
 * and then rests, since a process does not change its sealing key. Throws
 * `AppError('unavailable')`, once and after all others are done, where seeds do not open.
 */
export const sealRenewal = (deps: Needs): (() => Promise<void>) => {
  let isOver = false
  return async () => {
    if (isOver) {
      return
    }
    const { renewed, closed } = await renewSeals(deps)
    isOver = renewed === 0
    if (isOver && closed.length > 0) {
      throw unopened(closed)
    }
  }
}
