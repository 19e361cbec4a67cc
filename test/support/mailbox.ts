import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import type { AddressInfo, Socket } from 'node:net'
import { join } from 'node:path'
import { buffer } from 'node:stream/consumers'
import { SMTPServer, type SMTPServerOptions, type SMTPServerSession } from 'smtp-server'

const FIXTURES = join(import.meta.dirname, '../fixtures/mail_server')
const pem = (name: string): string => readFileSync(join(FIXTURES, name), 'utf8')

/** The certificate of a mailbox that speaks TLS; trusted by nobody until a test does. */
export const MAILBOX_CERTIFICATE = pem('cert.pem')

/** A mail as it arrived. */
export interface Arrived {
  readonly from: string
  readonly to: readonly string[]
  /** By lower-case name, unfolded, words decoded. */
  readonly headers: ReadonlyMap<string, string>
  /** As they came. */
  readonly headerLines: readonly string[]
  readonly text: string
  readonly html: string
  readonly size: number
  readonly secure: boolean
}

/** How a mailbox treats what comes: until when it holds, and what it answers. */
export interface Manners {
  /** Before it greets anybody. */
  greet?: () => Promise<void>
  /** Answered to this recipient; 0: welcome. */
  recipient?: (address: string) => number
  /** Answered to a whole mail, which is read first; 0: accepted, -1: the connection is cut. */
  content?: (mail: Arrived) => number | Promise<number>
}

export interface Mailbox {
  readonly port: number
  /** What was accepted, in the order of arrival. */
  readonly mails: Arrived[]
  /** Connections so far. */
  readonly connections: number
  /** User and password of each log-in that was tried. */
  readonly logIns: readonly (readonly [string, string])[]
  manners: Manners
  /** Nobody listens, until `up`. */
  down(): Promise<void>
  up(): Promise<void>
}

const decodeWord = (_: string, charset: string, encoding: string, text: string): string =>
  (encoding.toUpperCase() === 'B'
    ? Buffer.from(text, 'base64')
    : decodeQuotedPrintable(text.replaceAll('_', ' '))
  ).toString(charset.toLowerCase() === 'utf-8' ? 'utf8' : 'latin1')

const decodeQuotedPrintable = (text: string): Buffer =>
  Buffer.from(
    text
      .replace(/=\r\n/g, '')
      .replace(/=([\dA-F]{2})/gi, (_, hex: string) =>
        String.fromCharCode(Number.parseInt(hex, 16)),
      ),
    'latin1',
  )

const DECODERS: Readonly<Record<string, (text: string) => Buffer>> = {
  base64: (text) => Buffer.from(text, 'base64'),
  'quoted-printable': decodeQuotedPrintable,
}

interface Part {
  readonly lines: readonly string[]
  readonly headers: ReadonlyMap<string, string>
  readonly body: string
}

/** RFC 5322 §2.2.3: a line that begins with a blank goes on the one before. */
const splitPart = (raw: string): Part => {
  const end = raw.indexOf('\r\n\r\n')
  const lines = raw
    .slice(0, end)
    .replace(/\r\n[ \t]/g, ' ')
    .split('\r\n')
  const headers = lines.map((line): [string, string] => {
    const colon = line.indexOf(':')
    const value = line
      .slice(colon + 1)
      .trim()
      .replace(/\?=\s+=\?/g, '?==?')
      .replace(/=\?([\w-]+)\?([bq])\?([^?]*)\?=/gi, decodeWord)
    return [line.slice(0, colon).toLowerCase(), value]
  })
  return { lines, headers: new Map(headers), body: raw.slice(end + 4) }
}

const textOf = ({ headers, body }: Part): string =>
  (DECODERS[headers.get('content-transfer-encoding') ?? ''] ?? Buffer.from)(body)
    .toString('utf8')
    .replaceAll('\r\n', '\n')

