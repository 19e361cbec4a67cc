import { createHash } from 'node:crypto'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import {
  type ImportKeysOptions,
  importKeys,
  type KeyEvent,
  type KeysReport,
} from '../../accounts/import_keys.ts'
import type { KeyEntry } from '../../accounts/key_entry.ts'
import { openKeyFile } from '../../accounts/key_file.ts'
import { openSeed } from '../../accounts/otp_seed.ts'
import { type Office, openOffice } from '../cli/office.ts'
import { makePskc, SEED } from '../fixtures/pskc/maker.ts'

/** Each serial its own seed. */
const hexOf = (serial: string): string => createHash('sha1').update(serial).digest('hex')
const HEX = SEED.toString('hex')
const A = `A1,${HEX},totp,6,30`
const HEX_B = hexOf('B2')
const B = `B2,${HEX_B},hotp,8,0`
const HEX_C = hexOf('C3')

let office: Office

interface Done {
  readonly report: KeysReport
  readonly events: readonly KeyEvent[]
}

const entries = async (file: string): Promise<readonly KeyEntry[]> => {
  const opened = openKeyFile(Buffer.from(file))
  const read = opened.ok ? await opened.file.keys(null) : opened
  if (!read.ok) {
    throw new Error(read.problem.message)
  }
  return read.entries
}

const take = async (file: string, options: Partial<ImportKeysOptions> = {}): Promise<Done> => {
  const events: KeyEvent[] = []
  const report = await importKeys(office.core.deps, await entries(file), {
    dryRun: false,
    by: 'cli:office',
    source: 'keys.csv',
    sha256: 'abc',
    on: (event) => events.push(event),
    ...options,
  })
  return { report, events }
}

const reasons = async (...lines: string[]): Promise<(string | null)[]> =>
  (await take(lines.join('\n'))).events.map((event) => ('reason' in event ? event.reason : null))

const stock = () => office.core.deps.store.otpKeys.list({}, null, 100)
const find = (serial: string) => office.core.deps.store.otpKeys.find(serial)

