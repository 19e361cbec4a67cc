import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Account } from '../../accounts/account.ts'
import { resyncKey, testKey } from '../../accounts/desk_codes.ts'
import { OTP_PIN_TRIES, type OtpKey, stateNow } from '../../accounts/otp_key.ts'
import { signIn } from '../../accounts/sign_in.ts'
import { verifyPasscode } from '../../accounts/verify_passcode.ts'
import { type CodeReading, codeAt, readCode } from '../../policies/otp_window.ts'
import { giveKey, type HeldKey, KEY_PIN } from '../support/otp_key.ts'
import { DAY_MS, type School, startSchool } from '../support/school.ts'

const RUNS = 60
const PERIOD_MS = 30_000
const WRONG_PIN = '9182'
const BY = 'cli:office'

/** Which code somebody types. Steps of a TOTP key, counters of an HOTP key. */
type Wanted =
  | { readonly of: 'now' | 'far' | 'next_of_far'; readonly by: number }
  /** One that was typed before, in this run: the nth of them, from the last. */
  | { readonly of: 'old'; readonly nth: number }
  | { readonly of: 'random'; readonly digits: string }

type Act =
  | {
      readonly act: 'type'
      readonly where: 'login' | 'step' | 'both_at_once'
      readonly pin: 'right' | 'wrong'
      readonly code: Wanted
    }
  | { readonly act: 'test'; readonly code: Wanted }
  | { readonly act: 'resync'; readonly first: Wanted; readonly gap: number }
  | { readonly act: 'wait'; readonly steps: number }
  | { readonly act: 'wait_days'; readonly days: number }
  /** Waits until the key itself shows what was typed too far out, and types it with the PIN. */
  | { readonly act: 'type_far_again'; readonly where: 'login' | 'step' }

const wanted: fc.Arbitrary<Wanted> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({ of: fc.constant('now'), by: fc.integer({ min: -1, max: 1 }) }),
  },
  {
    weight: 3,
    arbitrary: fc.record({ of: fc.constant('far'), by: fc.integer({ min: -24, max: 24 }) }),
  },
  {
    weight: 3,
    arbitrary: fc.record({ of: fc.constant('next_of_far'), by: fc.integer({ min: 1, max: 2 }) }),
  },
  { weight: 3, arbitrary: fc.record({ of: fc.constant('old'), nth: fc.nat(6) }) },
  {
    weight: 1,
    arbitrary: fc.record({
      of: fc.constant('random'),
      digits: fc.nat(999_999).map((number) => String(number).padStart(6, '0')),
    }),
  },
) as fc.Arbitrary<Wanted>

const act: fc.Arbitrary<Act> = fc.oneof(
  {
    weight: 9,
    arbitrary: fc.record({
      act: fc.constant('type'),
      where: fc.constantFrom('login', 'step', 'both_at_once'),
      pin: fc.constantFrom('right', 'right', 'wrong'),
      code: wanted,
    }),
  },
  { weight: 1, arbitrary: fc.record({ act: fc.constant('test'), code: wanted }) },
  {
    weight: 1,
    arbitrary: fc.record({
      act: fc.constant('resync'),
      first: wanted,
      gap: fc.integer({ min: 1, max: 2 }),
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({ act: fc.constant('wait'), steps: fc.integer({ min: 1, max: 3 }) }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ act: fc.constant('wait_days'), days: fc.integer({ min: 1, max: 3 }) }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      act: fc.constant('type_far_again'),
      where: fc.constantFrom('login', 'step'),
    }),
  },
) as fc.Arbitrary<Act>

let school: School
beforeAll(async () => {
  school = await startSchool()
})
afterAll(() => school.stop())

/** What the runs came to, so that it shows whether anything was put to the test. */
const came = { accepted: 0, typedAgain: 0, farTypedAgain: 0, secondOfTwo: 0 }

