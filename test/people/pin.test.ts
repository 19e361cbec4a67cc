import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { resetPin, unblockPin } from '../../accounts/administer.ts'
import type { Browser, View } from '../support/browser.ts'
import type { RelyingParty } from '../support/relying_party.ts'
import { DAY_MS, HOUR_MS, MINUTE_MS, PIN, type School, startSchool } from '../support/school.ts'
import { acts, enter, errorsOf, isSentBack, noticesOf, postByHand, reopen } from './acts.ts'

const WRONG = 'This is not your PIN code. Try again.'

let school: School
let application: RelyingParty
beforeAll(async () => {
  school = await startSchool()
  application = await school.application()
})
afterAll(() => school.stop())

/** A person with a PIN whose password was proved on a browser of theirs. */
const atThePin = async (identifier: string, browser: Browser = school.browser()) => {
  await enter(application, browser, identifier)
  expect(browser.view.step).toBe('pin')
  return browser
}

const isBlocked = ({ step, text, html }: View): boolean =>
  step === 'pin' &&
  text.includes('Your PIN code is blocked') &&
  html.querySelector('input[name=pin]') === null

const pinEntries = (sub: string) =>
  school.gateway.core.deps.store.audit.list({ sub, act: 'pin_wrong' }, 1_000)

/** Wrong PINs that were checked, other than those refused unchecked. */
const judgedWrong = async (sub: string) =>
  (await pinEntries(sub)).filter(({ detail }) => detail['why'] === undefined)

const whyRefused = async (sub: string): Promise<unknown[]> =>
  (await pinEntries(sub)).flatMap(({ detail }) => detail['why'] ?? []).reverse()

describe('on a new device the PIN', () => {
  it('is asked after the password, and lets in', async () => {
    const { sub } = await school.person({ identifier: 'new.device', pin: PIN })
    const browser = await atThePin('new.device')
    expect(browser.view.text).toContain('This device is not one of your recognised devices.')
    await browser.submit({ pin: '8307' })
    expect(browser.view.status).toBe(200)
    expect(errorsOf(browser.view)).toEqual([WRONG])
    expect(browser.view.text).not.toContain('8307')
    await browser.submit({ pin: ' 83 06 ' })
    expect(browser.view.step).toBe('callback')
    expect((await application.finish(browser)).claims).toMatchObject({ amr: ['pwd', 'pin'] })
    expect(await acts(school, sub)).toEqual([
      'login_right',
      'pin_wrong',
      'pin_right',
      'sign_in_completed',
      'application_opened',
    ])
  })

  it('is asked anew of whoever went away before typing it', async () => {
    await school.person({ identifier: 'half.way', pin: PIN })
    const browser = await atThePin('half.way')
    expect((await application.start(browser)).step).toBe('pin')
    expect((await browser.open('/')).step).toBe('pin')
  })

  it('is not used up by what cannot be a PIN', async () => {
    await school.person({ identifier: 'no.digits', pin: PIN })
    const browser = await atThePin('no.digits')
    for (const typed of ['', '   ', 'abcd', '83a6', '830', '8306830683068', '٨٣٠٦', '8306\u0000']) {
      await browser.submit({ pin: typed })
      expect(browser.view.step).toBe('pin')
      expect(errorsOf(browser.view)).toHaveLength(1)
      expect(errorsOf(browser.view)).not.toContain(WRONG)
    }
    await browser.submit({ pin: PIN })
    expect(browser.view.step).toBe('callback')
  })
})

