import {
  type KeyEntry,
  KeyFileRefusal,
  readKey,
  type SaidKey,
  shownSerial,
  wholeNumber,
} from './key_entry.ts'
import { type Lock, openValue } from './pskc_crypto.ts'
import { child, children, encryptedIn, fromBase64, textOf } from './pskc_elements.ts'
import type { XmlElement } from './pskc_xml.ts'

/** What a package is read with. */
export interface Reading {
  /** Null: no seed in the file is encrypted. */
  readonly lock: Lock | null
  /** Anything in the file is, or was meant to be, encrypted or under a MAC. */
  readonly isProtected: boolean
  /** Says what whoever imports should know of a key. */
  note(what: string): void
}

const OATH = 'urn:ietf:params:xml:ns:keyprov:pskc'
/** RFC 6030 §10.1 and its registry; with `#`, as drafts had it. */
const KINDS: { readonly [algorithm: string]: SaidKey['kind'] } = {
  [`${OATH}:hotp`]: 'hotp',
  [`${OATH}:totp`]: 'totp',
  [`${OATH}#hotp`]: 'hotp',
  [`${OATH}#totp`]: 'totp',
}

const kindOf = (key: XmlElement): SaidKey['kind'] => {
  const algorithm = key.attributes.get('Algorithm')?.trim().toLowerCase() ?? ''
  return Object.hasOwn(KINDS, algorithm) ? (KINDS[algorithm] ?? null) : null
}

/** RFC 6238 §4.1: the default. */
const PERIOD_SECONDS = '30'

/** Encrypted where an encrypted value stands, else `plain`, else null. */
const valueIn = <T>(
  holder: XmlElement | null,
  { lock }: Reading,
  read: { plain(text: string): T | null; opened(bytes: Buffer): T | null },
): T | null => {
  const encrypted = child(holder, 'EncryptedValue')
  const plain = child(holder, 'PlainValue')
  if (encrypted !== null && plain !== null) {
    throw new KeyFileRefusal('has one value both encrypted and in clear')
  }
  if (encrypted !== null && lock !== null) {
    return read.opened(openValue(lock, encryptedIn(encrypted, child(holder, 'ValueMAC'))))
  }
  return plain === null ? null : read.plain(plain.text)
}

/** Whether a seed stands in a `KeyPackage` in this form, however often. */
export const hasSeed = (pack: XmlElement, form: 'PlainValue' | 'EncryptedValue'): boolean =>
  ['Key', 'Data', 'Secret', form].reduce<readonly XmlElement[]>(
    (found, name) => found.flatMap((one) => children(one, name)),
    [pack],
  ).length > 0

const seedOf = (data: XmlElement | null, reading: Reading): Uint8Array | null => {
  const secret = child(data, 'Secret')
  if (secret === null) {
    throw new KeyFileRefusal('has no seed in it')
  }
  const isInClear = children(secret, 'PlainValue').length > 0
  if (reading.isProtected && isInClear && child(secret, 'EncryptedValue') === null) {
    // No MAC vouches for it: whoever has handled the file may have put a seed of theirs there.
    throw new KeyFileRefusal('has its seed in clear, in a file that is encrypted or has a MAC')
  }
  return valueIn<Uint8Array>(secret, reading, {
    plain: fromBase64,
    opened: (bytes) => bytes,
  })
}

const INTEGER_BYTES = [4, 8]

/** RFC 6030: the plain text of an encrypted number is 4 or 8 bytes, the greatest first. */
const integerFrom = (bytes: Buffer): number | null =>
  INTEGER_BYTES.includes(bytes.length) && bytes.subarray(0, -6).every((byte) => byte === 0)
    ? bytes.readUIntBE(Math.max(0, bytes.length - 6), Math.min(6, bytes.length))
    : null

const numberOf = (
  data: XmlElement | null,
  name: string,
  absent: string,
  reading: Reading,
): number | null => {
  const holder = child(data, name)
  if (holder === null) {
    reading.note(`no ${name} in the file: taken as ${absent}`)
    return wholeNumber(absent)
  }
  return valueIn<number>(holder, reading, { plain: wholeNumber, opened: integerFrom })
}

