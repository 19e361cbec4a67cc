import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { getCACertificates, setDefaultCACertificates } from 'node:tls'
import { destination, type Logger, pino } from 'pino'
import { describe, expect, it, onTestFinished, vi } from 'vitest'
import type { Account } from '../../accounts/account.ts'
import { tell } from '../../accounts/notices.ts'
import { type LogoutCall, queueLetter, queueLogout } from '../../accounts/outbox.ts'
import type { AuditEntry, Deps } from '../../accounts/ports.ts'
import { DATABASE_FILE } from '../../adapters/open.ts'
import { createDeliveries } from '../../provider/deliveries.ts'
import { createLetters } from '../../provider/letters.ts'
import { connectionOf, createMailer, type Mail, type NotSent } from '../../provider/mailer.ts'
import {
  GIVE_UP_MS,
  LEASE_MS,
  nextTryAt,
  type OutboxWorker,
  startOutboxWorker,
} from '../../provider/outbox_worker.ts'
import { openCore } from '../../provider/wire.ts'
import { createMailRenderer } from '../../views/mails.ts'
import { importPeople, peopleFile, temporaryPremises, withCore } from '../processes/premises.ts'
import { MAILBOX_CERTIFICATE, type Mailbox, openMailbox } from '../support/mailbox.ts'
import { HOUR_MS, MINUTE_MS, type School, startSchool } from '../support/school.ts'

// In this whole file the mailbox is trusted; a stranger has another certificate.
setDefaultCACertificates([...getCACertificates('default'), MAILBOX_CERTIFICATE])

const FROM = 'ecole@tilleuls.example'

interface Office {
  readonly school: School
  readonly mailbox: Mailbox
  /** What was logged, parsed. */
  readonly logged: Record<string, unknown>[]
  /** A worker on the school's store, or on a store of its own. */
  work(more?: { deps?: Deps; tellLogout?: (call: LogoutCall) => Promise<void> }): OutboxWorker
  /** Somebody with an address, who is told something. */
  told(identifier: string, email?: string): Promise<Account>
  /** What waits in the outbox. */
  waiting(): { id: string; attempts: number; due_at: number }[]
  audited(act: string): Promise<AuditEntry[]>
}

const logInto = (logged: Record<string, unknown>[]): Logger => {
  const stream = destination({ dest: 1, sync: true })
  stream.write = (line: string) => {
    logged.push(JSON.parse(line) as Record<string, unknown>)
    return true
  }
  return pino({ level: 'debug' }, stream)
}

/** A school whose mails wait until the test lets a worker at them. */
const openOffice = async (): Promise<Office> => {
  const mailbox = await openMailbox()
  const url = `smtp://127.0.0.1:${mailbox.port}`
  const school = await startSchool({ smtp_url: url, mail_from: FROM })
  const logged: Record<string, unknown>[] = []
  const log = logInto(logged)
  const database = new DatabaseSync(join(school.dataFolder, DATABASE_FILE), { readOnly: true })
  const stops: (() => unknown)[] = []
  onTestFinished(async () => {
    mailbox.manners = {}
    database.close()
    for (const stop of stops) {
      await stop()
    }
    await school.stop()
    await mailbox.down()
  })
  const { deps } = school.gateway.core
  return {
    school,
    mailbox,
    logged,
    work: ({ deps: own = deps, tellLogout = async () => {} } = {}) => {
      const renderer = createMailRenderer({ schoolName: 'Tilleuls', timeZone: 'Europe/Paris' })
      const mailer = createMailer(url, { name: 'Tilleuls', address: FROM })
      const { issuer } = school
      const write = createLetters({ deps: own, renderer, issuer, defaultLocale: 'fr' })
      const deliveries = createDeliveries({ deps: own, log, mail: { write, mailer }, tellLogout })
      const worker = startOutboxWorker({ deps: own, deliveries, log, pauseMs: 5 })
      stops.push(async () => {
        await worker.stop()
        mailer.close()
      })
      return worker
    },
    told: async (identifier, email = `${identifier}@exemple.fr`) => {
      const account = await school.person({ identifier, email })
      await deps.store.transact((tables) => tell(deps, tables, account.sub, 'pin_defined'))
      return account
    },
    waiting: () =>
      database
        .prepare('select id, attempts, due_at from outbox order by seq')
        .all() as unknown as ReturnType<Office['waiting']>,
    audited: (act) => deps.store.audit.list({ act }, 1_000),
  }
}

