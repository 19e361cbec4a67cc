import type { KeptEnrolment, KeptForAccount } from '../interactions/site.ts'
import { sessionRecord } from './session_record.ts'

/** The app that is being enrolled in a session. */
export const enrolments = sessionRecord<KeptEnrolment>('enrolment', { step: 'none' })

/** What the pages of the account keep from one request to the next. */
export const accountNotes = sessionRecord<KeptForAccount>('account', {})
