import { describe, expect, it } from 'vitest'
import type { FileSecret, KeyEntry, ReadKeys } from '../../accounts/key_entry.ts'
import { openKeyFile } from '../../accounts/key_file.ts'
import { codeAt } from '../../policies/otp_window.ts'
import {
  type CipherName,
  figure,
  KEY,
  type Made,
  type MadeKey,
  makePskc,
  PASSPHRASE,
  SEED,
} from '../fixtures/pskc/maker.ts'

const WITH_KEY: FileSecret = { kind: 'key', bytes: KEY }
const WITH_PASSPHRASE: FileSecret = { kind: 'passphrase', text: PASSPHRASE }
const WRONG = 'wrong passphrase or key, or the file was changed'

const read = async (file: string, secret: FileSecret | null = null): Promise<ReadKeys> => {
  const opened = openKeyFile(Buffer.from(file))
  return opened.ok ? opened.file.keys(secret) : opened
}

const problem = async (file: string, secret: FileSecret | null = null): Promise<string> => {
  const result = await read(file, secret)
  return result.ok ? 'none' : `${result.problem.line ?? ''}:${result.problem.message}`
}

const entries = async (file: string, secret: FileSecret | null = null) => {
  const result = await read(file, secret)
  return result.ok ? result.entries : []
}

const only = async (file: string, secret: FileSecret | null = null): Promise<KeyEntry> => {
  const [entry, ...others] = await entries(file, secret)
  expect(others).toEqual([])
  return entry ?? { ok: false, line: 0, serial: null, reason: await problem(file, secret) }
}

const reason = async (made: MadeKey): Promise<string> => {
  const entry = await only(makePskc({ keys: [made] }))
  return entry.ok ? 'none' : entry.reason
}

const notes = async (made: Made, secret: FileSecret | null = null): Promise<readonly string[]> => {
  const result = await read(makePskc(made), secret)
  return result.ok ? result.notes : []
}

const FIGURE_KEY = {
  serial: '987654321',
  kind: 'hotp',
  algorithm: 'SHA1',
  digits: 8,
  periodSeconds: 30,
  counter: 0,
  seed: SEED,
}

describe('the figures of RFC 6030', () => {
  it('figure 2 is read, and its key refused: no code length, and a seed of 32 bits', async () => {
    const bare = await only(figure(2))
    expect(bare).toMatchObject({ ok: false, serial: '12345678', line: 4 })
    expect(bare).toMatchObject({ reason: expect.stringContaining('ResponseFormat') })
    const format =
      '<AlgorithmParameters><ResponseFormat Length="6" Encoding="DECIMAL"/></AlgorithmParameters>'
    const whole = await only(figure(2).replace('<Data>', `${format}<Data>`))
    expect(whole).toMatchObject({ ok: false, reason: 'the seed has fewer than 128 bits' })
  })

  it('figure 3, in clear, gives the key, with a warning', async () => {
    const result = await read(figure(3))
    expect(result).toMatchObject({ ok: true, entries: [{ ok: true, line: 4, key: FIGURE_KEY }] })
    expect(result.ok && result.notes).toEqual([expect.stringContaining('in clear')])
    // RFC 4226 appendix D, its last six digits.
    expect(codeAt({ algorithm: 'SHA1', digits: 6 }, SEED, 0)).toBe('755224')
  })

  it('figure 6 opens with the pre-shared key', async () => {
    const opened = openKeyFile(Buffer.from(figure(6)))
    expect(opened.ok && opened.file.needs).toEqual({ secret: 'key', name: 'Pre-shared-key' })
    const result = await read(figure(6), WITH_KEY)
    expect(result).toMatchObject({ ok: true, entries: [{ ok: true, key: FIGURE_KEY }], notes: [] })
  })

  it('figure 7 opens with the passphrase', async () => {
    const opened = openKeyFile(Buffer.from(figure(7)))
    expect(opened.ok && opened.file.needs).toEqual({ secret: 'passphrase', name: 'My Password 1' })
    const result = await read(figure(7), WITH_PASSPHRASE)
    expect(result).toMatchObject({ ok: true, entries: [{ ok: true, key: FIGURE_KEY }] })
    expect(result.ok && result.notes).toEqual(['no Counter in the file: taken as 0 (keys: 1)'])
  })
})

