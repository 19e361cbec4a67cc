import type { Translate } from './i18n.ts'
import { NOTICE_CODES } from './pages.ts'

/** What is said of the moment `until` of a notice, where it is not the first use of a key. */
const UNTIL: Readonly<Record<string, string>> = {
  key_lent: 'lent',
  password_expires: 'password',
}

/** A notice in one sentence; one of a newer version reads generally. */
export const noticeText = (t: Translate, code: string): string =>
  t(`notices.${(NOTICE_CODES as readonly string[]).includes(code) ? code : 'other'}`)

/** What has to be done by when; `value`: a moment in words. */
export const untilText = (t: Translate, code: string, value: string): string =>
  t(`notices.until.${UNTIL[code] ?? 'first_use'}`, { value })