const LEVEL_ERROR = 50
const errorsIn = ({ logged }: Office): Record<string, unknown>[] =>
  logged.filter(({ level }) => Number(level) >= LEVEL_ERROR)

const recipients = ({ mailbox }: Office): string[] => mailbox.mails.flatMap(({ to }) => to).sort()

const idOf = (mailbox: Mailbox, nth: number): string | undefined =>
  mailbox.mails[nth]?.headers.get('message-id')

const until = (check: () => unknown): Promise<unknown> =>
  vi.waitFor(check, { timeout: 15_000, interval: 20 })

/** Waits until so many tries have failed, and what they were for is due again later. */
const untilPostponed = ({ logged }: Office, times: number): Promise<unknown> =>
  until(() => expect(logged.filter(({ msg }) => msg === 'not delivered yet')).toHaveLength(times))

/** Resolves when `open` is called. */
const gate = () => {
  const { promise, resolve } = Promise.withResolvers<void>()
  return { passed: promise, open: resolve }
}

describe('mails', () => {
  it('are sent, go from the outbox, and leave their kind in the audit', async () => {
    const office = await openOffice()
    const { sub } = await office.told('m.sent')
    expect(office.waiting()).toHaveLength(1)
    office.work()
    await until(() => expect(office.waiting()).toEqual([]))
    expect(recipients(office)).toEqual(['m.sent@exemple.fr'])
    expect(await office.audited('mail_sent')).toMatchObject([
      { sub, actor: null, outcome: 'done', detail: { template: 'notice', notice: 'pin_defined' } },
    ])
    expect(errorsIn(office)).toEqual([])
  })

  it('twenty of them are sent once each by two workers on one database', async () => {
    const office = await openOffice()
    for (let nth = 0; nth < 20; nth += 1) {
      await office.told(`m.${nth}`)
    }
    const second = await openCore(office.school.settings, { clock: () => Date.now() })
    onTestFinished(() => second.close())
    office.work()
    office.work({ deps: second.deps })
    await until(() => expect(office.waiting()).toEqual([]))
    expect(office.mailbox.mails).toHaveLength(20)
    expect(new Set(recipients(office)).size).toBe(20)
    expect(await office.audited('mail_sent')).toHaveLength(20)
  })

  it('survive an hour without mail server, are then sent once each, and the log says it once', async () => {
    const office = await openOffice()
    await office.mailbox.down()
    for (const name of ['a', 'b', 'c', 'd', 'e', 'f']) {
      await office.told(`m.down.${name}`)
    }
    office.work()
    let tries = 6
    for (const minutes of [1, 2, 4, 8, 16, 32]) {
      await untilPostponed(office, tries)
      office.school.later(minutes * MINUTE_MS)
      tries += 6
    }
    await untilPostponed(office, tries)
    expect(errorsIn(office)).toHaveLength(1)
    await office.mailbox.up()
    office.school.later(HOUR_MS)
    await until(() => expect(office.waiting()).toEqual([]))
    expect(office.mailbox.mails).toHaveLength(6)
    expect(new Set(recipients(office)).size).toBe(6)
    expect(errorsIn(office)).toHaveLength(1)
    const said = office.logged.filter(({ msg }) => String(msg).includes('can be used again'))
    expect(said).toHaveLength(1)
  })

  it('to a refused recipient are given up at once, and no address is written down', async () => {
    const office = await openOffice()
    office.mailbox.manners = { recipient: (address) => (address.startsWith('m.gone') ? 550 : 0) }
    const { sub } = await office.told('m.gone')
    await office.told('m.next')
    office.work()
    await until(() => expect(office.waiting()).toEqual([]))
    expect(recipients(office)).toEqual(['m.next@exemple.fr'])
    expect(await office.audited('mail_failed')).toMatchObject([
      {
        sub,
        outcome: 'refused',
        detail: { template: 'notice', domain: 'exemple.fr', why: 'EENVELOPE 550 5.1.1' },
      },
    ])
    await until(() => expect(errorsIn(office)).toMatchObject([{ msg: 'not delivered: given up' }]))
    expect(JSON.stringify([office.logged, await office.audited('mail_failed')])).not.toContain(
      'm.gone@',
    )
  })

  it('whose content is refused are given up at once', async () => {
    const office = await openOffice()
    office.mailbox.manners = { content: () => 554 }
    await office.told('m.content')
    office.work()
    await until(() => expect(office.waiting()).toEqual([]))
    expect(await office.audited('mail_failed')).toMatchObject([
      { detail: { why: 'EMESSAGE 554 5.1.1' } },
    ])
  })

  it('that a server defers wait, and nobody calls that an outage', async () => {
    const office = await openOffice()
    office.mailbox.manners = { recipient: () => 451 }
    await office.told('m.grey')
    office.work()
    await untilPostponed(office, 1)
    expect(errorsIn(office)).toEqual([])
    office.mailbox.manners = {}
    office.school.later(MINUTE_MS)
    await until(() => expect(office.waiting()).toEqual([]))
    expect(recipients(office)).toEqual(['m.grey@exemple.fr'])
  })

  it('are sent again under the same Message-ID when the connection is cut in the middle', async () => {
    const office = await openOffice()
    const seen: (string | undefined)[] = []
    office.mailbox.manners = {
      content: ({ headers }) => {
        seen.push(headers.get('message-id'))
        return seen.length === 1 ? -1 : 0
      },
    }
    await office.told('m.cut')
    office.work()
    await untilPostponed(office, 1)
    office.school.later(MINUTE_MS)
    await until(() => expect(office.waiting()).toEqual([]))
    expect(office.mailbox.mails).toHaveLength(1)
    expect(seen).toHaveLength(2)
    expect(seen[1]).toBe(seen[0])
    expect(idOf(office.mailbox, 0)).toMatch(/^<[0-9a-f]{32}@127\.0\.0\.1>$/)
  })

  it('that nobody takes in a day are given up, in the audit and in the log', async () => {
    const office = await openOffice()
    office.mailbox.manners = { recipient: () => 451 }
    await office.told('m.day')
    office.school.later(GIVE_UP_MS - HOUR_MS)
    office.work()
    await untilPostponed(office, 1)
    office.school.later(HOUR_MS)
    await until(() => expect(office.waiting()).toEqual([]))
    expect(await office.audited('mail_failed')).toMatchObject([
      { detail: { domain: 'exemple.fr', why: 'EENVELOPE 451 4.1.1' } },
    ])
    await until(() => expect(errorsIn(office)).toMatchObject([{ attempts: 2 }]))
  })

  it('that are on their way are waited for when the worker stops, and no other is begun', async () => {
    const office = await openOffice()
    const held = gate()
    office.mailbox.manners = { content: () => held.passed.then(() => 0) }
    for (const name of ['a', 'b', 'c', 'd', 'e', 'f']) {
      await office.told(`m.slow.${name}`)
    }
    const worker = office.work()
    await until(() =>
      expect(office.waiting().filter(({ attempts }) => attempts > 0)).toHaveLength(4),
    )
    let stopped = false
    const stopping = worker.stop().then(() => {
      stopped = true
    })
    await until(() => expect(office.mailbox.connections).toBe(4))
    expect(stopped).toBe(false)
    held.open()
    await stopping
    expect(office.mailbox.mails).toHaveLength(4)
    expect(office.waiting()).toMatchObject([{ attempts: 0 }, { attempts: 0 }])
  })

  it('that somebody else has taken meanwhile are theirs: nothing is removed, put off or audited', async () => {
    const office = await openOffice()
    const held = gate()
    onTestFinished(() => held.open())
    const answers = [0, 451]
    let begun = 0
    office.mailbox.manners = {
      content: async () => {
        const answer = answers[begun] ?? 0
        begun += 1
        await held.passed
        return answer
      },
    }
    await office.told('m.lease.sent')
    await office.told('m.lease.deferred')
    const worker = office.work()
    await until(() => expect(begun).toBe(2))
    const { store } = office.school.gateway.core.deps
    const again = await store.outbox.take('mail', Date.now() + LEASE_MS, LEASE_MS, 10)
    const taken = office.waiting()
    held.open()
    await worker.stop()
    expect(again.map(({ attempts }) => attempts)).toEqual([2, 2])
    expect(office.waiting()).toEqual(taken)
    expect(await office.audited('mail_sent')).toEqual([])
    const said = office.logged.filter(({ msg }) => String(msg).includes('longer than its lease'))
    expect(said).toHaveLength(2)
  })

  it('that do not open under these keys are given up', async () => {
    const office = await openOffice()
    const { store } = office.school.gateway.core.deps
    const sealed = 'v1.other.AAAA'
    await store.outbox.add({ id: 'x', kind: 'mail', sealed, createdAt: Date.now() }, 1)
    office.work()
    await until(() => expect(office.waiting()).toEqual([]))
    expect(await office.audited('mail_failed')).toMatchObject([{ detail: { why: 'sealed' } }])
    expect(errorsIn(office)).not.toEqual([])
  })

  it('with a code that serves no more, or to somebody without an address, are not sent', async () => {
    const office = await openOffice()
    const { deps } = office.school.gateway.core
    const account = await office.school.person({ identifier: 'm.late', email: 'late@exemple.fr' })
    const letter = {
      template: 'pin_reset_code',
      sub: account.sub,
      to: null,
      code: '402913',
      locale: null,
    } as const
    await queueLetter(deps, deps.store, account, { ...letter, minutes: 10 })
    await queueLetter(deps, deps.store, account, { ...letter, minutes: 600 })
    office.school.later(10 * MINUTE_MS)
    await deps.store.accounts.update(account.sub, { ...account, email: null }, Date.now())
    office.work()
    await until(() => expect(office.waiting()).toEqual([]))
    expect(office.mailbox.connections).toBe(0)
    const failed = await office.audited('mail_failed')
    expect(failed.map(({ detail }) => detail['why']).sort()).toEqual(['no_address', 'too_late'])
    expect(JSON.stringify([office.logged, failed])).not.toContain('402913')
  })

  it('that were being sent when the process was killed are sent by the next one', async () => {
    const MAILS = 6
    const mailbox = await openMailbox()
    onTestFinished(() => mailbox.down())
    const held = gate()
    const cut: (string | undefined)[] = []
    mailbox.manners = {
      content: async ({ headers }) => {
        cut.push(headers.get('message-id'))
        await held.passed
        return 0
      },
    }
    const premises = await temporaryPremises({
      smtp_url: `smtp://127.0.0.1:${mailbox.port}`,
      mail_from: FROM,
    })
    await importPeople(premises, peopleFile(MAILS, 'personal_password', 'Tilleul-Papier-27'))
    await withCore(premises, async ({ deps }) => {
      for (let nth = 0; nth < MAILS; nth += 1) {
        const found = await deps.store.accounts.byIdentifier(`person.${nth}`)
        const { sub } = found ?? expect.fail('nobody')
        await deps.store.accounts.setVerifiedEmail(sub, `person.${nth}@exemple.fr`)
        await deps.store.transact((tables) => tell(deps, tables, sub, 'pin_defined'))
      }
    })
    const { child } = await premises.gateway()
    await until(() => expect(cut).toHaveLength(4))
    child.kill()
    await child.ended
    held.open()
    mailbox.manners = {}
    // Two that were not begun, and four whose lease has to end first: the clock of the next one is ahead.
    await withCore(premises, async ({ deps: { store, ...deps } }) => {
      const clock = () => Date.now() + LEASE_MS
      const log = pino({ level: 'silent' })
      const renderer = createMailRenderer({ schoolName: 'Tilleuls', timeZone: 'Europe/Paris' })
      const own = { ...deps, store, clock }
      const { issuer } = premises
      const mail = {
        write: createLetters({ deps: own, renderer, issuer, defaultLocale: 'fr' }),
        mailer: createMailer(`smtp://127.0.0.1:${mailbox.port}`, { name: '', address: FROM }),
      }
      const tellLogout = async (): Promise<void> => {}
      const deliveries = createDeliveries({ deps: own, log, mail, tellLogout })
      const worker = startOutboxWorker({ deps: own, deliveries, log, pauseMs: 5 })
      await until(async () =>
        expect(await store.audit.list({ act: 'mail_sent' }, 100)).toHaveLength(MAILS),
      )
      await worker.stop()
      mail.mailer.close()
    })
    const everybody = Array.from({ length: MAILS }, (_, nth) => `person.${nth}@exemple.fr`)
    expect([...new Set(mailbox.mails.flatMap(({ to }) => to))].sort()).toEqual(everybody)
    // Whoever got one twice can tell: it has the same Message-ID.
    const ids = mailbox.mails.map(({ headers }) => headers.get('message-id'))
    expect(new Set(ids).size).toBe(MAILS)
  })
})