describe('an encrypted file', () => {
  const OPENS: [string, Partial<Made>, FileSecret][] = [
    ...(['aes192-cbc', 'aes256-cbc', 'kw-aes128', 'kw-aes192', 'kw-aes256'] as const).map(
      (cipher: CipherName): [string, Partial<Made>, FileSecret] => {
        const bytes = Buffer.alloc(Number(cipher.replaceAll(/\D/g, '')) / 8, 'k')
        return [cipher, { cipher, key: bytes, mac: 'same' }, { kind: 'key', bytes }]
      },
    ),
    ['HMAC-SHA256 as its MAC', { cipher: 'aes128-cbc', macHash: 'sha256' }, WITH_KEY],
    ['a key wrap and no MAC', { cipher: 'kw-aes128', mac: 'none' }, WITH_KEY],
    [
      'PBKDF2 with HMAC-SHA256',
      { cipher: 'aes256-cbc', passphrase: { text: 'épée', hash: 'sha256' } },
      { kind: 'passphrase', text: 'épée' },
    ],
  ]
  it.each(OPENS)('may use %s', async (_, made, secret) => {
    // Key wrap takes whole blocks of 8 bytes.
    const seed = Buffer.from('a seed of 24 bytes here!')
    const file = makePskc({ keys: [{ serial: 'A1', seed }], ...made })
    expect(await only(file, secret)).toMatchObject({ ok: true, key: { serial: 'A1', seed } })
  })

  describe('that was handled by others', () => {
    const IN_CLEAR = `<Secret><PlainValue>${Buffer.alloc(20, 3).toString('base64')}</PlainValue></Secret>`
    const REFUSAL = 'has its seed in clear, in a file that is encrypted or has a MAC'
    /** The seed of the first key replaced by another, in clear. */
    const replaced = (file: string, more = ''): string =>
      file.replace(/<Secret>.*?<\/Secret>/, `${IN_CLEAR}${more}`)
    const two = makePskc({ keys: [{ serial: 'A1' }, { serial: 'A2' }], cipher: 'aes128-cbc' })
    const encrypted = /<EncryptedValue>.*?<\/EncryptedValue>/.exec(two)?.[0] ?? ''

    it.each([
      ['alone', ''],
      ['with the encrypted one left in its extensions', `<Extensions>${encrypted}</Extensions>`],
    ])('takes no seed in clear %s', async (_, left) => {
      expect(encrypted).not.toBe('')
      const result = await read(replaced(two, left), WITH_KEY)
      expect(result).toMatchObject({
        entries: [
          { ok: false, serial: 'A1', reason: REFUSAL },
          { ok: true, key: { serial: 'A2', seed: SEED } },
        ],
        notes: [expect.stringContaining('in clear')],
      })
      const wrong: FileSecret = { kind: 'key', bytes: Buffer.alloc(16, 9) }
      expect(await problem(replaced(two, left), wrong)).toBe(`:${WRONG}`)
    })

    it('takes none either where nothing but a sign of protection is left', async () => {
      const one = makePskc({ keys: [{ serial: 'A1' }], cipher: 'aes128-cbc' })
      const plain = makePskc({ keys: [{ serial: 'A1' }] })
      const signs = [
        replaced(one),
        replaced(one).replace(/<MACMethod.*<\/MACMethod>/, ''),
        replaced(one).replace(/<EncryptionKey.*<\/EncryptionKey>/, ''),
        plain.replace('</Data>', `<Extensions>${encrypted}</Extensions></Data>`),
        plain.replace('</KeyContainer>', `<Extensions>${encrypted}</Extensions></KeyContainer>`),
      ]
      for (const file of signs) {
        expect(await only(file)).toMatchObject({ ok: false, reason: REFUSAL })
        expect(await problem(file, WITH_KEY)).toContain('is not encrypted, though')
      }
      expect(await only(plain)).toMatchObject({ ok: true })
    })
  })

  it('may encrypt its counter too', async () => {
    const counter = Buffer.from('0000000000000107', 'hex')
    const file = makePskc({ keys: [{ serial: 'A1', kind: 'hotp', counter }], cipher: 'aes128-cbc' })
    expect(await only(file, WITH_KEY)).toMatchObject({ ok: true, key: { counter: 0x107 } })
  })

  it('is refused as a whole when the secret is wrong', async () => {
    const other = Buffer.from('92345678901234567890123456789012', 'hex')
    expect(await problem(figure(6), { kind: 'key', bytes: other })).toBe(`:${WRONG}`)
    expect(await problem(figure(7), { kind: 'passphrase', text: 'qwertz' })).toBe(`:${WRONG}`)
    const bytes = Buffer.alloc(32)
    expect(await problem(figure(6), { kind: 'key', bytes })).toContain('256 bits')
  })

  it('is refused when a secret of the other kind is given, or one it does not need', async () => {
    expect(await problem(figure(6), WITH_PASSPHRASE)).toContain('pre-shared key: give that')
    expect(await problem(figure(7), WITH_KEY)).toContain('passphrase: give that')
    expect(await problem(figure(7))).toContain('passphrase: give that')
    expect(await problem(figure(3), WITH_KEY)).toContain('is not encrypted')
  })

  it('loses a key whose MAC does not match, before its cipher is touched', async () => {
    const two = makePskc({ keys: [{ serial: 'A1' }, { serial: 'A2' }], cipher: 'aes128-cbc' })
    const macs = [...two.matchAll(/<ValueMAC>([^<]+)</g)].map(([, mac = '']) => mac)
    const file = two.replace(
      `<ValueMAC>${macs[0]}`,
      `<ValueMAC>${Buffer.alloc(20).toString('base64')}`,
    )
    expect(await entries(file, WITH_KEY)).toMatchObject([
      { ok: false, serial: 'A1', reason: WRONG },
      { ok: true, key: { serial: 'A2' } },
    ])
    // A cipher value of no whole blocks is noticed by CBC: that the MAC is named shows its turn.
    const cut = two.replace(/(A1<[\s\S]*?<e:CipherValue>)[^<]+/, '$1AAECAwQ=')
    expect(await entries(cut, WITH_KEY)).toMatchObject([{ reason: WRONG }, { ok: true }])
  })

  it('notices one bit turned over in the seed', async () => {
    const file = figure(6).replace('AAECAwQFBgcICQoLDA0OD+', 'AAECAwQFBgcICQoLDA0OD/')
    expect(await problem(file, WITH_KEY)).toBe(`:${WRONG}`)
  })

  it('is refused without a MAC', async () => {
    const none = await only(
      makePskc({ keys: [{ serial: 'A1' }], cipher: 'aes128-cbc', mac: 'none' }),
      WITH_KEY,
    )
    expect(none).toMatchObject({ ok: false, reason: expect.stringContaining('without a MAC') })
    const missing = await only(figure(6).replace(/<ValueMAC>.*<\/ValueMAC>/, ''), WITH_KEY)
    expect(missing).toMatchObject({ ok: false, reason: expect.stringContaining('no ValueMAC') })
  })

  it.each([
    [999, 'PBKDF2 runs from 1000 to 10000000 times'],
    [10_000_001, 'PBKDF2 runs from 1000 to 10000000 times'],
    [999_999_999_999_999, 'PBKDF2 runs from 1000 to 10000000 times'],
  ])('may not ask for %i rounds of PBKDF2', async (iterations, message) => {
    const passphrase = { text: 'a', iterations }
    const file = makePskc({ keys: [{ serial: 'A1' }], cipher: 'aes128-cbc', passphrase })
    expect(await problem(file, WITH_PASSPHRASE)).toContain(message)
  })

  it('is refused where it is for a certificate, or by a cipher that is not known', async () => {
    const certificate = figure(6).replace(/<ds:KeyName>.*<\/ds:KeyName>/, '<ds:X509Data/>')
    expect(await problem(certificate, WITH_KEY)).toContain('otherwise than with a pre-shared key')
    const des = figure(6).replaceAll('aes128-cbc', 'tripledes-cbc')
    expect(await problem(des, WITH_KEY)).toContain('something else than AES')
  })
})

