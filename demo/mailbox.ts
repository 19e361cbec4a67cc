import PostalMime from 'postal-mime'
import { SMTPServer } from 'smtp-server'

/** A mail as the demonstration received it. */
export interface ReceivedMail {
  readonly id: string
  readonly to: string
  readonly subject: string
  readonly text: string
  readonly atMs: number
}

export interface Mailbox {
  /** Newest first. */
  mails(): readonly ReceivedMail[]
  close(): Promise<void>
}

/** More than anybody reads; the oldest go. */
const MAILS_KEPT = 100
const MAIL_BYTES_MAX = 200_000

async function textOf(stream: AsyncIterable<Buffer>): Promise<Buffer> {
  const chunks: Buffer[] = []
  for await (const chunk of stream) chunks.push(chunk)
  return Buffer.concat(chunks)
}

/**
 * A mail server on this machine that keeps what it is sent, in memory, for whoever plays with the
 * demonstration. It delivers nothing to anybody.
 */
export async function startMailbox(
  host: string,
  port: number,
  now: () => number = Date.now,
): Promise<Mailbox> {
  const kept: ReceivedMail[] = []
  let received = 0
  const receive = async (stream: AsyncIterable<Buffer>): Promise<void> => {
    const mail = await PostalMime.parse(await textOf(stream))
    received += 1
    kept.unshift({
      id: String(received),
      to: mail.to?.map(({ address }) => address ?? '').join(', ') ?? '',
      subject: mail.subject ?? '',
      text: mail.text ?? '',
      atMs: now(),
    })
    kept.splice(MAILS_KEPT)
  }
  const server = new SMTPServer({
    disabledCommands: ['AUTH', 'STARTTLS'],
    size: MAIL_BYTES_MAX,
    onData: (stream, _session, answer) => {
      receive(stream).then(() => answer(), answer)
    },
  })
  // A client that goes away in the middle is no reason to end.
  server.on('error', () => undefined)
  await new Promise<void>((resolve, reject) => {
    server.server.once('error', reject)
    server.listen(port, host, () => resolve())
  })
  return {
    mails: () => kept,
    close: () => new Promise((resolve) => server.close(() => resolve())),
  }
}
