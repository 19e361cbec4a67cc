import { inNetworks } from '../policies/network.ts'

const LOOPBACK_NETWORKS = ['127.0.0.0/8', '::1/128']

/** Whether a host, as in an address (`[::1]`) or bare (`::1`), is this machine itself. */
export function isLoopbackHost(host: string): boolean {
  const bare = host.replace(/^\[(.*)\]$/, '$1')
  return bare.toLowerCase() === 'localhost' || inNetworks(bare, LOOPBACK_NETWORKS)
}

/** `https` anywhere, plain `http` only on this machine (RFC 9700 §2.6). */
export function isSafeScheme({ protocol, hostname }: URL): boolean {
  return protocol === 'https:' || (protocol === 'http:' && isLoopbackHost(hostname))
}

/** An absolute web address without user name, password or fragment (RFC 6749 §3.1.2). */
export function isWebAddress(text: string): boolean {
  const url = URL.parse(text)
  if (url === null || text.includes('#') || /[\s*\\]/.test(text)) return false
  return isSafeScheme(url) && url.username === '' && url.password === ''
}

/** The same, `https` only, this machine included. */
export function isHttpsAddress(text: string): boolean {
  return isWebAddress(text) && URL.parse(text)?.protocol === 'https:'
}