describe('a key in a file', () => {
  it.each([
    ['<Suite>HMAC-SHA256</Suite>', 'SHA256'],
    ['<Suite>HMAC-SHA512</Suite>', 'SHA512'],
    ['<Suite>HMAC-SHA1</Suite>', 'SHA1'],
    ['', 'SHA1'],
  ])('has its hash from %s', async (suite, algorithm) => {
    const parameters = `${suite}<ResponseFormat Length="6" Encoding="DECIMAL"/>`
    const entry = await only(makePskc({ keys: [{ serial: 'A1', parameters }] }))
    expect(entry).toMatchObject({ ok: true, key: { algorithm, digits: 6, kind: 'totp' } })
  })

  it('lasts 60 seconds where the file says so, and 30 where it says nothing', async () => {
    const data = '<TimeInterval><PlainValue>60</PlainValue></TimeInterval>'
    const minute = await only(makePskc({ keys: [{ serial: 'A1', data }] }))
    expect(minute).toMatchObject({ key: { periodSeconds: 60 } })
    const silent = { keys: [{ serial: 'A1', data: '' }] }
    expect(await only(makePskc(silent))).toMatchObject({ key: { periodSeconds: 30 } })
    expect(await notes(silent)).toContain('no TimeInterval in the file: taken as 30 (keys: 1)')
  })

  it('is named by its own id where its device has no serial', async () => {
    const file = makePskc({ keys: [{ serial: 'a1' }] }).replace(/<DeviceInfo>.*<\/DeviceInfo>/, '')
    expect(await only(file)).toMatchObject({ ok: true, key: { serial: 'ID-A1' } })
  })

  const FORMAT = (attributes: string) => `<ResponseFormat ${attributes}/>`
  const REFUSED: [string, MadeKey, string][] = [
    ['OCRA', { serial: 'A1', kind: 'ocra' }, 'is not an HOTP or TOTP key'],
    ['a short seed', { serial: 'A1', seed: Buffer.alloc(15, 1) }, 'fewer than 128 bits'],
    ['an enormous seed', { serial: 'A1', seed: Buffer.alloc(129, 1) }, 'more than 1024 bits'],
    [
      'five digits',
      { serial: 'A1', parameters: FORMAT('Length="5" Encoding="DECIMAL"') },
      '6 to 8 digits',
    ],
    [
      'nine digits',
      { serial: 'A1', parameters: FORMAT('Length="9" Encoding="DECIMAL"') },
      '6 to 8 digits',
    ],
    [
      'letters in its codes',
      { serial: 'A1', parameters: FORMAT('Length="6" Encoding="HEXADECIMAL"') },
      'not decimal',
    ],
    [
      'a check digit',
      { serial: 'A1', parameters: FORMAT('Length="6" Encoding="DECIMAL" CheckDigits="true"') },
      'check digit',
    ],
    [
      'another hash',
      {
        serial: 'A1',
        parameters: `<Suite>MD5</Suite>${FORMAT('Length="6" Encoding="DECIMAL"')}`,
      },
      'the hash is not',
    ],
    [
      'a period of 45 s',
      { serial: 'A1', data: '<TimeInterval><PlainValue>45</PlainValue></TimeInterval>' },
      'lasts 30 or 60',
    ],
    [
      'a negative counter',
      { serial: 'A1', kind: 'hotp', data: '<Counter><PlainValue>-1</PlainValue></Counter>' },
      'a counter is',
    ],
    ['the serial of an app', { serial: 'app-12' }, 'begin with APP-'],
    ['a serial with spaces and signs', { serial: 'A 1!' }, 'a serial is'],
    ['a serial that is too long', { serial: 'Z1'.repeat(33) }, 'a serial is'],
    [
      'two seeds',
      { serial: 'A1', data: '<Secret><PlainValue>AA==</PlainValue></Secret>' },
      'more than one Secret',
    ],
    [
      'a use other than codes',
      { serial: 'A1', more: '<Policy><KeyUsage>Encrypt</KeyUsage></Policy>' },
      'KeyUsage',
    ],
    ['a policy of its own', { serial: 'A1', more: '<Policy><Moon/></Policy>' }, 'not understood'],
  ]
  it.each(REFUSED)('is refused with %s', async (_, made, why) => {
    expect(await reason(made)).toContain(why)
  })

  it('is told of what is not heeded', async () => {
    const more =
      '<Policy><ExpiryDate>2037-12-31T00:00:00Z</ExpiryDate><KeyUsage>OTP</KeyUsage></Policy>'
    const data = '<TimeDrift><PlainValue>4</PlainValue></TimeDrift>'
    const told = await notes({ keys: [{ serial: 'A1', more, data }] })
    expect(told).toContain('ExpiryDate is not enforced (keys: 1)')
    expect(told).toContain('TimeDrift is not used: the clock is measured at first use (keys: 1)')
  })

  it('never says what stands in the place of its serial or seed', async () => {
    const hex = SEED.toString('hex')
    const swapped = await only(makePskc({ keys: [{ serial: hex }] }))
    expect(swapped).toEqual({ ok: false, line: 4, serial: null, reason: expect.any(String) })
    const broken = figure(3).replace('MTIzNDU2Nzg5MDEyMzQ1Njc4OTA=', 'canary*')
    expect(JSON.stringify(await only(broken))).not.toContain('canary')
  })
})

