import { createHash, randomBytes } from 'node:crypto'
import { type Agent, type IncomingMessage, request } from 'node:http'
import { CALLBACK, CLIENT_ID } from './premises.ts'

const HOPS_MAX = 10

export interface Answer {
  readonly url: URL
  readonly status: number
  readonly retryAfter: string | undefined
  readonly text: string
}

/** A browser that costs as little as it can, so that what is measured is the gateway. */
export interface Visitor {
  readonly cookies: Map<string, string>
  /** A new authorization request, up to the page of its first step or back to the application. */
  start(): Promise<Answer>
  /** Fills the form of a page, and follows where that leads. */
  submit(page: Answer, fields: Readonly<Record<string, string>>): Promise<Answer>
  /** The same without following. */
  post(page: Answer, fields: Readonly<Record<string, string>>, address?: string): Promise<Answer>
}

export const isArrived = ({ url }: Answer): boolean => url.href.startsWith(CALLBACK)

/** `data-step` of a page. */
export const stepOf = ({ text }: Answer): string => /data-step="([^"]*)"/.exec(text)?.[1] ?? ''

export const verifier = randomBytes(32).toString('base64url')
const challenge = createHash('sha256').update(verifier).digest('base64url')

const authorizationUrl = (issuer: string): URL => {
  const url = new URL('/auth', issuer)
  url.search = new URLSearchParams({
    client_id: CLIENT_ID,
    response_type: 'code',
    scope: 'openid profile',
    redirect_uri: CALLBACK,
    code_challenge: challenge,
    code_challenge_method: 'S256',
    state: randomBytes(12).toString('base64url'),
  }).toString()
  return url
}

const decode = (text: string): string => text.replaceAll('&amp;', '&').replaceAll('&#38;', '&')

const attribute = (page: Answer, pattern: RegExp): string => {
  const [, value] = pattern.exec(page.text) ?? []
  if (value === undefined) {
    throw new Error(`no form at ${page.url} (${page.status}): ${page.text.slice(0, 300)}`)
  }
  return decode(value)
}

const textOf = async (message: IncomingMessage): Promise<string> => {
  const chunks: Buffer[] = []
  for await (const chunk of message as AsyncIterable<Buffer>) {
    chunks.push(chunk)
  }
  return Buffer.concat(chunks).toString('utf8')
}

/** One visitor from one address, as a trusted proxy reports it. */
export const createVisitor = (issuer: string, address: string, agent: Agent): Visitor => {
  const cookies = new Map<string, string>()

  const keep = (lines: readonly string[]): void => {
    for (const line of lines) {
      const [pair = ''] = line.split(';')
      const [name = ''] = pair.split('=', 1)
      const value = pair.slice(name.length + 1)
      if (value === '') cookies.delete(name)
      else cookies.set(name, value)
    }
  }

  const send = (url: URL, body: string | null, from: string): Promise<IncomingMessage> =>
    new Promise((resolve, reject) => {
      const cookie = [...cookies].map(([name, value]) => `${name}=${value}`).join('; ')
      const headers = {
        accept: 'text/html',
        'x-forwarded-for': from,
        ...(cookie === '' ? {} : { cookie }),
        ...(body === null ? {} : { 'content-type': 'application/x-www-form-urlencoded' }),
      }
      const outgoing = request(url, { agent, method: body === null ? 'GET' : 'POST', headers })
      outgoing.once('error', (error: NodeJS.ErrnoException) => {
        // The gateway ended an idle connection just as it was used again: browsers ask anew.
        const mayAskAnew = outgoing.reusedSocket || body === null
        if (mayAskAnew && error.code === 'ECONNRESET') resolve(send(url, body, from))
        else reject(error)
      })
      outgoing.once('response', resolve)
      outgoing.end(body ?? undefined)
    })

  const go = async (first: URL, body: string | null, follow: boolean): Promise<Answer> => {
    let url = first
    let sent = body
    for (let hop = 0; hop < HOPS_MAX; hop += 1) {
      const message = await send(url, sent, address)
      keep(message.headers['set-cookie'] ?? [])
      const text = await textOf(message)
      const { location, 'retry-after': retryAfter } = message.headers
      const answer = { url, status: message.statusCode ?? 0, retryAfter, text }
      if (location === undefined || !follow) return answer
      url = new URL(location, url)
      sent = null
      if (url.href.startsWith(CALLBACK)) return { ...answer, url, text: '' }
    }
    throw new Error(`more than ${HOPS_MAX} redirects, now at ${url}`)
  }

  const form = (page: Answer, fields: Readonly<Record<string, string>>): [URL, string] => {
    const action = attribute(page, /<form[^>]*\baction="([^"]*)"/)
    const csrf = attribute(page, /name="csrf"\s+value="([^"]*)"/)
    return [new URL(action, page.url), new URLSearchParams({ ...fields, csrf }).toString()]
  }

  return {
    cookies,
    start: () => go(authorizationUrl(issuer), null, true),
    submit: (page, fields) => go(...form(page, fields), true),
    async post(page, fields, from = address) {
      const [url, body] = form(page, fields)
      const message = await send(url, body, from)
      const text = await textOf(message)
      return {
        url,
        status: message.statusCode ?? 0,
        retryAfter: message.headers['retry-after'],
        text,
      }
    },
  }
}
