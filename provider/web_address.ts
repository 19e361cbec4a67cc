import { isSafeScheme } from '../accounts/web_address.ts'

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