/** Constraints that a maker may write down, and that nothing here enforces. */
const UNENFORCED = ['StartDate', 'ExpiryDate', 'NumberOfTransactions', 'PINPolicy']

/** RFC 6030 §5: a key with a policy that is not understood may not be used. */
const heedPolicy = (key: XmlElement, { note }: Reading): void => {
  const rules = child(key, 'Policy')?.children ?? []
  const usages = rules.filter(({ name }) => name === 'KeyUsage')
  if (usages.length > 0 && !usages.some((usage) => textOf(usage) === 'OTP')) {
    throw new KeyFileRefusal('is not meant for one-time passwords (KeyUsage)')
  }
  for (const { name } of rules) {
    if (UNENFORCED.includes(name)) {
      note(`${name} is not enforced`)
    } else if (name !== 'KeyUsage') {
      throw new KeyFileRefusal('has a policy that is not understood, and so may not be used')
    }
  }
}

const digitsOf = (parameters: XmlElement | null): number | null => {
  const format = child(parameters, 'ResponseFormat')
  if (format === null) {
    throw new KeyFileRefusal('does not say how many digits a code has (ResponseFormat)')
  }
  const { attributes } = format
  if (attributes.get('Encoding')?.trim() !== 'DECIMAL') {
    throw new KeyFileRefusal('shows codes that are not decimal')
  }
  if (!['0', 'false', undefined].includes(attributes.get('CheckDigits')?.trim())) {
    throw new KeyFileRefusal('shows codes with a check digit')
  }
  return wholeNumber(attributes.get('Length') ?? null)
}

const heedDrift = (data: XmlElement | null, reading: Reading): void => {
  const drift = child(data, 'TimeDrift')
  const plain = textOf(child(drift, 'PlainValue'))
  if (drift !== null && wholeNumber(plain) !== 0) {
    reading.note('TimeDrift is not used: the clock is measured at first use')
  }
}

const saidOf = (key: XmlElement, serial: string, reading: Reading): SaidKey => {
  const kind = kindOf(key)
  if (kind === null) {
    throw new KeyFileRefusal('is not an HOTP or TOTP key')
  }
  heedPolicy(key, reading)
  const data = child(key, 'Data')
  const parameters = child(key, 'AlgorithmParameters')
  heedDrift(data, reading)
  return {
    serial,
    kind,
    // First of all: whether the secret is right shows here, whatever else is wrong.
    seed: seedOf(data, reading),
    algorithm: textOf(child(parameters, 'Suite')) ?? '',
    digits: digitsOf(parameters),
    periodSeconds: kind === 'totp' ? numberOf(data, 'TimeInterval', PERIOD_SECONDS, reading) : null,
    counter: kind === 'hotp' ? numberOf(data, 'Counter', '0', reading) : null,
  }
}

/** What one `KeyPackage` became, and the refusal that says why where it is no key. */
export interface ReadPackage {
  readonly entry: KeyEntry
  readonly refusal: KeyFileRefusal | null
}

const nameOf = (pack: XmlElement): string => {
  const serial = textOf(child(child(pack, 'DeviceInfo'), 'SerialNo')) ?? ''
  return serial === '' ? (child(pack, 'Key')?.attributes.get('Id') ?? '') : serial
}

/** Reads the key of one `KeyPackage`. Named by its device's serial, else by its own id. */
export const readPackage = (pack: XmlElement, reading: Reading): ReadPackage => {
  let serial = ''
  try {
    serial = nameOf(pack)
    const key = child(pack, 'Key')
    if (key === null) {
      throw new KeyFileRefusal('has no key in it')
    }
    return { entry: readKey(pack.line, saidOf(key, serial, reading)), refusal: null }
  } catch (error) {
    if (!(error instanceof KeyFileRefusal)) {
      throw error
    }
    const { message, line } = error
    const entry = { line: line ?? pack.line, serial: shownSerial(serial), reason: message }
    return { entry: { ok: false, ...entry }, refusal: error }
  }
}
