import { type OtpKey, otpSeedOwner } from './otp_key.ts'
import type { Deps, Tables } from './ports.ts'

/** Throws `AppError('unavailable')` for a seed that was sealed under a key that is not here. */
export const openSeed = (
  { seeds }: Pick<Deps, 'seeds'>,
  { serial, sealedSeed }: Pick<OtpKey, 'serial' | 'sealedSeed'>,
): Uint8Array => seeds.open(sealedSeed, otpSeedOwner(serial))

export const sealSeed = (
  { seeds, random }: Pick<Deps, 'seeds' | 'random'>,
  serial: string,
  seed: Uint8Array,
): string => seeds.seal(seed, otpSeedOwner(serial), random)

/** Seals the seed of a key that was just used anew, once the sealing key has been replaced. */
export const renewSeal = async (deps: Deps, tables: Tables, used: OtpKey): Promise<void> => {
  if (deps.seeds.isCurrent(used.sealedSeed)) {
    return
  }
  const key = await tables.otpKeys.find(used.serial)
  if (key !== null) {
    const sealedSeed = sealSeed(deps, key.serial, openSeed(deps, key))
    await tables.otpKeys.save({ ...key, sealedSeed })
  }
}