/** One key in one person's hands, and what has become of its codes so far. */
class Life {
  private readonly account: Account
  private readonly held: HeldKey
  private readonly kind: OtpKey['kind']
  /** TOTP: by how many steps the key is ahead. HOTP: the next counter that it shows. */
  private position: number
  private places = 0
  private readonly typed: number[] = []
  private lastFar: number | null = null
  /** Steps that were recognised, whatever was answered, and those of them that were too far out. */
  private readonly burnt = new Set<number>()
  private readonly far = new Set<number>()
  /** The greatest step that the key was moved to, beside a right PIN or a wrong one. */
  private greatest = -1

  constructor(account: Account, held: HeldKey, kind: OtpKey['kind'], ahead: number) {
    this.account = account
    this.held = held
    this.kind = kind
    this.position = kind === 'totp' ? ahead : 0
  }

  private get step(): number {
    return this.kind === 'totp' ? Math.floor(Date.now() / PERIOD_MS) + this.position : this.position
  }

  private stepOf(code: Exclude<Wanted, { of: 'random' }>): number {
    switch (code.of) {
      case 'now':
        return this.step + code.by
      case 'far':
        return this.step + (this.kind === 'totp' ? code.by : 4 * code.by)
      case 'next_of_far':
        return (this.lastFar ?? this.step) + code.by
      case 'old':
        return this.typed.at(-1 - code.nth) ?? this.step
    }
  }

  private codeOf(code: Wanted): string {
    if (code.of === 'random') {
      return code.digits
    }
    const step = Math.max(0, this.stepOf(code))
    came.typedAgain += this.burnt.has(step) ? 1 : 0
    this.typed.push(step)
    return this.codeAt(step)
  }

  private codeAt(step: number): string {
    return codeAt({ algorithm: 'SHA1', digits: 6 }, this.held.seed, step)
  }

  /** What the code is for the key as it stands; nothing more once it is blocked. */
  private read(key: OtpKey, code: string): CodeReading {
    return stateNow(key, Date.now()) === 'in_service' && key.wrongPins < OTP_PIN_TRIES
      ? readCode(key, this.held.seed, code, Date.now())
      : { kind: 'none' }
  }

  /** From a network where nothing has failed yet, so that no delay answers in the key's place. */
  private origin() {
    this.places += 1
    const address = `2001:db8:${this.places}::1`
    return { address, userAgent: '', deviceToken: null, clientId: 'ent' }
  }

  /** What must hold of each try, and what is known from then on. `moves`: a good one moves the key. */
  private judge(reading: CodeReading, isAccepted: boolean, key: OtpKey, moves = true): void {
    if (reading.kind === 'none') {
      expect(isAccepted).toBe(false)
      return
    }
    const { step, kind } = reading
    came.farTypedAgain += this.far.has(step) && kind === 'good' ? 1 : 0
    if (isAccepted) {
      expect(kind).toBe('good')
      expect(this.burnt).not.toContain(step)
      expect(step).toBeGreaterThan(this.greatest)
      came.accepted += 1
      came.secondOfTwo += key.firstOfTwo?.step === step - 1 ? 1 : 0
      this.position = this.kind === 'totp' ? step - Math.floor(Date.now() / PERIOD_MS) : step + 1
    }
    if (kind === 'good' && moves && !this.burnt.has(step)) {
      this.greatest = Math.max(this.greatest, step)
    }
    this.burnt.add(step)
    if (kind === 'first_of_two') {
      this.far.add(step)
      this.lastFar = step
    }
  }

  private async type({ where, pin, code }: Extract<Act, { act: 'type' }>): Promise<void> {
    const { deps } = school.gateway.core
    const before = await this.held.stored()
    const digits = this.codeOf(code)
    const passcode = `${pin === 'right' ? KEY_PIN : WRONG_PIN}${digits}`
    const { identifier } = this.account
    const login = () => signIn(deps, { identifier, secret: passcode }, this.origin())
    const step = () =>
      verifyPasscode(deps, this.account, { passcode, began: undefined }, this.origin())
    const gates = { login: [login], step: [step], both_at_once: [login, step] }[where]
    const answers = await Promise.all(gates.map((gate) => gate()))
    const accepted = answers.filter(({ ok }) => ok).length
    expect(accepted).toBeLessThanOrEqual(1)
    if (accepted > 0) {
      expect(pin).toBe('right')
    }
    this.judge(this.read(before, digits), accepted > 0, before)
  }

