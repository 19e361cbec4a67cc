import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { EVERYBODY, type Role } from '../../policies/admin_rights.ts'
import { DEFAULT_POLICIES, policyFor, policySchema } from '../../policies/policy.ts'
import type { Browser } from '../support/browser.ts'
import type { RelyingParty } from '../support/relying_party.ts'
import { PASSWORD, PIN, type School, startSchool } from '../support/school.ts'
import { enter } from './acts.ts'

const ACR_PIN = 'urn:vestibule:acr:pin'
const ABOLISHED = { protections: ['none'], otp: 'off', otp_keys: { apps: false } }
const essentialPin = {
  claims: JSON.stringify({ id_token: { acr: { essential: true, value: ACR_PIN } } }),
}

let school: School
let application: RelyingParty
beforeEach(async () => {
  school = await startSchool()
  application = await school.application()
  await school.policies({ staff: ABOLISHED })
})
afterEach(() => school.stop())

const give = (sub: string, role: Role) =>
  school.gateway.core.deps.store.roles.grant({
    sub,
    role,
    scope: EVERYBODY,
    grantedAt: Date.now(),
    grantedBy: 'test',
  })

const proving = async (identifier: string): Promise<Browser> => {
  const browser = school.browser()
  await enter(application, browser, identifier, { parameters: essentialPin })
  return browser
}

describe('whoever holds a role, of a type whose policy abolished the PIN', () => {
  it('can define one, and reach the level of a PIN', async () => {
    const { sub, identifier } = await school.person({ userType: 'staff', protection: 'none' })
    await give(sub, 'helpdesk')
    const browser = await proving(identifier)
    expect(browser.view.step).toBe('define_pin')
    let view = await browser.submit({ new_pin: PIN, confirm_pin: PIN })
    if (view.step === 'device') view = await browser.submit({})
    expect(view.step).toBe('callback')
    expect((await application.finish(browser)).claims['acr']).toBe(ACR_PIN)
    const again = await proving(identifier)
    expect(again.view.step).toBe('pin')
    expect((await again.submit({ pin: PIN })).step).toBe('callback')
  })

  it('is offered a PIN and an app in their account, where a colleague is not', async () => {
    const holder = await school.person({ userType: 'staff', protection: 'none' })
    const colleague = await school.person({ userType: 'staff', protection: 'none' })
    await give(holder.sub, 'auditor')
    const pageOf = async (identifier: string, path: string) => {
      const browser = school.browser()
      await browser.open(path)
      return (await browser.submit({ identifier, password: PASSWORD })).text
    }
    expect(await pageOf(holder.identifier, '/account/protection')).toContain('/account/pin')
    expect(await pageOf(colleague.identifier, '/account/protection')).not.toContain('/account/pin')
    expect(await pageOf(holder.identifier, '/account/keys')).toContain('/account/keys/app')
    expect(await pageOf(colleague.identifier, '/account/keys')).not.toContain('/account/keys/app')
  })

  it('is imposed nothing, and a colleague without a role reaches no such level', async () => {
    const { sub, identifier } = await school.person({ userType: 'staff', protection: 'none' })
    await give(sub, 'identity_admin')
    const browser = school.browser()
    expect((await enter(application, browser, identifier)).step).toBe('callback')
    const colleague = await school.person({ userType: 'staff', protection: 'none' })
    expect((await proving(colleague.identifier)).view.step).toBe('unmet')
  })
})

describe('the policy of somebody', () => {
  const policies = { ...DEFAULT_POLICIES, staff: policySchema.parse(ABOLISHED) }

  it('is that of their type, unless they hold a role: then a PIN and an app are never out of reach', () => {
    expect(policyFor(policies, { userType: 'staff', role: null })).toBe(policies.staff)
    expect(policyFor(policies, { userType: 'staff', role: 'auditor' })).toEqual({
      ...policies.staff,
      protections: ['pin', 'none'],
      otp: 'allowed',
      otp_keys: { ...policies.staff.otp_keys, apps: true },
    })
    const imposed = policySchema.parse({ protections: ['pin'], otp: 'required' })
    const alike = policyFor({ ...policies, staff: imposed }, { userType: 'staff', role: 'auditor' })
    expect(alike).toEqual(imposed)
  })
})
