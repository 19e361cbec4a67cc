import { describe, expect, it } from 'vitest'
import { passwordOwner } from '../../accounts/sign_in.ts'
import { pinOwner } from '../../accounts/verify_pin.ts'
import { RESERVATION_MS } from '../../adapters/pin_tries.ts'
import type { Premises, ProcessOf } from '../../bench/premises.ts'
import { CALLBACK, CLIENT_ID, CLIENT_SECRET } from '../../bench/premises.ts'
import type { Core } from '../../provider/wire.ts'
import { type Browser, createBrowser, type View } from '../support/browser.ts'
import { type RelyingParty, registerRelyingParty } from '../support/relying_party.ts'
import { CHANGED_PASSWORDS, DEFINED_PINS, onlookerAt } from './onlooker.ts'
import {
  accountOf,
  auditOf,
  complaints,
  fewAtATime,
  importPeople,
  peopleFile,
  temporaryPremises,
  withCore,
} from './premises.ts'

const HANDED_OUT = 'Prunier-Ardoise-31'
const CHOSEN = 'Tilleul-Papier-27'
const PIN = '8306'
const LANE = { known: true, key: 'test' }

/** What one person was told, by an answer that arrived, is in force. */
type Act = 'change_password' | 'define_pin' | 'device'

/** The step whose answer acknowledges an act. With the PIN comes the wish to add the device. */
const ACT_OF_STEP: Readonly<Record<string, Act>> = {
  change_password: 'change_password',
  define_pin: 'define_pin',
  pin: 'device',
  device: 'device',
}

interface Person {
  readonly identifier: string
  readonly browser: Browser
  readonly sent: Set<Act>
  readonly acknowledged: Set<Act>
}

/** A gateway that is killed and started again while people go on. */
interface Mortal {
  readonly deaths: number
  /** Kills it and starts the next; whoever asks meanwhile waits for the same one. */
  kill(): Promise<void>
  alive(): Promise<unknown>
  logs(): string
}

const startMortal = async (premises: Premises): Promise<Mortal> => {
  const all: ProcessOf[] = [await premises.gateway()]
  let rising: Promise<unknown> = Promise.resolve()
  let deaths = 0
  return {
    get deaths() {
      return deaths
    },
    alive: () => rising,
    kill: () => {
      deaths += 1
      const last = all.at(-1)
      last?.child.kill()
      const rise = async (): Promise<void> => {
        await last?.child.ended
        all.push(await premises.gateway())
      }
      const risen = rise()
      rising = risen
      return risen
    },
    logs: () => all.map(({ output }) => output()).join(''),
  }
}

const step = (person: Person, act: Act, fields: Record<string, string>): Promise<View> => {
  expect(person.acknowledged, `${person.identifier} is asked again: ${act} was lost`).not.toContain(
    act,
  )
  person.sent.add(act)
  return person.browser.submit(fields)
}

const device = (person: Person) => ({
  remember_device: 'yes',
  device_name: `Room ${person.identifier.replace('person.', '2')}`,
})

/** What somebody does on each page, and what may not be asked of them any more. */
const PAGES: Record<string, (person: Person) => Promise<View>> = {
  login: async (person) => {
    const { browser, identifier, sent, acknowledged } = person
    const password = sent.has('change_password') ? CHOSEN : HANDED_OUT
    const view = await browser.submit({ identifier, password })
    if (view.step !== 'login' || !sent.has('change_password')) {
      expect(view.step).not.toBe('login')
      return view
    }
    // The change was sent, and its answer never came: the old one still holds.
    expect(acknowledged, 'the new password was lost').not.toContain('change_password')
    return browser.submit({ identifier, password: HANDED_OUT })
  },
  change_password: (person) =>
    step(person, 'change_password', { new_password: CHOSEN, confirm_password: CHOSEN }),
  define_pin: (person) =>
    step(person, 'define_pin', { define_pin: 'yes', new_pin: PIN, confirm_pin: PIN }),
  pin: (person) => {
    expect(person.sent).toContain('define_pin')
    return step(person, 'device', { pin: PIN, ...device(person) })
  },
  device: (person) => step(person, 'device', device(person)),
}

const STEPS_MAX = 12

