import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { parse } from 'csv-parse/sync'
import { ADMINISTRATOR } from './sample_administrator.ts'
import { type SampleKey, sampleKeys } from './sample_keys.ts'

/** The file that the command line imports. */
export const PEOPLE_FILE = fileURLToPath(new URL('people.csv', import.meta.url))

/** A sample person as the demonstration announces them; keys as in the file. */
export interface SamplePerson {
  readonly external_id: string
  readonly user_type: string
  readonly identifier: string
  /** Empty: this person has none, and signs in by the OTP key. */
  readonly password: string
  /** The password is an initial one: the first sign-in asks for a new one. */
  readonly must_change: boolean
  readonly name: string
  /** The OTP key's serial and its PIN at the first start; a PIN of null: never used. */
  readonly otp_key: Pick<SampleKey, 'serial' | 'pin'> | null
}

/** The sample people, with the passwords that they have at the first start. */
export function samplePeople(): SamplePerson[] {
  const lines: Record<string, string>[] = parse(readFileSync(PEOPLE_FILE), { columns: true })
  const keys = new Map(
    sampleKeys().map(({ identifier, serial, pin }) => [identifier, { serial, pin }]),
  )
  return lines.map((line) => ({
    external_id: line['external_id'] ?? '',
    user_type: line['user_type'] ?? '',
    identifier: line['identifier'] ?? '',
    password: line['personal_password'] || line['password'] || '',
    must_change: line['password'] !== '',
    name: `${line['given_name']} ${line['family_name']}`,
    otp_key: keys.get(line['identifier'] ?? '') ?? null,
  }))
}

/** One thing worth trying with each kind of person. */
const TO_TRY: Readonly<Record<string, string>> = {
  teacher: 'define a PIN; a second browser is then asked for it',
  staff: 'open “Réservation de salles”, which always wants the PIN',
  student: 'add this device, sign out and in: no PIN is asked',
  guardian: 'see the children among the claims; choose “notification only”',
  inspector: 'confirm the address in the account, sign out, press “Forgotten password?”',
  internship_counsellor: 'open “Réservation de salles”: not for this type of user',
}

const TO_TRY_MUST_CHANGE = 'first sign-in: the initial password must be changed'

function toTry({ identifier, must_change, otp_key, user_type }: SamplePerson): string {
  if (identifier === ADMINISTRATOR.identifier) {
    return `administer: open the console, with the PIN ${ADMINISTRATOR.pin}`
  }
  if (otp_key) {
    const { serial, pin } = otp_key
    return pin === null
      ? `first use of the key ${serial}: its digits are the password`
      : `the passcode as the password: ${pin} and the digits of the key ${serial}`
  }
  return must_change ? TO_TRY_MUST_CHANGE : (TO_TRY[user_type] ?? '')
}

/** A table for the terminal: who, identifier, password, what to try. */
export function credentialsTable(people: readonly SamplePerson[]): string {
  const rows = people.map((person) => [
    `${person.name} (${person.user_type.replace('_', ' ')})`,
    person.identifier,
    person.password || '(none)',
    toTry(person),
  ])
  const all = [['Who', 'Identifier', 'Password', 'What to try'], ...rows]
  const widths = [0, 1, 2].map((column) =>
    Math.max(...all.map((row) => (row[column] ?? '').length)),
  )
  return all
    .map((row) => `  ${row.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join('  ')}`)
    .map((line) => line.trimEnd())
    .join('\n')
}
