import { createServer } from 'node:net'

const PORTS_TRIED_MAX = 100

/**
 * The first port from `first` on that nobody uses and that is not in `taken`; 0 asks for any.
 * Throws when a hundred in a row are in use.
 */
export async function freePort(first: number, taken: readonly number[] = []): Promise<number> {
  if (first === 0) return anyPort()
  for (let port = first; port < first + PORTS_TRIED_MAX && port <= 65_535; port += 1) {
    if (!taken.includes(port) && (await isFree(port))) return port
  }
  throw new Error(`no free port from ${first} on`)
}

// `localhost` may lead a browser to either family: a stranger on one of them is in the way.
async function isFree(port: number): Promise<boolean> {
  const answers = await Promise.all(['127.0.0.1', '::1'].map((host) => canListen(host, port)))
  return answers.every(Boolean)
}

function canListen(host: string, port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer()
    // Only a port in use counts: a machine without IPv6 has nobody listening there.
    server.once('error', (error: NodeJS.ErrnoException) =>
      resolve(!['EADDRINUSE', 'EACCES'].includes(error.code ?? '')),
    )
    server.listen(port, host, () => server.close(() => resolve(true)))
  })
}

function anyPort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer()
    server.once('error', reject)
    server.listen(0, '127.0.0.1', () => {
      const address = server.address()
      const port = typeof address === 'object' && address ? address.port : 0
      server.close(() => resolve(port))
    })
  })
}
