import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readdirSync, readFileSync, truncateSync } from 'node:fs'
import { join } from 'node:path'
import { PassThrough, Writable } from 'node:stream'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { readCodes, readSecret } from '../../cli/secret_input.ts'
import { figure, KEY, makePskc, PASSPHRASE, SEED } from '../fixtures/pskc/maker.ts'
import { type Office, openOffice, type Ran } from './office.ts'

const HEX = SEED.toString('hex')
const A = `A1,${HEX},totp,6,30`
const B = `B2,${Buffer.from('another seed for B-2').toString('hex')},hotp,8,0`
const COMMAND = join(import.meta.dirname, '../../cli/main.ts')

describe('vestibule keys import', () => {
  let office: Office

  beforeEach(async () => {
    office = await openOffice()
  })
  afterEach(() => office.close())

  const stock = async (): Promise<string[]> => {
    const keys = await office.core.deps.store.otpKeys.list({}, null, 100)
    return keys.map(({ serial }) => serial)
  }

  /** With a secret waiting on descriptor 3. */
  const handing = async (secret: string, ...args: string[]): Promise<Ran> => {
    const child = spawn(process.execPath, [COMMAND, 'keys', 'import', ...args], {
      env: office.environment,
      cwd: office.folder,
      stdio: ['ignore', 'pipe', 'pipe', 'pipe'],
    })
    const text = { stdout: '', stderr: '' }
    child.stdout?.on('data', (chunk) => {
      text.stdout += chunk
    })
    child.stderr?.on('data', (chunk) => {
      text.stderr += chunk
    })
    const given = child.stdio[3]
    if (given instanceof Writable) {
      given.on('error', () => {}) // A command that needs no secret closes it unread.
      given.end(secret)
    }
    const [code] = await once(child, 'close')
    return { code: Number(code), ...text }
  }

  it('adds keys to the stock, and warns of seeds in clear', async () => {
    const path = office.file('keys.csv', `${A}\n${B}\n`)
    const { code, stdout, stderr } = await office.vestibule('keys', 'import', path, '--details')
    expect(stdout).toBe(
      'line 1, "A1": added\nline 2, "B2": added\n2 added, 0 unchanged, 0 rejected\n',
    )
    expect(stderr).toContain('warning: the seeds stand in this file in clear')
    expect(code).toBe(0)
    expect(await stock()).toEqual(['A1', 'B2'])
    const again = await office.vestibule('keys', 'import', path)
    expect([again.code, again.stdout]).toEqual([0, '0 added, 2 unchanged, 0 rejected\n'])
    expect((await office.audit())[0]).toMatchObject({ act: 'command_run', outcome: 'done' })
  })

  it('imports nothing where one line is rejected, and says which and why', async () => {
    office.file('keys.csv', `${A}\nB2,${HEX},hotp,5,0\n`)
    const { code, stdout } = await office.vestibule('keys', 'import', 'keys.csv')
    expect(stdout).toBe(
      'line 2, "B2": rejected: a code has 6 to 8 digits\n' +
        '1 added, 0 unchanged, 1 rejected\n' +
        'Nothing was imported: a file is imported whole or not at all\n',
    )
    expect(code).toBe(1)
    expect(await stock()).toEqual([])
  })

  it('tries a file, and then imports that file and no other', async () => {
    const path = office.file('keys.csv', `${A}\n`)
    const tried = await office.vestibule('keys', 'import', path, '--dry-run')
    expect(tried.stdout).toContain('1 added, 0 unchanged, 0 rejected\nDry run: nothing was written')
    const [, sha256 = ''] = /SHA-256 of the file: ([0-9a-f]{64})\n/.exec(tried.stdout) ?? []
    expect(await stock()).toEqual([])
    office.file('keys.csv', `${B}\n`)
    const other = await office.vestibule('keys', 'import', path, '--sha256', sha256)
    expect([other.code, other.stdout]).toEqual([1, ''])
    expect(other.stderr).toContain('is not the file that was tried')
    expect(await stock()).toEqual([])
    office.file('keys.csv', `${A}\n`)
    const same = await office.vestibule('keys', 'import', path, '--sha256', sha256.toUpperCase())
    expect(same.code).toBe(0)
    expect(await stock()).toEqual(['A1'])
    expect(await office.audit()).toContainEqual(
      expect.objectContaining({ detail: expect.objectContaining({ source: 'keys.csv', sha256 }) }),
    )
  })

  it('takes a passphrase or a pre-shared key from a descriptor', async () => {
    office.file('seven.xml', figure(7))
    const phrase = await handing(`${PASSPHRASE}\n`, 'seven.xml', '--passphrase-fd', '3')
    expect([phrase.code, phrase.stdout]).toEqual([0, '1 added, 0 unchanged, 0 rejected\n'])
    expect(await stock()).toEqual(['987654321'])
    // Figure 6 describes the same key, its seed and counter.
    office.file('six.xml', figure(6))
    for (const written of [KEY.toString('hex'), KEY.toString('base64')]) {
      const key = await handing(written, 'six.xml', '--key-fd', '3')
      expect([key.code, key.stdout]).toEqual([0, '0 added, 1 unchanged, 0 rejected\n'])
    }
  })

  it('imports nothing with a wrong secret, or one of the wrong kind', async () => {
    office.file('six.xml', figure(6))
    office.file('seven.xml', figure(7))
    const wrong = 'wrong passphrase or key, or the file was changed'
    const cases: [string, string, string, string][] = [
      ['seven.xml', '--passphrase-fd', 'qwertz', wrong],
      ['six.xml', '--key-fd', Buffer.alloc(16, 9).toString('hex'), wrong],
      ['six.xml', '--key-fd', 'not a key', 'is 16, 24 or 32 bytes'],
      ['six.xml', '--passphrase-fd', 'qwerty', 'a pre-shared key: give --key-fd'],
    ]
    const check = async ([file, option, secret, message]: (typeof cases)[number]) => {
      const { code, stdout, stderr } = await handing(secret, file, option, '3')
      expect([code, stdout]).toEqual([1, ''])
      expect(stderr).toContain(message)
    }
    await Promise.all(cases.map(check))
    expect(await stock()).toEqual([])
  })

  it('asks for no secret where nobody can type one', async () => {
    office.file('seven.xml', figure(7))
    const { code, stderr } = await handing('', 'seven.xml')
    expect(code).toBe(1)
    expect(stderr).toContain('there is no terminal to ask on')
    const closed = await handing('', 'seven.xml', '--passphrase-fd', '77')
    expect(closed.stderr).toContain('cannot be read from file descriptor 77 (EBADF)')
  })

  it.each([
    [['--sha256', 'abc'], '--sha256 takes the 64 hexadecimal digits'],
    [['--key-fd', 'mine'], '--key-fd takes the number of an open file descriptor'],
    [['--key-fd', '3', '--passphrase-fd', '4'], 'exclude each other'],
    [['--passphrase', PASSPHRASE], "Unknown option '--passphrase'"],
  ])('does not understand %j', async (args, message) => {
    const path = office.file('keys.csv', A)
    const { code, stderr } = await office.vestibule('keys', 'import', path, ...args)
    expect(code).toBe(2)
    expect(stderr).toContain(message)
    expect(await stock()).toEqual([])
  })

  it('refuses what is no file of keys, quickly and with the reason', async () => {
    truncateSync(office.file('large.xml', '<'), 50_000_000)
    office.file('laughs.xml', '<!DOCTYPE a [<!ENTITY b "c">]>\n<a>&b;</a>')
    office.file('broken.csv', `${A}\n"B2`)
    const cases: [string, string][] = [
      ['large.xml', 'large.xml: has more than 10 MB'],
      ['laughs.xml', 'laughs.xml:1: has a document type or entities'],
      ['broken.csv', 'broken.csv:2: is not CSV'],
      ['.', '.: is a folder, not a file'],
      ['/dev/zero', '/dev/zero: has more than 10 MB'],
    ]
    const check = async ([file, message]: (typeof cases)[number]) => {
      const { code, stdout, stderr } = await office.vestibule('keys', 'import', file)
      expect([code, stdout]).toEqual([1, ''])
      expect(stderr).toContain(message)
    }
    await Promise.all(cases.map(check))
    expect(await office.audit()).toEqual([])
  })

  it('tells machines all of it, and nobody the seeds', async () => {
    const seed = Buffer.from('c4n4ry-s33d-0f-k3y!!')
    office.file(
      'keys.xml',
      makePskc({
        keys: [
          { serial: 'A1', seed },
          { serial: 'A!', seed },
        ],
      }),
    )
    const ran = await office.vestibule('keys', 'import', 'keys.xml', '--json', '--details')
    expect(JSON.parse(ran.stdout)).toMatchObject({
      ...{ file: 'keys.xml', format: 'pskc', dry_run: false, imported: false },
      ...{ added: 1, unchanged: 0, rejected: 1, warnings: [expect.stringContaining('in clear')] },
      lines: [
        { outcome: 'added', serial: 'A1' },
        { outcome: 'rejected', serial: null },
      ],
    })
    office.file('keys.xml', makePskc({ keys: [{ serial: 'A1', seed }] }))
    const good = await office.vestibule('keys', 'import', 'keys.xml')
    expect(await stock()).toEqual(['A1'])
    const folder = join(office.folder, 'data')
    const stored = readdirSync(folder, { recursive: true, withFileTypes: true })
      .filter((file) => file.isFile())
      .map((file) => readFileSync(join(file.parentPath, file.name), 'latin1'))
    const told = [ran, good].flatMap(({ stdout, stderr }) => [stdout, stderr])
    const audit = JSON.stringify(await office.audit())
    const base32 = 'MM2G4NDSPEWXGMZTMQWTAZRNNMZXSIJB'
    const forms = [...(['latin1', 'hex', 'base64'] as const).map((e) => seed.toString(e)), base32]
    for (const form of forms) {
      const found = [...told, ...stored, audit].filter((text) =>
        text.toLowerCase().includes(form.toLowerCase()),
      )
      expect(found).toEqual([])
    }
  })
})