describe('a hostile or broken file', () => {
  const LAUGHS = [
    '<?xml version="1.0"?>',
    '<!DOCTYPE lolz [',
    '<!ENTITY lol "lol">',
    ...Array.from(
      { length: 9 },
      (_, i) => `<!ENTITY lol${i + 1} "${`&lol${i || ''};`.repeat(10)}">`,
    ),
    ']>',
    '<KeyContainer xmlns="urn:ietf:params:xml:ns:keyprov:pskc">&lol9;</KeyContainer>',
  ].join('\n')
  const REFUSED: [string, string, string][] = [
    ['a billion laughs', LAUGHS, '2:has a document type or entities'],
    [
      'an external entity',
      '<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]><a>&x;</a>',
      '1:has a document type or entities',
    ],
    ['an external DTD', '<!doctype a SYSTEM "http://127.0.0.1/a.dtd"><a/>', 'has a document type'],
    ['an entity that nobody declared', '<a>&x;</a>', 'is not well-formed XML'],
    ['ten thousand elements in one another', '<a>'.repeat(10_000), 'nested deeper than 32'],
    [
      'depth hidden in an attribute',
      '<a b="/>">'.repeat(40) + '</a>'.repeat(40),
      'nested deeper than 32',
    ],
    ['an attribute of a megabyte', `<a b="${'c'.repeat(1_000_000)}"/>`, 'a tag of more than 4000'],
    ['half a million comments', `<a>${'<!---->'.repeat(500_000)}</a>`, 'more than 400000'],
    ['an element that never ends', '<a>\n<b></a>', '2:is not well-formed XML'],
    ['a comment that never ends', '<a><!-- ', 'is not well-formed XML'],
    ['two roots', '<a/><a/>', 'is not well-formed XML'],
    ['other XML', '<html xmlns="http://www.w3.org/1999/xhtml"/>', 'not a KeyContainer'],
    ['drafts of PSKC', '<KeyContainer xmlns="urn:x"/>', 'not a KeyContainer'],
    ['no key', makePskc({ keys: [] }), 'holds no key'],
    ['another version', figure(3).replace('Version="1.0"', 'Version="2.0"'), 'another version'],
    ['UTF-16', Buffer.from('\ufeff<a/>', 'utf16le').toString('latin1'), 'UTF-8'],
    ['nothing', ' \n', 'is empty'],
  ]
  it.each(REFUSED)('is refused with %s', async (_, file, message) => {
    expect(await problem(file)).toContain(message)
  })

  it('is refused with more than 20,000 keys', async () => {
    const pack = '<KeyPackage/>'
    const file = makePskc({ keys: [{ serial: 'A1' }] }).replace(
      '</KeyContainer>',
      `${pack.repeat(20_000)}</KeyContainer>`,
    )
    expect(await problem(file)).toBe(':holds more than 20000 keys')
    expect(await problem(file.replace(pack, ''))).toBe('none')
  })

  it('is refused beyond 10 MB', async () => {
    expect(await problem(`<a>${' '.repeat(10_000_000)}</a>`)).toBe(':has more than 10 MB')
  })
})
