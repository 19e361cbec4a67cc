import { createTransport } from 'nodemailer'
import { isLoopbackHost } from '../accounts/web_address.ts'

export interface Mail {
  readonly to: { readonly name: string; readonly address: string }
  readonly subject: string
  readonly text: string
  readonly html: string
  /** Without angle brackets. The same each time that this mail is sent. */
  readonly messageId: string
}

/** What became of a mail. `why` and `answer` name nobody, and no password. */
export type Sent = { readonly ok: true } | NotSent

export interface NotSent {
  readonly ok: false
  /** This recipient or this content is refused, whenever it is sent. */
  readonly forGood: boolean
  /** The server could not be used at all: nothing would have got through. */
  readonly unusable: boolean
  /** Such as `ECONNECTION` or `EENVELOPE 550 5.1.1`. */
  readonly why: string
  /** What went wrong, in words, for the log. */
  readonly answer: string
}

export interface Mailer {
  send(mail: Mail): Promise<Sent>
  /** Once nothing is being sent any more. */
  close(): void
}

/** Connections at most, and with it mails sent at the same time. */
export const MAILS_AT_ONCE = 4

const CONNECTION_TIMEOUT_MS = 10_000
const GREETING_TIMEOUT_MS = 10_000
const SOCKET_TIMEOUT_MS = 20_000
/** A server may answer every command just in time; longer than this no mail takes in all. */
export const SENDING_MAX_MS = 60_000
/** A connection that the server closed while it was idle is opened again, once. */
const REQUEUES_MAX = 1

/** As `decodeURIComponent`, but a lone `%` is itself. */
const decoded = (text: string): string => {
  try {
    return decodeURIComponent(text)
  } catch {
    return text // Not written as RFC 3986 §2.1 asks: then it was meant as it stands.
  }
}

/**
 * Where and how to connect (RFC 8314 §3): `smtps:` is TLS from the first byte, `smtp:` changes to
 * TLS before anything is said, or nothing is sent. Only to this machine itself mail may go in
 * clear; a certificate that stands for nothing there (Debian's own, say) does no harm either.
 */
export const connectionOf = (smtpUrl: string) => {
  const { protocol, hostname, port, username, password } = new URL(smtpUrl)
  const secure = protocol === 'smtps:'
  const local = !secure && isLoopbackHost(hostname)
  return {
    host: hostname.replace(/^\[(.*)\]$/, '$1'),
    ...(port === '' ? {} : { port: Number(port) }),
    secure,
    requireTLS: !secure && !local,
    tls: { minVersion: 'TLSv1.2' as const, rejectUnauthorized: !local },
    ...(username === '' ? {} : { auth: { user: decoded(username), pass: decoded(password) } }),
  }
}

interface SmtpError {
  readonly code?: string
  readonly command?: string
  readonly response?: string
  readonly responseCode?: number
}

/** An address keeps its domain alone. */
const withoutAddresses = (text: string): string => text.replace(/[^\s<>"',;:]+@/g, '…@')

/** RFC 3463 §2, such as 5.1.1. */
const ENHANCED_STATUS = /\b[245]\.\d{1,3}\.\d{1,3}\b/

/** Answers about this session and not about the mail: RFC 5321 §4.2.3, RFC 4954 §6. */
const ABOUT_THE_SESSION: ReadonlySet<number> = new Set([421, 503, 530, 535, 538])

/**
 * Where a refusal is about this one mail: its recipient, its content. A refused sender or log-in is
 * ours, and meets every mail.
 */
const ABOUT_THE_MAIL: ReadonlySet<string> = new Set(['RCPT TO', 'DATA'])

const ANSWER_LENGTH_MAX = 300

const isAboutTheMail = ({ command = '', responseCode }: SmtpError): boolean =>
  ABOUT_THE_MAIL.has(command) && responseCode !== undefined && !ABOUT_THE_SESSION.has(responseCode)

/** Sorts what nodemailer throws. RFC 5321 §4.2.1: 5yz is for good, 4yz for now. */
const sortFailure = (error: SmtpError): NotSent => {
  const { code = 'EUNKNOWN', response = '', responseCode = 0 } = error
  const aboutTheMail = isAboutTheMail(error)
  const status = ENHANCED_STATUS.exec(response)?.[0]
  return {
    ok: false,
    forGood: aboutTheMail && responseCode >= 500,
    unusable: !aboutTheMail,
    why: [code, responseCode || undefined, status].filter((part) => part !== undefined).join(' '),
    answer: withoutAddresses(String(error)).trim().slice(0, ANSWER_LENGTH_MAX),
  }
}

/** One address without a name, a quotation or a second one: nothing that is read as more than that. */
const ONE_ADDRESS = /^[^\s,;:<>()"\\@]+@[^\s,;:<>()"\\@]+$/

const NO_ADDRESS: NotSent = {
  ok: false,
  forGood: true,
  unusable: false,
  why: 'EENVELOPE',
  answer: 'this is no address',
}

/** Sends over SMTP. `from`: the sender of every mail; `sendingMaxMs`: how long one may take. */
export const createMailer = (
  smtpUrl: string,
  from: { readonly name: string; readonly address: string },
  sendingMaxMs: number = SENDING_MAX_MS,
): Mailer => {
  const transport = createTransport({
    ...connectionOf(smtpUrl),
    pool: true,
    maxConnections: MAILS_AT_ONCE,
    maxRequeues: REQUEUES_MAX,
    connectionTimeout: CONNECTION_TIMEOUT_MS,
    greetingTimeout: GREETING_TIMEOUT_MS,
    socketTimeout: SOCKET_TIMEOUT_MS,
    disableFileAccess: true,
    disableUrlAccess: true,
  })
  return {
    send: async ({ to, subject, text, html, messageId }) => {
      if (!ONE_ADDRESS.test(to.address)) {
        return NO_ADDRESS
      }
      try {
        await transport.sendMail({
          from,
          to,
          subject,
          text,
          html,
          messageId: `<${messageId}>`,
          // RFC 3834 §5: no out-of-office note answers it.
          headers: { 'Auto-Submitted': 'auto-generated' },
          xMailer: false,
          signal: AbortSignal.timeout(sendingMaxMs),
        })
        return { ok: true }
      } catch (error) {
        return sortFailure(error as SmtpError)
      }
    },
    close: () => transport.close(),
  }
}
