import { canonicalAddress, inNetworks } from '../policies/network.ts'

/** More hops than any real chain of proxies; the rest of a forged header is not walked. */
const HOPS_MAX = 32

/** `192.0.2.7:4711` and `[2001:db8::1]:4711`: some proxies add the port of the client. */
const WITH_PORT = /^(?:(\d+\.\d+\.\d+\.\d+)|\[([0-9a-f:.]+)\])(?::\d{1,5})?$/i

/**
 * The address that a request comes from: of the chain client, proxies, us, the one nearest to us
 * that no trusted proxy vouches past. What stands left of it is the client's own word, and so is
 * the `Forwarded` header, which is not read (RFC 7239 §8.1).
 *
 * `remoteAddress` is the socket's peer, `forwardedFor` the value of `X-Forwarded-For` (several
 * header lines joined by commas), `trusted` networks as `parseCidr` gives them. IPv4-mapped
 * addresses come out as IPv4. An unreadable hop ends the walk at the proxy that wrote it; an
 * unreadable peer gives an empty text.
 */
export function clientAddress(
  remoteAddress: string | undefined,
  forwardedFor: string | undefined,
  trusted: readonly string[],
): string {
  let address = readHop(remoteAddress ?? '') ?? ''
  const hops = (forwardedFor ?? '').split(',').reverse().slice(0, HOPS_MAX)
  for (const hop of hops) {
    if (!inNetworks(address, trusted)) return address
    const next = readHop(hop)
    if (next === undefined) return address
    address = next
  }
  return address
}

/** The hop's address in its one spelling, or undefined where it is none (`unknown`, `_hidden`). */
function readHop(text: string): string | undefined {
  const trimmed = text.trim()
  const [, ipv4, ipv6] = WITH_PORT.exec(trimmed) ?? []
  return canonicalAddress(ipv4 ?? ipv6 ?? trimmed)
}
