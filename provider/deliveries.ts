import type { Logger } from 'pino'
import { auditEntry } from '../accounts/audit.ts'
import { type Letter, type LogoutCall, openLetter, openLogoutCall } from '../accounts/outbox.ts'
import type { AuditEntry, Deps, OutboxItem } from '../accounts/ports.ts'
import type { Written } from './letters.ts'
import type { Mail, Mailer, NotSent, Sent } from './mailer.ts'

/** What became of one try to deliver something. */
export interface Delivery {
  readonly sent: Sent
  /** For the audit once it is over; null: whoever delivered it has written that. */
  readonly entry: AuditEntry | null
}

export type Deliver = (item: OutboxItem) => Promise<Delivery>

export interface DeliveryOptions {
  readonly deps: Pick<Deps, 'clock' | 'random' | 'letters'>
  readonly log: Logger
  /** Null: there is no mail server in the settings. */
  readonly mail: {
    readonly write: (letter: Letter, item: OutboxItem) => Promise<Written>
    readonly mailer: Mailer
  } | null
  /** Tells one application that a session is over, and the audit; throws when it could not. */
  readonly tellLogout: (call: LogoutCall) => Promise<void>
}

const notSent = (why: string, forGood: boolean): NotSent => ({
  ok: false,
  forGood,
  unusable: false,
  why,
  answer: why,
})

/**
 * A code for a new password that was asked for in the name of nobody who may have one: the letter
 * was queued for the work that it is, and its request was audited. Nothing failed.
 */
const isPretence = ({ template }: Letter, { sent }: { readonly sent: Sent }): boolean =>
  template === 'password_reset_code' && !sent.ok && sent.why === 'nobody'

/** The part of an address that names nobody. */
const domainOf = ({ to }: Mail): string => to.address.slice(to.address.lastIndexOf('@') + 1)

/** The code of a notice is its kind; any other code is a secret. */
const factsOf = (letter: Letter): AuditEntry['detail'] => ({
  template: letter.template,
  ...(letter.template === 'notice' ? { notice: letter.code } : {}),
})

/** What an item holds; null: not sealed by these keys, or not as it was. */
const contentOf = <T>(open: () => T, log: Logger, { id }: OutboxItem): T | null => {
  try {
    return open()
  } catch (error) {
    log.error({ err: error, id }, 'an item of the outbox does not open')
    return null
  }
}

/** An outage of the mail server is told once, and its end. */
const watchServer = (log: Logger) => {
  let isDown = false
  return (sent: Sent): void => {
    const wasDown = isDown
    isDown = !sent.ok && sent.unusable
    if (!sent.ok && isDown && !wasDown) {
      const { why, answer } = sent
      log.error({ why, answer }, 'the mail server cannot be used: mails wait')
    } else if (!isDown && wasDown) {
      log.info('the mail server can be used again')
    }
  }
}

const createDeliverMail = ({ deps, log, mail }: DeliveryOptions): Deliver => {
  const watch = watchServer(log)

  const send = async (letter: Letter, item: OutboxItem) => {
    if (mail === null) {
      return { sent: notSent('no_mail_server', false), domain: {} }
    }
    const written = await mail.write(letter, item)
    if (!written.ok) {
      return { sent: notSent(written.why, true), domain: {} }
    }
    const sent = await mail.mailer.send(written.mail)
    watch(sent)
    return { sent, domain: { domain: domainOf(written.mail) } }
  }

  const tryToSend = async (letter: Letter, item: OutboxItem): ReturnType<typeof send> => {
    try {
      return await send(letter, item)
    } catch (error) {
      // A template or the database: another version, or another minute, may do better.
      log.error({ err: error, id: item.id }, 'a mail could not be written')
      return { sent: notSent('not_written', false), domain: {} }
    }
  }

  const entryOf = (letter: Letter | null, { sent, domain }: Awaited<ReturnType<typeof send>>) => {
    const facts = letter === null ? {} : factsOf(letter)
    return auditEntry(deps, {
      act: sent.ok ? 'mail_sent' : 'mail_failed',
      outcome: sent.ok ? 'done' : 'refused',
      actor: null,
      sub: letter?.sub ?? null,
      detail: sent.ok ? facts : { ...facts, ...domain, why: sent.why },
    })
  }

  return async (item) => {
    const letter = contentOf(() => openLetter(deps, item), log, item)
    const done =
      letter === null
        ? { sent: notSent('sealed', true), domain: {} }
        : await tryToSend(letter, item)
    return letter !== null && isPretence(letter, done)
      ? { sent: { ok: true }, entry: null }
      : { sent: done.sent, entry: entryOf(letter, done) }
  }
}

const createDeliverLogout = ({ deps, log, tellLogout }: DeliveryOptions): Deliver => {
  const tell = async (call: LogoutCall): Promise<Sent> => {
    try {
      await tellLogout(call)
      return { ok: true }
    } catch (error) {
      return { ...notSent('not_told', false), answer: String(error) }
    }
  }
  return async (item) => {
    const call = contentOf(() => openLogoutCall(deps, item), log, item)
    const sent = call === null ? notSent('sealed', true) : await tell(call)
    if (sent.ok) {
      return { sent, entry: null }
    }
    const { sub = null, clientId = null } = call ?? {}
    const entry = auditEntry(deps, {
      act: 'back_channel_failed',
      outcome: 'refused',
      actor: null,
      sub,
      detail: { application: clientId, why: 'given_up' },
    })
    return { sent, entry }
  }
}

/** How each kind of item is delivered. */
export const createDeliveries = (
  options: DeliveryOptions,
): Readonly<Record<OutboxItem['kind'], Deliver>> => ({
  mail: createDeliverMail(options),
  logout: createDeliverLogout(options),
})
