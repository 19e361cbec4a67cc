import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { PASSWORD, PIN, type School, startSchool } from './support/school.ts'

describe('a teacher signs in to the digital workspace', () => {
  let school: School
  beforeAll(async () => {
    school = await startSchool()
  })
  afterAll(() => school.stop())

  it('with the PIN defined at the first connection, asked on a second browser, spared on a recognised device', async () => {
    await school.person({ identifier: 'c.moreau', givenName: 'Camille', familyName: 'Moreau' })
    const application = await school.application()
    const first = school.browser()

    await application.start(first)
    expect(first.view.step).toBe('login')
    await first.submit({ identifier: ' C.Moreau ', password: PASSWORD })
    expect(first.view.step).toBe('define_pin')
    await first.submit({ define_pin: 'yes', new_pin: PIN, confirm_pin: PIN })
    expect(first.view.step).toBe('device')
    await first.submit({})
    expect(first.view.step).toBe('callback')
    const { claims } = await application.finish(first)
    expect(claims).toMatchObject({
      acr: 'urn:vestibule:acr:pin',
      amr: ['pwd', 'pin'],
      auth_time: expect.any(Number),
    })

    const second = school.browser()
    await application.start(second)
    await second.submit({ identifier: 'c.moreau', password: PASSWORD })
    expect(second.view.step).toBe('pin')
    await second.submit({ pin: PIN, remember_device: 'yes', device_name: 'Room 201' })
    expect(second.view.step).toBe('callback')
    expect((await application.finish(second)).claims['acr']).toBe('urn:vestibule:acr:pin')

    const nextDay = school.browser({ jar: second.jar })
    await nextDay.forget('vestibule_session')
    await application.start(nextDay)
    await nextDay.submit({ identifier: 'c.moreau', password: PASSWORD })
    expect(nextDay.view.step).toBe('callback')
    expect((await application.finish(nextDay)).claims).toMatchObject({
      acr: 'urn:vestibule:acr:password',
      amr: ['pwd'],
    })

    await nextDay.forget('vestibule_session')
    await nextDay.forget('vestibule_device')
    await application.start(nextDay)
    await nextDay.submit({ identifier: 'c.moreau', password: PASSWORD })
    expect(nextDay.view.step).toBe('pin')
  })
})

describe('on a shared computer', () => {
  let school: School
  beforeAll(async () => {
    school = await startSchool()
  })
  afterAll(() => school.stop())

  it("a pupil leaves somebody else's half-done sign-in for their own", async () => {
    await school.person({ identifier: 'first.pupil', userType: 'student', pin: PIN })
    await school.person({ identifier: 'second.pupil', userType: 'student', protection: 'none' })
    const application = await school.application()
    const browser = school.browser()
    await application.start(browser)
    await browser.submit({ identifier: 'first.pupil', password: PASSWORD })
    expect(browser.view.step).toBe('pin')

    await application.start(browser)
    expect(browser.view.step).toBe('pin')
    await browser.submit({}, { form: 'form.other-account' })
    expect(browser.view.step).toBe('login')
    await browser.submit({ identifier: 'second.pupil', password: PASSWORD })
    expect(browser.view.step).toBe('callback')
    const tokens = await application.finish(browser)
    expect((await application.userinfo(tokens)).preferred_username).toBe('second.pupil')
  })

  it('an open session is not left that way', async () => {
    await school.person({ identifier: 'signed.in', pin: PIN })
    const application = await school.application()
    const browser = school.browser()
    await application.start(browser)
    await browser.submit({ identifier: 'signed.in', password: PASSWORD })
    await browser.submit({ pin: PIN })
    expect(browser.view.step).toBe('callback')
    school.later(1000)
    await application.start(browser, { prompt: 'login', acr_values: 'urn:vestibule:acr:pin' })
    await browser.submit({ identifier: 'signed.in', password: PASSWORD })
    expect(browser.view.step).toBe('pin')
    expect(browser.view.html.querySelector('form.other-account')).toBeNull()
  })
})