describe('a file of keys', () => {
  beforeEach(async () => {
    office = await openOffice()
  })
  afterEach(() => office.close())

  it('puts its keys in stock, their seeds sealed', async () => {
    const { report, events } = await take(`${A}\n${B}\nC3,${HEX_C},TOTP,7,60,sha-256\n`)
    expect(report).toEqual({ added: 3, unchanged: 0, rejected: 0, imported: true })
    expect(events).toEqual([
      { outcome: 'added', line: 1, serial: 'A1' },
      { outcome: 'added', line: 2, serial: 'B2' },
      { outcome: 'added', line: 3, serial: 'C3' },
    ])
    expect(await stock()).toMatchObject([
      { serial: 'A1', kind: 'totp', digits: 6, periodSeconds: 30, algorithm: 'SHA1', next: 0 },
      { serial: 'B2', kind: 'hotp', digits: 8, next: 0, state: 'in_stock', source: 'hardware' },
      { serial: 'C3', kind: 'totp', digits: 7, periodSeconds: 60, algorithm: 'SHA256', sub: null },
    ])
    const key = await find('A1')
    expect(key === null ? null : Buffer.from(openSeed(office.core.deps, key))).toEqual(SEED)
  })

  it('changes nothing the second time', async () => {
    await take(`${A}\n${B}`)
    const before = await stock()
    office.later(60_000)
    expect((await take(`${A}\n${B}`)).report).toEqual({
      ...{ added: 0, unchanged: 2, rejected: 0 },
      imported: true,
    })
    expect(await stock()).toEqual(before)
  })

  it('may name a key that has been used since, and sets no counter back', async () => {
    await take(B)
    const key = await find('B2')
    expect(key).not.toBeNull()
    if (key !== null) {
      await office.core.deps.store.otpKeys.save({ ...key, next: 57 })
    }
    expect((await take(B)).report).toMatchObject({ unchanged: 1, rejected: 0 })
    expect((await find('B2'))?.next).toBe(57)
    expect(await reasons(`B2,${HEX_B},hotp,8,58`)).toEqual([
      'this serial is here already, with a smaller counter',
    ])
  })

  it('adds no key at all where one is rejected', async () => {
    const { report, events } = await take(`${A}\nB2,${HEX_B},hotp,5,0\nC3,${HEX_C},totp,6,30`)
    expect(report).toEqual({ added: 2, unchanged: 0, rejected: 1, imported: false })
    expect(events[1]).toEqual({
      ...{ outcome: 'rejected', line: 2, serial: 'B2' },
      reason: 'a code has 6 to 8 digits',
    })
    expect(await stock()).toEqual([])
  })

  it('leaves nothing behind when the store fails halfway', async () => {
    const { deps } = office.core
    const { store } = deps
    const failing: typeof store = {
      ...store,
      transact: (act) =>
        store.transact((tables) =>
          act({
            ...tables,
            audit: { ...tables.audit, append: () => Promise.reject(new Error('the disk is full')) },
          }),
        ),
    }
    const key = { serial: 'A1', kind: 'totp', algorithm: 'SHA1', digits: 6 } as const
    const entry = { ...key, periodSeconds: 30, counter: 0, seed: SEED }
    const options = { dryRun: false, by: 'x', source: 'x', sha256: 'x', on: () => {} }
    await expect(
      importKeys({ ...deps, store: failing }, [{ ok: true, line: 1, key: entry }], options),
    ).rejects.toThrow('the disk is full')
    expect(await stock()).toEqual([])
  })

  it('writes nothing when it is only tried', async () => {
    const { report } = await take(A, { dryRun: true })
    expect(report).toEqual({ added: 1, unchanged: 0, rejected: 0, imported: false })
    expect(await stock()).toEqual([])
    expect(await office.audit()).toEqual([])
  })

  it('is rejected for a serial that it names twice, however it is spelt', async () => {
    expect(await reasons(A, B, `a 1,${HEX},totp,6,30`)).toEqual([
      null,
      null,
      'this serial stands on line 1 already',
    ])
  })

  it('is rejected for a seed that two of its keys share, and names both lines', async () => {
    const { report, events } = await take(`${A}\n${B}\nC3,${HEX.toUpperCase()},hotp,8,0`)
    expect(report).toEqual({ added: 2, unchanged: 0, rejected: 1, imported: false })
    expect(events[2]).toEqual({
      ...{ outcome: 'rejected', line: 3, serial: 'C3' },
      reason: 'its seed stands on line 1 already, for another serial',
    })
    expect(await stock()).toEqual([])
  })

  it('is rejected for a serial that has another seed or other parameters here', async () => {
    await take(A)
    const other = Buffer.alloc(20, 7).toString('hex')
    const seed = 'this serial is here already, with another seed'
    const parameters = 'this serial is here already, with other parameters'
    expect(await reasons(`A1,${other},totp,6,30`)).toEqual([seed])
    expect(await reasons(`A1,${HEX},totp,8,30`)).toEqual([parameters])
    expect(await reasons(`A1,${HEX},totp,6,60`)).toEqual([parameters])
    expect(await reasons(`A1,${HEX},totp,6,30,SHA512`)).toEqual([parameters])
    expect(await reasons(`A1,${HEX},hotp,6,0`)).toEqual([parameters])
  })

  it('is imported once by two that run at the same time', async () => {
    const both = await Promise.all([take(`${A}\n${B}`), take(`${A}\n${B}`)])
    expect(both.map(({ report }) => report.added).sort()).toEqual([0, 2])
    expect(await stock()).toHaveLength(2)
  })

  it('leaves in the audit who imported what, and what was refused', async () => {
    await take(`${A}\n${B}`)
    await take(`A1,${HEX},totp,8,30`)
    const [refused, done] = await office.audit()
    expect(done).toMatchObject({
      ...{ act: 'keys_imported', outcome: 'done', actor: 'cli:office' },
      detail: { source: 'keys.csv', sha256: 'abc', added: 2, unchanged: 0, rejected: 0 },
    })
    expect(refused).toMatchObject({
      ...{ act: 'keys_imported', outcome: 'refused', actor: 'cli:office' },
      detail: { added: 0, rejected: 1 },
    })
  })

  it('leaves its seeds in no file of the data, no event and no audit entry', async () => {
    const seed = Buffer.from('c4n4ry-s33d-0f-k3y!!')
    const base64 = seed.toString('base64')
    const base32 = 'MM2G4NDSPEWXGMZTMQWTAZRNNMZXSIJB'
    const forms = [seed, ...[seed.toString('hex'), base64, base32].map((text) => Buffer.from(text))]
    const csv = await take(`A1,${seed.toString('hex')},totp,6,30`)
    const pskc = await take(makePskc({ keys: [{ serial: 'B2', seed }] }))
    const twice = await take(
      `D4,${seed.toString('hex')},totp,6,30\nE5,${seed.toString('hex')},totp,6,30`,
    )
    const refused = await take(`C3,${seed.toString('hex')},totp,6,31`)
    const told = Buffer.from(JSON.stringify([csv, pskc, twice, refused, await office.audit()]))
    const folder = join(office.folder, 'data')
    const files = readdirSync(folder, { recursive: true, withFileTypes: true })
      .filter((file) => file.isFile())
      .map((file) => readFileSync(join(file.parentPath, file.name)))
    // What is looked for is found where it is: the serials stand in the same files.
    expect(files.some((file) => file.includes('A1'))).toBe(true)
    for (const form of forms) {
      expect([told, ...files].filter((bytes) => bytes.includes(form))).toEqual([])
      const turned = Buffer.from(form.toString('latin1').toUpperCase(), 'latin1')
      expect([told, ...files].filter((bytes) => bytes.includes(turned))).toEqual([])
    }
  })
})

