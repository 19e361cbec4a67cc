import type { Deps, Notice, NoticeCode } from './ports.ts'

/** A notice that happens now. `params` end up on pages and in mails: names and places, no secrets. */
export const notice = (
  deps: Pick<Deps, 'clock' | 'random'>,
  sub: string,
  code: NoticeCode,
  params: Notice['params'] = {},
): Notice => ({
  id: Buffer.from(deps.random.bytes(16)).toString('base64url'),
  sub,
  code,
  atMs: deps.clock(),
  params,
})
