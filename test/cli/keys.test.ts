import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { assignKey, lendKey } from '../../accounts/desk_keys.ts'
import { block, keyInStock, type OtpKey, putInService } from '../../accounts/otp_key.ts'
import { sealSeed } from '../../accounts/otp_seed.ts'
import { codeAt } from '../../policies/otp_window.ts'
import { type Office, openOffice, type Ran } from './office.ts'

const BY = 'cli:office'
const SEED = Buffer.from('a seed of twenty oct')
const PIN = { sealed: 'a hash', length: 4, setAt: 0 }
const STAMP = /\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ/

let office: Office

beforeEach(async () => {
  office = await openOffice()
  // The command line goes by the machine's clock: so does what was done before it.
  office.later(Date.now() - office.now())
  await office.import(
    'external_id,identifier,user_type,given_name,family_name\n' +
      'T1,camille,teacher,Camille,Moreau\nS1,zoe,staff,Zoé,Petit\n',
  )
  for (const serial of ['K1', 'K2', 'K3']) {
    await addKey(serial)
  }
})
afterEach(() => office.close())

const addKey = async (
  serial: string,
  counted: { kind: 'totp' | 'hotp' } = { kind: 'totp' },
): Promise<void> => {
  const { otpKeys } = office.core.deps.store
  const made = { serial, algorithm: 'SHA1', digits: 6, periodSeconds: 30, ...counted } as const
  const sealedSeed = sealSeed(office.core.deps, serial, SEED)
  await otpKeys.add(keyInStock({ ...made, sealedSeed, counter: 0 }, office.now()))
}

const key = async (serial: string): Promise<OtpKey> =>
  (await office.core.deps.store.otpKeys.find(serial)) ?? expect.fail(`there is no key ${serial}`)

const assigned = async (serial: string, identifier = 'camille'): Promise<void> => {
  await assignKey(office.core.deps, serial, (await office.person(identifier)).sub, BY)
}

const inService = async (serial: string): Promise<void> => {
  await assigned(serial)
  const put = putInService(await key(serial), office.now(), PIN)
  await office.core.deps.store.otpKeys.save(put.ok ? put.key : expect.fail('not in service'))
}

const blocked = async (serial: string): Promise<void> => {
  await inService(serial)
  const now = block(await key(serial), office.now())
  await office.core.deps.store.otpKeys.save(now.ok ? now.key : expect.fail('not blocked'))
}

const keys = (...args: string[]): Promise<Ran> => office.vestibule('keys', ...args)

const COMMAND = join(import.meta.dirname, '../../cli/main.ts')

/** `vestibule keys …`, with lines on its standard input. */
const typing = (lines: readonly string[], ...args: string[]): Promise<Ran> =>
  new Promise((resolve) => {
    const options = { env: office.environment, cwd: office.folder }
    const command = [COMMAND, 'keys', ...args]
    const child = execFile(process.execPath, command, options, (error, stdout, stderr) => {
      resolve({ code: error === null ? 0 : Number(error.code), stdout, stderr })
    })
    child.stdin?.end(lines.map((line) => `${line}\n`).join(''))
  })

