import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { decodeJwt, type JWTPayload } from 'jose'
import { onTestFinished } from 'vitest'

/** The server of an application that is told of ended sessions. */
export interface LogoutReceiver {
  readonly uri: string
  /** What it was sent, refused or not; read, not verified. */
  readonly received: JWTPayload[]
  /** Answers the next calls with these statuses, and all further ones with 200. */
  answer(...statuses: number[]): void
  /** Not to be reached until `up`, on the same port. */
  down(): Promise<void>
  up(): Promise<void>
}

export const openLogoutReceiver = async (): Promise<LogoutReceiver> => {
  const received: JWTPayload[] = []
  const statuses: number[] = []
  const server = createServer(async (request, response) => {
    let body = ''
    for await (const chunk of request) {
      body += chunk
    }
    received.push(decodeJwt(new URLSearchParams(body).get('logout_token') ?? ''))
    response.writeHead(statuses.shift() ?? 200).end()
  })
  const listen = async (port: number): Promise<void> => {
    server.listen(port, '127.0.0.1')
    await once(server, 'listening')
  }
  await listen(0)
  const { port } = server.address() as AddressInfo
  const down = async (): Promise<void> => {
    const closed = once(server, 'close')
    server.close()
    server.closeAllConnections()
    await closed
  }
  onTestFinished(async () => {
    if (server.listening) {
      await down()
    }
  })
  return {
    uri: `http://127.0.0.1:${port}/out`,
    received,
    answer: (...next) => statuses.push(...next),
    down,
    up: () => listen(port),
  }
}
