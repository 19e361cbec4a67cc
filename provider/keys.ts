import { generateKeyPair, hkdfSync, randomBytes } from 'node:crypto'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { AppError } from '../accounts/errors.ts'
import type { VersionedKeys } from '../accounts/seal.ts'
import { readOrCreatePrivateFile } from './key_file.ts'
import {
  asSigningKey,
  isRecord,
  KEY_BYTES,
  KeyProblem,
  parseBytes,
  parseCookieKeys,
  parseJson,
  parseSigningKeys,
  parseVersionedKeys,
  RSA_BITS_MIN,
  type SigningKeySet,
} from './key_texts.ts'
import { type GivenKeys, KEY_VARIABLES, type KeyName } from './settings_variables.ts'

/** Everything secret that the gateway keeps outside its database. */
export interface Keys {
  /**
   * Private JWK Set. The first key of an algorithm signs; those after it are only published, so
   * that applications know the next key before it signs, and the previous one while it is needed.
   */
  readonly signing: SigningKeySet
  /** The first signs cookies; all are accepted. */
  readonly cookies: readonly string[]
  /** Seals hashes of passwords and PINs. */
  readonly pepper: VersionedKeys
  /** Seals what has to be read again, such as seeds of OTP keys. */
  readonly sealing: VersionedKeys
  /** Makes one person's `sub` different at each application that asks for it. */
  readonly pairwise: Buffer
  /** Keyed hashes: subjects of tries. */
  readonly digest: Buffer
  /** 32 bytes, as oidc-provider wants them for DPoP nonces. */
  readonly dpopNonce: Buffer
}

const KEYS_FILE = 'keys.json'
const FIRST_KEY_ID = 'k1'

const newKeyPair = promisify(generateKeyPair)

/**
 * The gateway's keys: those given, and the rest from `keys.json` in the data folder, which the
 * first start makes. Two starters end with one set. Throws `AppError('unavailable')` with what is
 * wrong and how to put it right, naming the variable or the file, never a value.
 */
export async function loadKeys(options: { dataFolder: string; given: GivenKeys }): Promise<Keys> {
  const { dataFolder, given } = options
  const file = join(dataFolder, KEYS_FILE)
  const allGiven = KEY_NAMES.every((name) => given[name] !== undefined)
  const stored = allGiven ? {} : await readOrCreate(dataFolder, file)
  const read = <T>(name: KeyName, parse: (text: string) => T): T => {
    const fromVariable = given[name]
    const where = fromVariable === undefined ? `${file}, "${name}"` : KEY_VARIABLES[name].variable
    return parsed(fromVariable ?? stored[name], where, parse)
  }
  return {
    signing: read('signing', parseSigningKeys),
    cookies: read('cookies', parseCookieKeys),
    pepper: read('pepper', parseVersionedKeys),
    sealing: read('sealing', parseVersionedKeys),
    pairwise: read('pairwise', parseBytes),
    digest: read('digest', parseBytes),
    dpopNonce: read('dpopNonce', parseBytes),
  }
}

const KEY_NAMES = Object.keys(KEY_VARIABLES) as KeyName[]

function parsed<T>(text: string | undefined, where: string, parse: (text: string) => T): T {
  try {
    if (text === undefined) throw new KeyProblem('is missing')
    return parse(text)
  } catch (error) {
    if (!(error instanceof KeyProblem)) throw error
    throw refusal(`${where} ${error.message}`)
  }
}

const refusal = (message: string): AppError => new AppError('unavailable', message)

type Texts = { readonly [name in KeyName]?: string | undefined }

async function readOrCreate(folder: string, file: string): Promise<Texts> {
  const make = async () => `${JSON.stringify(await newKeys(), null, 2)}\n`
  return textsOf(await readOrCreatePrivateFile(folder, KEYS_FILE, make), file)
}

/** Each key as the text that its variable would carry, whatever JSON it is written in. */
function textsOf(text: string, file: string): Texts {
  const json = parseJson(text)
  if (!isRecord(json)) {
    throw refusal(`${file} is not the JSON that the first start made. Put its backup back`)
  }
  const unknown = Object.keys(json).find((name) => !Object.hasOwn(KEY_VARIABLES, name))
  if (unknown !== undefined) throw refusal(`${file} has "${unknown}", which is no key of ours`)
  return Object.fromEntries(
    Object.entries(json).map(([name, value]) => [
      name,
      typeof value === 'string' ? value : JSON.stringify(value),
    ]),
  )
}