describe('three wrong PINs block it', () => {
  it('and the page says whom to ask', async () => {
    const { sub } = await school.person({ identifier: 'three.wrong', pin: PIN })
    const browser = await atThePin('three.wrong')
    await browser.submit({ pin: '5061' })
    await browser.submit({ pin: '5062' })
    expect(errorsOf(browser.view)).toEqual([WRONG])
    await browser.submit({ pin: '5063' })
    expect(isBlocked(browser.view)).toBe(true)
    expect(browser.view.text).toContain('Ask your school to unblock it.')
    expect(browser.view.text).toContain('mailto:aide@tilleuls.example')
    expect(await noticesOf(school, sub)).toEqual(['pin_wrong', 'pin_blocked'])
    expect((await acts(school, sub)).slice(-2)).toEqual(['pin_wrong', 'pin_blocked'])

    const another = await atThePin('three.wrong')
    expect(isBlocked(another.view)).toBe(true)
    const french = await atThePin('three.wrong', school.browser({ language: 'fr' }))
    expect(french.view.text).toContain('Demandez à votre établissement de le débloquer.')
  })

  it('also for the right one, from any page that was open, until it is unblocked', async () => {
    const { sub } = await school.person({ identifier: 'open.pages', pin: PIN })
    const [open, guessing] = [await atThePin('open.pages'), await atThePin('open.pages')]
    for (const pin of ['5061', '5062', '5063']) {
      await guessing.submit({ pin })
    }
    await open.submit({ pin: PIN })
    expect(isBlocked(open.view)).toBe(true)
    expect(await whyRefused(sub)).toEqual(['blocked'])
    school.later(2 * DAY_MS)
    expect(isBlocked((await atThePin('open.pages')).view)).toBe(true)

    await unblockPin(school.gateway.core.deps, sub, 'cli:test')
    const freed = await atThePin('open.pages')
    await freed.submit({ pin: '5061' })
    await freed.submit({ pin: '5062' })
    await freed.submit({ pin: PIN })
    expect(freed.view.step).toBe('callback')
  })

  it('when twenty arrive in parallel', async () => {
    const { sub } = await school.person({ identifier: 'parallel', pin: PIN })
    const browsers = await Promise.all([1, 2, 3, 4].map(() => atThePin('parallel')))
    const answers = await Promise.all(
      Array.from({ length: 20 }, (_, index) =>
        postByHand(browsers[index % 4] as Browser, { pin: `50${60 + index}` }),
      ),
    )
    expect(answers.every(isSentBack)).toBe(true)
    const wrong = await judgedWrong(sub)
    expect(wrong.length).toBeLessThanOrEqual(3)
    // Those that found all tries taken were told to wait; asked once more, they block it.
    const last = await atThePin('parallel')
    for (let left = 3 - wrong.length; left > 0; left -= 1) {
      await last.submit({ pin: '5050' })
    }
    expect(isBlocked((await atThePin('parallel')).view)).toBe(true)
  })

  it('when the right one is among twenty in parallel: it is let in at most once, never for a fourth try', async () => {
    const { sub } = await school.person({ identifier: 'lucky', pin: PIN })
    const browsers = await Promise.all([1, 2, 3, 4].map(() => atThePin('lucky')))
    await Promise.all(
      Array.from({ length: 20 }, (_, index) =>
        postByHand(browsers[index % 4] as Browser, { pin: index === 19 ? PIN : `50${60 + index}` }),
      ),
    )
    const right = (await acts(school, sub)).filter((act) => act === 'pin_right')
    expect((await judgedWrong(sub)).length + right.length).toBeLessThanOrEqual(3)
  })

  it('and while tries are still being checked, one more must wait, uncounted', async () => {
    const { sub } = await school.person({ identifier: 'being.checked', pin: PIN })
    const browser = await atThePin('being.checked')
    const { pinTries } = school.gateway.core.deps.store
    const begun = await Promise.all(
      [1, 2, 3].map(() => pinTries.begin(sub, 'elsewhere', 3, Date.now())),
    )
    await browser.submit({ pin: PIN })
    expect(browser.view.step).toBe('pin')
    expect(errorsOf(browser.view)).toEqual([
      'Another try is being checked. Wait a moment, then try again.',
    ])
    expect(await whyRefused(sub)).toEqual(['busy'])
    for (const one of begun) {
      await pinTries.release(one.ok ? one.tryId : '')
    }
    await browser.submit({ pin: PIN })
    expect(browser.view.step).toBe('callback')
  })

  it('across a restart', async () => {
    await school.person({ identifier: 'restarted', pin: PIN })
    const browser = await atThePin('restarted')
    await browser.submit({ pin: '5061' })
    await browser.submit({ pin: '5062' })
    await school.restart()
    await browser.submit({ pin: '5063' })
    expect(isBlocked(browser.view)).toBe(true)
    await school.restart()
    expect(isBlocked((await atThePin('restarted')).view)).toBe(true)
  })

  it('unless a day has passed in between', async () => {
    await school.person({ identifier: 'fading', pin: PIN })
    const browser = await atThePin('fading')
    await browser.submit({ pin: '5061' })
    await browser.submit({ pin: '5062' })
    school.later(25 * HOUR_MS)
    await reopen(browser)
    await atThePin('fading', browser)
    await browser.submit({ pin: '5063' })
    await browser.submit({ pin: '5064' })
    expect(errorsOf(browser.view)).toEqual([WRONG])
    await browser.submit({ pin: PIN })
    expect(browser.view.step).toBe('callback')
  })

  it('whatever succeeds elsewhere: a success clears only what its own browser caused', async () => {
    await school.person({ identifier: 'two.browsers', pin: PIN })
    const thief = await atThePin('two.browsers')
    await thief.submit({ pin: '5061' })
    await thief.submit({ pin: '5062' })
    const owner = await atThePin('two.browsers')
    await owner.submit({ pin: PIN })
    expect(owner.view.step).toBe('callback')
    await thief.submit({ pin: '5063' })
    expect(isBlocked(thief.view)).toBe(true)
  })

  it('of the person’s own, a success clears', async () => {
    await school.person({ identifier: 'own.errors', pin: PIN })
    const browser = await atThePin('own.errors')
    await browser.submit({ pin: '5061' })
    await browser.submit({ pin: '5062' })
    await browser.submit({ pin: PIN })
    await reopen(browser)
    await atThePin('own.errors', browser)
    await browser.submit({ pin: '5061' })
    await browser.submit({ pin: '5062' })
    expect(errorsOf(browser.view)).toEqual([WRONG])
  })

  it('and a copy of a cookie is not the browser it was copied from', async () => {
    await school.person({ identifier: 'copied.cookie', pin: PIN })
    const owner = await atThePin('copied.cookie')
    const thief = await owner.copy()
    await reopen(owner)
    await atThePin('copied.cookie', owner)
    await reopen(owner)
    await atThePin('copied.cookie', owner) // Its second successor: the copy is stale from here on.
    await reopen(thief)
    await atThePin('copied.cookie', thief)
    await thief.submit({ pin: '5061' })
    await thief.submit({ pin: '5062' })
    await owner.submit({ pin: PIN })
    expect(owner.view.step).toBe('callback')
    await thief.submit({ pin: '5063' })
    expect(isBlocked(thief.view)).toBe(true)
  })

  it('and a recognised device still signs in with the password', async () => {
    await school.person({ identifier: 'blocked.recognised', pin: PIN })
    const own = await atThePin('blocked.recognised')
    await own.submit({ pin: PIN, remember_device: 'yes', device_name: 'Room 201' })
    expect(own.view.step).toBe('callback')
    const guessing = await atThePin('blocked.recognised')
    for (const pin of ['5061', '5062', '5063']) {
      await guessing.submit({ pin })
    }
    expect(isBlocked(guessing.view)).toBe(true)
    await reopen(own)
    expect((await enter(application, own, 'blocked.recognised')).step).toBe('callback')
  })
})