  private async test(code: Wanted): Promise<void> {
    const before = await this.held.stored()
    const digits = this.codeOf(code)
    const { ok } = await testKey(school.gateway.core.deps, this.held.serial, digits, BY)
    this.judge(this.read(before, digits), ok, before)
  }

  private async resync(first: Wanted, gap: number): Promise<void> {
    const before = await this.held.stored()
    const codes = [this.codeOf(first)]
    codes.push(this.codeAt((this.typed.at(-1) ?? 0) + gap))
    const [one = '', two = ''] = codes
    const asked = { first: one, second: two }
    const { ok } = await resyncKey(school.gateway.core.deps, this.held.serial, asked, BY)
    const reading = this.read(before, one)
    const wasBurnt = reading.kind !== 'none' && this.burnt.has(reading.step)
    this.judge(reading, false, before, false)
    if (reading.kind === 'none' || wasBurnt) {
      expect(ok).toBe(false)
      return
    }
    const firstOfTwo = { step: reading.step, atMs: Date.now() }
    const between = { ...before, next: reading.step + 1, firstOfTwo }
    this.judge(this.read(between, two), ok, between, ok)
  }

  async live(one: Act): Promise<void> {
    switch (one.act) {
      case 'type':
        return this.type(one)
      case 'test':
        return this.test(one.code)
      case 'resync':
        return this.resync(one.first, one.gap)
      case 'wait':
        return school.later(one.steps * PERIOD_MS)
      case 'wait_days':
        return school.later(one.days * DAY_MS)
      case 'type_far_again':
        return this.typeFarAgain(one.where)
    }
  }

  private async typeFarAgain(where: 'login' | 'step'): Promise<void> {
    const steps = (this.lastFar ?? 0) - this.step
    if (steps > 0 && this.kind === 'totp') {
      school.later(steps * PERIOD_MS)
    } else if (steps > 0) {
      // The presses before it are accepted as they come within reach, the last of them too.
      this.position = this.lastFar ?? 0
      await this.nearer()
    }
    return this.type({ act: 'type', where, pin: 'right', code: { of: 'next_of_far', by: 0 } })
  }

  /** Brings a counter so near to the one that was too far out that it would be accepted. */
  private async nearer(): Promise<void> {
    const { next } = await this.held.stored()
    for (let counter = next + 8; counter < this.position; counter += 9) {
      const code: Wanted = { of: 'now', by: counter - this.position }
      const far = this.position
      await this.type({ act: 'type', where: 'step', pin: 'right', code })
      this.position = far
    }
  }
}

const born = async (kind: OtpKey['kind'], ahead: number): Promise<Life> => {
  const account = await school.person({ userType: 'staff', password: null })
  return new Life(account, await giveKey(school, account.sub, { kind }), kind, ahead)
}

describe('whatever is typed, wherever and in whatever order', () => {
  it('no code serves twice or after a later one, and none without the right PIN', async () => {
    const kind = fc.constantFrom('totp' as const, 'hotp' as const)
    const ahead = fc.constantFrom(0, 0, 1, -1, 12)
    const acts = fc.array(act, { minLength: 8, maxLength: 13 })
    const property = fc.asyncProperty(kind, ahead, acts, async (of, steps, life) => {
      const one = await born(of, steps)
      for (const each of life) {
        await one.live(each)
      }
    })
    await fc.assert(property, { numRuns: RUNS })
    // Enough happened for this to mean something.
    expect(came.accepted).toBeGreaterThan(RUNS / 2)
    expect(came.typedAgain).toBeGreaterThan(RUNS / 3)
    expect(came.secondOfTwo).toBeGreaterThan(0)
    expect(came.farTypedAgain).toBeGreaterThan(0)
  })
})
