import { describe, expect, it, vi } from 'vitest'
import { CALLBACK, CLIENT_ID, CLIENT_SECRET, type Premises } from '../../bench/premises.ts'
import { freePort } from '../../demo/free_port.ts'
import type { Core } from '../../provider/wire.ts'
import { formIn } from '../people/acts.ts'
import { type Browser, createBrowser } from '../support/browser.ts'
import { giveKey } from '../support/otp_key.ts'
import { type RelyingParty, registerRelyingParty } from '../support/relying_party.ts'
import {
  accountOf,
  auditOf,
  importPeople,
  peopleFile,
  temporaryPremises,
  withCore,
} from './premises.ts'

const TIMES = 20
/** Seconds for one hash, so that a process can be killed in the middle of it. */
const DEAR = { memory_kib: 131_072, iterations: 6, concurrency: 1, insecure_for_tests: true }

const application = (premises: Premises): Promise<RelyingParty> =>
  registerRelyingParty(premises.issuer, CLIENT_ID, CLIENT_SECRET, CALLBACK)

const noWaiting = (core: Core) => ({
  gateway: { core },
  later: () => {
    throw new Error('the clock of processes is the real one')
  },
})

/** A person with a key in service, as a process beside the gateway would make them. */
const holderOfKey = async (core: Core) => {
  const { sub } = await accountOf(core, 'person.0')
  return giveKey(noWaiting(core), sub)
}

const atLogin = async (ent: RelyingParty, premises: Premises, via: string): Promise<Browser> => {
  const browser = createBrowser(premises.issuer, { via })
  await ent.start(browser)
  expect(browser.view.step).toBe('login')
  return browser
}

describe('a passcode that is posted to two processes on one database', () => {
  it(`${TIMES} times in parallel lets one in`, { timeout: 60_000 }, async () => {
    const premises = await temporaryPremises()
    await importPeople(premises, peopleFile(1, 'personal_password', 'Tilleul-Papier-27'))
    await premises.gateway()
    const port = await freePort(0)
    const other = `http://127.0.0.1:${port}`
    premises.run(['provider/main.ts'], { VESTIBULE_LISTEN: `127.0.0.1:${port}` })
    await vi.waitFor(async () => expect((await fetch(`${other}/readyz`)).ok).toBe(true), {
      timeout: 30_000,
      interval: 50,
    })
    await withCore(premises, async (core) => {
      const key = await holderOfKey(core)
      const ent = await application(premises)
      const browsers = await Promise.all(
        Array.from({ length: TIMES }, (_, nth) =>
          atLogin(ent, premises, nth % 2 === 0 ? premises.issuer : other),
        ),
      )
      const password = key.passcode()
      await Promise.all(
        browsers.map((browser) => browser.submit({ identifier: 'person.0', password })),
      )
      const in_ = browsers.filter(({ view }) => view.step !== 'login')
      expect(in_).toHaveLength(1)
      expect(await auditOf(core, { act: 'login_right' })).toHaveLength(1)
      expect(await auditOf(core, { act: 'login_refused' })).toHaveLength(TIMES - 1)
    })
  })
})

describe('a gateway that is killed between the code and the session', () => {
  it('does not accept that code again', { timeout: 90_000 }, async () => {
    const premises = await temporaryPremises({ hashing: DEAR })
    await importPeople(premises, peopleFile(1, 'personal_password', 'Tilleul-Papier-27'))
    const gateway = await premises.gateway()
    await withCore(premises, async (core) => {
      const key = await holderOfKey(core)
      const before = (await key.stored()).next
      const ent = await application(premises)
      const browser = await atLogin(ent, premises, premises.issuer)
      const { action, csrf } = formIn(browser.view)
      const password = key.passcode()
      const fields = { csrf, identifier: 'person.0', password }
      const cut = fetch(action, {
        method: 'POST',
        redirect: 'manual',
        headers: { cookie: await browser.jar.getCookieString(action.href) },
        body: new URLSearchParams(fields),
      }).then(
        () => 'answered',
        () => 'cut',
      )
      await vi.waitFor(async () => expect((await key.stored()).next).toBeGreaterThan(before), {
        timeout: 20_000,
        interval: 5,
      })
      gateway.child.kill()
      await gateway.child.ended
      expect(await cut).toBe('cut')
      expect(await auditOf(core, { act: 'login_right' })).toEqual([])

      await premises.gateway()
      await browser.post(action, fields)
      expect(browser.view.step).toBe('login')
      const [refused] = await auditOf(core, { act: 'login_refused' })
      expect(refused?.detail['why']).toBe('wrong_code')
      expect((await key.stored()).wrongPins).toBe(1) // For all we know, its PIN was wrong.
    })
  })
})
