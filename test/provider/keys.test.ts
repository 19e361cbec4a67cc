import { generateKeyPairSync, type KeyObject, randomBytes } from 'node:crypto'
import {
  chmodSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { calculateJwkThumbprint, importJWK, jwtVerify, SignJWT } from 'jose'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { AppError } from '../../accounts/errors.ts'
import {
  assertKeyChecks,
  type KeyCheckStore,
  type KeyCheckValue,
  type Keys,
  keyCheckValues,
  loadKeys,
} from '../../provider/keys.ts'
import { type GivenKeys, KEY_VARIABLES, type KeyName } from '../../provider/settings_variables.ts'

let folder = ''
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'vestibule-keys-'))
})
afterEach(() => rmSync(folder, { recursive: true, force: true }))

const data = () => join(folder, 'data')
const file = () => join(data(), 'keys.json')
const load = (given: GivenKeys = {}, dataFolder = data()) => loadKeys({ dataFolder, given })
const modeOf = (path: string) => (statSync(path).mode & 0o777).toString(8)
const base64 = () => randomBytes(32).toString('base64')

/** What a start that is refused says. */
const refusalOf = async (starting: Promise<unknown>): Promise<string> => {
  const error = await starting.then(
    () => new Error('it started'),
    (refusal: unknown) => refusal,
  )
  if (error instanceof AppError) return error.message
  throw error
}

describe('the first start', () => {
  it('makes the keys in a folder and a file that only their owner reads', async () => {
    await load()
    expect([modeOf(data()), modeOf(file())]).toEqual(['700', '600'])
    expect(readdirSync(data())).toEqual(['keys.json'])
  })

  it('makes no two keys alike, and none like those of another gateway', async () => {
    const [one, two] = await Promise.all([load(), load({}, join(folder, 'other'))])
    const all = [one, two].flatMap((keys) => [
      ...keys.cookies,
      ...[...keys.pepper.keys.values(), ...keys.sealing.keys.values()].map(String),
      ...[keys.pairwise, keys.digest, keys.dpopNonce].map(String),
      ...keys.signing.keys.map(({ kid }) => kid),
    ])
    expect(all).toHaveLength(18)
    expect(new Set(all).size).toBe(18)
  })

  it('is followed by starts that find the same keys', async () => {
    const first = await load()
    const text = readFileSync(file(), 'utf8')
    expect(await load()).toEqual(first)
    expect(readFileSync(file(), 'utf8')).toBe(text)
  })

  it('gives one set to all who start at the same moment', async () => {
    const [first, ...others] = await Promise.all(Array.from({ length: 6 }, () => load()))
    for (const keys of others) expect(keys).toEqual(first)
    expect(await load()).toEqual(first)
    expect(readdirSync(data())).toEqual(['keys.json'])
  })

  it('is not misled by what a start that was killed left behind', async () => {
    const first = await load()
    rmSync(file())
    writeFileSync(join(data(), 'keys.json.0123456789abcdef'), '{"pepper":', { mode: 0o600 })
    expect((await load()).pairwise).not.toEqual(first.pairwise)
  })
})

describe('the signing keys', () => {
  it('are ES256 first and RS256 of 2048 bits, named by their RFC 7638 thumbprint', async () => {
    const { signing } = await load()
    expect(signing.keys.map(({ alg, use }) => [alg, use])).toEqual([
      ['ES256', 'sig'],
      ['RS256', 'sig'],
    ])
    expect(Buffer.from(signing.keys[1]?.n ?? '', 'base64url')).toHaveLength(256)
    for (const { kid, ...jwk } of signing.keys) expect(kid).toBe(await calculateJwkThumbprint(jwk))
  })

  it('sign what others can check', async () => {
    const { signing } = await load()
    for (const jwk of signing.keys) {
      const { d: _, p: __, q: ___, dp: ____, dq: _____, qi: ______, ...shown } = jwk
      const token = await new SignJWT({ sub: 'anne' })
        .setProtectedHeader({ alg: jwk.alg })
        .sign(await importJWK({ ...jwk }))
      expect((await jwtVerify(token, await importJWK(shown))).payload.sub).toBe('anne')
    }
  })
})

describe('a folder or file that others on the machine could use', () => {
  it.each([0o640, 0o604, 0o660, 0o644])('refuses a file of mode %o, with the fix', async (mode) => {
    await load()
    chmodSync(file(), mode)
    const message = await refusalOf(load())
    expect(message).toContain(mode.toString(8))
    expect(message).toContain(`chmod 600 '${file()}'`)
    chmodSync(file(), 0o600)
    await load()
  })

  it.each([0o770, 0o777, 0o1777])('refuses a folder of mode %o, with the fix', async (mode) => {
    await load()
    chmodSync(data(), mode)
    expect(await refusalOf(load())).toContain(`chmod 700 '${data()}'`)
  })

  it('takes a file that is read-only for its owner', async () => {
    const keys = await load()
    chmodSync(file(), 0o400)
    expect(await load()).toEqual(keys)
  })
})