/** Tells what an answer acknowledges; `acted` is called for each, sign-ins included. */
const newPerson = (issuer: string, nth: number, acted: () => void): Person => {
  const acknowledged = new Set<Act>()
  const onAnswer = (method: string, url: URL, status: number): void => {
    if (method !== 'POST' || status !== 303) return
    const name = url.pathname.split('/').at(-1) ?? ''
    const act = ACT_OF_STEP[name]
    if (act !== undefined) acknowledged.add(act)
    acted()
  }
  const browser = createBrowser(issuer, { address: `10.0.${nth}.1`, onAnswer })
  return { identifier: `person.${nth}`, browser, sent: new Set(), acknowledged }
}

/** From the start to the application; false when the gateway died on the way. */
const arrives = async (application: RelyingParty, person: Person): Promise<boolean> => {
  const { browser, identifier } = person
  try {
    await application.start(browser)
    for (let steps = 0; browser.view.step !== 'callback'; steps += 1) {
      const page = PAGES[browser.view.step]
      if (page === undefined || steps > STEPS_MAX) {
        throw new Error(`${identifier} is stuck at ${browser.view.step}`)
      }
      await page(person)
    }
    return true
  } catch (error) {
    // `fetch` fails with a TypeError where nobody answers.
    if (error instanceof TypeError) return false
    throw error
  }
}

const describeStores = async (core: Core, identifier: string) => {
  const account = await accountOf(core, identifier)
  const { sub, password, pin } = account
  const { store } = core.deps
  const acts = await auditOf(core, { sub })
  const notices = await store.notices.list(sub, 1000)
  const told = (code: string) => notices.filter((one) => one.code === code).length
  const done = (act: string) => acts.filter((one) => one.act === act).length
  return {
    account,
    facts: {
      changed: Number(password?.origin === 'personal'),
      changedTold: told('password_changed'),
      pin: Number(pin !== null),
      protection: Number(account.protection === 'pin'),
      hadPin: Number(account.hadPin),
      pinTold: told('pin_defined'),
      device: (await store.devices.list(sub)).length > 0,
    },
    audited: {
      changed: done('password_changed'),
      changedTold: done('password_changed'),
      pin: done('pin_defined'),
      protection: done('pin_defined'),
      hadPin: done('pin_defined'),
      pinTold: done('pin_defined'),
      // One browser is one device, however often it was added.
      device: done('device_added') > 0,
    },
  }
}

/** All that was acknowledged is there, and what is there is whole: secret, notice and audit. */
const expectWhole = async (core: Core, { identifier, sent, acknowledged }: Person) => {
  const { account, facts, audited } = await describeStores(core, identifier)
  expect(facts).toEqual(audited)
  const { sub, password, pin } = account
  const { hasher } = core.deps
  const inForce = facts.changed === 1 ? CHOSEN : HANDED_OUT
  const owner = passwordOwner(sub)
  expect(await hasher.verify(inForce, password?.sealed ?? null, owner, LANE)).toMatchObject({
    right: true,
  })
  if (pin !== null) {
    expect(await hasher.verify(PIN, pin.sealed, pinOwner(sub), LANE)).toMatchObject({ right: true })
  }
  const there: Record<Act, boolean> = {
    change_password: facts.changed === 1,
    define_pin: facts.pin === 1,
    device: facts.device,
  }
  for (const [act, isThere] of Object.entries(there) as [Act, boolean][]) {
    expect(isThere || !acknowledged.has(act), `${identifier}: ${act} was acknowledged`).toBe(true)
    expect(!isThere || sent.has(act), `${identifier}: ${act} was never sent`).toBe(true)
  }
}

