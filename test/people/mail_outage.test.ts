import pino from 'pino'
import { expect, it, onTestFinished, vi } from 'vitest'
import { type Mailbox, openMailbox } from '../support/mailbox.ts'
import type { RelyingParty } from '../support/relying_party.ts'
import { HOUR_MS, MINUTE_MS, PIN, type School, startSchool } from '../support/school.ts'
import { enter } from './acts.ts'

interface Village {
  readonly mailbox: Mailbox
  readonly school: School
  readonly log: readonly string[]
  /** Tries to deliver something that failed so far. */
  failed(): number
  /** Connections to the mail server that have ended. */
  ended(): number
  /** Signs in from a new device, which is told by mail, to the end. */
  signIn(identifier: string): Promise<void>
  /** Asks for a code to reset the PIN, and is shown where to type it. */
  forgetPin(identifier: string): Promise<void>
}

/** A school that delivers its mails itself, and the people who use its pages. */
const openVillage = async (): Promise<Village> => {
  let ended = 0
  const mailbox = await openMailbox({
    onClose: () => {
      ended += 1
    },
  })
  const log: string[] = []
  const settings = { smtp_url: `smtp://127.0.0.1:${mailbox.port}`, mail_from: 'e@school.example' }
  const sink = { write: (line: string) => log.push(line) }
  const logger = pino({ base: null, level: 'debug' }, sink)
  const school = await startSchool(settings, { delivers: true, log: logger })
  onTestFinished(async () => {
    mailbox.manners = {}
    await school.stop()
    await mailbox.down()
  })
  const application: RelyingParty = await school.application()
  const emailOf = (identifier: string): string => `${identifier}@exemple.fr`
  return {
    mailbox,
    school,
    log,
    failed: () => log.filter((line) => line.includes('not delivered yet')).length,
    ended: () => ended,
    signIn: async (identifier) => {
      const protection = 'notification'
      await school.person({ identifier, email: emailOf(identifier), protection })
      const browser = school.browser()
      await enter(application, browser, identifier)
      await browser.submit({})
      expect(browser.view.step).toBe('callback')
    },
    forgetPin: async (identifier) => {
      await school.person({ identifier, email: emailOf(identifier), pin: PIN })
      const browser = school.browser()
      await enter(application, browser, identifier)
      await browser.submit({}, { form: 'form[action$="/pin_reset"]' })
      expect(browser.view.step).toBe('pin_reset_code')
    },
  }
}

const WITHIN = { timeout: 20_000, interval: 50 }

const recipients = ({ mailbox }: Village): string[] => mailbox.mails.flatMap(({ to }) => to).sort()

const audited = ({ school }: Village, act: string) =>
  school.gateway.core.deps.store.audit.list({ act }, 1_000)

it('pages are answered while the mail server holds every connection', async () => {
  const village = await openVillage()
  const { mailbox } = village
  const { promise: released, resolve: release } = Promise.withResolvers<void>()
  onTestFinished(() => release())
  let held = 0
  mailbox.manners = {
    content: async () => {
      held += 1
      await released
      return 0
    },
  }
  const before = ['v.1', 'v.2', 'v.3', 'v.4']
  for (const identifier of before) {
    await village.signIn(identifier)
  }
  await vi.waitFor(() => expect(held).toBe(before.length), WITHIN)
  await village.signIn('v.5')
  await village.forgetPin('v.6')
  // Answered before the server let go of anything: no connection has ended, no mail has arrived.
  expect(village.ended()).toBe(0)
  expect(mailbox.mails).toEqual([])
  release()
  await vi.waitFor(() => expect(mailbox.mails).toHaveLength(6), WITHIN)
  expect(new Set(recipients(village)).size).toBe(6)
})

it('an hour without mail server keeps nobody from their pages, and loses no mail', async () => {
  const village = await openVillage()
  const { mailbox, school, log } = village
  await mailbox.down()
  await village.signIn('o.first')
  await vi.waitFor(() => expect(log.join()).toContain('the mail server cannot be used'), WITHIN)
  const minutes = [1, 2, 4, 8, 16, 29]
  for (const passed of minutes) {
    school.later(passed * MINUTE_MS)
    await village.signIn(`o.in.${passed}`)
    await village.forgetPin(`o.pin.${passed}`)
    // Now is a time at which it cannot be sent, too.
    const before = village.failed()
    await vi.waitFor(() => expect(village.failed()).toBeGreaterThan(before), WITHIN)
  }
  expect(mailbox.mails).toEqual([])
  await mailbox.up()
  // A code that still serves is there before that ends.
  const lastCode = 'o.pin.29@exemple.fr'
  await vi.waitFor(
    () => {
      school.later(MINUTE_MS / 2)
      expect(recipients(village)).toContain(lastCode)
    },
    { timeout: 20_000, interval: 1_200 },
  )
  school.later(HOUR_MS)
  const told = ['first', ...minutes.map((passed) => `in.${passed}`)]
  const everybody = told.map((name) => `o.${name}@exemple.fr`)
  await vi.waitFor(() => expect(recipients(village)).toEqual(expect.arrayContaining(everybody)), {
    ...WITHIN,
  })
  await vi.waitFor(async () => {
    const over = [
      ...(await audited(village, 'mail_sent')),
      ...(await audited(village, 'mail_failed')),
    ]
    expect(over).toHaveLength(told.length + minutes.length)
  }, WITHIN)
  expect(new Set(recipients(village)).size).toBe(mailbox.mails.length)
  // All that was not sent are codes that serve no more.
  for (const { detail } of await audited(village, 'mail_failed')) {
    expect(detail).toMatchObject({ template: 'pin_reset_code', why: 'too_late' })
  }
})