describe('a damaged file', () => {
  const rewrite = (change: (json: Record<string, unknown>) => void) => {
    const json = JSON.parse(readFileSync(file(), 'utf8')) as Record<string, unknown>
    change(json)
    writeFileSync(file(), JSON.stringify(json))
  }

  it.each(['', '{"pepper":"k1:CANARY', '[]', 'null', '"CANARY"'])(
    'is refused, not replaced, and not quoted: %j',
    async (text) => {
      await load()
      writeFileSync(file(), text)
      const message = await refusalOf(load())
      expect(message).toContain(file())
      expect(message).not.toContain('CANARY')
      expect(readFileSync(file(), 'utf8')).toBe(text)
    },
  )

  it.each(Object.keys(KEY_VARIABLES))(
    'is refused where %s is missing or nonsense',
    async (name) => {
      await load()
      rewrite((json) => {
        json[name] = 'CANARY'
      })
      const nonsense = await refusalOf(load())
      expect(nonsense).toContain(`"${name}"`)
      expect(nonsense).not.toContain('CANARY')
      rewrite((json) => delete json[name])
      expect(await refusalOf(load())).toContain(`"${name}" is missing`)
    },
  )

  it('is refused where it holds a key that is not known', async () => {
    await load()
    rewrite((json) => {
      json['toString'] = 'CANARY'
    })
    expect(await refusalOf(load())).toContain('"toString"')
  })
})

const jwkOf = (key: KeyObject) => key.export({ format: 'jwk' })
const ecPair = generateKeyPairSync('ec', { namedCurve: 'P-256' })
const rsaPair = generateKeyPairSync('rsa', { modulusLength: 2048 })
const ec = jwkOf(ecPair.privateKey)
const rsa = jwkOf(rsaPair.privateKey)
const jwks = (...keys: object[]) => JSON.stringify({ keys })

const allGiven = (): Required<GivenKeys> => ({
  signing: jwks(ec, rsa),
  cookies: `${base64()}, ${base64()}`,
  pepper: `p2:${base64()}, p1:${base64()}`,
  sealing: `s1:${base64()}`,
  pairwise: base64(),
  digest: `${base64()}\n`,
  dpopNonce: randomBytes(32).toString('base64url'),
})

describe('keys given by variables', () => {
  it('leave the data folder alone where all of them are given', async () => {
    const given = allGiven()
    const keys = await load(given)
    expect(existsSync(data())).toBe(false)
    expect(keys.cookies).toHaveLength(2)
    expect([keys.pepper.current, [...keys.pepper.keys.keys()]]).toEqual(['p2', ['p2', 'p1']])
    expect(keys.pairwise).toEqual(Buffer.from(given.pairwise ?? '', 'base64'))
    expect(keys.dpopNonce).toHaveLength(32)
  })

  it('stand before the file, which gives the others', async () => {
    const stored = await load()
    const pairwise = base64()
    expect(await load({ pairwise })).toEqual({
      ...stored,
      pairwise: Buffer.from(pairwise, 'base64'),
    })
  })

  it('may be taken from the file word for word', async () => {
    const stored = await load()
    const json = JSON.parse(readFileSync(file(), 'utf8')) as Record<KeyName, unknown>
    const given = Object.fromEntries(
      Object.entries(json).map(([name, value]) => [
        name,
        typeof value === 'string' ? value : JSON.stringify(value),
      ]),
    )
    expect(await load(given, join(folder, 'nowhere'))).toEqual(stored)
  })

  it('publish the next signing key after the current one', async () => {
    const next = jwkOf(generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey)
    const { signing } = await load({ signing: jwks(ec, next, rsa) })
    expect(signing.keys.map(({ alg, x }) => [alg, x])).toEqual([
      ['ES256', ec.x],
      ['ES256', next.x],
      ['RS256', undefined],
    ])
  })

  const small = jwkOf(generateKeyPairSync('rsa', { modulusLength: 1024 }).privateKey)
  const otherCurve = jwkOf(generateKeyPairSync('ec', { namedCurve: 'P-384' }).privateKey)
  it.each<[what: string, name: KeyName, value: string]>([
    ['signing keys that are no JSON', 'signing', 'CANARY'],
    ['signing keys that are no set', 'signing', '{"CANARY":1}'],
    ['signing keys with an entry that is no key', 'signing', jwks(ec, rsa, { kty: 'CANARY' })],
    ['public signing keys', 'signing', jwks(jwkOf(ecPair.publicKey), rsa)],
    ['a small RSA key', 'signing', jwks(ec, small)],
    ['another curve', 'signing', jwks(ec, rsa, otherCurve)],
    ['no key for RS256', 'signing', jwks(ec)],
    ['no key for ES256', 'signing', jwks(rsa)],
    ['one signing key twice', 'signing', jwks(ec, rsa, ec)],
    ['no cookie key', 'cookies', ''],
    ['a short cookie key', 'cookies', `${base64()},CANARY`],
    ['a pepper without a name', 'pepper', `CANARY${base64()}`],
    ['a pepper with an odd name', 'pepper', `CANARY.1:${base64()}`],
    ['a short pepper', 'pepper', 'p1:CANARY'],
    ['one pepper name twice', 'pepper', `CANARY:${base64()},CANARY:${base64()}`],
    ['a sealing key that is too long', 'sealing', `s1:${base64()}CANARY`],
    ['an empty pairwise salt', 'pairwise', ''],
    ['a digest key that is not base64', 'digest', `CANARY ${'é'.repeat(40)}`],
    ['a short secret for DPoP nonces', 'dpopNonce', randomBytes(31).toString('base64')],
  ])('are refused by the name of the variable, never quoted: %s', async (_, name, value) => {
    const message = await refusalOf(load({ ...allGiven(), [name]: value }))
    expect(message.startsWith(`${KEY_VARIABLES[name].variable} `)).toBe(true)
    expect(message).not.toContain('CANARY')
    expect(value === '' || !message.includes(value)).toBe(true)
    expect(existsSync(data())).toBe(false)
  })
})

