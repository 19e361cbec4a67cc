import type { IncomingMessage, Server } from 'node:http'
import type { AddressInfo } from 'node:net'

const FORM_BYTES_MAX = 16 * 1024

export interface Answer {
  readonly status: number
  readonly headers?: Readonly<Record<string, string>>
  readonly cookies?: readonly string[]
  readonly body?: string | Buffer
}

/** An HTML page. */
export function pageAnswer(status: number, body: string): Answer {
  return { status, headers: { 'content-type': 'text/html; charset=utf-8' }, body }
}

/** 303: the browser goes on with a GET, whatever it sent. */
export function redirect(location: string, cookies: readonly string[] = []): Answer {
  return { status: 303, headers: { location }, cookies }
}

/** Browsers name where a POST comes from; a form on another site must not act here. */
export function isForeign(request: IncomingMessage, url: string): boolean {
  const site = request.headers['sec-fetch-site']
  if (site !== undefined) return site !== 'same-origin'
  const { origin } = request.headers
  return origin !== undefined && origin !== new URL(url).origin
}

/** The posted form, or undefined where it is too large to be one of ours. */
export async function readForm(request: IncomingMessage): Promise<URLSearchParams | undefined> {
  const chunks: Buffer[] = []
  let bytes = 0
  for await (const chunk of request as AsyncIterable<Buffer>) {
    bytes += chunk.length
    if (bytes > FORM_BYTES_MAX) return undefined
    chunks.push(chunk)
  }
  return new URLSearchParams(Buffer.concat(chunks).toString('utf8'))
}

/** Names and values of a Cookie header. */
export function readCookies(header = ''): Map<string, string> {
  const pairs = header.split(';').map((pair) => pair.trim().split('=', 2))
  return new Map(pairs.map(([name = '', value = '']) => [name, value]))
}

/** The port that it listens on; rejects when the one asked for is taken. */
export function listen(server: Server, host: string, port: number): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen(port, host, () => resolve((server.address() as AddressInfo).port))
  })
}

/** Ends the server and every open connection. */
export function closeServer(server: Server): Promise<void> {
  return new Promise((resolve, reject) => {
    server.close((error) => (error ? reject(error) : resolve()))
    server.closeAllConnections()
  })
}