describe('applications', () => {
  const call: LogoutCall = { sub: 'sub-1', clientId: 'ent', sid: 'sid-1' }

  it('are told that a session is over, again and again until one answers', async () => {
    const office = await openOffice()
    const { deps } = office.school.gateway.core
    await queueLogout(deps, deps.store, call)
    const told: LogoutCall[] = []
    office.work({
      tellLogout: async (one) => {
        told.push(one)
        if (told.length < 3) {
          throw new Error('503 Service Unavailable')
        }
      },
    })
    await untilPostponed(office, 1)
    office.school.later(MINUTE_MS)
    await untilPostponed(office, 2)
    office.school.later(2 * MINUTE_MS)
    await until(() => expect(office.waiting()).toEqual([]))
    expect(told).toEqual([call, call, call])
    expect(await office.audited('back_channel_failed')).toEqual([])
  })

  it('that do not answer in a day are given up, in the audit', async () => {
    const office = await openOffice()
    const { deps } = office.school.gateway.core
    await queueLogout(deps, deps.store, call)
    office.school.later(GIVE_UP_MS)
    office.work({
      tellLogout: async () => {
        throw new Error('refused')
      },
    })
    await until(() => expect(office.waiting()).toEqual([]))
    expect(await office.audited('back_channel_failed')).toMatchObject([
      { sub: 'sub-1', outcome: 'refused', detail: { application: 'ent', why: 'given_up' } },
    ])
  })
})

