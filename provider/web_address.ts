import { inNetworks } from '../policies/network.ts'

const LOOPBACK_NETWORKS = ['127.0.0.0/8', '::1/128']

/** Whether a host, as in an address (`[::1]`) or bare (`::1`), is this machine itself. */
export function isLoopbackHost(host: string): boolean {
  const bare = host.replace(/^\[(.*)\]$/, '$1')
  return bare.toLowerCase() === 'localhost' || inNetworks(bare, LOOPBACK_NETWORKS)
}

/** `https` anywhere, plain `http` only on this machine (RFC 9700 §2.6). */
function isSafeScheme({ protocol, hostname }: URL): boolean {
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

/** A mail server: `smtps`, or `smtp`, with a host and no path. RFC 8314 §3. */
export function isSmtpAddress(text: string): boolean {
  const url = URL.parse(text)
  if (url === null || !/^smtps?:$/.test(url.protocol) || /\s/.test(text)) return false
  return url.hostname !== '' && ['', '/'].includes(url.pathname) && url.search + url.hash === ''
}

/**
 * What is wrong with an issuer identifier, or undefined (OpenID Connect Discovery §3). Our pages
 * are at the root of their host, so an issuer has no path.
 */
export function issuerFault(text: string): string | undefined {
  const url = URL.parse(text)
  if (url === null || !/^https?:$/.test(url.protocol)) {
    return 'must be an address such as https://login.school.example'
  }
  if (!isSafeScheme(url)) {
    return 'must begin with https:// (plain http only for localhost, 127.0.0.0/8 and [::1])'
  }
  // `url.search` and `url.hash` are empty for a lone `?` or `#`; comparing the text is not fooled.
  return text === url.origin
    ? undefined
    : 'must have no path, slash at the end, query, fragment, user name, capitals or usual port: ' +
        `write ${url.origin} (the gateway needs a host name of its own)`
}
