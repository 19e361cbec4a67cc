import { answerableNotices, notMeToken } from '../accounts/not_me.ts'
import type { Notice } from '../accounts/ports.ts'
import type { Notice as NoticeRow } from '../views/pages.ts'
import { NOT_ME_PATH } from './page.ts'
import type { Site } from './site.ts'

/** Notices that tell until when, ms since 1970, in the parameter `until`. */
const WITH_UNTIL: ReadonlySet<string> = new Set<Notice['code']>([
  'key_assigned',
  'key_lent',
  'key_activation_reopened',
  'key_pin_reset',
  'password_expires',
])

const instant = (timeMs: number): string => new Date(timeMs).toISOString()

/** A notice as pages show it. What was noted with it for our own use goes no further. */
export const noticeRow = ({ code, atMs, params }: Notice): NoticeRow => {
  const { until, mailed_at: _mailedAt, ...shown } = params
  return {
    code,
    at: instant(atMs),
    until: until !== undefined && WITH_UNTIL.has(code) ? instant(Number(until)) : undefined,
    params: shown,
  }
}

/**
 * Somebody's notices on a page of theirs, with *This wasn't me* on those that it can be said to: it
 * is all that people without an address have.
 */
export const noticeRows = async (
  { deps }: Pick<Site, 'deps'>,
  sub: string,
  notices: readonly Notice[],
): Promise<NoticeRow[]> => {
  const answerable = await answerableNotices(deps, sub, notices)
  const hrefOf = ({ id: noticeId, atMs }: Notice): string =>
    `${NOT_ME_PATH}?token=${notMeToken(deps, { sub, noticeId, atMs })}`
  return notices.map((notice) => ({
    ...noticeRow(notice),
    notMeHref: answerable.has(notice.id) ? hrefOf(notice) : undefined,
  }))
}
