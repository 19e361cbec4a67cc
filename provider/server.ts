import { createServer, type IncomingMessage, type RequestListener, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { AppError } from '../accounts/errors.ts'
import type { Settings } from './settings.ts'

/** What one connection may take, in ms. Who sends slower than this is cut off with a 408. */
export const SERVER_LIMITS = {
  headersTimeout: 10_000,
  /** Headers and body. Forms are small, and no answer is part of it. */
  requestTimeout: 20_000,
  connectionsCheckingInterval: 2_000,
  /** Longer than proxies keep theirs (60 s and less): else they send into a closing connection. */
  keepAliveTimeout: 75_000,
}

/** Of a body that was answered unread: so much goes by for the sake of who waits for the answer. */
export const UNREAD_BYTES_MAX = 256 * 1024

const letPass = (request: IncomingMessage): void => {
  let bytes = 0
  request.on('data', (chunk: Buffer) => {
    bytes += chunk.length
    if (bytes > UNREAD_BYTES_MAX) {
      request.socket.destroy()
    }
  })
  request.resume()
  request.read(0) // Read from now on: what nobody reads Node throws away uncounted.
}

/** The HTTP server, not listening yet. */
export const createHttpServer = (
  handle: RequestListener,
  isStopping: () => boolean,
  limits: typeof SERVER_LIMITS = SERVER_LIMITS,
): Server =>
  createServer(limits, (request, response) => {
    response.prependOnceListener('finish', () => {
      if (isStopping()) {
        request.socket.end() // It would be kept for its next request, and we for it.
      } else if (!request.complete) {
        letPass(request)
      }
    })
    handle(request, response)
  })

/** Why an address cannot be listened at, by the system's code. */
const LISTEN_FAULTS: Readonly<Record<string, string>> = {
  EADDRINUSE: 'is in use: another gateway or another program listens there',
  EADDRNOTAVAIL: 'is no address of this machine',
  EACCES: 'needs rights that this user does not have',
}

/** Where it listens now. Throws `AppError('unavailable')` with the reason in words. */
export const listen = (
  server: Server,
  { host, port }: Settings['listen'],
  setting = 'listen',
): Promise<AddressInfo> =>
  new Promise((resolve, reject) => {
    const refuse = (cause: NodeJS.ErrnoException): void => {
      const why = LISTEN_FAULTS[cause.code ?? ''] ?? `cannot be listened at: ${cause.message}`
      reject(new AppError('unavailable', `${host}:${port} ${why} (setting: ${setting})`, { cause }))
    }
    server.once('error', refuse)
    server.listen(port, host, () => {
      server.off('error', refuse)
      resolve(server.address() as AddressInfo)
    })
  })

const STOP_GRACE_MS = 10_000

/** Takes no more connections, and waits for the answers under way. */
export const closeServer = (server: Server): Promise<void> =>
  new Promise((resolve) => {
    const impatient = setTimeout(() => server.closeAllConnections(), STOP_GRACE_MS)
    server.close(() => {
      clearTimeout(impatient)
      resolve()
    })
  })