describe('vestibule keys', () => {
  it('assigns a key to a person, by identifier, sub or external id', async () => {
    const given = await keys('assign', 'k1', 'CAMILLE')
    expect([given.code, given.stderr]).toEqual([0, ''])
    expect(given.stdout).toMatch(/^key "K1": assigned to "camille", first use by 2\d{3}-.*Z\n$/)
    const { sub } = await office.person('zoe')
    const told = await keys('assign', 'K2', '--sub', sub, '--json')
    expect(JSON.parse(told.stdout)).toMatchObject({
      serial: 'K2',
      state: 'assigned',
      holder: 'zoe',
    })
    expect((await keys('assign', 'K3', '--external-id', 'S1')).code).toBe(0)
    expect((await key('K3')).sub).toBe(sub)
    const entry = (await office.audit()).find(({ act }) => act === 'key_assigned')
    expect(entry?.actor).toMatch(/^cli:./)
  })

  it('lends a key for a day', async () => {
    const { stdout } = await keys('lend', 'K1', 'camille')
    expect(stdout).toMatch(/^key "K1": lent to "camille", until 2\d{3}-.*Z\n$/)
    expect((await key('K1')).loanUntil).not.toBeNull()
  })

  it('says why it cannot be done, and what can', async () => {
    await inService('K1')
    const says = async (...args: string[]) => {
      const { code, stdout, stderr } = await keys(...args)
      expect([code, stdout]).toEqual([1, ''])
      return stderr
    }
    expect(await says('assign', 'K1', 'zoe')).toBe('key "K1": it is in service\n')
    expect(await says('unblock', 'K2')).toBe('key "K2": it is in stock: nobody has it\n')
    expect(await says('withdraw', 'K9')).toBe('key "K9": there is none of this serial\n')
    expect(await says('assign', 'K2', 'nobody')).toBe('identifier "nobody": nobody has it\n')
    await office.vestibule('people', 'disable', 'zoe')
    expect(await says('assign', 'K2', 'zoe')).toBe('key "K2": the account is disabled\n')
    office.file('p.yaml', 'policies: { teacher: { otp: "off" } }')
    await office.vestibule('policy', 'apply', 'p.yaml')
    expect(await says('lend', 'K2', 'camille')).toMatch(/the policy .* allows no OTP keys\n$/)
  })

  it.each([
    [['assign', 'K1'], 'Name one person'],
    [['withdraw'], 'An argument is missing'],
    [['test', 'K1', '123456'], "Unexpected argument '123456'"],
    [['resync', 'K1', '123456', '123457'], 'Unexpected argument'],
    [['list', '--state', 'blokced'], 'There is no state "blokced"; did you mean "blocked"?'],
    [['show', 'K1', '--seed'], "Unknown option '--seed'"],
  ])('does not understand %j', async (args, message) => {
    const { code, stderr } = await keys(...args)
    expect(code).toBe(2)
    expect(stderr).toContain(message)
  })

  it('takes keys back, reports them lost, unblocks, reopens and resets them', async () => {
    await blocked('K1')
    expect((await keys('unblock', 'K1')).stdout).toMatch(/^key "K1": in service again/)
    expect((await key('K1')).state).toBe('in_service')
    expect((await keys('reset-pin', 'K1')).stdout).toMatch(/its PIN is forgotten, first use by/)
    expect(await key('K1')).toMatchObject({ state: 'assigned', pin: null })
    const { otpKeys } = office.core.deps.store
    await otpKeys.save({ ...(await key('K1')), firstUseBy: office.now() - 1 })
    expect((await keys('reopen', 'K1')).stdout).toMatch(/^key "K1": open again, first use by/)
    expect((await keys('withdraw', 'K1')).stdout).toBe('key "K1": withdrawn\n')
    expect((await key('K1')).sub).toBeNull()
    await inService('K2')
    expect((await keys('lost', 'K2')).stdout).toMatch(/^key "K2": reported lost/)
    const { sub, validAfter } = await office.person('camille')
    expect(validAfter).toBeGreaterThan(0)
    const runs = (await office.audit()).filter(({ act }) => act === 'command_run')
    expect(runs.map(({ sub: whom }) => whom)).toEqual(runs.map(() => sub))
  })
})

describe('vestibule keys list', () => {
  beforeEach(async () => {
    await inService('K1')
    await assigned('K2', 'zoe')
    await lendKey(office.core.deps, 'K3', (await office.person('zoe')).sub, BY)
  })

  it('shows every key with its state, holder and deadlines', async () => {
    const { stdout } = await keys('list')
    const [head, first, second, third, ...more] = stdout.trimEnd().split('\n')
    expect(head).toMatch(/^SERIAL +KIND +STATE +HOLDER +FIRST USE BY +LENT UNTIL +LAST USED$/)
    expect(first).toMatch(/^K1 +totp +in service +camille +- +- +20/)
    expect(second).toMatch(/^K2 +totp +assigned +zoe +20\S+ +- +-$/)
    expect(third).toMatch(/^K3 +totp +assigned +zoe +20\S+ +20\S+ +-$/)
    expect(more).toEqual([])
  })

  it('tells the state of this moment, though no deadline was written down', async () => {
    const { otpKeys } = office.core.deps.store
    await otpKeys.save({ ...(await key('K2')), firstUseBy: office.now() - 1 })
    await otpKeys.save({ ...(await key('K3')), loanUntil: office.now() - 1 })
    const serials = async (...args: string[]): Promise<[string, string | null][]> => {
      const told: { serial: string; holder: string | null }[] = JSON.parse(
        (await keys('list', '--json', ...args)).stdout,
      )
      return told.map(({ serial, holder }) => [serial, holder])
    }
    expect(await serials('--state', 'in stock')).toEqual([['K3', null]])
    expect(await serials('--state', 'activation-closed')).toEqual([['K2', 'zoe']])
    expect(await serials('--state', 'assigned')).toEqual([])
    expect(await serials('--of', 'zoe')).toEqual([['K2', 'zoe']])
    expect(await serials('--external-id', 'T1', '--state', 'in_service')).toEqual([
      ['K1', 'camille'],
    ])
    expect((await keys('list', '--state', 'lost')).stdout).toBe('No keys\n')
    expect((await keys('list', '--of', 'nobody')).code).toBe(1)
  })

  it('lists more keys than are read at once, in order', async () => {
    for (let i = 0; i < 450; i += 1) {
      await addKey(`N${String(i).padStart(3, '0')}`)
    }
    const told: { serial: string }[] = JSON.parse((await keys('list', '--json')).stdout)
    const serials = told.map(({ serial }) => serial)
    expect(serials).toHaveLength(453)
    expect(serials).toEqual([...new Set(serials)].sort())
  })

  it('shows all that is known of a key but its seed', async () => {
    await addKey('H1', { kind: 'hotp' })
    const counted = await keys('show', 'h1')
    expect(counted.stdout).toMatch(/^next counter +0$/m)
    const { stdout } = await keys('show', 'K1')
    expect(stdout).toMatch(/^state +in service$/m)
    expect(stdout).toMatch(/^holder +camille$/m)
    expect(stdout).toMatch(/^clock ahead seconds +0$/m)
    expect(stdout).toMatch(STAMP)
    const all = [
      stdout,
      (await keys('show', 'K1', '--json')).stdout,
      (await keys('list', '--json')).stdout,
    ].join('\n')
    const { sealedSeed } = await key('K1')
    const forms = [
      sealedSeed,
      ...(['hex', 'base64', 'utf8'] as const).map((as) => SEED.toString(as)),
    ]
    expect(forms.filter((form) => all.toLowerCase().includes(form.toLowerCase()))).toEqual([])
    expect(all).not.toContain('a hash')
  })
})