describe('a PIN that a try finds past its limit', () => {
  const told = async (sub: string) => [
    (await acts(school, sub)).slice(-2),
    (await noticesOf(school, sub)).at(-1),
    await whyRefused(sub),
  ]
  const TOLD = [['pin_wrong', 'pin_blocked'], 'pin_blocked', ['blocked']]

  it('because the limit was lowered is blocked, and its owner told', async () => {
    await school.policies({ guardian: { pin: { tries: 10 } } })
    const { sub } = await school.person({
      identifier: 'limit.lowered',
      userType: 'guardian',
      pin: PIN,
    })
    const browser = await atThePin('limit.lowered')
    for (const pin of ['5061', '5062', '5063', '5064']) {
      await browser.submit({ pin })
    }
    await school.policies({ guardian: {} })
    await browser.submit({ pin: PIN })
    expect(isBlocked(browser.view)).toBe(true)
    expect(await told(sub)).toEqual(TOLD)
  })

  it('because tries were lost with their process is blocked, and its owner told, once', async () => {
    const { sub } = await school.person({ identifier: 'lost.tries', pin: PIN })
    const { pinTries } = school.gateway.core.deps.store
    for (let lost = 0; lost < 3; lost += 1) {
      await pinTries.begin(sub, 'lost', 3, Date.now())
    }
    school.later(2 * MINUTE_MS)
    const browser = await atThePin('lost.tries')
    await browser.submit({ pin: PIN })
    expect(isBlocked(browser.view)).toBe(true)
    expect(await told(sub)).toEqual(TOLD)
  })
})

