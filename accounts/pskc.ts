import {
  type FileSecret,
  IN_CLEAR,
  KEYS_MAX,
  type KeyFile,
  type KeyFileProblem,
  KeyFileRefusal,
  type OpenedKeyFile,
  orProblem,
  type ReadKeys,
  wholeNumber,
} from './key_entry.ts'
import {
  type Derivation,
  deriveKey,
  hashOfHmac,
  type Lock,
  openMacKey,
  refusedDerivation,
  WrongSecret,
} from './pskc_crypto.ts'
import {
  child,
  children,
  encryptedIn,
  foreignChild,
  hasDescendant,
  PSKC_NAMESPACE,
  requiredBytes,
  textOf,
} from './pskc_elements.ts'
import { hasSeed, type ReadPackage, readPackage } from './pskc_key.ts'
import { parseXml, type XmlElement } from './pskc_xml.ts'

/** How the values of a file are encrypted. */
type Protection =
  | { readonly secret: 'key'; readonly name: string | null }
  | { readonly secret: 'passphrase'; readonly name: string | null; readonly by: Derivation }

/** RFC 6030 §6.2, and the schema that it takes from PKCS #5: HMAC with SHA-1 where none is named. */
const PRF_DEFAULT = 'http://www.w3.org/2000/09/xmldsig#hmac-sha1'

const derivationOf = (derived: XmlElement): Derivation => {
  const method = foreignChild(derived, 'KeyDerivationMethod')
  const parameters = foreignChild(method, 'PBKDF2-params')
  const number = (name: string): number => wholeNumber(textOf(foreignChild(parameters, name))) ?? 0
  const prf = foreignChild(parameters, 'PRF')?.attributes.get('Algorithm')?.trim()
  const by = {
    algorithm: method?.attributes.get('Algorithm')?.trim() ?? '',
    salt: requiredBytes(foreignChild(parameters, 'Salt'), 'Specified'),
    iterations: number('IterationCount'),
    keyBytes: number('KeyLength'),
    hash: hashOfHmac(prf ?? PRF_DEFAULT, 'the PRF of PBKDF2'),
  }
  const refused = refusedDerivation(by)
  if (refused !== null) {
    throw new KeyFileRefusal(refused, derived.line)
  }
  return by
}

const protectionOf = (root: XmlElement): Protection => {
  const encryption = child(root, 'EncryptionKey')
  const derived = foreignChild(encryption, 'DerivedKey')
  if (derived !== null) {
    const name = textOf(foreignChild(derived, 'MasterKeyName'))
    return { secret: 'passphrase', name, by: derivationOf(derived) }
  }
  const name = textOf(foreignChild(encryption, 'KeyName'))
  if (encryption !== null && name === null) {
    const message = 'is encrypted otherwise than with a pre-shared key or a passphrase'
    throw new KeyFileRefusal(message, encryption.line)
  }
  return { secret: 'key', name }
}

/** RFC 6030 §6.1.1: where the MAC has no key of its own, it takes the one of the values. */
const macOf = (root: XmlElement, key: Buffer): Lock['mac'] => {
  const method = child(root, 'MACMethod')
  if (method === null) {
    return null
  }
  const hash = hashOfHmac(method.attributes.get('Algorithm')?.trim() ?? '', 'the MAC of the file')
  const macKey = child(method, 'MACKey')
  return { hash, key: macKey === null ? key : openMacKey(key, encryptedIn(macKey, null)) }
}

const NEEDS = {
  key: 'is encrypted with a pre-shared key: give that',
  passphrase: 'is protected by a passphrase: give that',
} as const

const keyOf = async (protection: Protection, secret: FileSecret | null): Promise<Buffer> => {
  if (protection.secret === 'passphrase' && secret?.kind === 'passphrase') {
    return deriveKey(secret.text, protection.by)
  }
  if (protection.secret === 'key' && secret?.kind === 'key') {
    return Buffer.from(secret.bytes)
  }
  throw new KeyFileRefusal(NEEDS[protection.secret])
}

const problemOf = ({ line, message }: KeyFileRefusal): KeyFileProblem => ({ line, message })