/** What the store promises, in memory. */
const memoryChecks = () => {
  const rows = new Map<string, KeyCheckValue>()
  const store: KeyCheckStore = {
    async readOrInsert(values) {
      for (const value of values) {
        const id = `${value.name} ${value.keyId}`
        if (!rows.has(id)) rows.set(id, value)
      }
      return [...rows.values()]
    },
  }
  return { store, rows: () => [...rows.values()] }
}

describe('a database and its keys', () => {
  it('know each other by values that tell nothing of a key', async () => {
    const keys = await load(allGiven())
    const values = keyCheckValues(keys)
    expect(values.map(({ name, keyId }) => [name, keyId])).toEqual([
      ['pepper', 'p2'],
      ['pepper', 'p1'],
      ['sealing', 's1'],
      ['pairwise', 'k1'],
      ['digest', 'k1'],
    ])
    const secrets = [keys.pairwise, keys.digest, ...keys.pepper.keys.values()]
    for (const { value } of values) {
      expect(Buffer.from(value, 'base64url')).toHaveLength(32)
      expect(secrets).not.toContainEqual(Buffer.from(value, 'base64url'))
    }
  })

  it('never make one key look like another that has the same bytes', async () => {
    const same = base64()
    const keys = await load({ ...allGiven(), pairwise: same, digest: same })
    const values = keyCheckValues(keys).map(({ value }) => value)
    expect(new Set(values).size).toBe(values.length)
  })

  it('start together as often as one likes', async () => {
    const keys = await load()
    const { store, rows } = memoryChecks()
    await assertKeyChecks(keys, store)
    await assertKeyChecks(keys, store)
    expect(rows()).toEqual(keyCheckValues(keys))
  })

  it.each<[name: KeyName, value: string]>([
    ['pepper', `k1:${base64()}`],
    ['sealing', `k1:${base64()}`],
    ['pairwise', base64()],
    ['digest', base64()],
  ])('refuse another %s, by name, and nothing of it stays', async (name, value) => {
    const { store, rows } = memoryChecks()
    const own = await load()
    await assertKeyChecks(own, store)
    const message = await refusalOf(assertKeyChecks(await load({ [name]: value }), store))
    expect(message).toContain(KEY_VARIABLES[name].variable)
    expect(message).toContain('keys.json')
    for (const other of Object.keys(KEY_VARIABLES).filter((one) => one !== name)) {
      expect(message).not.toContain(KEY_VARIABLES[other as KeyName].variable)
    }
    expect(rows()).toEqual(keyCheckValues(own))
    await assertKeyChecks(own, store)
  })

  it('refuse a pepper of another name, and still start with their own afterwards', async () => {
    const { store } = memoryChecks()
    const own = await load()
    await assertKeyChecks(own, store)
    const message = await refusalOf(
      assertKeyChecks(await load({ pepper: `k2:${base64()}` }), store),
    )
    expect(message).toContain('"k1"')
    await assertKeyChecks(own, store)
  })

  it('take a new pepper beside the old one, and from then on need both', async () => {
    const { store, rows } = memoryChecks()
    const own = await load()
    await assertKeyChecks(own, store)
    const old = (own.pepper.keys.get('k1') as Buffer).toString('base64url')
    const rotated: Keys = await load({ pepper: `k2:${base64()},k1:${old}` })
    await assertKeyChecks(rotated, store)
    expect(rows()).toHaveLength(5)
    expect(await refusalOf(assertKeyChecks(own, store))).toContain('"k2"')
  })

  it('refuse the slower of two first starts with different keys', async () => {
    const { store } = memoryChecks()
    const [one, two] = await Promise.all([load(), load({}, join(folder, 'other'))])
    const starts = [assertKeyChecks(one, store), assertKeyChecks(two, store)]
    const outcomes = (await Promise.allSettled(starts)).map(({ status }) => status)
    expect(outcomes).toEqual(['fulfilled', 'rejected'])
  })

  it('leave alone what a newer version checks besides', async () => {
    const { store } = memoryChecks()
    await store.readOrInsert([{ name: 'later', keyId: 'k1', value: 'x' }])
    await assertKeyChecks(await load(), store)
  })
})
