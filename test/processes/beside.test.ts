import { describe, expect, it, vi } from 'vitest'
import { passwordOwner } from '../../accounts/sign_in.ts'
import { CALLBACK, CLIENT_ID, CLIENT_SECRET, type Premises } from '../../bench/premises.ts'
import { createBrowser, type View } from '../support/browser.ts'
import { type RelyingParty, registerRelyingParty } from '../support/relying_party.ts'
import { ADDED_PEOPLE, onlookerAt } from './onlooker.ts'
import {
  accountOf,
  auditOf,
  complaints,
  importPeople,
  peopleFile,
  temporaryPremises,
  withCore,
} from './premises.ts'

const PASSWORD = 'Tilleul-Papier-27'
const PIN = '8306'
const LANE = { known: true, key: 'test' }

/** Names of what can be filled in. */
const fields = ({ html }: View): (string | undefined)[] =>
  html.querySelectorAll('main [name]').map((input) => input.getAttribute('name'))

const application = (premises: Premises): Promise<RelyingParty> =>
  registerRelyingParty(premises.issuer, CLIENT_ID, CLIENT_SECRET, CALLBACK)

/** Signs in for the first time, and defines a PIN. */
const firstConnection = async (ent: RelyingParty, premises: Premises, identifier: string) => {
  const browser = createBrowser(premises.issuer, { address: '10.0.0.1' })
  await ent.start(browser)
  await browser.submit({ identifier, password: PASSWORD })
  await browser.submit({ define_pin: 'yes', new_pin: PIN, confirm_pin: PIN })
  await browser.submit({})
  return browser
}

describe('an import beside the running gateway', () => {
  it('that is killed in the middle is whole as far as it came, and complete when it is repeated', async () => {
    const PEOPLE = 400
    const premises = await temporaryPremises()
    const gateway = await premises.gateway()
    const csv = premises.file('all.csv', peopleFile(PEOPLE, 'personal_password', PASSWORD))
    const onlooker = onlookerAt(premises.dataFolder, [ADDED_PEOPLE])
    const killed = premises.run(['cli/main.ts', 'people', 'import', csv])
    await withCore(premises, async (core) => {
      const { accounts } = core.deps.store
      await vi.waitFor(
        async () => expect(await accounts.byIdentifier('person.120')).not.toBeNull(),
        { timeout: 20_000, interval: 5 },
      )
      killed.child.kill()
      expect((await killed.child.ended).how).toBe('signal SIGKILL')
      const { looks, halves } = await onlooker.leave()
      expect(looks).toBeGreaterThan(100)
      expect(halves).toEqual([])
      const added = await auditOf(core, { act: 'person_added' })
      expect(added.length).toBeGreaterThan(120)
      expect(added.length).toBeLessThan(PEOPLE)
      for (let nth = 0; nth < PEOPLE; nth += 1) {
        // In the order of the file: all of a person, or nothing.
        const account = await accounts.byIdentifier(`person.${nth}`)
        expect(account?.password?.origin).toBe(nth < added.length ? 'personal' : undefined)
      }

      const again = await premises.vestibule('people', 'import', csv)
      const missing = PEOPLE - added.length
      expect(again).toEqual({
        code: 0,
        output: expect.stringContaining(
          `${missing} added, 0 changed, ${added.length} unchanged, 0 rejected`,
        ),
      })
      expect(await auditOf(core, { act: 'person_added' })).toHaveLength(PEOPLE)
      expect(await auditOf(core, { act: 'people_imported' })).toHaveLength(1)
      const last = await accountOf(core, `person.${PEOPLE - 1}`)
      const owner = passwordOwner(last.sub)
      const { right } = await core.deps.hasher.verify(
        PASSWORD,
        last.password?.sealed ?? null,
        owner,
        LANE,
      )
      expect(right).toBe(true)
    })
    expect(complaints(gateway.output())).toBe('')
  })

  it('lets people sign in while it writes, without an error on either side', async () => {
    const premises = await temporaryPremises()
    await importPeople(premises, peopleFile(1, 'personal_password', PASSWORD))
    const gateway = await premises.gateway()
    const ent = await application(premises)
    const browser = await firstConnection(ent, premises, 'person.0')
    const csv = premises.file('all.csv', peopleFile(500, 'personal_password', PASSWORD))
    const running = premises.run(['cli/main.ts', 'people', 'import', csv])
    let over = false
    const ended = running.child.ended.finally(() => {
      over = true
    })
    let signIns = 0
    do {
      await browser.forget('vestibule_session')
      await ent.start(browser)
      await browser.submit({ identifier: 'person.0', password: PASSWORD })
      expect(browser.view.step).toBe('pin')
      await browser.submit({ pin: PIN })
      expect((await ent.finish(browser)).claims.sub).toBeTruthy()
      signIns += 1
    } while (!over)
    expect(await ended).toMatchObject({ code: 0 })
    expect(running.output()).toContain('499 added, 0 changed, 1 unchanged, 0 rejected')
    expect(signIns).toBeGreaterThan(1)
    expect(complaints(gateway.output())).toBe('')
  })
})