describe('vestibule keys at the desk', () => {
  const shown = async (serial: string, aheadMs = 0): Promise<string> =>
    codeAt(await key(serial), SEED, Math.floor((Date.now() + aheadMs) / 30_000))
  const counted = async (step: number): Promise<string> => codeAt(await key('H1'), SEED, step)

  beforeEach(() => addKey('H1', { kind: 'hotp' }))

  it('tests a key by a code on standard input, as it is printed', async () => {
    const code = await shown('K1')
    const { stdout } = await typing([`${code.slice(0, 3)} ${code.slice(3)}`], 'test', 'K1')
    expect(stdout).toMatch(
      /^key "K1": good: its clock is (right|about \d+ s (ahead of|behind) ours)\n$/,
    )
    const again = await typing([code], 'test', 'K1')
    expect([again.code, again.stdout]).toEqual([1, ''])
    expect(again.stderr).toMatch(/used already: wait for the next one\n$/)
    const told = await typing([await counted(3)], 'test', 'H1', '--json')
    expect(JSON.parse(told.stdout)).toEqual({ serial: 'H1', ok: true, counter: 3 })
  })

  it('says that a key is far out, and puts it right by the next two codes', async () => {
    const far = await typing([await counted(57)], 'test', 'H1')
    expect(far.stderr).toMatch(/far out: type the next two codes with "keys resync"\n$/)
    const right = await typing([await counted(58), await counted(59)], 'resync', 'H1')
    expect(right.stdout).toBe('key "H1": right again: it is at counter 59\n')
    const twice = await typing([await counted(60), await counted(60)], 'resync', 'H1', '--json')
    expect(twice.code).toBe(1)
    expect(JSON.parse(twice.stdout)).toMatchObject({ ok: false, reason: 'not_in_a_row' })
  })

  it('asks for the codes it needs, and does nothing without', async () => {
    const none = await typing([], 'test', 'H1')
    expect([none.code, none.stderr]).toEqual([1, 'key "H1": no code was typed\n'])
    const one = await typing([await counted(0)], 'resync', 'H1')
    expect([one.code, one.stderr]).toEqual([1, 'key "H1": it takes two codes\n'])
    expect((await key('H1')).next).toBe(0)
  })

  it('keeps no code in the audit, and prints none', async () => {
    const codes = [await shown('K1', 60_000), await shown('K1', 90_000), '000000']
    const ran = [
      await typing(codes.slice(0, 2), 'resync', 'K1'),
      await typing(codes.slice(2), 'test', 'K1'),
    ]
    const details = (await office.audit())
      .filter(({ act }) => act !== 'people_imported')
      .map(({ detail }) => detail)
    const all = JSON.stringify([ran, details])
    expect(codes.filter((code) => all.includes(code))).toEqual([])
    expect(details.filter(({ key: serial }) => serial === 'K1')).toHaveLength(2)
  })
})
