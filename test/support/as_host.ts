import { request } from 'node:http'

interface Init {
  readonly method?: string | undefined
  readonly headers?: Headers | Readonly<Record<string, string>> | undefined
  readonly body?: string | undefined
}

const headersOf = (received: Readonly<Record<string, string | string[] | undefined>>): Headers => {
  const headers = new Headers()
  for (const [name, value] of Object.entries(received)) {
    for (const each of [value ?? []].flat()) {
      headers.append(name, each)
    }
  }
  return headers
}

/** Asks a listener as a proxy in front of it does, by the host that people named. `fetch` cannot. */
export const fetchAs = (
  target: string | URL,
  host: string,
  { method = 'GET', headers, body }: Init = {},
): Promise<Response> =>
  new Promise((resolve, reject) => {
    const sent = { ...Object.fromEntries(new Headers(headers)), host }
    const asked = request(target, { method, headers: sent }, (answer) => {
      const chunks: Buffer[] = []
      answer.on('data', (chunk: Buffer) => chunks.push(chunk))
      answer.on('end', () => {
        const { statusCode: status = 500, headers: received } = answer
        const empty = status === 204 || status === 304
        resolve(
          new Response(empty ? null : Buffer.concat(chunks), {
            status,
            headers: headersOf(received),
          }),
        )
      })
      answer.on('error', reject)
    })
    asked.on('error', reject)
    asked.end(body)
  })