describe('what is urgent', () => {
  const LOGOUTS = 200
  const NOTICES = 1_000

  it('leaves at once: a code is held up by no call that hangs, and by no notice', async () => {
    const office = await openOffice()
    const { deps } = office.school.gateway.core
    const reader = await office.school.person({ identifier: 'u.code', email: 'code@exemple.fr' })
    const { sub } = reader
    const notice = {
      template: 'notice',
      sub,
      to: 'many@exemple.fr',
      code: 'pin_defined',
      atMs: deps.clock(),
      params: {},
    } as const
    await deps.store.transact(async (tables) => {
      for (let nth = 0; nth < LOGOUTS; nth += 1) {
        await queueLogout(deps, tables, { sub, clientId: 'ent', sid: `sid-${nth}` })
      }
      for (let nth = 0; nth < NOTICES; nth += 1) {
        await queueLetter(deps, tables, reader, { ...notice, noticeId: `notice-${nth}` })
      }
      await queueLetter(deps, tables, reader, {
        template: 'pin_reset_code',
        sub,
        to: null,
        code: '402913',
        minutes: 10,
        locale: null,
      })
    })
    expect(office.waiting()).toHaveLength(LOGOUTS + NOTICES + 1)
    const held = gate()
    onTestFinished(() => held.open())
    const calls: LogoutCall[] = []
    const begun: string[] = []
    office.mailbox.manners = {
      content: async ({ to }) => {
        begun.push(...to)
        await held.passed
        return 0
      },
    }
    const tellLogout = async (call: LogoutCall): Promise<void> => {
      calls.push(call)
      await held.passed
    }
    const worker = office.work({ tellLogout })
    await until(() => expect(begun).toHaveLength(4))
    await until(() => expect(calls).toHaveLength(8))
    expect(begun.filter((address) => address === 'code@exemple.fr')).toHaveLength(1)
    const stopping = worker.stop()
    held.open()
    await stopping
    expect(await office.audited('mail_sent')).toContainEqual(
      expect.objectContaining({ sub, detail: { template: 'pin_reset_code' } }),
    )
  })

  it('an application is told while every mail hangs', async () => {
    const office = await openOffice()
    const { deps } = office.school.gateway.core
    const held = gate()
    onTestFinished(() => held.open())
    let begun = 0
    office.mailbox.manners = {
      content: async () => {
        begun += 1
        await held.passed
        return 0
      },
    }
    for (let nth = 0; nth < 6; nth += 1) {
      await office.told(`u.hangs.${nth}`)
    }
    const told: LogoutCall[] = []
    const worker = office.work({
      tellLogout: async (call) => {
        told.push(call)
      },
    })
    await until(() => expect(begun).toBe(4))
    await queueLogout(deps, deps.store, { sub: 'sub-1', clientId: 'ent', sid: 'sid-1' })
    await until(() => expect(told).toHaveLength(1))
    expect(office.mailbox.mails).toEqual([])
    const stopping = worker.stop()
    held.open()
    await stopping
  })
})

