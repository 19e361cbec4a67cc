import { once } from 'node:events'
import type { RequestListener } from 'node:http'
import { type AddressInfo, connect, type Socket } from 'node:net'
import { expect, it, onTestFinished } from 'vitest'
import { createHttpServer, SERVER_LIMITS, UNREAD_BYTES_MAX } from '../../provider/server.ts'

const HURRIED = {
  ...SERVER_LIMITS,
  headersTimeout: 100,
  requestTimeout: 150,
  connectionsCheckingInterval: 20,
}

/** A connection to a server of its own, and everything that it answers until its end. */
const connected = async (
  handle: RequestListener,
  limits = SERVER_LIMITS,
): Promise<{ socket: Socket; answer: Promise<string> }> => {
  const server = createHttpServer(handle, () => false, limits)
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const socket = connect((server.address() as AddressInfo).port, '127.0.0.1')
  onTestFinished(() => {
    socket.destroy()
    server.close()
    server.closeAllConnections()
  })
  let text = ''
  socket.on('data', (chunk) => {
    text += chunk
  })
  socket.on('error', () => undefined) // A reset is an end too.
  const answer = new Promise<string>((resolve) => socket.once('close', () => resolve(text)))
  return { socket, answer }
}

const READ_ALL: RequestListener = (request, response) => {
  request.resume()
  request.once('end', () => response.end('read'))
}
const ANSWER_UNREAD: RequestListener = (_, response) => response.end('unread')

it('who never ends the headers is cut off', async () => {
  const { socket, answer } = await connected(READ_ALL, HURRIED)
  socket.write('GET / HTTP/1.1\r\nHost: x\r\n')
  expect(await answer).toMatch(/^HTTP\/1\.1 408 /)
})

it('who never ends the body is cut off', async () => {
  const { socket, answer } = await connected(READ_ALL, HURRIED)
  socket.write('POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nabc')
  expect(await answer).toMatch(/^HTTP\/1\.1 408 /)
})

const post = (bytes: number): string =>
  `POST / HTTP/1.1\r\nHost: x\r\nContent-Length: ${bytes}\r\n\r\n`

it('a body that is answered unread goes by, and the connection serves the next request', async () => {
  const { socket, answer } = await connected(ANSWER_UNREAD)
  socket.write(post(UNREAD_BYTES_MAX) + 'x'.repeat(UNREAD_BYTES_MAX))
  socket.write('GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n')
  expect((await answer).match(/HTTP\/1\.1 200 /g)).toHaveLength(2)
})

it('a body that is answered unread and does not end is cut off', async () => {
  const { socket, answer } = await connected(ANSWER_UNREAD)
  const endless = 1024 * UNREAD_BYTES_MAX
  socket.write(post(endless))
  const chunk = 'x'.repeat(64 * 1024)
  const more = (): boolean => socket.destroyed || !socket.write(chunk) || more()
  socket.on('drain', more)
  more()
  await answer
  expect(socket.bytesWritten).toBeLessThan(endless / 4)
})

it('a connection is kept longer than a proxy keeps it, and a request may not take that long', () => {
  expect(SERVER_LIMITS.keepAliveTimeout).toBeGreaterThan(60_000)
  const server = createHttpServer(ANSWER_UNREAD, () => false)
  expect(server).toMatchObject({
    headersTimeout: 10_000,
    requestTimeout: 20_000,
    keepAliveTimeout: SERVER_LIMITS.keepAliveTimeout,
    maxRequestsPerSocket: 0,
  })
})