describe('a thief who guesses too slowly to block the PIN', () => {
  const guess = async (identifier: string, address = '203.0.113.5'): Promise<void> => {
    const thief = await atThePin(identifier, school.browser({ address }))
    await thief.submit({ pin: '5061' })
    await thief.submit({ pin: '5062' })
  }

  it('is told of at the first wrong PIN of each day, with from where', async () => {
    const { sub } = await school.person({ identifier: 'slow.guess', pin: PIN })
    const { notices } = school.gateway.core.deps.store
    for (const day of [1, 2, 3]) {
      await guess('slow.guess')
      expect(await noticesOf(school, sub)).toEqual(Array.from({ length: day }, () => 'pin_wrong'))
      school.later(25 * HOUR_MS)
    }
    const [newest] = await notices.list(sub, 1)
    expect(newest?.params).toMatchObject({
      browser: 'Firefox',
      system: 'Windows',
      network: '203.0.113.0/24',
    })
  })

  it('but not the owner, who mistypes on a recognised device', async () => {
    const { sub } = await school.person({ identifier: 'own.mistake', pin: PIN })
    const own = await atThePin('own.mistake')
    await own.submit({ pin: PIN, remember_device: 'yes', device_name: 'Room 201' })
    await reopen(own)
    const parameters = { acr_values: 'urn:vestibule:acr:pin' }
    await enter(application, own, 'own.mistake', { parameters })
    await own.submit({ pin: '5061' })
    expect(await noticesOf(school, sub)).toEqual(['device_added'])
    await guess('own.mistake')
    expect(await noticesOf(school, sub)).toEqual(['device_added', 'pin_wrong', 'pin_blocked'])
  })
})

describe('a PIN that the school generated for somebody who had chosen to do without', () => {
  it('is asked at the next sign-in', async () => {
    const { sub } = await school.person({ identifier: 'given.pin', protection: 'none' })
    const { deps, endEverything } = school.gateway.core
    const given = await resetPin(deps, endEverything, sub, 'cli:test')
    school.later(1000)
    const browser = await atThePin('given.pin')
    await browser.submit({ pin: given.ok ? given.pin : '' })
    expect(browser.view.step).toBe('define_pin')
  })
})

describe('where the policy allows five tries', () => {
  it('the person is warned at the last one', async () => {
    await school.policies({ inspector: { pin: { tries: 5 } } })
    await school.person({ identifier: 'five.tries', userType: 'inspector', pin: PIN })
    const browser = await atThePin('five.tries')
    for (const pin of ['5061', '5062', '5063']) {
      await browser.submit({ pin })
      expect(browser.view.text).not.toContain('try left')
    }
    await browser.submit({ pin: '5064' })
    expect(browser.view.text).toContain(
      'This is not your PIN code. 1 try left before it is blocked.',
    )
    await browser.submit({ pin: '5065' })
    expect(isBlocked(browser.view)).toBe(true)
  })
})

describe('the keypad', () => {
  const drawn = (view: View): string =>
    view.html
      .querySelectorAll('[data-keypad] [data-digit]')
      .map((key) => /slot-(\d)/.exec(key.getAttribute('class') ?? '')?.[1])
      .join('')

  it('has its usual order, or is shuffled anew on each page where the policy says so', async () => {
    await school.policies({ staff: { pin: { shuffled_keypad: true } } })
    await school.person({ identifier: 'usual.keypad', pin: PIN })
    expect(drawn((await atThePin('usual.keypad')).view)).toBe('0123456789')

    await school.person({ identifier: 'shuffled.keypad', userType: 'staff', pin: PIN })
    const browser = await atThePin('shuffled.keypad')
    const orders = new Set([drawn(browser.view)])
    for (let page = 0; page < 4; page += 1) {
      await browser.open(browser.view.url)
      orders.add(drawn(browser.view))
    }
    expect(orders.size).toBeGreaterThan(1)
    for (const order of orders) {
      expect([...order].sort().join('')).toBe('0123456789')
    }
    expect(browser.view.html.querySelector('input[name=pin]')?.getAttribute('autocomplete')).toBe(
      'one-time-code',
    )
  })
})