it('pauses between tries grow from a minute to an hour, and end a day after the act', () => {
  const createdAt = 1_000_000
  const minutesAfter = (attempts: number) =>
    ((nextTryAt({ attempts, createdAt }, createdAt) ?? 0) - createdAt) / MINUTE_MS
  expect([1, 2, 3, 4, 5, 6, 7, 8, 40, 2_000].map(minutesAfter)).toEqual([
    1, 2, 4, 8, 16, 32, 60, 60, 60, 60,
  ])
  const end = createdAt + GIVE_UP_MS
  expect(nextTryAt({ attempts: 30, createdAt }, end - MINUTE_MS)).toBe(end)
  expect(nextTryAt({ attempts: 31, createdAt }, end)).toBeNull()
})

describe('the connection to the mail server', () => {
  it.each([
    [
      'smtps://mail.school.example',
      { secure: true, requireTLS: false, tls: { rejectUnauthorized: true } },
    ],
    ['smtps://127.0.0.1:4465', { port: 4465, secure: true, tls: { rejectUnauthorized: true } }],
    [
      'smtp://mail.school.example',
      { secure: false, requireTLS: true, tls: { rejectUnauthorized: true } },
    ],
    ['smtp://10.0.0.25:25', { port: 25, requireTLS: true, tls: { rejectUnauthorized: true } }],
    ['smtp://localhost:25', { requireTLS: false }],
    ['smtp://[::1]:25', { host: '::1', requireTLS: false }],
    ['smtp://127.0.0.1:25', { requireTLS: false }],
    ['smtp://a%40b:p%2Fs%25@mail.example', { auth: { user: 'a@b', pass: 'p/s%' } }],
    ['smtp://user:100%@mail.example', { auth: { user: 'user', pass: '100%' } }],
  ])('%s', (url, options) => {
    expect(connectionOf(url)).toMatchObject(options)
  })

  const mail: Mail = {
    to: { name: 'Léa Martin', address: 'lea@exemple.fr' },
    subject: 'Bonjour',
    text: 'Bonjour',
    html: '<p>Bonjour</p>',
    messageId: 'a@127.0.0.1',
  }

  const sendTo = async (
    url: string,
    sent: Mail = mail,
    { sendingMaxMs }: { sendingMaxMs?: number } = {},
  ) => {
    const mailer = createMailer(url, { name: 'Tilleuls', address: FROM }, sendingMaxMs)
    onTestFinished(() => mailer.close())
    return mailer.send(sent)
  }

  const openTls = async (...options: Parameters<typeof openMailbox>): Promise<Mailbox> => {
    const mailbox = await openMailbox(...options)
    onTestFinished(() => mailbox.down())
    return mailbox
  }

  /** Not this machine as far as settings tell, and yet its own mailbox. */
  const elsewhere = ({ port }: Mailbox): string => `0.0.0.0:${port}`

  it('is not used where the certificate is a stranger’s: no mail, no password', async () => {
    const starttls = await openTls({}, { stranger: true })
    const implicit = await openTls({ secure: true }, { stranger: true })
    const named = await openTls({ secure: true })
    for (const url of [
      `smtp://user:secret@${elsewhere(starttls)}`,
      `smtps://user:secret@${elsewhere(implicit)}`,
      `smtps://user:secret@127.0.0.1:${implicit.port}`,
      `smtps://user:secret@127.0.0.2:${named.port}`, // Trusted, but made out for others.
    ]) {
      const sent = await sendTo(url)
      expect(sent).toMatchObject({ ok: false, forGood: false, unusable: true })
      expect(JSON.stringify(sent)).toMatch(/certificate/i)
      expect(JSON.stringify(sent)).not.toContain('secret')
    }
    for (const { mails, logIns } of [starttls, implicit, named]) {
      expect([...mails, ...logIns]).toEqual([])
    }
  })

  it('is not used in clear by a server elsewhere that offers no STARTTLS', async () => {
    const mailbox = await openTls({ disabledCommands: ['STARTTLS'], allowInsecureAuth: true })
    const sent = await sendTo(`smtp://user:secret@${elsewhere(mailbox)}`)
    expect(sent).toMatchObject({ ok: false, forGood: false, unusable: true })
    expect(mailbox.mails).toEqual([])
    expect(mailbox.logIns).toEqual([])
  })

  it('is encrypted where the certificate is trusted, and logs in with the decoded password', async () => {
    const starttls = await openTls()
    const implicit = await openTls({ secure: true })
    expect(await sendTo(`smtp://a%40b:p%2Fs%25@${elsewhere(starttls)}`)).toEqual({ ok: true })
    expect(await sendTo(`smtps://a%40b:p%2Fs%25@${elsewhere(implicit)}`)).toEqual({ ok: true })
    for (const { mails, logIns } of [starttls, implicit]) {
      expect(mails).toMatchObject([{ secure: true }])
      expect(logIns).toEqual([['a@b', 'p/s%']])
    }
  })

  it('is allowed in clear, or under any certificate, to this machine itself', async () => {
    const plain = await openTls({ disabledCommands: ['STARTTLS'] })
    const own = await openTls({}, { stranger: true })
    expect(await sendTo(`smtp://127.0.0.1:${plain.port}`)).toEqual({ ok: true })
    expect(await sendTo(`smtp://127.0.0.1:${own.port}`)).toEqual({ ok: true })
    expect([plain.mails[0]?.secure, own.mails[0]?.secure]).toEqual([false, true])
  })

  it('ends in time with a server that is slow at every command, and the mail does not arrive', async () => {
    const COMMAND_MS = 60
    const commands: string[] = []
    const slowly = (command: string, answer: (error?: Error | null) => void): void => {
      commands.push(command)
      setTimeout(answer, COMMAND_MS)
    }
    const { promise: gone, resolve: goes } = Promise.withResolvers<void>()
    const mailbox = await openTls({
      onClose: () => goes(),
      onConnect: (_, answer) => slowly('connect', answer),
      onMailFrom: (_, __, answer) => slowly('from', answer),
      onRcptTo: (_, __, answer) => slowly('to', answer),
    })
    const url = `smtp://127.0.0.1:${mailbox.port}`
    const tooSlow = await sendTo(url, mail, { sendingMaxMs: 2.5 * COMMAND_MS })
    expect(tooSlow).toMatchObject({ ok: false, forGood: false, unusable: true, why: 'EABORT' })
    await gone // By the end of this mail alone: nothing else closes the connection.
    expect(mailbox.mails).toEqual([])
    // Whoever may take longer is served: none of the answers came too late by itself.
    commands.length = 0
    expect(await sendTo(url, mail, { sendingMaxMs: 100 * COMMAND_MS })).toEqual({ ok: true })
    expect(commands).toEqual(['connect', 'from', 'to'])
  })

  it('carries one mail to one person, whatever stands in names and addresses', async () => {
    const mailbox = await openTls()
    const url = `smtp://127.0.0.1:${mailbox.port}`
    const name = 'Léa\r\nBcc: all@exemple.fr\r\n\r\n<b>, "x'
    expect(await sendTo(url, { ...mail, to: { name, address: 'lea@exemple.fr' } })).toEqual({
      ok: true,
    })
    for (const address of [
      'lea@exemple.fr, all@exemple.fr',
      'lea@exemple.fr\r\nRCPT TO:<all@exemple.fr>',
      '<all@exemple.fr>',
      'all: lea@exemple.fr;',
      'lea',
      '',
    ]) {
      const refused = (await sendTo(url, { ...mail, to: { name, address } })) as NotSent
      expect(refused, address).toMatchObject({ ok: false, forGood: true, unusable: false })
    }
    expect(mailbox.mails).toMatchObject([{ from: FROM, to: ['lea@exemple.fr'] }])
    expect([...(mailbox.mails[0]?.headers.keys() ?? [])].sort()).toEqual([
      'auto-submitted',
      'content-type',
      'date',
      'from',
      'message-id',
      'mime-version',
      'subject',
      'to',
    ])
  })
})