async function newKeys(): Promise<Record<KeyName, unknown>> {
  const [ec, rsa] = await Promise.all([
    newKeyPair('ec', { namedCurve: 'P-256' }),
    newKeyPair('rsa', { modulusLength: RSA_BITS_MIN }),
  ])
  return {
    signing: {
      keys: [asSigningKey(ec.privateKey, 'ES256'), asSigningKey(rsa.privateKey, 'RS256')],
    },
    cookies: `${newKey()},${newKey()}`,
    pepper: `${FIRST_KEY_ID}:${newKey()}`,
    sealing: `${FIRST_KEY_ID}:${newKey()}`,
    pairwise: newKey(),
    digest: newKey(),
    dpopNonce: newKey(),
  }
}

const newKey = (): string => randomBytes(KEY_BYTES).toString('base64url')

/** Tells one key from another without telling the key. */
export interface KeyCheckValue {
  readonly name: string
  readonly keyId: string
  readonly value: string
}

/** Kept in the database, shared by all processes. */
export interface KeyCheckStore {
  /**
   * In one transaction: stores those of `values` whose name and key id are not there yet, and
   * changes none. Returns every value stored afterwards, those not asked for included.
   */
  readOrInsert(values: readonly KeyCheckValue[]): Promise<readonly KeyCheckValue[]>
}

/** Keys without which what the database holds is worthless. They have ids where they rotate. */
const CHECKED: Readonly<Record<string, (keys: Keys) => VersionedKeys['keys']>> = {
  pepper: ({ pepper }) => pepper.keys,
  sealing: ({ sealing }) => sealing.keys,
  pairwise: ({ pairwise }) => new Map([[FIRST_KEY_ID, pairwise]]),
  digest: ({ digest }) => new Map([[FIRST_KEY_ID, digest]]),
}

/** One value for each key that the database depends on. */
export function keyCheckValues(keys: Keys): KeyCheckValue[] {
  return Object.entries(CHECKED).flatMap(([name, keysOf]) =>
    [...keysOf(keys)].map(([keyId, key]) => ({ name, keyId, value: checkValue(name, key) })),
  )
}

/** HKDF (RFC 5869) is HMAC based and one way; the label keeps this apart from any other use. */
const checkValue = (name: string, key: Uint8Array): string =>
  Buffer.from(hkdfSync('sha256', key, '', `vestibule key check ${name}`, KEY_BYTES)).toString(
    'base64url',
  )

/**
 * Refuses to go on with keys other than those the database was made with: everybody's password
 * would seem wrong, and everybody's pairwise `sub` would change. Throws `AppError('unavailable')`
 * that names each such key and what to do. Keys added beside the old ones are stored.
 */
export async function assertKeyChecks(keys: Keys, store: KeyCheckStore): Promise<void> {
  const ours = keyCheckValues(keys)
  // Read before anything is stored: a start that is refused must leave no trace, or the next one,
  // with the right keys, would miss those of the wrong one.
  assertSame(ours, await store.readOrInsert([]))
  assertSame(ours, await store.readOrInsert(ours))
}

function assertSame(ours: readonly KeyCheckValue[], stored: readonly KeyCheckValue[]): void {
  const ofOurs = stored.filter(({ name }) => Object.hasOwn(CHECKED, name)) // A newer version may check more.
  const problems = ofOurs.flatMap((value) => difference(ours, value))
  if (problems.length === 0) return
  const fix = `Start with the keys this database was made with: its ${KEYS_FILE}, or the variables`
  throw refusal(`${problems.join('. ')}. ${fix}`)
}

function difference(ours: readonly KeyCheckValue[], stored: KeyCheckValue): string[] {
  const { name, keyId, value } = stored
  const own = ours.find((one) => one.name === name && one.keyId === keyId)
  if (own?.value === value) return []
  const variable = KEY_NAMES.find((one) => one === name)
  const what = `The ${name} key "${keyId}"${variable ? ` (${KEY_VARIABLES[variable].variable})` : ''}`
  return own === undefined
    ? [`${what} is missing: the database still needs it, after the current one`]
    : [`${what} is not the one that the database was made with`]
}
