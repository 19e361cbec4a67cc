import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { inNetworks, parseCidr, truncateNetwork, UNKNOWN_NETWORK } from '../../policies/network.ts'

describe('the network kept of an address', () => {
  it.each([
    ['192.0.2.77', '192.0.2.0/24'],
    ['::ffff:192.0.2.77', '192.0.2.0/24'],
    ['::FFFF:c000:24d', '192.0.2.0/24'],
    ['2001:db8:7:8:9:a:b:c', '2001:db8:7::/48'],
    ['2001:0DB8:0007::1', '2001:db8:7::/48'],
    ['fe80::1%eth0', 'fe80::/48'],
    ['::1', '::/48'],
  ])('%s → %s', (address, network) => {
    expect(truncateNetwork(address)).toBe(network)
  })

  it.each([
    '',
    'localhost',
    '192.0.2',
    '127.1',
    '0x7f.0.0.1',
    '192.0.2.256',
    '1.2.3.4:80',
    '192.0.2.1/24',
  ])('is one and the same for what is no address: %j', (text) => {
    expect(truncateNetwork(text)).toBe(UNKNOWN_NETWORK)
  })

  it('holds the address, and so 255 others', () => {
    fc.assert(
      fc.property(fc.oneof(fc.ipV4(), fc.ipV6()), (address) => {
        expect(inNetworks(address, [truncateNetwork(address)])).toBe(true)
      }),
    )
  })

  it('is the same for neighbours and another for the next network', () => {
    fc.assert(
      fc.property(fc.nat(255), fc.nat(255), fc.nat(254), (one, other, third) => {
        const network = truncateNetwork(`10.1.${third}.${one}`)
        expect(truncateNetwork(`10.1.${third}.${other}`)).toBe(network)
        expect(truncateNetwork(`10.1.${third + 1}.${one}`)).not.toBe(network)
      }),
    )
  })
})

describe('a network in the settings', () => {
  it.each([
    ['192.0.2.0/24', '192.0.2.0/24'],
    [' 192.0.2.77/25 ', '192.0.2.0/25'],
    ['192.0.2.200/25', '192.0.2.128/25'],
    ['192.0.2.7', '192.0.2.7/32'],
    ['0.0.0.0/0', '0.0.0.0/0'],
    ['2001:DB8::/32', '2001:db8::/32'],
    ['::1', '::1/128'],
    ['::ffff:192.0.2.0/120', '192.0.2.0/24'],
  ])('%j is read as %s', (text, cidr) => {
    expect(parseCidr(text)).toEqual({ ok: true, cidr })
  })

  it.each([
    ['', 'bad_address'],
    ['school', 'bad_address'],
    ['10.0/8', 'bad_address'],
    ['192.0.2.0/33', 'bad_prefix'],
    ['192.0.2.0/', 'bad_prefix'],
    ['192.0.2.0/-1', 'bad_prefix'],
    ['192.0.2.0/24/24', 'bad_prefix'],
    ['192.0.2.0/255.255.255.0', 'bad_prefix'],
    ['2001:db8::/129', 'bad_prefix'],
    ['::ffff:192.0.2.0/24', 'bad_prefix'],
  ])('%j is refused: %s', (text, reason) => {
    expect(parseCidr(text)).toEqual({ ok: false, reason })
  })

  it('is read alike the second time', () => {
    fc.assert(
      fc.property(
        fc.oneof(fc.ipV4Extended(), fc.ipV4(), fc.ipV6()),
        fc.nat(140),
        (address, bits) => {
          const first = parseCidr(`${address}/${bits}`)
          if (first.ok) expect(parseCidr(first.cidr)).toEqual(first)
        },
      ),
    )
  })
})

describe('being in a network', () => {
  const school = ['10.20.0.0/16', '2001:db8:7::/48']

  it.each(['10.20.0.1', '10.20.255.255', '::ffff:10.20.3.4', '2001:db8:7:ffff::1'])(
    '%s is',
    (address) => {
      expect(inNetworks(address, school)).toBe(true)
    },
  )

  it.each(['10.21.0.1', '2001:db8:8::1', '::1', '', 'unknown', '::ffff:10.21.0.1'])(
    '%j is not',
    (address) => {
      expect(inNetworks(address, school)).toBe(false)
    },
  )

  it('is never so of no network, of one that cannot be read, or of the other family', () => {
    expect(inNetworks('10.20.0.1', [])).toBe(false)
    expect(inNetworks('10.20.0.1', ['10.20.0.0/99', 'school'])).toBe(false)
    expect(inNetworks('10.20.0.1', ['::/0'])).toBe(false)
    expect(inNetworks('2001:db8::1', ['0.0.0.0/0'])).toBe(false)
  })
})