/** The secret is wrong for the whole file where it is so for every key that is encrypted. */
const wrongThroughout = (read: readonly ReadPackage[], encrypted: number): WrongSecret | null => {
  const wrong = read.map(({ refusal }) => refusal).filter((one) => one instanceof WrongSecret)
  return wrong.length > 0 && wrong.length === encrypted ? (wrong[0] ?? null) : null
}

const lockOf = async (
  root: XmlElement,
  protection: Protection,
  secret: FileSecret | null,
): Promise<Lock> => {
  const key = await keyOf(protection, secret)
  return { key, mac: macOf(root, key) }
}

interface Container {
  readonly root: XmlElement
  readonly packages: readonly XmlElement[]
  /** How many of them have their seed encrypted. */
  readonly encrypted: number
  /** What opens them; null: no seed is encrypted. */
  readonly protection: Protection | null
}

/** What a file without anything encrypted has no use for. */
const SIGNS_OF_PROTECTION = ['EncryptionKey', 'MACMethod', 'EncryptedValue']

const notesOf = (counts: ReadonlyMap<string, number>): string[] =>
  [...counts].map(([what, keys]) => (keys === 0 ? what : `${what} (keys: ${keys})`))

const readPackages = (
  { root, packages, encrypted }: Container,
  lock: Lock | null,
): Promise<ReadKeys> | ReadKeys => {
  const counts = new Map<string, number>()
  if (packages.some((pack) => hasSeed(pack, 'PlainValue'))) {
    counts.set(IN_CLEAR, 0)
  }
  const note = (what: string): void => void counts.set(what, (counts.get(what) ?? 0) + 1)
  const isProtected = SIGNS_OF_PROTECTION.some((name) => hasDescendant(root, name))
  const read = packages.map((pack) => readPackage(pack, { lock, isProtected, note }))
  const wrong = wrongThroughout(read, encrypted)
  return wrong === null
    ? { ok: true, entries: read.map(({ entry }) => entry), notes: notesOf(counts) }
    : { ok: false, problem: problemOf(wrong) }
}

const keysOf =
  (container: Container): KeyFile['keys'] =>
  async (secret) => {
    const { root, protection } = container
    try {
      if (protection === null && secret !== null) {
        throw new KeyFileRefusal('is not encrypted, though a passphrase or key was given for it')
      }
      const lock = protection === null ? null : await lockOf(root, protection, secret)
      return await readPackages(container, lock)
    } catch (error) {
      if (error instanceof KeyFileRefusal) {
        return { ok: false, problem: problemOf(error) }
      }
      throw error
    }
  }

const readContainer = (text: string): Container => {
  const root = parseXml(text)
  if (root.name !== 'KeyContainer' || root.namespace !== PSKC_NAMESPACE) {
    throw new KeyFileRefusal('is XML, but not a KeyContainer of PSKC (RFC 6030)', root.line)
  }
  if (!['1.0', undefined].includes(root.attributes.get('Version')?.trim())) {
    throw new KeyFileRefusal('is PSKC of another version than 1.0', root.line)
  }
  const packages = children(root, 'KeyPackage')
  if (packages.length === 0) {
    throw new KeyFileRefusal('holds no key')
  }
  if (packages.length > KEYS_MAX) {
    throw new KeyFileRefusal(`holds more than ${KEYS_MAX} keys`)
  }
  const encrypted = packages.filter((pack) => hasSeed(pack, 'EncryptedValue')).length
  return { root, packages, encrypted, protection: encrypted === 0 ? null : protectionOf(root) }
}

/** Reads a Portable Symmetric Key Container (RFC 6030), as far as it goes without its secret. */
export const openPskc = (text: string): OpenedKeyFile =>
  orProblem((): OpenedKeyFile => {
    const container = readContainer(text)
    const { packages, protection } = container
    return {
      ok: true,
      file: {
        format: 'pskc',
        needs: protection === null ? null : { secret: protection.secret, name: protection.name },
        count: packages.length,
        keys: keysOf(container),
      },
    }
  })
