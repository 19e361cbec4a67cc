import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { parse } from 'csv-parse/sync'

/** The file that the command line imports. Its seeds are public: these keys open nothing else. */
export const KEYS_FILE = fileURLToPath(new URL('otp_keys.csv', import.meta.url))

/** Who has which key, by their identifier, and the PIN that it has at the first start. */
const HOLDERS: Readonly<Record<string, { identifier: string; pin: string | null }>> = {
  'VA-260117': { identifier: 's.legoff', pin: '4826' },
  'VA-260118': { identifier: 'm.diallo', pin: null },
}

/** A time-based OTP key of the demonstration and what is known of it at the first start. */
export interface SampleKey {
  readonly serial: string
  /** Hexadecimal. */
  readonly seed: string
  readonly digits: number
  readonly periodSeconds: number
  /** Whose it is. */
  readonly identifier: string
  /** Null: the key was never used. */
  readonly pin: string | null
}

/** The sample keys. Throws for one that nobody has. */
export function sampleKeys(): SampleKey[] {
  const lines: Record<string, string>[] = parse(readFileSync(KEYS_FILE), { columns: true })
  return lines.map(({ serial = '', seed = '', digits, period }) => {
    const holder = HOLDERS[serial]
    if (!holder) throw new Error(`nobody has the key ${serial}`)
    return { serial, seed, digits: Number(digits), periodSeconds: Number(period), ...holder }
  })
}
