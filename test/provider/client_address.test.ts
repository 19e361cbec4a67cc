import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { clientAddress } from '../../provider/client_address.ts'

const PROXIES = ['10.0.0.0/8', '2001:db8:aa::/48']

const CASES: [
  story: string,
  peer: string | undefined,
  forwarded: string | undefined,
  address: string,
][] = [
  ['a browser that comes straight to the gateway', '192.0.2.7', undefined, '192.0.2.7'],
  ['a browser behind the proxy of the school', '10.0.0.1', '192.0.2.7', '192.0.2.7'],
  ['a browser behind two proxies', '10.0.0.1', '192.0.2.7, 10.0.0.2', '192.0.2.7'],
  [
    'somebody who claims to come from elsewhere',
    '10.0.0.1',
    '198.51.100.1, 192.0.2.7',
    '192.0.2.7',
  ],
  ['somebody who claims to be a proxy', '10.0.0.1', '10.9.9.9, 192.0.2.7', '192.0.2.7'],
  ['a stranger who sends the header straight to us', '192.0.2.7', '198.51.100.1', '192.0.2.7'],
  ['a computer inside the network of the proxies', '10.0.0.1', '10.3.3.3, 10.0.0.2', '10.3.3.3'],
  ['a hop that is no address', '10.0.0.1', '192.0.2.7, junk, 10.0.0.2', '10.0.0.2'],
  ['a hop that the proxy hides', '10.0.0.1', 'unknown', '10.0.0.1'],
  ['an address in a spelling that hides another', '10.0.0.1', '0300.0.2.7', '10.0.0.1'],
  ['an empty header', '10.0.0.1', '', '10.0.0.1'],
  ['a header with empty hops', '10.0.0.1', '192.0.2.7,,', '10.0.0.1'],
  ['a peer seen through a dual-stack socket', '::ffff:192.0.2.7', undefined, '192.0.2.7'],
  ['a proxy seen through a dual-stack socket', '::ffff:10.0.0.1', '192.0.2.7', '192.0.2.7'],
  ['a hop in the mapped spelling', '10.0.0.1', '::ffff:c000:207', '192.0.2.7'],
  ['IPv6 in a long spelling', '2001:db8:aa::1', '2001:0DB8:0:0::7', '2001:db8::7'],
  ['IPv6 with the zone of a machine', 'fe80::1%eth0', undefined, 'fe80::1'],
  ['a proxy that adds the port', '10.0.0.1', '192.0.2.7:51234', '192.0.2.7'],
  ['a proxy that adds the port to IPv6', '10.0.0.1', '[2001:db8::7]:51234', '2001:db8::7'],
  ['a connection that is already gone', undefined, '192.0.2.7', ''],
]

describe('the address of the client', () => {
  it.each(CASES)('%s', (_, peer, forwarded, address) => {
    expect(clientAddress(peer, forwarded, PROXIES)).toBe(address)
  })

  it('is the peer, whatever the header says, where no proxy is trusted', () => {
    fc.assert(
      fc.property(fc.ipV4(), fc.string(), (peer, header) => {
        expect(clientAddress(peer, header, [])).toBe(peer)
      }),
    )
  })

  it('is never something that the client put left of a hop that is not trusted', () => {
    fc.assert(
      fc.property(fc.string(), (forged) => {
        expect(clientAddress('10.0.0.1', `${forged}, 192.0.2.7, 10.0.0.2`, PROXIES)).toBe(
          '192.0.2.7',
        )
      }),
    )
  })

  it('does not walk a header of a million hops', () => {
    const header = '10.0.0.2,'.repeat(1_000_000)
    expect(clientAddress('10.0.0.1', `192.0.2.7,${header}10.0.0.2`, PROXIES)).toBe('10.0.0.2')
  })
})