describe('what the command line does beside the running gateway', () => {
  it('holds for the next request: policies, a blocked PIN, a PIN that was reset', async () => {
    const premises = await temporaryPremises()
    await importPeople(premises, peopleFile(2, 'personal_password', PASSWORD))
    await premises.gateway()
    const ent = await application(premises)
    const newcomer = createBrowser(premises.issuer)
    await ent.start(newcomer)
    await newcomer.submit({ identifier: 'person.1', password: PASSWORD })
    expect(newcomer.view.step).toBe('define_pin')
    expect(fields(newcomer.view)).toContain('protection')
    const policies = premises.file(
      'policies.yaml',
      'policies:\n  teacher:\n    protections: [pin]\n    pin:\n      min_length: 6\n',
    )
    const applied = await premises.vestibule('policy', 'apply', policies, '--why', 'new rules')
    expect(applied.code, applied.output).toBe(0)
    await newcomer.open(newcomer.view.url)
    expect(fields(newcomer.view)).not.toContain('protection')
    await newcomer.submit({ define_pin: 'yes', new_pin: PIN, confirm_pin: PIN })
    expect(newcomer.view.step).toBe('define_pin')
    await newcomer.submit({ define_pin: 'yes', new_pin: '830614', confirm_pin: '830614' })
    expect(newcomer.view.step).toBe('device')

    const guesser = createBrowser(premises.issuer, { address: '10.9.0.1' })
    await ent.start(guesser)
    await guesser.submit({ identifier: 'person.1', password: PASSWORD })
    for (const pin of ['111222', '333444', '555666']) {
      await guesser.submit({ pin })
    }
    expect(fields(guesser.view)).not.toContain('pin')
    expect(await premises.vestibule('people', 'unblock', 'person.1')).toMatchObject({ code: 0 })
    await guesser.open(guesser.view.url.href.replace(/\/pin$/, ''))
    expect(fields(guesser.view)).toContain('pin')

    const reset = await premises.vestibule('people', 'reset-pin', 'person.1', '--json')
    const { pin } = JSON.parse(reset.output) as { pin: string }
    const owner = createBrowser(premises.issuer, { address: '10.9.0.2' })
    await ent.start(owner)
    await owner.submit({ identifier: 'person.1', password: PASSWORD })
    await owner.submit({ pin: '830614' })
    expect(owner.view.step).toBe('pin')
    await owner.submit({ pin })
    expect(owner.view.step).toBe('define_pin')
  })

  it('shuts a disabled person out everywhere', async () => {
    const premises = await temporaryPremises()
    await importPeople(premises, peopleFile(1, 'personal_password', PASSWORD))
    await premises.gateway()
    const ent = await application(premises)
    const browser = await firstConnection(ent, premises, 'person.0')
    const tokens = await ent.finish(browser)
    expect((await ent.userinfo(tokens)).sub).toBe(tokens.claims.sub)
    await ent.start(browser)
    expect(browser.view.step).toBe('callback')
    const code = browser.view.url

    const disabled = await premises.vestibule('people', 'disable', 'person.0')
    expect(disabled.code, disabled.output).toBe(0)
    await expect(ent.userinfo(tokens)).rejects.toMatchObject({ status: 401 })
    await expect(ent.refresh(tokens)).rejects.toMatchObject({ error: 'invalid_grant' })
    expect(code.searchParams.get('code')).toBeTruthy()
    await expect(ent.finish(browser)).rejects.toMatchObject({ error: 'invalid_grant' })
    await ent.start(browser)
    expect(browser.view.step).toBe('login')
    await browser.submit({ identifier: 'person.0', password: PASSWORD })
    expect(browser.view.step).toBe('login')
    expect(browser.view.status).toBe(200)

    await premises.vestibule('people', 'enable', 'person.0')
    await browser.submit({ identifier: 'person.0', password: PASSWORD })
    expect(browser.view.step).toBe('pin')
    await expect(ent.userinfo(tokens)).rejects.toMatchObject({ status: 401 })
  })
})