describe('lines of keys', () => {
  it.each([
    ['a header', `serial,seed,type,digits,period\n${A}`],
    [
      'a header in French',
      `Numéro de série;Graine;Type;Chiffres;Période\n${A.replaceAll(',', ';')}`,
    ],
    ['semicolons', A.replaceAll(',', ';')],
    ['spaces', ` A1 , ${HEX} , totp , 6 , 30 `],
    ['spaces between the bytes', A.replace(HEX, HEX.replaceAll(/(..)/g, '$1 ').trim())],
    ['quotes', `"A1","${HEX}","totp","6","30"`],
    ['a byte order mark and the line ends of Windows', `\ufeff${A}\r\n\r\n`],
    ['hexadecimal in capitals, and a hash', `a1,${HEX.toUpperCase()},TOTP,6,30,HMAC-SHA1`],
  ])('may have %s', async (_, file) => {
    const key = { serial: 'A1', kind: 'totp', digits: 6, periodSeconds: 30, seed: SEED }
    expect(await entries(file)).toMatchObject([{ ok: true, key }])
  })

  it.each([
    ['a kind that is none', `A1,${HEX},otp,6,30`, 'neither totp nor hotp'],
    ['a seed that is not hexadecimal', 'A1,zz,totp,6,30', 'the seed is not written'],
    ['half a byte', `A1,${HEX}1,totp,6,30`, 'the seed is not written'],
    ['a short seed', 'A1,313233343536373839303132333435,totp,6,30', 'fewer than 128 bits'],
    ['no period', `A1,${HEX},totp,6,`, 'lasts 30 or 60'],
    ['no counter', `A1,${HEX},hotp,6,`, 'a counter is'],
    ['digits in words', `A1,${HEX},totp,six,30`, '6 to 8 digits'],
    ['too few cells', `A1,${HEX},totp`, 'has 3 cells'],
    ['too many cells', `${A},SHA1,7`, 'has 7 cells'],
    ['no serial', `,${HEX},totp,6,30`, 'a serial is'],
    ['columns in another order', `${HEX},A1,totp,6,30`, 'a seed seems to stand'],
  ])('are rejected with %s, and nothing of the seed is said', async (_, line, why) => {
    const [entry, next] = await entries(`${line}\n${B}`)
    expect(entry).toMatchObject({ ok: false, line: 1, reason: expect.stringContaining(why) })
    expect(JSON.stringify(entry)).not.toContain(HEX.slice(0, 20))
    expect(next).toMatchObject({ ok: true, line: 2 })
  })

  it('count from the first of the file, a header and empty ones included', async () => {
    const read = await entries(`serial,seed,type,digits,period\r\n\r\n${A}\r\n${B}\r\n`)
    expect(read.map(({ line }) => line)).toEqual([3, 4])
  })

  it.each([
    ['a quote never closed', `${A}\n"B2,${HEX},hotp,8,0`, 'is not CSV'],
    ['a header alone', 'serial,seed,type,digits,period\n', 'holds no key'],
    [
      'more than 20,000 keys',
      Array.from({ length: 20_001 }, (_, i) => `S${i},${HEX},totp,6,30`).join('\n'),
      'holds more than 20000 keys',
    ],
  ])('are refused as a whole with %s', async (_, file, message) => {
    await expect(entries(file)).rejects.toThrow(message)
  })
})
