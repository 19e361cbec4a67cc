import { lookup } from 'node:dns/promises'
import { inNetworks } from '../policies/network.ts'
import type { Settings } from './settings.ts'

type Fetch = typeof globalThis.fetch

const hostOf = (input: Parameters<Fetch>[0]): string =>
  new URL(input instanceof Request ? input.url : input).hostname.replace(/^\[|\]$/g, '')

/**
 * The OP's outgoing requests (back-channel logout, keys of applications). The OP guards them with
 * a dispatcher that refuses private and loopback addresses; for hosts that the settings allow by
 * name, or whose every address is in an allowed network, the guard is taken off.
 */
export const createFetch = ({ networks, hosts }: Settings['internal_networks']): Fetch => {
  const isAllowed = async (host: string): Promise<boolean> => {
    if (hosts.includes(host.toLowerCase())) {
      return true
    }
    if (networks.length === 0) {
      return false
    }
    const addresses = await lookup(host, { all: true }).catch(() => [])
    return addresses.length > 0 && addresses.every(({ address }) => inNetworks(address, networks))
  }
  return async (input, options = {}) => {
    if (!(await isAllowed(hostOf(input)))) {
      return globalThis.fetch(input, options)
    }
    const { dispatcher: _guard, ...unguarded } = options as RequestInit & { dispatcher?: unknown }
    return globalThis.fetch(input, unguarded)
  }
}