describe('a gateway that is killed', () => {
  it('in the middle of sign-ins, five times, loses nothing that it acknowledged and leaves nothing half made', async () => {
    const PEOPLE = 30
    const KILLS = 5
    const ACTS_BETWEEN_KILLS = 11
    const premises = await temporaryPremises()
    await importPeople(premises, peopleFile(PEOPLE, 'password', HANDED_OUT))
    const mortal = await startMortal(premises)
    const { issuer } = premises
    const application = await registerRelyingParty(issuer, CLIENT_ID, CLIENT_SECRET, CALLBACK)
    let acts = 0
    const acted = (): void => {
      acts += 1
      if (acts % ACTS_BETWEEN_KILLS === 0 && mortal.deaths < KILLS) {
        void mortal.kill()
      }
    }
    const people = Array.from({ length: PEOPLE }, (_, nth) => newPerson(issuer, nth, acted))

    /** To the application, however often the gateway dies on the way. */
    const arrive = async (person: Person): Promise<void> => {
      for (let tries = 0; tries <= KILLS; tries += 1) {
        await mortal.alive()
        if (await arrives(application, person)) return
        await mortal.alive()
        await withCore(premises, (core) => expectWhole(core, person))
      }
      throw new Error(`${person.identifier} never arrived`)
    }

    const onlooker = onlookerAt(premises.dataFolder, [CHANGED_PASSWORDS, DEFINED_PINS])
    await fewAtATime(people, 8, arrive)
    const { looks, halves } = await onlooker.leave()
    expect(looks).toBeGreaterThan(100)
    expect(halves).toEqual([])
    expect(mortal.deaths).toBe(KILLS)
    await mortal.alive()
    await withCore(premises, async (core) => {
      for (const person of people) {
        expect([...person.sent].sort()).toEqual(['change_password', 'define_pin', 'device'])
        await expectWhole(core, person)
      }
    })
    // The next morning: the password, and on their own browser nothing else.
    await fewAtATime(people, 8, async ({ identifier, browser }) => {
      await browser.forget('vestibule_session')
      await application.start(browser)
      await browser.submit({ identifier, password: CHOSEN })
      expect(browser.view.step, identifier).toBe('callback')
    })
    expect(complaints(mortal.logs())).toBe('')
  })

  it('while somebody guesses a PIN never gives a try back', async () => {
    const TRIES = 10
    const premises = await temporaryPremises()
    await importPeople(premises, peopleFile(1, 'personal_password', CHOSEN))
    const policies = premises.file(
      'policies.yaml',
      `policies:\n  teacher:\n    pin:\n      tries: ${TRIES}\n`,
    )
    expect((await premises.vestibule('policy', 'apply', policies)).code).toBe(0)
    const mortal = await startMortal(premises)
    const { issuer } = premises
    const application = await registerRelyingParty(issuer, CLIENT_ID, CLIENT_SECRET, CALLBACK)
    const owner = createBrowser(issuer, { address: '10.0.0.1' })
    await application.start(owner)
    await owner.submit({ identifier: 'person.0', password: CHOSEN })
    await owner.submit({ define_pin: 'yes', new_pin: PIN, confirm_pin: PIN })

    const guessers = ['10.0.1.1', '10.0.2.1', '10.0.3.1'].map((address) =>
      createBrowser(issuer, { address }),
    )
    for (const guesser of guessers) {
      await application.start(guesser)
      await guesser.submit({ identifier: 'person.0', password: CHOSEN })
      expect(guesser.view.step).toBe('pin')
    }
    let sent = 0
    let toldWrong = 0
    /** All guess at once; the first answer is the last thing that this gateway says. */
    for (let kill = 0; kill < 3; kill += 1) {
      const guesses = guessers.map(async (guesser) => {
        sent += 1
        const view = await guesser.submit({ pin: '5927' })
        toldWrong += Number(view.step === 'pin')
        expect(view.status).toBe(200)
      })
      await Promise.race(guesses)
      const dying = mortal.kill()
      await Promise.allSettled(guesses)
      await dying
    }
    expect(toldWrong).toBeGreaterThanOrEqual(3)
    await withCore(premises, async (core) => {
      const { sub } = await accountOf(core, 'person.0')
      const { pinTries } = core.deps.store
      // Tries that nobody settled count as well, a minute later.
      const later = Date.now() + RESERVATION_MS + 1
      const begun = await pinTries.begin(sub, 'test', TRIES, later)
      if (!begun.ok) {
        throw new Error(begun.reason)
      }
      const { left } = await pinTries.wrong(sub, begun.tryId, TRIES, later)
      const counted = TRIES - left - 1
      expect(counted).toBeGreaterThanOrEqual(toldWrong)
      expect(counted).toBeLessThanOrEqual(sent)
    })
  })
})