/** A terminal: what is typed, and what it shows. */
const terminal = (typed: string) => {
  const input = Object.assign(new PassThrough(), { isTTY: true })
  let shown = ''
  const output = new Writable({
    write: (chunk, _encoding, done) => {
      shown += chunk
      done()
    },
  })
  input.write(typed)
  return { input, output, shown: () => shown }
}

describe('a secret typed at the terminal', () => {
  it('is not shown, and may be corrected', async () => {
    const screen = terminal('qwertz\u007fy\r')
    const read = await readSecret('Passphrase: ', undefined, screen)
    expect(read).toEqual({ ok: true, text: 'qwerty' })
    expect(screen.shown()).toBe('Passphrase: \n')
  })

  it.each([
    ['Ctrl-C', 'qwe\u0003', 'was not given'],
    ['Ctrl-D', '\u0004', 'was not given'],
    ['Enter alone', '\r', 'is empty'],
    ['a page of text', `${'x'.repeat(5_000)}\r`, 'is longer than 4096 bytes'],
  ])('is none with %s', async (_, typed, message) => {
    const screen = terminal(typed)
    expect(await readSecret('? ', undefined, screen)).toEqual({ ok: false, message })
    expect(screen.shown()).toBe('? \n')
  })
})

describe('codes typed at the desk', () => {
  it('are asked one by one on a terminal', async () => {
    const screen = terminal('123 456\r\r654321\r')
    expect(await readCodes('Code', 2, screen)).toEqual(['123456', '654321'])
    expect(screen.shown()).toContain('Code (1/2): ')
    expect(screen.shown()).toContain('Code (2/2): ')
  })

  it('are lines of standard input elsewhere, and may be too few', async () => {
    const { output, shown } = terminal('')
    const input = new PassThrough()
    input.end('123456\n\n654321\n111111\n')
    expect(await readCodes('Code', 2, { input, output })).toEqual(['123456', '654321'])
    const short = new PassThrough()
    short.end('123456')
    expect(await readCodes('Code', 2, { input: short, output })).toEqual(['123456'])
    expect(shown()).toBe('')
  })
})
