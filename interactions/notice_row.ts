import { isAnswerable, notMeToken } from '../accounts/not_me.ts'
import type { Notice } from '../accounts/ports.ts'
import type { Notice as NoticeRow } from '../views/pages.ts'
import { NOT_ME_PATH } from './page.ts'
import type { Site } from './site.ts'

/** Notices of a key that tell until when, ms since 1970, in the parameter `until`. */
const WITH_UNTIL: ReadonlySet<string> = new Set<Notice['code']>([
  'key_assigned',
  'key_lent',
  'key_activation_reopened',
  'key_pin_reset',
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

/** The same to whoever may answer it: *This wasn't me* is all that people without mail have. */
export const answerableRow =
  ({ deps }: Pick<Site, 'deps'>) =>
  (notice: Notice): NoticeRow => {
    const { id: noticeId, sub, atMs } = notice
    return {
      ...noticeRow(notice),
      notMeHref: isAnswerable(deps, notice)
        ? `${NOT_ME_PATH}?token=${notMeToken(deps, { sub, noticeId, atMs })}`
        : undefined,
    }
  }
