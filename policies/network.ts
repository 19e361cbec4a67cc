import ipaddr from 'ipaddr.js'

/** An IPv4 network is kept as 256 addresses: enough to tell a place, too little to tell a home. */
const IPV4_PREFIX = 24
/**
 * An IPv6 network is kept as a /48. Providers give homes a /56 (RFC 6177 §2), so a /48 hides a
 * person among 256 subscribers, as /24 does for IPv4. It is also the most that one site is
 * ordinarily given, so that somebody who owns one is counted as one place, not as 256.
 */
const IPV6_PREFIX = 48
/** What `truncateNetwork` answers where there is no address: one place for all of those. */
export const UNKNOWN_NETWORK = 'unknown'

type Ip = ReturnType<typeof ipaddr.parse>

export type ParsedCidr =
  | { ok: true /** Canonical text, host bits cleared. */; cidr: string }
  | { ok: false; reason: 'bad_address' | 'bad_prefix' }

/** Strict: `127.1`, `010.0.0.1` and hexadecimal IPv4 are no addresses, they are tricks. */
function readAddress(text: string): Ip | undefined {
  const strict = ipaddr.IPv4.isValidFourPartDecimal(text) || ipaddr.IPv6.isValid(text)
  if (!strict) return undefined
  // A dual-stack socket shows IPv4 peers as ::ffff:192.0.2.7 (RFC 4291 §2.5.5.2).
  const address = ipaddr.process(text)
  // The zone is this machine's own interface name (RFC 4007 §11), not part of the network.
  return address.kind() === 'ipv6' ? ipaddr.fromByteArray(address.toByteArray()) : address
}

function networkText(address: Ip, prefix: number): string {
  const bytes = address.toByteArray().map((byte, index) => {
    const kept = Math.min(Math.max(prefix - index * 8, 0), 8)
    return byte & (0xff << (8 - kept))
  })
  const network = ipaddr.fromByteArray(bytes)
  const text = 'toRFC5952String' in network ? network.toRFC5952String() : network.toString()
  return `${text}/${prefix}`
}

/** A client address, worked out. */
interface Known {
  readonly ip: Ip
  /** Its one spelling. */
  readonly text: string
  readonly network: string
}

/** Reading an address costs more than all that is asked of it, and each request asks several times. */
const KNOWN_MAX = 1_000
const known = new Map<string, Known>()

function knownAddress(text: string): Known | undefined {
  const found = known.get(text)
  if (found !== undefined) return found
  const ip = readAddress(text)
  if (ip === undefined) return undefined
  const read: Known = {
    ip,
    text: ip instanceof ipaddr.IPv6 ? ip.toRFC5952String() : ip.toString(),
    network: networkText(ip, ip.kind() === 'ipv4' ? IPV4_PREFIX : IPV6_PREFIX),
  }
  if (known.size >= KNOWN_MAX) known.clear()
  known.set(text, read)
  return read
}

/** The one spelling of an address, without its zone; an IPv4-mapped one as IPv4. */
export function canonicalAddress(text: string): string | undefined {
  return knownAddress(text)?.text
}

/**
 * The network of a client address, for storage and display: `192.0.2.0/24`, `2001:db8:7::/48`.
 * Anything that is not an address gives `unknown`.
 */
export function truncateNetwork(address: string): string {
  return knownAddress(address)?.network ?? UNKNOWN_NETWORK
}

/**
 * Reads `192.0.2.0/24`, `2001:db8::/32` or a lone address (a network of one). Host bits are
 * cleared; an IPv4-mapped network becomes the IPv4 one that it stands for.
 */
export function parseCidr(text: string): ParsedCidr {
  const parsed = readCidr(text)
  return 'reason' in parsed
    ? { ok: false, reason: parsed.reason }
    : { ok: true, cidr: networkText(parsed.network, parsed.prefix) }
}

type ReadCidr =
  | { network: Ip; prefix: number }
  | { reason: Extract<ParsedCidr, { ok: false }>['reason'] }

function readCidr(text: string): ReadCidr {
  const [address = '', prefixText, ...rest] = text.trim().split('/')
  const network = readAddress(address)
  if (network === undefined) return { reason: 'bad_address' }
  const bits = network.kind() === 'ipv4' ? 32 : 128
  if (prefixText === undefined) return { network, prefix: bits }
  if (rest.length > 0 || !/^\d{1,3}$/.test(prefixText)) return { reason: 'bad_prefix' }
  // The first 96 bits of an IPv4-mapped address are the mapping itself.
  const mapped = network.kind() === 'ipv4' && address.includes(':') ? 96 : 0
  const prefix = Number(prefixText) - mapped
  return prefix < 0 || prefix > bits ? { reason: 'bad_prefix' } : { network, prefix }
}

type Network = Extract<ReadCidr, { network: Ip }>

/** Lists come from settings and policies, where they live long and never change. */
const readLists = new WeakMap<readonly string[], readonly Network[]>()

function readList(cidrs: readonly string[]): readonly Network[] {
  const known = readLists.get(cidrs)
  if (known !== undefined) return known
  const networks = cidrs.map(readCidr).filter((cidr) => 'network' in cidr)
  readLists.set(cidrs, networks)
  return networks
}

/**
 * Whether the address lies in one of the networks. What cannot be read matches nothing: the
 * networks come from settings and policies, which check each with `parseCidr`. A list is read once,
 * so it must not be changed in place.
 */
export function inNetworks(address: string, cidrs: readonly string[]): boolean {
  const ip = knownAddress(address)?.ip
  if (ip === undefined) return false
  return readList(cidrs).some(
    ({ network, prefix }) => network.kind() === ip.kind() && ip.match(network, prefix),
  )
}
