import type { OtpKey } from './otp_key.ts'
import type { Deps, OtpKeyFilter } from './ports.ts'

const KEYS_AT_ONCE = 200

/** All keys that the filter names, by serial, some at a time: nobody waits for a whole school. */
export async function* keyBatches(
  { store }: Pick<Deps, 'store'>,
  filter: OtpKeyFilter,
): AsyncGenerator<readonly OtpKey[]> {
  let after: string | null = null
  for (;;) {
    const keys: OtpKey[] = await store.otpKeys.list(filter, after, KEYS_AT_ONCE)
    const last = keys.at(-1)
    if (last === undefined) {
      return
    }
    yield keys
    after = last.serial
  }
}
