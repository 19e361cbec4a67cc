import { truncateNetwork } from '../policies/network.ts'
import { randomId } from './audit.ts'
import { browserFamily } from './browser_family.ts'
import type { Deps, Notice, NoticeCode, Origin } from './ports.ts'

/** From where something was done, as far as its owner may want to know it again. */
export const whence = ({ address, userAgent }: Origin): Notice['params'] => {
  const { browser, system } = browserFamily(userAgent)
  return { browser, system, network: truncateNetwork(address) }
}

/** A notice that happens now. `params` end up on pages and in mails: names and places, no secrets. */
export const notice = (
  deps: Pick<Deps, 'clock' | 'random'>,
  sub: string,
  code: NoticeCode,
  params: Notice['params'] = {},
): Notice => ({
  id: randomId(deps.random),
  sub,
  code,
  atMs: deps.clock(),
  params,
})