const partsOf = ({ headers, body }: Part): Part[] => {
  const boundary = /boundary="?([^";]+)"?/.exec(headers.get('content-type') ?? '')?.[1]
  const pieces = boundary === undefined ? [] : body.split(`--${boundary}`).slice(1, -1)
  return pieces.map((piece) => splitPart(piece.replace(/^\r\n/, '').replace(/\r\n$/, '')))
}

const read = (raw: Buffer, { envelope, secure }: SMTPServerSession): Arrived => {
  const whole = splitPart(raw.toString('latin1'))
  const parts = partsOf(whole)
  const textIn = (type: string): string => {
    const part = parts.find(({ headers }) => headers.get('content-type')?.startsWith(type))
    return part === undefined ? '' : textOf(part)
  }
  return {
    from: envelope.mailFrom === false ? '' : envelope.mailFrom.address,
    to: envelope.rcptTo.map(({ address }) => address),
    headers: whole.headers,
    headerLines: whole.lines,
    text: textIn('text/plain'),
    html: textIn('text/html'),
    size: raw.byteLength,
    secure,
  }
}

const refusal = (code: number): Error | null =>
  code === 0
    ? null
    : Object.assign(new Error(`${code > 499 ? '5' : '4'}.1.1 refused`), { responseCode: code })

/**
 * A real mail server on a free port of this machine. `stranger`: with a certificate that is not
 * `MAILBOX_CERTIFICATE`, and that nobody trusts.
 */
export const openMailbox = async (
  options: SMTPServerOptions = {},
  { stranger = false }: { stranger?: boolean } = {},
): Promise<Mailbox> => {
  const mails: Arrived[] = []
  const logIns: [string, string][] = []
  const sockets = new Map<number | undefined, Socket>()
  let connections = 0
  let server: SMTPServer | null = null
  let port = 0

  const receive = async (raw: Buffer, session: SMTPServerSession): Promise<Error | null> => {
    const mail = read(raw, session)
    const answer = (await mailbox.manners.content?.(mail)) ?? 0
    if (answer === 0) {
      mails.push(mail)
    }
    if (answer === -1) {
      sockets.get(session.remotePort)?.destroy()
    }
    return refusal(answer)
  }

  const up = async (): Promise<void> => {
    server = new SMTPServer({
      key: pem(stranger ? 'stranger_key.pem' : 'key.pem'),
      cert: stranger ? pem('stranger_cert.pem') : MAILBOX_CERTIFICATE,
      authOptional: true,
      disableReverseLookup: true,
      closeTimeout: 1,
      onConnect: (_, answer) => {
        connections += 1
        void (mailbox.manners.greet?.() ?? Promise.resolve()).then(() => answer())
      },
      onAuth: ({ username, password }, _, answer) => {
        logIns.push([username ?? '', password ?? ''])
        answer(null, { user: username ?? '' })
      },
      onRcptTo: ({ address }, _, answer) =>
        answer(refusal(mailbox.manners.recipient?.(address) ?? 0)),
      onData: (stream, session, answer) => {
        void buffer(stream)
          .then((raw) => receive(raw, session))
          .then((error) => answer(error))
      },
      ...options,
    })
    // Not the socket below TLS: Node crashes when that is destroyed after a failed handshake.
    server.server.on(options.secure ? 'secureConnection' : 'connection', (socket: Socket) => {
      const { remotePort } = socket
      sockets.set(remotePort, socket)
      socket.once('close', () => sockets.delete(remotePort))
    })
    server.on('error', () => {}) // Connections that were cut, on purpose.
    server.listen(port, '0.0.0.0')
    await once(server.server, 'listening')
    port = (server.server.address() as AddressInfo).port
  }

  const down = async (): Promise<void> => {
    const closing = server
    server = null
    for (const socket of sockets.values()) {
      socket.destroy()
    }
    sockets.clear()
    if (closing !== null) {
      await new Promise<void>((resolve) => {
        closing.close(resolve)
      })
    }
  }

  const mailbox: Mailbox = {
    get port() {
      return port
    },
    mails,
    get connections() {
      return connections
    },
    logIns,
    manners: {},
    down,
    up,
  }
  await up()
  return mailbox
}
